"""Texts: seen."""

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
        summary="Say that a conversation is seen",
        text="Notes that the visitor has seen the conversation now, or with a private key that the team member of "
        "`X-Actor-User-Id` has, who must be named then. The time is the server's: it never goes back, and is never "
        "before the newest item that the caller may see. `updatedAt` does not move.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests={"The visitor of the header": {}, "A visitor": {"visitorId": "01JDEM0V1S1T0R000000000000"}},
        response="When it was last seen.",
        refusals={**WRITING, 404: NO_SUCH_CONVERSATION},
    ),
    "getSeen": Description(
        summary="Tell who has seen a conversation",
        text="The visitor and the team members (1,000 at most) who have seen the conversation, and when they last did.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        response="Who has seen it.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
}
