"""Texts: ratings."""

from openapi.description import Description
from openapi.text.common import (
    CONVERSATION_ID,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    RATE_LIMITED,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "rateConversation": Description(
        summary="Rate a conversation",
        text="Stores the visitor's rating of a resolved conversation, and adds a private item with the rating and its "
        "comment for the team. A new rating replaces the last one; exactly the same rating again changes nothing.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        requests={"Five stars": {"rating": 5, "comment": "Quick and kind."}, "Only stars": {"rating": 2}},
        response="The rating.",
        response_headers=REPLAYED,
        refusals={
            **WRITING,
            **RATE_LIMITED,
            404: NO_SUCH_CONVERSATION,
            409: "The conversation is not resolved, or the team has blocked the visitor.",
        },
    ),
}
