"""From frames to the connections that they are meant for."""

import threading
import time
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.deadlines import Deadline
from support.delivery import MAX_TRUSTED_SECONDS, Delivery, Outcome
from support.dynamodb.items import Item, Key
from support.errors import Refusal
from support.observability import metrics
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.values.api_key import ApiKey, hash_secret
from support.values.connection import Connection

from tests.builders import ORGANIZATION, PRIVATE_KEY, REVOKED_KEY, UNKNOWN_KEY, VISITOR, WEBSITE, Clock, a_key
from tests.client import Emitted
from tests.fakes import FakeTable
from tests.live import FakeGateway

GONE, BUSY, POSTED, REFUSED = Outcome.GONE, Outcome.BUSY, Outcome.POSTED, Outcome.REFUSED


def a_connection(id_: str = "c1", age: float = 3_600, secret: str = PRIVATE_KEY) -> Connection:
    now = time.time()
    return Connection(
        id=id_,
        website_id=WEBSITE,
        organization_id=ORGANIZATION,
        mode="test",
        key_hash=hash_secret(secret),
        connected_at=int((now - age) * 1000),
        ttl=int(now) + 3_600,
    )


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def connections() -> Connections:
    return Connections(FakeTable())


@pytest.fixture
def delivery(gateway: FakeGateway, connections: Connections, fake_table: FakeTable) -> Delivery:
    return Delivery(gateway, connections, KeyRing(fake_table, MAX_TRUSTED_SECONDS))


def soon(seconds: float = 10) -> Deadline:
    return Deadline.after(seconds)


@pytest.fixture(autouse=True)
def _nothing_measured_before() -> None:
    metrics.clear_metrics()


def counted(emitted: Emitted) -> dict[str, float]:
    metrics.flush_metrics()
    names = ("Delivered", "DeliveryGone", "DeliveryGivenUp")
    return {name: sum(line[name]) for line in emitted() for name in names if name in line}


def test_each_connection_gets_its_messages_in_their_order(delivery: Delivery, gateway: FakeGateway) -> None:
    messages = [(a_connection(f"c{n % 7}"), str(n).encode()) for n in range(100)]

    delivery.deliver(messages, soon())

    assert gateway.sent == {f"c{c}": list(range(c, 100, 7)) for c in range(7)}


def test_nothing_is_done_for_nobody(delivery: Delivery, gateway: FakeGateway) -> None:
    delivery.deliver([], soon())

    assert gateway.posts == []


def test_what_is_busy_is_tried_again_and_nothing_overtakes_it(delivery: Delivery, gateway: FakeGateway) -> None:
    gateway.script["c1"] = deque([BUSY, POSTED, BUSY, BUSY])

    delivery.deliver([(a_connection(), b"1"), (a_connection(), b"2")], soon())

    assert gateway.sent == {"c1": [1, 2]}


@given(st.lists(st.sampled_from([BUSY, POSTED]), max_size=8), st.integers(1, 5))
def test_a_connection_that_comes_back_in_time_misses_nothing(script: list[Outcome], messages: int) -> None:
    gateway, table = FakeGateway(), FakeTable()
    gateway.script["c1"] = deque(script)
    keys = KeyRing(table, MAX_TRUSTED_SECONDS)
    connection = a_connection()
    key = a_key()
    table.items[str(key["PK"]), str(key["SK"])] = key

    delivery = Delivery(gateway, Connections(FakeTable()), keys)
    delivery.deliver([(connection, str(n).encode()) for n in range(messages)], soon(30))

    assert gateway.sent["c1"] == list(range(messages))


def test_what_stays_busy_is_given_up_and_counted(
    delivery: Delivery, gateway: FakeGateway, connections: Connections, emitted: Emitted
) -> None:
    connections.add(a_connection(), soon())
    gateway.script["c1"] = deque([POSTED, *[BUSY] * 1000])

    delivery.deliver([(a_connection(), str(n).encode()) for n in range(3)], soon(1.5))

    assert gateway.sent == {"c1": [0]}
    assert counted(emitted) == {"Delivered": 1, "DeliveryGivenUp": 2}
    assert connections.find("c1", soon()) is not None


def test_what_is_busy_keeps_nobody_else_waiting(delivery: Delivery, gateway: FakeGateway) -> None:
    gateway.script["c1"] = deque([BUSY] * 1000)

    delivery.deliver([(a_connection("c1"), b"1"), (a_connection("c2"), b"1")], soon(1.5))

    assert gateway.sent == {"c2": [1]}


