"""Retention: a conversation is kept from its last change, an item from its writing, and what has expired is nowhere."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from api.routes import timelines
from api.routes.conversations import LIST
from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Insert
from support.dynamodb.items import MAX_ITEM_BYTES, Item
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values import timestamps
from support.values.timeline_item import stored_size

from tests.builders import LIVE_PRIVATE_KEY, SETTINGS, VISITOR, a_body, a_message, private
from tests.calls import change, get, open_one, patch, rate, read_inbox, see, send, timeline, user, visitor, who_has_seen
from tests.client import Api, Response, Stored, api_over
from tests.stored import Storage

DAY = 86_400


def api_that_keeps(database: Table, days: int) -> Api:
    """The API where test conversations are kept for so many days and live ones for ever."""
    return api_over(database, settings=replace(SETTINGS, retention_days={"live": 0, "test": days}))


@pytest.fixture
def api(database: Table) -> Api:
    return api_that_keeps(database, 1)


class Calendar:
    """The time of the function: `at(days)` since the test began. DynamoDB's own clock stays what it is."""

    def __init__(self) -> None:
        self._start = time.time()
        self._days = 0.0

    def at(self, days: float) -> None:
        self._days = days

    def epoch(self) -> float:
        return self._start + self._days * DAY

    def end(self, days: float) -> int:
        return int(self._start + days * DAY)


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    calendar = Calendar()
    monkeypatch.setattr("time.time", calendar.epoch)
    monkeypatch.setattr("support.values.timestamps.now", lambda: timestamps.from_epoch(calendar.epoch()))
    return calendar


def ends(stored: Stored) -> dict[str, Any]:
    return {str(item["SK"]): item.get("ttl") for item in stored()}


def test_each_change_moves_a_conversation_s_end_and_items_keep_the_one_of_their_writing(
    api: Api, stored: Stored, calendar: Calendar
) -> None:
    open_one(api, a_message(id="a"))
    assert ends(stored) == {"CONVERSATION": calendar.end(1), "ITEM#a": calendar.end(1)}
    calendar.at(0.5)
    send(api, visitor(), id="b", text="Hi")
    calendar.at(0.75)
    open_one(api, a_message(id="c"), a_message(id="d"))
    assert ends(stored) == {
        "CONVERSATION": calendar.end(1.75),
        "ITEM#a": calendar.end(1),
        "ITEM#b": calendar.end(1.5),
        **dict.fromkeys(("ITEM#c", "ITEM#d"), calendar.end(1.75)),
    }
    changes: dict[float, Callable[[], Response]] = {
        1.0: lambda: patch(api, {"title": "Order 42"}),
        1.1: lambda: change(api, "resolve"),
        1.2: lambda: rate(api, visitor(), rating=5),
    }
    for days, make in changes.items():
        calendar.at(days)
        assert make().status == 200
        assert ends(stored)["CONVERSATION"] == calendar.end(days + 1)
    calendar.at(1.3)
    # None of these is a change.
    see(api, visitor())
    see(api, user())
    get(api)
    timeline(api)
    assert ends(stored)["CONVERSATION"] == calendar.end(2.2)


def test_a_living_conversation_never_vanishes(api: Api, calendar: Calendar) -> None:
    open_one(api)
    for number in range(6):
        calendar.at(number * 0.9)
        assert send(api, visitor(), id=str(number), text="Still here").status == 200
        assert get(api, visitor())["lastTimelineItem"]["id"] == str(number)
    assert [item["id"] for item in timeline(api, visitor())] == ["4", "5"]


def test_where_retention_is_for_ever_nothing_expires(api: Api, stored: Stored) -> None:
    api(a_body(defaultTimelineItems=[a_message()]), private(LIVE_PRIVATE_KEY))

    assert [item.get("ttl") for item in stored()] == [None, None]


