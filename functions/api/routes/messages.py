"""Messages: adding an item to an existing conversation."""

from support.observability import Metric
from support.responses import SentResponse, item_response
from support.store.stores import Stores

from api.domain.messages import send_message
from api.http.actor import actor_of
from api.http.requests.messages import MessageRequest
from api.http.success import Success
from api.route import Request, Route


def _send(request: Request[None, MessageRequest], stores: Stores) -> Success:
    caller = request.caller
    actor = actor_of(request.headers) if caller.key.type == "private" else None
    sent = send_message(caller, request.body, actor, stores)
    response: SentResponse = {"item": item_response(sent.conversation, sent.item, caller.key.type)}
    return Success(response, sent.replayed, written=0 if sent.replayed else 1)


SEND = Route(
    id="sendMessage",
    keys="any",
    limit="writes",
    visitor_required="public_key",
    body=MessageRequest,
    response=SentResponse,
    run=_send,
    metric=Metric.APPENDED,
)
