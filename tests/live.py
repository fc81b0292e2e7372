"""The function behind the WebSocket API as the gateway calls it, over tables in memory and a gateway that remembers."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sockets.app import Handler, Sockets, create_handler
from sockets.handshakes import Handshakes
from sockets.messages import Messages
from sockets.welcomes import Welcomes
from support.delivery import MAX_TRUSTED_SECONDS, Delivery, Outcome
from support.dynamodb.items import Item
from support.dynamodb.table import Table
from support.front import Front
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.store.stores import Stores
from support.typing_signals import TypingSignals

from tests.builders import ORIGIN, PUBLIC_KEY, VISITOR, Context
from tests.fakes import FakeTable

#: What a browser's handshake has of its own.
BROWSER = {"Host": "ws.example.com", "Origin": ORIGIN, "User-Agent": "tests"}


class FakeGateway:
    """Holds every connection. `script` says what becomes of the next posts to a connection, before all are posted."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self.posts: list[str] = []
        self.script: dict[str, deque[Outcome]] = defaultdict(deque)

    def post(self, connection_id: str, message: bytes) -> Outcome:
        """Take a message, or fail as the script says."""
        self.posts.append(connection_id)
        script = self.script[connection_id]
        outcome = script.popleft() if script else Outcome.POSTED
        if outcome is Outcome.POSTED:
            self.sent[connection_id].append(json.loads(message))
        return outcome

    def frames(self, connection_id: str, type_: str | None = None) -> list[Any]:
        """Return what a connection got, or what it got of one type."""
        return [frame for frame in self.sent[connection_id] if type_ in {None, frame["type"]}]


@dataclass
class Live:
    """The function, what it is connected to, and the invocations of itself that wait."""

    table: Table
    connections_table: Table = field(default_factory=FakeTable)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    rate_limit: int = 0
    clock: Callable[[], float] = time.time
    #: Seconds by which keys grow old.
    key_clock: Callable[[], float] = time.monotonic
    invokes: bool = True
    front: Front | None = None

    def __post_init__(self) -> None:
        self.waiting: list[str] = []
        self.connections = Connections(self.connections_table)
        self.keys = KeyRing(self.table, MAX_TRUSTED_SECONDS, self.key_clock)
        self.delivery = Delivery(self.gateway, self.connections, self.keys, self.clock)
        self.signals = TypingSignals(self.connections, self.delivery)
        # Its window does not end, and it waits for its counter on the slowest machine.
        now = time.time()
        self.limiter = RateLimiter(self.table, self.rate_limit, counted="SOCKETS", clock=lambda: now, patience=60)
        self.handler = self.create_handler()

    def create_handler(self) -> Handler:
        """Build the function's handler."""
        stores = Stores.over(self.table)
        sockets = Sockets(
            Handshakes(self.keys, self.limiter, self.connections, self._invoke, self.clock, self.front),
            Welcomes(self.gateway, self.connections, stores, self.delivery, self.clock),
            Messages(self.keys, self.connections, stores, self.signals, self.clock),
            self.connections,
        )
        return create_handler(sockets, "local")

    def _invoke(self, connection_id: str) -> bool:
        if self.invokes:
            self.waiting.append(connection_id)
        return self.invokes

    def call(self, event: object, remaining_ms: int = 60_000) -> dict[str, Any]:
        """Invoke the function."""
        return self.handler(event, Context(remaining_ms))

    def connect(
        self,
        connection_id: str = "c1",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Shake hands, without what follows, and return the status."""
        return int(self.call(a_handshake(connection_id, query, headers))["statusCode"])

    def records(self) -> list[Item]:
        """Return all that is stored of connections, where they are in memory."""
        assert isinstance(self.connections_table, FakeTable)
        return [dict(item) for item in self.connections_table.items.values()]

    def welcome(self) -> None:
        """Do what follows the handshakes."""
        while self.waiting:
            self.call({"established": self.waiting.pop(0)})

    def opened(
        self,
        connection_id: str = "c1",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Connect, forget what was sent because of that, and return the connection's id."""
        assert self.connect(connection_id, query, headers) == 200
        self.welcome()
        self.gateway.sent.clear()
        self.gateway.posts.clear()
        return connection_id

    def send(self, connection_id: str, message: object, **fields: Any) -> Any:
        """Send a message, as JSON unless it is a text, and return the body of the response, if it has one."""
        text = message if isinstance(message, str) else json.dumps(message)
        response = self.call(a_message_event(connection_id, text, **fields))
        assert response["statusCode"] == 200
        return response.get("body")

    def type(self, connection_id: str, conversation_id: str, *, is_typing: object = True, **payload: object) -> Any:
        """Send that somebody types."""
        payload = {"conversationId": conversation_id, "isTyping": is_typing, **payload}
        body = self.send(connection_id, {"type": "conversationTyping", "payload": payload})
        return None if body is None else json.loads(body)


def as_visitor(visitor_id: str = VISITOR, key: str = PUBLIC_KEY) -> dict[str, str]:
    """The query of a browser widget."""
    return {"publicKey": key, "visitorId": visitor_id}


def a_handshake(
    connection_id: str = "c1", query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An event of $connect: a browser's, unless headers are given."""
    sent_headers, sent_query = BROWSER if headers is None else headers, as_visitor() if query is None else query
    return {
        "headers": dict(sent_headers),
        "multiValueHeaders": {name: [value] for name, value in sent_headers.items()},
        "queryStringParameters": dict(sent_query),
        "multiValueQueryStringParameters": {name: [value] for name, value in sent_query.items()},
        "requestContext": _context(connection_id, "$connect", "CONNECT"),
        "isBase64Encoded": False,
    }


def a_message_event(connection_id: str, text: str, *, base64: bool = False, route: str = "$default") -> dict[str, Any]:
    """An event of a message."""
    context = {**_context(connection_id, route, "MESSAGE"), "messageId": "Wlzb7dGjIAMCJGg="}
    return {"requestContext": context, "body": text, "isBase64Encoded": base64}


def a_farewell(connection_id: str) -> dict[str, Any]:
    """An event of $disconnect."""
    return {"requestContext": _context(connection_id, "$disconnect", "DISCONNECT"), "isBase64Encoded": False}


def _context(connection_id: str, route: str, event_type: str) -> dict[str, Any]:
    return {
        "routeKey": route,
        "eventType": event_type,
        "stage": "ws",
        "connectionId": connection_id,
        "connectedAt": 1795521600000,
        "requestId": "WlzbIFpEoAMF9LQ=",
        "requestTimeEpoch": 1795521600000,
        "identity": {"sourceIp": "203.0.113.7", "userAgent": "tests"},
        "domainName": "ws.example.com",
        "apiId": "local",
    }
