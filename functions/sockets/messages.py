"""What clients send once they are connected, and what they are told in response."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json
from support.caller import Caller, find
from support.deadlines import Deadline
from support.errors import Code, Detail, Refusal, visitor_blocked
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.store.stores import Stores
from support.typing_signals import TypingSignals, passed_on_preview
from support.validation import invalid

from sockets.events import Message

_PINGS = frozenset({"ping", "presence:ping"})
_PONG = b"pong"

#: As many bytes as the body of the route that does the same may have.
_MAX_BYTES = 32_768
_MAX_PREVIEW_CHARACTERS = 2_000
#: How many signals a connection may send in a second.
_SIGNALS_PER_SECOND = 2


class Typing(NamedTuple):
    """Whether the client's user types in a conversation, and what they have written so far."""

    conversation_id: str
    is_typing: bool
    visitor_preview: str | None


class Messages:
    """Does what messages of clients ask for.

    Parameters
    ----------
    clock
        Epoch seconds.
    """

    def __init__(
        self,
        keys: KeyRing,
        connections: Connections,
        stores: Stores,
        signals: TypingSignals,
        clock: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._stores = stores
        self._signals = signals
        self._clock = clock

    def receive(self, message: Message, deadline: Deadline) -> bytes | None:
        """Do what a message asks for, and return the response to it, if there is one.

        Raises `Refusal`: INVALID_JSON, VALIDATION_FAILED, PAYLOAD_TOO_LARGE, HTTP_404, VISITOR_BLOCKED or
        UNAVAILABLE.
        """
        if message.text in _PINGS:
            return _PONG
        type_, payload = _read(message.text)
        match type_:
            case "conversationTyping":
                self._signal(message.connection_id, _read_typing(payload), deadline)
            case "conversationSeen":
                pass  # clients send it as well as they call the route, which does it
            case _:
                raise Refusal(Code.VALIDATION_FAILED, "Messages of this type are not known here.")
        return None

    def _signal(self, connection_id: str, typing: Typing, deadline: Deadline) -> None:
        connection = self._connections.find(connection_id, deadline)
        key = None if connection is None else self._keys.find_by_hash(connection.key_hash, deadline)
        if connection is None or key is None or not key.is_usable(self._clock()):
            return
        if connection.key_type == "private" and connection.user_id is None:
            return
        if not self._has_quota(connection_id):
            return
        caller = Caller(key, connection.visitor_id, deadline)
        found = find(caller, typing.conversation_id, self._stores, looks_at_gate=True)
        if found.visitor_blocked:
            raise visitor_blocked()
        preview = passed_on_preview(key, typing.is_typing, typing.visitor_preview)
        self._signals.send(found.conversation, connection.user_id, typing.is_typing, preview, deadline)

    def _has_quota(self, connection_id: str) -> bool:
        """Count a signal, and tell whether it may be passed on. A counter that fails lets it through."""
        try:
            return self._connections.count_signal(connection_id, int(self._clock())) <= _SIGNALS_PER_SECOND
        except Refusal:
            return True


def _read(text: str | None) -> tuple[str, Mapping[str, Any]]:
    """Return the type and the payload of a message."""
    if text is None:
        raise Refusal(Code.INVALID_JSON, "Messages are JSON, as text.")
    try:
        sent = text.encode()  # a lone surrogate has no bytes
        if len(sent) > _MAX_BYTES:
            raise Refusal(Code.PAYLOAD_TOO_LARGE, f"Messages have at most {_MAX_BYTES:,} bytes.")
        message = from_json(sent)
    except ValueError:
        raise Refusal(Code.INVALID_JSON, "The message is not valid JSON.") from None
    type_ = message.get("type") if isinstance(message, dict) else None
    if not isinstance(type_, str):
        raise invalid([Detail("type", "must be a string")])
    payload = message.get("payload")
    return type_, payload if isinstance(payload, dict) else {}


def _read_typing(payload: Mapping[str, Any]) -> Typing:
    """Read what is used of a payload: whoever it claims to be from, it is from the connection's own user."""
    conversation_id, is_typing = payload.get("conversationId"), payload.get("isTyping")
    if not isinstance(conversation_id, str):
        raise invalid([Detail("payload.conversationId", "must be a string")])
    if not isinstance(is_typing, bool):
        raise invalid([Detail("payload.isTyping", "must be true or false")])
    preview = payload.get("visitorPreview")
    if preview is not None and not isinstance(preview, str):
        raise invalid([Detail("payload.visitorPreview", "must be a string")])
    if preview is not None and len(preview) > _MAX_PREVIEW_CHARACTERS:
        raise invalid([Detail("payload.visitorPreview", f"must have at most {_MAX_PREVIEW_CHARACTERS} characters")])
    return Typing(conversation_id, is_typing, preview)