@pytest.mark.parametrize(("before", "after", "end"), [(2, 1, 2), (1, 2, 2.5), (0, 1, None), (1, 0, None)])
def test_a_change_of_the_retention_shortens_nothing_and_leaves_no_orphan(
    database: Table, stored: Stored, calendar: Calendar, before: int, after: int, end: float | None
) -> None:
    open_one(api_that_keeps(database, before), a_message(id="a"))
    first = ends(stored)["ITEM#a"]
    calendar.at(0.5)
    send(api_that_keeps(database, after), visitor(), id="b", text="Hi")

    wanted = None if end is None else calendar.end(end)
    assert ends(stored) == {"CONVERSATION": wanted, "ITEM#a": first, "ITEM#b": wanted}


def test_instances_that_differ_in_their_retention_move_no_end_back(
    database: Table, stored: Stored, calendar: Calendar
) -> None:
    """While a release shortens it, instances of both kinds write."""
    one, other = api_that_keeps(database, 3), api_that_keeps(database, 1)
    open_one(one)
    for number in range(4):
        calendar.at(number / 10)
        send(one if number % 2 else other, visitor(), id=str(number), text="Hi")

    assert ends(stored)["CONVERSATION"] == calendar.end(3.3)


def test_an_item_that_its_end_makes_too_large_is_a_413(api: Api, database: Table, stored: Stored) -> None:
    for_ever = api_over(database)
    for_ever(a_body(conversationId="b", defaultTimelineItems=[a_message("x" * 200_000, id="x")]))
    [half] = [item for item in stored() if item["SK"] == "ITEM#x"]
    largest = a_message("x" * (200_000 + MAX_ITEM_BYTES - stored_size(half)), id="x")
    api(a_body(conversationId="a"))

    alone = for_ever(a_body(conversationId="c", defaultTimelineItems=[largest]))
    added = api(a_body(conversationId="a", defaultTimelineItems=[{"id": "y"}, largest]))

    assert alone.status == 200
    assert (added.code, added.paths) == ("PAYLOAD_TOO_LARGE", ["defaultTimelineItems.1"])
    assert len(stored()) == 1 + 2 + 2


# An item ends before its conversation ---------------------------------------------------------------------------------

GREETING = {"id": "greeting", "text": "Hello!", "aiAgentId": "agent-1"}
QUESTION = {"id": "question", "text": "Where is my order?"}
LARGE = {"id": "large", "text": "x" * 10_000}
OPENING = a_body(conversationId="c", defaultTimelineItems=[GREETING, QUESTION, LARGE])


@pytest.fixture(params=["expired", "deleted"])
def lose(request: pytest.FixtureRequest, storage: Storage, stored: Stored) -> Callable[..., None]:
    """Let items reach their end; DynamoDB has deleted them, or has not yet."""

    def lose(*ids: str) -> None:
        items = [item for item in stored() if item["SK"] in {f"ITEM#{id_}" for id_ in ids}]
        if request.param == "expired":
            storage.let_expire(items)
        for item in items if request.param == "deleted" else ():
            storage.delete((str(item["PK"]), str(item["SK"])))

    return lose


@pytest.fixture
def living(api: Api, calendar: Calendar, lose: Callable[..., None]) -> Api:
    """A conversation that is older than the retention and goes on, whose first items have reached their end."""
    assert api(OPENING, visitor()).status == 200
    calendar.at(0.8)
    assert send(api, visitor(), id="later", text="Hello?").status == 200
    calendar.at(1.5)
    lose("greeting", "question", "large")
    return api


def test_what_has_expired_is_on_no_page_and_the_rest_is(living: Api) -> None:
    for headers in (visitor(), private()):
        assert [item["id"] for item in timeline(living, headers)] == ["later"]
        assert get(living, headers)["lastTimelineItem"]["id"] == "later"
        [listed] = living(None, visitor(), route=LIST).body["conversations"]
        assert listed["lastTimelineItem"]["id"] == "later"
    [entry] = read_inbox(living).body["items"]
    assert entry["lastTimelineItem"]["id"] == "later"


