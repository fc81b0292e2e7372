"""Clients that listen, and API Gateway between: in memory, for the function that tells them what happens."""

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from feed.app import Feed, Handler, create_handler
from support.deadlines import Deadline
from support.delivery import Delivery, Outcome
from support.dynamodb.table import Table
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.store.stores import Stores
from support.values.api_key import hash_secret
from support.values.connection import Connection

from tests.builders import ORGANIZATION, PRIVATE_KEY, PUBLIC_KEY, VISITOR, WEBSITE

#: Later than any clock of a test: a connection does not expire by itself.
NEVER = 4_000_000_000


def a_connection(id_: str, visitor_id: str | None = VISITOR, key: str | None = None, **fields: Any) -> Connection:
    """Return a connection of a visitor or, without one, of the team; `fields` are those of `Connection`."""
    secret = key or (PRIVATE_KEY if visitor_id is None else PUBLIC_KEY)
    values: dict[str, Any] = {
        "website_id": WEBSITE,
        "organization_id": ORGANIZATION,
        "mode": "test",
        "key_hash": hash_secret(secret),
        "connected_at": 0,
        "ttl": NEVER,
    }
    return Connection(id=id_, visitor_id=visitor_id, **values | fields)


class Clients:
    """A gateway: it hands messages to clients, or fails as it is told.

    `frames` is what each connection got, in its order.
    """

    def __init__(self) -> None:
        self.frames: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.posts = 0
        self._fates: dict[str, deque[Outcome]] = defaultdict(deque)
        self._always: dict[str, Outcome] = {}
        self._lock = threading.Lock()

    def fails(self, connection_id: str, *outcomes: Outcome, always: Outcome | None = None) -> None:
        """Let the next posts to a connection end so, and all others, too, if it is said how."""
        self._fates[connection_id].extend(outcomes)
        if always is not None:
            self._always[connection_id] = always

    def post(self, connection_id: str, message: bytes) -> Outcome:
        with self._lock:
            self.posts += 1
            fates = self._fates[connection_id]
            outcome = fates.popleft() if fates else self._always.get(connection_id, Outcome.POSTED)
            if outcome is Outcome.POSTED:
                self.frames[connection_id].append(json.loads(message))
            return outcome

    def types(self, connection_id: str) -> list[str]:
        """Return the types of the frames that a connection got."""
        return [frame["type"] for frame in self.frames[connection_id]]

    def payloads(self, connection_id: str, type_: str) -> list[dict[str, Any]]:
        """Return what a connection was told by frames of a type."""
        return [frame["payload"] for frame in self.frames[connection_id] if frame["type"] == type_]

    def item_ids(self, connection_id: str) -> list[str]:
        """Return the ids of the items that a connection was told of."""
        return [payload["item"]["id"] for payload in self.payloads(connection_id, "timelineItemCreated")]


def feed_over(
    table: Table, connections: Table, clients: Clients, clock: Callable[[], float] = lambda: 1_000_000.0
) -> Handler:
    """Return the function as Lambda calls it, over the table and the connections' own."""
    listening = Connections(connections)
    delivery = Delivery(clients, listening, KeyRing(table, 0), clock)
    return create_handler(Feed(Stores.over(table), listening, delivery), stage="local")


def connect_all(table: Table, *connections: Connection) -> None:
    """Add connections."""
    for connection in connections:
        Connections(table).add(connection, Deadline.after(60))