def test_what_was_given_up_is_tried_once_each_time_until_it_takes_something(
    delivery: Delivery, gateway: FakeGateway
) -> None:
    gateway.script["c1"] = deque([BUSY] * 1000)
    delivery.deliver([(a_connection(), b"1")], soon(1.2))
    gateway.posts.clear()

    delivery.deliver([(a_connection(), b"2")], soon())
    assert gateway.posts == ["c1"]

    gateway.script["c1"] = deque([POSTED, BUSY, BUSY])
    delivery.deliver([(a_connection(), b"3"), (a_connection(), b"4")], soon())
    assert gateway.sent == {"c1": [3, 4]}


def test_what_is_gone_is_removed(
    delivery: Delivery, gateway: FakeGateway, connections: Connections, emitted: Emitted
) -> None:
    connections.add(a_connection(age=61), soon())
    gateway.script["c1"] = deque([GONE])

    delivery.deliver([(a_connection(age=61), b"1"), (a_connection(age=61), b"2")], soon())

    assert gateway.posts == ["c1"]
    assert connections.find("c1", soon()) is None
    assert connections.of_team(WEBSITE, "test", soon()) == []
    assert counted(emitted) == {"DeliveryGone": 2}


def test_what_seems_gone_within_a_minute_of_its_handshake_is_not_removed(
    delivery: Delivery, gateway: FakeGateway, connections: Connections
) -> None:
    connections.add(a_connection(age=59), soon())
    gateway.script["c1"] = deque([GONE])

    delivery.deliver([(a_connection(age=59), b"1")], soon())

    assert connections.find("c1", soon()) is not None


def test_what_the_gateway_refuses_is_given_up_at_once(
    delivery: Delivery, gateway: FakeGateway, emitted: Emitted
) -> None:
    gateway.script["c1"] = deque([REFUSED])

    delivery.deliver([(a_connection(), b"1")], soon())

    assert gateway.posts == ["c1"]
    assert counted(emitted) == {"DeliveryGivenUp": 1}


@pytest.mark.parametrize("secret", [REVOKED_KEY, UNKNOWN_KEY])
def test_a_connection_without_a_valid_key_gets_nothing(delivery: Delivery, gateway: FakeGateway, secret: str) -> None:
    delivery.deliver([(a_connection(secret=secret), b"1")], soon())

    assert gateway.posts == []


def test_a_key_that_expires_meanwhile_is_not_valid_though_it_was_read_before(
    gateway: FakeGateway, connections: Connections, fake_table: FakeTable
) -> None:
    clock = Clock(time.time())
    key = ApiKey.key(hash_secret(PRIVATE_KEY))
    fake_table.items[key] = {**fake_table.items[key], "expiresAt": int(clock.now) + 10}
    delivery = Delivery(gateway, connections, KeyRing(fake_table, MAX_TRUSTED_SECONDS), clock)

    delivery.deliver([(a_connection(), b"1")], soon())
    clock.now += 11
    delivery.deliver([(a_connection(), b"2")], soon())

    assert gateway.sent == {"c1": [1]}


def test_nothing_is_sent_that_is_not_known_to_be_allowed(delivery: Delivery, gateway: FakeGateway) -> None:
    with pytest.raises(Refusal, match="busy"):
        delivery.deliver([(a_connection(), b"1")], soon(-1))

    assert gateway.posts == []


def test_many_are_posted_to_at_once(delivery: Delivery, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(10)

    def post(connection_id: str, message: bytes) -> Outcome:  # noqa: ARG001
        together.wait(30)
        return POSTED

    monkeypatch.setattr(gateway, "post", post)
    delivery.deliver([(a_connection(f"c{n}"), b"1") for n in range(20)], soon(60))

    assert together.n_waiting == 0


def test_a_visitor_with_many_connections_leaves_time_for_the_others(delivery: Delivery, gateway: FakeGateway) -> None:
    many = [replace(a_connection(f"many{n}"), visitor_id=VISITOR) for n in range(2_000)]

    delivery.deliver([(one, b"1") for one in (*many, a_connection("team"))], soon())

    # All that is posted at the same time may come before it.
    assert gateway.posts.index("team") < 500


def test_a_key_is_read_once_for_all_its_connections(
    gateway: FakeGateway, connections: Connections, fake_table: FakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, get = [], fake_table.get

    def counted_get(key: Key, deadline: Deadline) -> Item | None:
        reads.append(key)
        return get(key, deadline)

    monkeypatch.setattr(fake_table, "get", counted_get)
    delivery = Delivery(gateway, connections, KeyRing(fake_table, cache_seconds=0))

    delivery.deliver([(a_connection(f"c{n}"), b"1") for n in range(100)], soon())

    assert len(gateway.sent) == 100
    assert len(reads) == 1


def test_a_connection_shows_neither_its_key_nor_its_visitor() -> None:
    shown = repr(replace(a_connection(), visitor_id="01JDEM0V1S1T0R000000000000"))

    assert "01JDEM0V1S1T0R000000000000" not in shown
    assert hash_secret(PRIVATE_KEY) not in shown