@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
def test_a_cursor_and_an_id_outlive_their_item(api: Api, lose: Callable[..., None], headers: dict[str, str]) -> None:
    open_one(api, *({"id": f"m{n}", "text": str(n)} for n in range(6)))
    first = api(None, headers, route=timelines.GET, conversationId="c", query={"limit": "2"}).body
    assert [item["id"] for item in first["items"]] == ["m4", "m5"]
    lose("m4", "m1")

    query = {"limit": "2", "cursor": first["nextCursor"]}
    second = api(None, headers, route=timelines.GET, conversationId="c", query=query).body
    assert [item["id"] for item in second["items"]] == ["m2", "m3"]
    query = {"limit": "2", "cursor": second["nextCursor"]}
    third = api(None, headers, route=timelines.GET, conversationId="c", query=query).body
    assert ([item["id"] for item in third["items"]], third["hasNextPage"]) == (["m0"], False)

    query = {"after": "m4", "limit": "3"}
    after = api(None, headers, route=timelines.GET, conversationId="c", query=query).body
    assert ([item["id"] for item in after["items"]], after["hasNextPage"]) == (["m0", "m2", "m3"], True)


@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
def test_a_conversation_whose_last_message_has_expired_has_none(
    api: Api, calendar: Calendar, lose: Callable[..., None], headers: dict[str, str]
) -> None:
    for text in ("short", "long" * 3_000):
        open_one(api, {"id": text[:5], "text": text}, id_=text[:5])
    calendar.at(0.8)
    for id_ in ("short", "longl"):
        change(api, "resolve", id_=id_)
    calendar.at(1.5)
    lose("short", "longl")

    for id_ in ("short", "longl"):
        assert "lastTimelineItem" not in get(api, headers, id_=id_)
        assert "lastTimelineItem" not in change(api, "reopen", id_=id_).conversation
        assert "lastTimelineItem" not in patch(api, {"title": "x"}, id_=id_).conversation
        assert see(api, visitor(), id_=id_).status == 200
    listed = api(None, visitor(), route=LIST).body["conversations"]
    assert len(listed) == len(read_inbox(api).body["items"]) == 2
    assert not [one for one in [*listed, *read_inbox(api).body["items"]] if "lastTimelineItem" in one]


def test_a_replay_leaves_out_a_greeting_that_has_expired(living: Api, stored: Stored) -> None:
    before = len(stored())
    replayed = living({**OPENING, "defaultTimelineItems": [GREETING]}, visitor())

    assert (replayed.status, replayed.headers["idempotent-replayed"]) == (200, "true")
    assert replayed.items == []
    assert replayed.conversation["lastTimelineItem"]["id"] == "later"
    assert len(stored()) == before


def test_the_id_of_an_expired_message_is_free_again(living: Api) -> None:
    replayed = living(OPENING, visitor())
    by_company = send(living, private(), **GREETING).body["item"]

    assert replayed.status == 200
    # Dated and placed as any message that is added.
    assert [item["id"] for item in replayed.items] == ["question", "large"]
    assert [item["id"] for item in timeline(living)] == ["later", "question", "large", "greeting"]
    assert by_company["aiAgentId"] == "agent-1"


def test_an_idempotency_key_s_replay_leaves_out_what_has_expired(
    api: Api, calendar: Calendar, lose: Callable[..., None], stored: Stored
) -> None:
    headers = {**visitor(), "idempotency-key": "1"}
    body = a_body(defaultTimelineItems=[GREETING, QUESTION, {"id": "tool", "type": "tool", "tool": "find-order"}])
    id_ = api(body, headers).conversation["id"]
    calendar.at(0.8)
    send(api, visitor(), id_=id_, id="later", text="Hello?")
    lose("greeting", "tool")
    before = stored()
    replayed = api(body, headers)

    assert (replayed.status, replayed.headers["idempotent-replayed"]) == (200, "true")
    assert [item["id"] for item in replayed.items] == ["question"]
    assert stored() == before


