"""Feedback: opinions of visitors that are not the rating of a conversation."""

from support.observability import Metric
from support.responses import FeedbackPageResponse, GivenFeedbackResponse, feedback_response
from support.store.stores import Stores
from support.values.cursors import encode

from api.domain.feedback import give_feedback, list_feedback
from api.http.requests.feedback import FeedbackQuery, FeedbackRequest
from api.http.success import Success
from api.route import Request, Route


def _give(request: Request[None, FeedbackRequest], stores: Stores) -> Success:
    given = give_feedback(request.caller, request.body, stores)
    response: GivenFeedbackResponse = {"feedback": feedback_response(given.feedback)}
    return Success(response, given.replayed)


def _list(request: Request[FeedbackQuery, None], stores: Stores) -> Success:
    page = list_feedback(request.caller, request.query, stores)
    response: FeedbackPageResponse = {
        "feedback": [feedback_response(feedback) for feedback in page.feedback],
        "nextCursor": None if page.next_key is None else encode(page.next_key),
    }
    return Success(response, items=len(page.feedback))


GIVE = Route(
    id="giveFeedback",
    keys="any",
    limit="writes",
    visitor_required="always",
    body=FeedbackRequest,
    response=GivenFeedbackResponse,
    status=201,
    run=_give,
    metric=Metric.CHANGED,
    max_body_bytes=32_768,
)

LIST = Route(
    id="listFeedback",
    keys="private",
    visitor_required="never",
    query=FeedbackQuery,
    response=FeedbackPageResponse,
    run=_list,
    metric=Metric.READ,
)
