"""From frames to the connections that they are meant for.

A message that was answered with 200 never depends on it: what can't be delivered in time is given up, counted, and
found in the timeline later.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from itertools import count
from typing import Protocol

from cachetools import TTLCache

from support.deadlines import Deadline
from support.errors import Refusal
from support.observability import Metric, measure
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.values.connection import Connection

#: For how long a post is waited for, in seconds.
POST_SECONDS = 1.0
#: How many posts there are at a time: as many as `support.aws.client` keeps connections.
_PARALLEL = 10
#: The timeout of the tables behind a delivery, in seconds: an attempt takes a fifth of it at most (see `Table`), and
#: several fit into the time for which what is to be told is worth anything.
TABLE_TIMEOUT_SECONDS = 5.0
#: How long a key that was read may be trusted, in seconds: a connection whose key is revoked gets nothing more then.
MAX_TRUSTED_SECONDS = 60
#: For so long a post to a new connection may be refused though it is there: until its `$connect` has returned, each is
#: (API Gateway, "@connections"). To remove the record then would leave a client that hears of nothing.
_YOUNG_MILLISECONDS = 60_000
#: For how long a connection that was given up is not tried again and again, in seconds: those who are told next would
#: wait each time for a client that does not read.
_STALLED_SECONDS = 60
_REMEMBERED = 10_000


class Outcome(Enum):
    """What became of a post: the client has it, or is gone; another attempt may succeed, or none will."""

    POSTED = auto()
    GONE = auto()
    BUSY = auto()
    REFUSED = auto()


class Gateway(Protocol):
    """What holds the connections."""

    def post(self, connection_id: str, message: bytes) -> Outcome:
        """Send a message to a connection, in `POST_SECONDS` at most. Threads may share it; it raises nothing."""


class Delivery:
    """Delivers frames to connections.

    Parameters
    ----------
    keys
        By which it is seen that a key has been revoked or has expired: a connection that was opened with it gets
        nothing more.
    clock
        Epoch seconds.
    """

    def __init__(
        self, gateway: Gateway, connections: Connections, keys: KeyRing, clock: Callable[[], float] = time.time
    ) -> None:
        self._gateway = gateway
        self._connections = connections
        self._keys = keys
        self._clock = clock
        self._stalled: TTLCache[str, bool] = TTLCache(_REMEMBERED, _STALLED_SECONDS)

    def deliver(self, messages: Iterable[tuple[Connection, bytes]], deadline: Deadline) -> None:
        """Send messages, each connection its own one after the other and in this order, to many at once.

        A connection that is busy is tried again until the deadline; then all that is left for it is given up, and for a
        minute it is tried once each time, until it takes something. One that is gone is removed, unless it is so young
        that it may not be there yet. Metrics count messages.

        Raises `Refusal` (UNAVAILABLE) if it can't be found out in time whether a key still is valid.
        """
        queues = self._queues(messages, deadline)
        outcomes: Counter[Metric] = Counter()
        given_up: list[_Queue] = []
        with ThreadPoolExecutor(max(1, min(_PARALLEL, len(queues)))) as threads:
            for attempt in count():
                results = list(threads.map(lambda queue: self._post_all(queue, deadline), queues))
                outcomes[Metric.DELIVERED] += sum(posted for posted, _ in results)
                for queue, (posted, outcome) in zip(queues, results, strict=True):
                    if posted:
                        self._stalled.pop(queue.connection.id, None)
                    if outcome is Outcome.GONE:
                        outcomes[Metric.DELIVERY_GONE] += len(queue.messages)
                        self._remove_unless_young(queue.connection, deadline)
                    elif outcome is Outcome.REFUSED:
                        outcomes[Metric.DELIVERY_GIVEN_UP] += len(queue.messages)
                busy = [queue for queue, (_, outcome) in zip(queues, results, strict=True) if outcome is Outcome.BUSY]
                queues = [queue for queue in busy if queue.connection.id not in self._stalled]
                given_up += [queue for queue in busy if queue.connection.id in self._stalled]
                if not queues or not _may_try_again(attempt, deadline):
                    break
        for queue in (*given_up, *queues):
            self._stalled[queue.connection.id] = True
            outcomes[Metric.DELIVERY_GIVEN_UP] += len(queue.messages)
        for metric, number in outcomes.items():
            if number:
                measure(metric, number)

    def _queues(self, messages: Iterable[tuple[Connection, bytes]], deadline: Deadline) -> "Sequence[_Queue]":
        queues: dict[str, _Queue] = {}
        for connection, message in messages:
            if connection.id not in queues:
                queues[connection.id] = _Queue(connection)
            queues[connection.id].messages.append(message)
        # Each key once: where none is cached, a read for each connection would take all the time.
        key_hashes = dict.fromkeys(queue.connection.key_hash for queue in queues.values())
        usable = {key_hash for key_hash in key_hashes if self._is_usable(key_hash, deadline)}
        return _in_turn(queue for queue in queues.values() if queue.connection.key_hash in usable)

    def _is_usable(self, key_hash: str, deadline: Deadline) -> bool:
        key = self._keys.find_by_hash(key_hash, deadline)
        return key is not None and key.is_usable(self._clock())

    def _post_all(self, queue: "_Queue", deadline: Deadline) -> tuple[int, Outcome]:
        """Post until there is nothing left, or until one fails; return how many were posted, and the last outcome."""
        posted = 0
        while queue.messages:
            if time.monotonic() + POST_SECONDS > deadline.at:
                return posted, Outcome.BUSY
            outcome = self._gateway.post(queue.connection.id, queue.messages[0])
            if outcome is not Outcome.POSTED:
                return posted, outcome
            queue.messages.popleft()
            posted += 1
        return posted, Outcome.POSTED

    def _remove_unless_young(self, connection: Connection, deadline: Deadline) -> None:
        if self._clock() * 1000 - connection.connected_at < _YOUNG_MILLISECONDS:
            return
        try:
            self._connections.remove(connection.id, deadline)
        except Refusal:
            # It expires, and is met again before that.
            return


class _Queue:
    """What is still to be sent to a connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.messages: deque[bytes] = deque()


def _in_turn(queues: Iterable[_Queue]) -> Sequence[_Queue]:
    """Put the first connection of each visitor and each team first, then the second ones, and so on.

    Whoever opens more connections than there is time for then takes none from the others.
    """
    places: Counter[str] = Counter()

    def place(queue: _Queue) -> int:
        partition, _ = queue.connection.key
        places[partition] += 1
        return places[partition]

    return sorted(queues, key=place)


def _may_try_again(attempt: int, deadline: Deadline) -> bool:
    """Wait before another attempt, and tell whether there is time for one."""
    try:
        deadline.back_off(attempt)
        deadline.require(POST_SECONDS)
    except Refusal:
        return False
    return True
