"""Ratings: what the visitor thinks of a resolved conversation."""

from support.responses import RatedAnswer

from api.domain.ratings import rate
from api.http.requests.ratings import RatingRequest
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
    rated = rate(request.caller, conversation_id, body, services.conversations)
    request.report.changed("rateConversation", replayed=rated.replayed)
    answer: RatedAnswer = {"conversationId": conversation_id, "rating": body.rating, "ratedAt": rated.at}
    return Success(answer, rated.replayed)


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
