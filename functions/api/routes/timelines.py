"""Timelines: reading the items of a conversation."""

from support.observability import Metric
from support.responses import TimelineResponse, timeline_response
from support.store.stores import Stores

from api.domain.timelines import read_timeline
from api.http.requests.timelines import TimelineQuery
from api.http.success import Success
from api.route import Request, Route


def _get(request: Request[TimelineQuery, None], stores: Stores) -> Success:
    query, conversation_id = request.query, request.parameters["conversationId"]
    found = read_timeline(request.caller, conversation_id, query, stores)
    items = found.page.items
    response = timeline_response(found.conversation, items, found.page.has_more, found.next_cursor)
    return Success(response, items=len(items))


GET = Route(
    id="getTimeline",
    keys="any",
    visitor_required="public_key",
    query=TimelineQuery,
    response=TimelineResponse,
    run=_get,
    metric=Metric.READ,
)
