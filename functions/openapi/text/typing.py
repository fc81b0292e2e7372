"""Texts: typing."""

from openapi.description import Description
from openapi.text.common import (
    ACTOR_HEADER,
    BLOCKED,
    CONVERSATION_ID,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "signalTyping": Description(
        summary="Say that somebody types",
        text="Tells those who are connected that the visitor types, or with a private key that the team member of "
        "`X-Actor-User-Id` does, who must be named then. Nothing is stored, and it is no error if it reaches nobody. "
        "The team is shown what a visitor has not sent yet only if operators have switched that on. Send it at most "
        "twice a second.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests={
            "The visitor types": {"isTyping": True, "visitorPreview": "Where is"},
            "The visitor has stopped": {"isTyping": False},
        },
        response="What was passed on.",
        refusals={**WRITING, **BLOCKED, 404: NO_SUCH_CONVERSATION},
    ),
}
