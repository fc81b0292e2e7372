"""Ratings: what the visitor thinks of a resolved conversation."""

from conversations.answers import RatedAnswer

from api.changing import rate
from api.requests.ratings import RatingRequest
from api.route import Description, Request, Route, Services, Success
from api.routes.words import (
    CONVERSATION_ID,
    COUNTED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)


def _rate(request: Request[None, RatingRequest], services: Services) -> Success:
    conversation_id, body = request.parameters["conversationId"], request.body
    changed = rate(request.caller, conversation_id, body, services.conversations)
    request.report.changed("rateConversation", replayed=changed.replayed)
    rated_at = changed.conversation.visitor_rating_at or ""
    answer: RatedAnswer = {"conversationId": conversation_id, "rating": body.rating, "ratedAt": rated_at}
    return Success(answer, changed.replayed)


RATE = Route(
    id="rateConversation",
    method="POST",
    path="/v1/conversations/{conversationId}/rating",
    keys="any",
    is_counted=True,
    about="public",
    query=None,
    body=RatingRequest,
    answer=RatedAnswer,
    run=_rate,
    max_body_bytes=32_768,
    description=Description(
        summary="Rate a conversation",
        text="Keeps the visitor's rating of a resolved conversation, and a private item for the team that has it with "
        "its comment. The last rating stands; exactly the same again changes nothing.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        requests={"Five stars": {"rating": 5, "comment": "Quick and kind."}, "Only stars": {"rating": 2}},
        answered="The rating.",
        answer_headers=REPLAYED,
        refusals={**WRITING, **COUNTED, 404: NO_SUCH_CONVERSATION, 409: "The conversation is not resolved."},
    ),
)
