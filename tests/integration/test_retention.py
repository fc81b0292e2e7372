"""Conversations that expire: all of one at once, and as good as gone from then on."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
from conversations.actions import ConditionFailed, Insert
from conversations.deadlines import Deadline
from conversations.items import MAX_ITEM_BYTES, Item
from conversations.table import TABLE, Table
from conversations.timeline_item import stored_size

from tests.builders import LIVE_PRIVATE_KEY, SETTINGS, VISITOR, a_body, a_message, private
from tests.client import Api, Stored, api_over
from tests.stored import Storage

DAY = 86_400


@pytest.fixture
def api(database: Table) -> Api:
    """The API where test conversations are kept for a day and live ones for ever."""
    return api_over(database, settings=replace(SETTINGS, retention_days={"live": 0, "test": 1}))


def test_a_conversation_s_items_expire_with_it_counted_from_its_creation(api: Api, stored: Stored) -> None:
    before = int(time.time())
    api(a_body(conversationId="c", defaultTimelineItems=[a_message(id="a")]))
    for added in "bcd":
        api(a_body(conversationId="c", defaultTimelineItems=[a_message(id=added)]))

    [end] = {item.get("ttl") for item in stored()}
    assert len(stored()) == 5
    assert isinstance(end, int)
    assert before + DAY <= end <= time.time() + DAY


def test_where_retention_is_for_ever_nothing_expires(api: Api, stored: Stored) -> None:
    api(a_body(defaultTimelineItems=[a_message()]), private(LIVE_PRIVATE_KEY))

    assert [item.get("ttl") for item in stored()] == [None, None]


def test_an_item_that_its_conversation_s_end_makes_too_large_is_a_413(
    api: Api, database: Table, stored: Stored
) -> None:
    api(a_body(conversationId="a"))
    for_ever = api_over(database)
    for_ever(a_body(conversationId="b", defaultTimelineItems=[a_message("x" * 200_000, id="x")]))
    [half] = [item for item in stored() if item["SK"] == "ITEM#x"]
    largest = a_message("x" * (200_000 + MAX_ITEM_BYTES - stored_size(half)), id="x")

    alone = for_ever(a_body(conversationId="c", defaultTimelineItems=[largest]))
    added = for_ever(a_body(conversationId="a", defaultTimelineItems=[{"id": "y"}, largest]))

    assert alone.status == 200
    assert (added.code, added.paths) == ("PAYLOAD_TOO_LARGE", ["defaultTimelineItems.1"])
    assert len(stored()) == 1 + 2 + 2


@pytest.mark.parametrize(("seconds_left", "is_there"), [(1, True), (0, True), (-1, False)])
def test_what_can_be_read_is_what_stands_in_the_way_of_another(
    database: Table, monkeypatch: pytest.MonkeyPatch, seconds_left: int, is_there: bool
) -> None:
    """The second that `ttl` names is the last, for those who read and for those who write."""
    now = 4_000_000_000  # DynamoDB itself deletes what has expired by its own clock, so not this
    monkeypatch.setattr("conversations.table.time.time", lambda: now + 0.9)
    item: Item = {"PK": "p", "SK": "s", "ttl": now + seconds_left}
    database.transact([Insert(item)], Deadline.after(60))

    assert (database.get(("p", "s"), Deadline.after(60)) is not None) == is_there
    assert bool(database.get_many([("p", "s")], Deadline.after(60))) == is_there
    assert bool(database.query(TABLE, "p", "s", Deadline.after(60))) == is_there
    with pytest.raises(ConditionFailed) if is_there else nullcontext():
        database.transact([Insert(item)], Deadline.after(60))


@pytest.fixture
def expire(stored: Stored, storage: Storage) -> Callable[[], None]:
    """Let all conversations have expired."""
    return lambda: storage.let_expire(stored())


@pytest.mark.parametrize("days", [0, 1], ids=["for ever from now on", "for a day"])
def test_what_has_expired_and_is_not_deleted_yet_makes_way(
    api: Api, stored: Stored, database: Table, expire: Callable[[], None], days: int
) -> None:
    api(a_body(conversationId="c", channel="old", defaultTimelineItems=[a_message("old", id="a")]))
    expire()
    assert database.query(TABLE, str(stored()[0]["PK"]), "", Deadline.after(60)) == []

    later = api_over(database, settings=replace(SETTINGS, retention_days={"live": 0, "test": days}))
    other = later({"visitorId": "0" * 26, "conversationId": "c", "defaultTimelineItems": [a_message("new", id="a")]})

    assert (other.status, "idempotent-replayed" in other.headers) == (200, False)
    assert other.conversation["visitorId"] != VISITOR
    assert [item["text"] for item in other.items] == ["new"]
    assert len(stored()) == 2
    assert [("ttl" in item) for item in stored()] == [days > 0] * 2


@pytest.mark.parametrize("days", [0, 1], ids=["for ever from now on", "for a day"])
def test_an_item_that_outlasts_its_conversation_makes_way_too(
    api: Api, stored: Stored, database: Table, expire: Callable[[], None], storage: Storage, days: int
) -> None:
    api(a_body(conversationId="c", defaultTimelineItems=[a_message("old", id="a")]))
    expire()
    [pk] = {str(item["PK"]) for item in stored()}
    storage.delete((pk, "CONVERSATION"))

    later = api_over(database, settings=replace(SETTINGS, retention_days={"live": 0, "test": days}))
    empty = later(a_body(conversationId="c"))
    filled = later(a_body(conversationId="c", defaultTimelineItems=[a_message("new", id="a")]))

    assert (empty.status, filled.status) == (200, 200)
    assert "idempotent-replayed" not in {**empty.headers, **filled.headers}
    assert [item["text"] for item in filled.items] == ["new"]
    assert [("ttl" in item) for item in stored()] == [days > 0] * 2
