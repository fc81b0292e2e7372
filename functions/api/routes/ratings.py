"""Ratings: rating a resolved conversation."""

from support.observability import Metric
from support.responses import RatedResponse
from support.store.stores import Stores

from api.domain.ratings import rate
from api.http.requests.ratings import RatingRequest
from api.http.success import Success
from api.route import Request, Route


def _rate(request: Request[None, RatingRequest], stores: Stores) -> Success:
    conversation_id, body = request.parameters["conversationId"], request.body
    rated = rate(request.caller, conversation_id, body, stores)
    response: RatedResponse = {"conversationId": conversation_id, "rating": body.rating, "ratedAt": rated.at}
    return Success(response, rated.replayed)


RATE = Route(
    id="rateConversation",
    keys="any",
    limit="writes",
    visitor_required="public_key",
    body=RatingRequest,
    response=RatedResponse,
    run=_rate,
    metric=Metric.CHANGED,
    max_body_bytes=32_768,
)
