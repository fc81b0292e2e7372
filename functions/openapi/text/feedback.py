"""Texts: feedback."""

from openapi.description import Description
from openapi.text.common import (
    BLOCKED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    PRIVATE,
    RATE_LIMITED,
    READING,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)

TEXTS = {
    "giveFeedback": Description(
        tag="Feedback",
        summary="Give feedback",
        text="Stores a visitor's opinion, which may be about one of their conversations. The rating of a resolved "
        "conversation is another call. Exactly the same again on the same day, in UTC, changes nothing. It is kept as "
        "long as a message, and no visitor can read it.",
        parameters=(VISITOR_HEADER, ORIGIN_HEADER),
        requests={
            "About the search": {
                "rating": 4,
                "topic": "search",
                "comment": "Found it at once.",
                "trigger": "after-search",
            },
            "Only stars": {"rating": 2},
        },
        response="The feedback.",
        response_headers=REPLAYED,
        refusals={
            **{status: text for status, text in WRITING.items() if status != 413},
            **RATE_LIMITED,
            **BLOCKED,
            404: NO_SUCH_CONVERSATION,
            413: "The body is too large.",
        },
    ),
    "listFeedback": Description(
        tag="Feedback",
        summary="List feedback",
        text="The website's feedback, the newest first. New feedback normally shows within a second. Ratings of "
        "conversations are not listed here: they are in the conversations.",
        response="A page of feedback, and the cursor to the next page.",
        refusals={**READING, **PRIVATE, 400: "A parameter is not valid: `details` says which and what is expected."},
    ),
}
