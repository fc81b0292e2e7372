"""Texts: ratings."""

from openapi.description import Description
from openapi.text.common import (
    CONVERSATION_ID,
    COUNTED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "rateConversation": Description(
        summary="Rate a conversation",
        text="Keeps the visitor's rating of a resolved conversation, and a private item for the team that has it with "
        "its comment. The last rating stands; exactly the same again changes nothing.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        requests={"Five stars": {"rating": 5, "comment": "Quick and kind."}, "Only stars": {"rating": 2}},
        response="The rating.",
        response_headers=REPLAYED,
        refusals={**WRITING, **COUNTED, 404: NO_SUCH_CONVERSATION, 409: "The conversation is not resolved."},
    ),
}
