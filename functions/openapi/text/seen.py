"""Texts: read receipts."""

from openapi.description import Description
from openapi.text.common import (
    ACTOR_HEADER,
    CONVERSATION_ID,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    READING,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "markSeen": Description(
        summary="Mark a conversation as seen",
        text="Records that the visitor has seen the conversation now; with a private key, that the team member of "
        "`X-Actor-User-Id` has, which is then required. The time is the server's: it never goes back, and is never "
        "before the newest item that the caller may see. `updatedAt` does not change.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests={"The visitor of the header": {}, "A visitor": {"visitorId": "01JDEM0V1S1T0R000000000000"}},
        response="The time at which the caller last saw it.",
        refusals={**WRITING, 404: NO_SUCH_CONVERSATION},
    ),
    "getSeen": Description(
        summary="List read receipts",
        text="The visitor and the team members (1,000 at most) who have seen the conversation, each with the last "
        "time.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        response="The read receipts.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
}
