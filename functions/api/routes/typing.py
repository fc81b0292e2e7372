"""Typing: telling that somebody types."""

from support.observability import Metric
from support.responses import TypingResponse
from support.store.stores import Stores
from support.values import timestamps

from api.domain.typing import signal_typing
from api.http.actor import required_actor_of
from api.http.requests.typing import TypingRequest
from api.http.success import Success
from api.route import Request, Route


def _signal(request: Request[None, TypingRequest], stores: Stores) -> Success:
    caller, conversation_id, body = request.caller, request.parameters["conversationId"], request.body
    user_id = required_actor_of(request.headers) if caller.key.type == "private" else None
    signals = None if request.over_limit else request.live.signals
    preview = signal_typing(caller, conversation_id, body, user_id, stores, signals)
    response: TypingResponse = {
        "conversationId": conversation_id,
        "isTyping": body.is_typing,
        "visitorPreview": preview,
        "sentAt": timestamps.now(),
    }
    return Success(response)


SIGNAL = Route(
    id="signalTyping",
    keys="any",
    limit="signals",
    visitor_required="public_key",
    body=TypingRequest,
    response=TypingResponse,
    run=_signal,
    metric=Metric.CHANGED,
    max_body_bytes=32_768,
)
