"""Texts: the inbox."""

from openapi.description import Description
from openapi.text.common import PREVIEWS, PRIVATE, READING

TEXTS = {
    "listInbox": Description(
        summary="List the inbox",
        text="The current state of the website's conversations, of all statuses or of one, by `updatedAt` and id, the "
        "last changed first. A change normally shows within a second. Following `nextCursor` never lists a "
        "conversation twice; one that moves to the top while the pages are read may be missed.\n\n" + PREVIEWS,
        response="A page of conversations, and the cursor to the next page.",
        refusals={**READING, **PRIVATE, 400: "A parameter is not valid: `details` says which and what is expected."},
    ),
}
