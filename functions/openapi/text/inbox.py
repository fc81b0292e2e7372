"""Texts: the inbox."""

from openapi.description import Description
from openapi.text.common import PREVIEWS, PRIVATE, READING

TEXTS = {
    "listInbox": Description(
        summary="List the inbox",
        text="The conversations of the website, of all statuses or of one, by `updatedAt` and id, the last changed "
        "first, as they are now. A change normally shows within a second. No conversation is twice on one walk of "
        "pages; one that moves to the top during the walk may be missed by it.\n\n" + PREVIEWS,
        response="The conversations, and how to read on.",
        refusals={**READING, **PRIVATE, 400: "A parameter is not valid: `details` says which and what is expected."},
    ),
}
