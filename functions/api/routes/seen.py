"""Read receipts: marking a conversation as seen, and listing who has seen it."""

from support.observability import Metric
from support.responses import LastSeenResponse, SeenResponse, seen_response
from support.store.stores import Stores

from api.domain.seen import list_receipts, mark_seen
from api.http.actor import required_actor_of
from api.http.requests.conversations import ConversationQuery
from api.http.requests.seen import SeenRequest
from api.http.success import Success
from api.route import Request, Route


def _mark(request: Request[None, SeenRequest], stores: Stores) -> Success:
    caller = request.caller
    user_id = required_actor_of(request.headers) if caller.key.type == "private" else None
    conversation, at = mark_seen(caller, request.parameters["conversationId"], user_id, stores)
    response: LastSeenResponse = {"conversationId": conversation.id, "lastSeenAt": at}
    return Success(response)


def _get(request: Request[ConversationQuery, None], stores: Stores) -> Success:
    seen = list_receipts(request.caller, request.parameters["conversationId"], stores)
    response: SeenResponse = seen_response(seen.conversation, seen.team)
    return Success(response, items=len(response["seenData"]))


SEE = Route(
    id="markSeen",
    keys="any",
    visitor_required="public_key",
    body=SeenRequest,
    response=LastSeenResponse,
    run=_mark,
    metric=Metric.CHANGED,
    max_body_bytes=16_384,
)

GET = Route(
    id="getSeen",
    keys="any",
    visitor_required="public_key",
    query=ConversationQuery,
    response=SeenResponse,
    run=_get,
    metric=Metric.READ,
)