def test_a_large_message_that_expires_while_its_page_is_read_is_left_out(
    api: Api, database: Table, lose: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    api(OPENING, visitor())
    read = database.get_many

    def lose_first(keys: Any, *args: Any, **options: Any) -> Any:
        keys = list(keys)
        if any("ITEM#" in sk for _, sk in keys):
            lose("large")
        return read(keys, *args, **options)

    monkeypatch.setattr(database, "get_many", lose_first)
    assert [item["id"] for item in timeline(api, visitor())] == ["greeting", "question"]


def test_no_route_fails_on_a_conversation_whose_items_have_expired(living: Api) -> None:
    assert send(living, private(), id="answer", text="On its way").status == 200
    assert send(living, visitor(), text="Thanks").status == 200
    for headers in (visitor(), user()):
        assert see(living, headers).status == 200
    assert {entry["visitorId"] for entry in who_has_seen(living)} == {VISITOR, None}
    assert [change(living, verb).status for verb in ("resolve", "reopen", "spam", "not-spam", "resolve")] == [200] * 5
    assert rate(living, visitor(), rating=4).status == 200
    assert patch(living, {"metadata": {"a": 1}}).status == 200


def test_an_expired_conversation_is_nowhere_and_makes_way(api: Api, calendar: Calendar) -> None:
    open_one(api, a_message("old", id="a"))
    see(api, user())
    calendar.at(1.5)

    assert living_ids(api) == ([], [])
    open_one(api, a_message("new", id="a"))
    assert living_ids(api) == (["c"], ["c"])
    assert [item["text"] for item in timeline(api)] == ["new"]
    assert who_has_seen(api) == []


def living_ids(api: Api) -> tuple[list[str], list[str]]:
    listed = api(None, visitor(), route=LIST).body["conversations"]
    return [one["id"] for one in listed], [one["id"] for one in read_inbox(api).body["items"]]


def test_a_list_reads_on_past_conversations_that_have_expired(
    api: Api, calendar: Calendar, storage: Storage, stored: Stored
) -> None:
    """The index of a visitor's conversations does not tell which have expired: that would make each message dearer."""
    for number in range(3):
        open_one(api, id_=f"living{number}")
        calendar.at((number + 1) / 1_000_000)
    for number in range(120):
        open_one(api, id_=f"expired{number}")
    storage.let_expire([item for item in stored() if str(item["id"]).startswith("expired")])

    listed = api(None, visitor(), route=LIST, query={"orderBy": "createdAt"}).body

    assert [one["id"] for one in listed["conversations"]] == ["living2", "living1", "living0"]
    assert listed["pagination"]["total"] == 3


# What has expired and is not deleted yet ------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds_left", "is_there"), [(1, True), (0, True), (-1, False)])
def test_what_can_be_read_is_what_stands_in_the_way_of_another(
    database: Table, monkeypatch: pytest.MonkeyPatch, seconds_left: int, is_there: bool
) -> None:
    """The second that `ttl` names is the last, for those who read and for those who write."""
    now = 4_000_000_000  # DynamoDB itself deletes what has expired by its own clock, so not this
    monkeypatch.setattr("support.dynamodb.table.time.time", lambda: now + 0.9)
    item: Item = {"PK": "p", "SK": "s", "ttl": now + seconds_left}
    database.transact([Insert(item)], Deadline.after(60))

    assert (database.get(("p", "s"), Deadline.after(60)) is not None) == is_there
    assert bool(database.get_many([("p", "s")], Deadline.after(60))) == is_there
    assert bool(database.query(TABLE, "p", KeyRange.of_prefix("s"), Deadline.after(60))) == is_there
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
    assert database.query(TABLE, str(stored()[0]["PK"]), KeyRange(), Deadline.after(60)) == []

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
