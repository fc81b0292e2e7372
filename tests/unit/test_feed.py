"""The function that tells connected clients what happens: which frames a write makes, for whom, and what is tried."""

import json
from dataclasses import replace
from typing import Any

import pytest
from support.deadlines import unavailable
from support.delivery import Outcome
from support.dynamodb.items import Item
from support.values.conversation import Conversation
from support.values.seen import Seen
from support.values.timeline_item import TimelineItem
from support.values.visitor import GATE_SK, Gate, visitor_row

from tests import demo
from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    VISITOR,
    WEBSITE,
    Context,
)
from tests.client import Emitted
from tests.fakes import FakeTable
from tests.listening import Clients, a_connection, connect_all, feed_over
from tests.streams import Images, a_batch, a_conversation, a_visitor, an_item, an_item_row, sequence_number

LATER = "2026-01-31T12:00:01.000Z"
OPENED = a_conversation().with_items([an_item("0")])

#: Whom nothing is told of the conversation that the tests are about.
STRANGERS = (
    a_connection("other-visitor", OTHER_VISITOR),
    a_connection("other-website-visitor", key=OTHER_PUBLIC_KEY, website_id=OTHER_WEBSITE),
    a_connection("other-website-team", None, key=OTHER_PRIVATE_KEY, website_id=OTHER_WEBSITE),
    a_connection("other-mode-visitor", key=LIVE_PUBLIC_KEY, mode="live"),
    a_connection("other-mode-team", None, key=LIVE_PRIVATE_KEY, mode="live"),
)


class World:
    """The function, what is stored, and who listens: a visitor and the team, and strangers."""

    def __init__(self) -> None:
        self.table, self.connections, self.clients = FakeTable(demo.items()), FakeTable(), Clients()
        self.tell = feed_over(self.table, self.connections, self.clients)

    def listen(self) -> None:
        connect_all(self.connections, a_connection("visitor"), a_connection("team", None), *STRANGERS)

    def store(self, *rows: Item) -> None:
        self.table.items |= {(str(row["PK"]), str(row["SK"])): row for row in rows}

    def told(self, *writes: Images) -> None:
        """Let these writes happen, and require that all of them could be told."""
        assert self.tell(a_batch(writes), Context()) == {"batchItemFailures": []}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("support.deadlines.time.sleep", lambda _: None)
    return World()


@pytest.fixture
def listened(world: World) -> World:
    world.listen()
    return world


def changed(before: Conversation = OPENED, **fields: Any) -> Conversation:
    """Return a conversation after an update."""
    return replace(before, version=before.version + 1, updated_at=LATER, wrote=None, acted_by=None, **fields)


def with_items(*items: TimelineItem, before: Conversation = OPENED, **fields: Any) -> Conversation:
    """Return a conversation after an update that adds items."""
    return replace(before.after_update(items), **fields)


def a_write(before: Conversation | None, after: Conversation) -> Images:
    return None if before is None else before.to_item(), after.to_item()


def payload(**fields: object) -> dict[str, object]:
    """Return what every payload of the conversation has, and whatever else."""
    about = {"websiteId": WEBSITE, "organizationId": ORGANIZATION, "visitorId": VISITOR, "conversationId": "c"}
    return {**about, "userId": None, **fields}


def require_silence_for_strangers(world: World) -> None:
    assert [one.id for one in STRANGERS if world.clients.frames[one.id]] == []


# Which frames a write makes -------------------------------------------------------------------------------------------


def test_who_a_visitor_is_is_told_to_the_team_alone_as_it_is_now(listened: World) -> None:
    gate = visitor_row(WEBSITE, "test", VISITOR, GATE_SK)
    blocked = Gate(LATER, LATER, blocked_at=LATER, blocked_by_user_id="user-2")
    listened.store(a_visitor(name="Jane", last_seen_at=LATER).to_item(), blocked.to_item(gate))

    listened.told((None, a_visitor(acted_by="user-1").to_item()))

    [told] = listened.clients.payloads("team", "visitorIdentified")
    about = {"websiteId": WEBSITE, "organizationId": ORGANIZATION, "visitorId": VISITOR, "userId": "user-1"}
    contact = told["visitor"].pop("contact")
    summary = {"id": VISITOR, "isBlocked": True, "blockedAt": LATER, "blockedByUserId": "user-2", "lastSeenAt": LATER}
    assert told == {**about, "visitor": summary}
    assert contact.items() >= {"name": "Jane", "email": "canary@example.com", "verified": ["email"]}.items()
    assert listened.clients.types("visitor") == []
    require_silence_for_strangers(listened)


def test_visitors_of_one_id_in_two_websites_are_two(listened: World) -> None:
    other = a_visitor(website_id=OTHER_WEBSITE, name="Joe")
    listened.store(a_visitor(name="Jane").to_item(), other.to_item())

    listened.told((None, a_visitor().to_item()), (None, other.to_item()))

    names = {
        id_: [told["visitor"]["contact"]["name"] for told in listened.clients.payloads(id_, "visitorIdentified")]
        for id_ in ("team", "other-website-team", "other-mode-team")
    }
    assert names == {"team": ["Jane"], "other-website-team": ["Joe"], "other-mode-team": []}


@pytest.mark.parametrize(
    ("after", "is_stored"),
    [(a_visitor(identified=None).to_item(), True), (None, True), (a_visitor().to_item(), False)],
    ids=["seen", "expired", "gone"],
)
def test_nothing_else_of_a_visitor_is_told(listened: World, after: Item | None, is_stored: bool) -> None:
    listened.store(*([a_visitor().to_item()] if is_stored else []))

    listened.told((a_visitor().to_item(), after))

    assert listened.clients.posts == 0


def test_where_nobody_of_the_team_listens_no_visitor_is_read(world: World) -> None:
    connect_all(world.connections, a_connection("visitor"))

    world.told((None, a_visitor().to_item()))

    assert world.table.usage.calls == 0


def test_an_opening_is_conversation_created_for_visitor_and_team(listened: World) -> None:
    public, private = an_item("0"), an_item("1", visibility="private", position=1, visitor_id=None, user_id="user-1")
    opened = a_conversation().with_items([public, private])
    listened.store(an_item_row(public), an_item_row(private))

    listened.told(a_write(None, opened))

    for id_, last in (("visitor", "0"), ("team", "1")):
        assert listened.clients.types(id_) == ["conversationCreated"]
        [told] = listened.clients.payloads(id_, "conversationCreated")
        assert told["conversation"]["lastTimelineItem"]["id"] == last
        assert {name: told[name] for name in payload()} == payload()
    require_silence_for_strangers(listened)


def test_an_opening_where_an_expired_conversation_was_is_conversation_created(listened: World) -> None:
    expired = a_conversation(incarnation="earlier", status="spam", item_count=7)

    listened.told(a_write(expired, a_conversation()))

    assert listened.clients.types("visitor") == listened.clients.types("team") == ["conversationCreated"]


def test_a_last_message_that_is_gone_by_now_is_left_out(listened: World) -> None:
    listened.told(a_write(None, OPENED))

    [told] = listened.clients.payloads("visitor", "conversationCreated")
    assert "lastTimelineItem" not in told["conversation"]


def test_an_added_item_is_timeline_item_created(listened: World) -> None:
    item = an_item("1", position=1, visitor_id=None, user_id="user-1")
    listened.store(an_item_row(item))

    listened.told(a_write(OPENED, with_items(item, acted_by="user-2")))

    for id_ in ("visitor", "team"):
        assert listened.clients.types(id_) == ["timelineItemCreated"]
        [told] = listened.clients.payloads(id_, "timelineItemCreated")
        assert told == payload(userId="user-2", item=told["item"])
        assert (told["item"]["id"], told["item"]["text"]) == ("1", "Hello")
    require_silence_for_strangers(listened)


@pytest.mark.parametrize(("fields", "acts"), [({"user_id": "user-1"}, "user-1"), ({"ai_agent_id": "agent-1"}, None)])
def test_who_writes_acts_where_the_call_names_nobody(listened: World, fields: dict[str, str], acts: str | None) -> None:
    item = an_item("1", position=1, visitor_id=None, **fields)
    listened.store(an_item_row(item))

    listened.told(a_write(OPENED, with_items(item)))

    [told] = listened.clients.payloads("visitor", "timelineItemCreated")
    assert told["userId"] == acts


def test_a_private_item_is_told_to_the_team_alone(listened: World) -> None:
    items = [an_item(str(number), position=number, visibility="private") for number in (1, 3)]
    public = an_item("2", position=2)
    listened.store(*map(an_item_row, [*items, public]))

    listened.told(a_write(OPENED, with_items(items[0], public, items[1])))

    assert listened.clients.item_ids("team") == ["1", "2", "3"]
    assert listened.clients.item_ids("visitor") == ["2"]


def test_items_of_a_write_are_told_in_the_order_of_the_timeline(listened: World) -> None:
    """A request may hold an import, which is dated back."""
    late, early = an_item("late", position=1), an_item("early", position=2, created_at="2026-01-01T00:00:00.000Z")
    listened.store(an_item_row(late), an_item_row(early))

    listened.told(a_write(OPENED, with_items(late, early)))

    assert listened.clients.item_ids("visitor") == ["early", "late"]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="deleted"),
        pytest.param({**an_item_row(an_item("1")), "deletedAt": LATER}, id="taken away"),
        pytest.param({**an_item_row(an_item("1")), "ttl": 1}, id="expired"),
        pytest.param(an_item_row(an_item("1"), a_conversation(incarnation="next")), id="of the next conversation"),
    ],
)
def test_an_item_that_is_no_more_is_not_told(listened: World, row: Item | None) -> None:
    listened.store(*([] if row is None else [row]))

    listened.told(a_write(OPENED, with_items(an_item("1", position=1))))

    assert listened.clients.posts == 0


@pytest.mark.parametrize(
    ("fields", "updates"),
    [
        ({"status": "resolved"}, {"status": "resolved"}),
        ({"title": "T"}, {"title": "T"}),
        ({"metadata": {"plan": "pro"}}, {"metadata": {"plan": "pro"}}),
        (
            {"visitor_rating": 5, "visitor_rating_at": LATER},
            {"visitorRating": 5, "visitorRatingAt": LATER},
        ),
        ({"status": "resolved", "title": "T"}, {"status": "resolved", "title": "T"}),
    ],
)
def test_a_change_is_conversation_updated(listened: World, fields: dict[str, Any], updates: dict[str, object]) -> None:
    listened.told(a_write(OPENED, replace(changed(**fields), acted_by="user-1")))

    told = {"type": "conversationUpdated", "payload": payload(userId="user-1", updates=updates, aiAgentId=None)}
    assert listened.clients.frames["visitor"] == listened.clients.frames["team"] == [told]
    require_silence_for_strangers(listened)


@pytest.mark.parametrize(
    ("before", "after", "for_visitor"),
    [
        ("open", "spam", ["resolved"]),
        ("resolved", "spam", []),
        ("spam", "open", ["open"]),
    ],
)
def test_spam_is_resolved_for_the_visitor(listened: World, before: str, after: str, for_visitor: list[str]) -> None:
    was = replace(OPENED, status=before)  # type: ignore[arg-type]  # of the three statuses

    listened.told(a_write(was, changed(was, status=after)))

    told = {
        id_: [one["updates"]["status"] for one in listened.clients.payloads(id_, "conversationUpdated")]
        for id_ in ("visitor", "team")
    }
    assert told == {"visitor": for_visitor, "team": [after]}


def test_a_status_with_its_event_is_both_for_the_team_and_the_status_alone_for_the_visitor(listened: World) -> None:
    event = an_item("1", position=1, visibility="private", type="event", visitor_id=None, user_id="user-1")
    listened.store(an_item_row(event))

    listened.told(a_write(OPENED, with_items(event, status="resolved")))

    assert listened.clients.types("team") == ["timelineItemCreated", "conversationUpdated"]
    assert listened.clients.types("visitor") == ["conversationUpdated"]


def test_the_visitor_s_read_receipt_is_conversation_seen(listened: World) -> None:
    listened.told(a_write(replace(OPENED, acted_by="user-1"), replace(OPENED, visitor_last_seen_at=LATER)))

    told = payload(actorType="visitor", actorId=VISITOR, aiAgentId=None, lastSeenAt=LATER)
    assert listened.clients.frames["visitor"] == [{"type": "conversationSeen", "payload": told}]
    assert listened.clients.frames["team"] == listened.clients.frames["visitor"]


def seen_row(last_seen_at: str, conversation: Conversation = OPENED) -> Item:
    """Return the row of a team member's read receipt."""
    return Seen("user-1", last_seen_at, "2026-01-31T12:00:00.000Z").to_item(conversation.item_attributes())


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="the first time"),
        pytest.param(seen_row("2026-01-31T12:00:00.000Z"), id="again"),
        pytest.param(seen_row(LATER, a_conversation(incarnation="earlier")), id="over one of an earlier conversation"),
    ],
)
def test_a_team_member_s_read_receipt_is_conversation_seen(listened: World, before: Item | None) -> None:
    listened.store(OPENED.to_item())

    listened.told((before, seen_row(LATER)))

    told = payload(userId="user-1", actorType="user", actorId="user-1", aiAgentId=None, lastSeenAt=LATER)
    assert listened.clients.frames["visitor"] == [{"type": "conversationSeen", "payload": told}]
    assert listened.clients.frames["team"] == listened.clients.frames["visitor"]
    require_silence_for_strangers(listened)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="deleted"),
        pytest.param({**OPENED.to_item(), "ttl": 1}, id="expired"),
        pytest.param(a_conversation(incarnation="next").to_item(), id="another one of its id"),
        pytest.param({**OPENED.to_item(), "erasing": True}, id="being erased"),
    ],
)
def test_a_read_receipt_of_a_conversation_that_has_ended_is_not_told(listened: World, row: Item | None) -> None:
    listened.store(*([] if row is None else [row]))

    listened.told((None, seen_row(LATER)))

    assert listened.clients.posts == 0


@pytest.mark.parametrize(
    "images",
    [
        pytest.param((OPENED.to_item(), None), id="a deletion, or an expiry"),
        pytest.param((OPENED.to_item(), {**changed(status="resolved").to_item(), "erasing": True}), id="an erasure"),
        pytest.param(
            (OPENED.to_item(), {**changed(incarnation="new").to_item(), "erasing": True}),
            id="an erasure, with its incarnation",
        ),
        pytest.param(a_write(OPENED, changed(ttl=2_000_000_000)), id="another expiry"),
        pytest.param((seen_row(LATER), None), id="a read receipt that expires"),
        pytest.param((seen_row(LATER), {**seen_row(LATER), "ttl": 2_000_000_000}), id="one that is kept for longer"),
        pytest.param((None, an_item_row()), id="an item's own row"),
    ],
)
def test_of_another_write_nothing_is_told_and_nothing_is_asked(listened: World, images: Images) -> None:
    listened.store(OPENED.to_item())

    listened.told(images)

    assert (listened.clients.posts, listened.table.usage.calls, listened.connections.usage.calls) == (
        0,
        0,
        len(STRANGERS) + 2,
    )


# What it asks of the database -----------------------------------------------------------------------------------------


def test_where_nobody_listens_two_queries_are_all(world: World) -> None:
    one, two = an_item("1", position=1), an_item("2", position=2)
    world.store(an_item_row(one), an_item_row(two))
    first = with_items(one)

    world.told(a_write(OPENED, first), a_write(first, with_items(two, before=first)))

    assert (world.connections.usage.calls, world.table.usage.calls) == (2, 0)


def test_items_of_a_batch_are_read_at_once(listened: World) -> None:
    writes, before = [], OPENED
    for number in range(1, 11):
        item = an_item(str(number), position=number)
        listened.store(an_item_row(item))
        after = with_items(item, before=before)
        writes.append(a_write(before, after))
        before = after

    listened.told(*writes)

    assert listened.clients.item_ids("visitor") == [str(number) for number in range(1, 11)]
    # One read of the items, and one of each connection's key.
    assert listened.table.usage.calls == 1 + 2


def test_many_items_are_read_a_hundred_at_a_time(listened: World) -> None:
    writes, before, ids = [], OPENED, []
    for write in range(3):
        items = [an_item(f"{write}-{number:02}", position=number + 1) for number in range(60)]
        ids += [item.id for item in items]
        listened.store(*map(an_item_row, items))
        after = with_items(*items, before=before)
        writes.append(a_write(before, after))
        before = after

    listened.told(*writes)

    assert listened.clients.item_ids("visitor") == [
        f"{write}-{number:02}" for write in range(3) for number in range(60)
    ]


# What goes wrong ------------------------------------------------------------------------------------------------------


def three_messages(world: World) -> list[Images]:
    """Store three messages, and return their writes."""
    writes, before = [], OPENED
    for number in range(1, 4):
        item = an_item(str(number), position=number)
        world.store(an_item_row(item))
        after = with_items(item, before=before)
        writes.append(a_write(before, after))
        before = after
    return writes


def test_what_a_busy_connection_did_not_take_is_tried_again_in_order(listened: World) -> None:
    listened.clients.fails("visitor", Outcome.POSTED, Outcome.BUSY, Outcome.BUSY)

    listened.told(*three_messages(listened))

    assert listened.clients.item_ids("visitor") == listened.clients.item_ids("team") == ["1", "2", "3"]


def test_a_connection_that_stays_busy_is_given_up_and_counted_and_holds_up_no_other(
    listened: World, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feed.app._POSTS_SECONDS", 1.05)
    listened.clients.fails("visitor", Outcome.POSTED, always=Outcome.BUSY)

    listened.told(*three_messages(listened))

    assert listened.clients.item_ids("visitor") == ["1"]
    assert listened.clients.item_ids("team") == ["1", "2", "3"]
    [line] = [line for line in emitted() if "_aws" in line]
    assert (line["Delivered"], line["DeliveryGivenUp"], line["stage"]) == ([4.0], [2.0], "local")


def test_a_connection_that_is_gone_is_forgotten(listened: World) -> None:
    listened.clients.fails("visitor", always=Outcome.GONE)
    listened.told(*three_messages(listened))
    posts = listened.clients.posts

    listened.told(*three_messages(listened)[:1])

    assert listened.clients.posts == posts + 1


def test_a_record_that_cannot_be_read_holds_up_nothing(listened: World, emitted: Emitted) -> None:
    first, second, third = three_messages(listened)
    broken = {name: value for name, value in (second[1] or {}).items() if name != "visitorId"}

    listened.told(first, (second[0], broken), third)

    assert listened.clients.item_ids("visitor") == listened.clients.item_ids("team") == ["1", "3"]
    lines = emitted()
    assert [line["error_type"] for line in lines if line.get("level") == "ERROR"] == ["TypeError"]
    assert [line["Refused.INTERNAL_ERROR"] for line in lines if "_aws" in line] == [[1.0]]


def test_an_item_that_cannot_be_shown_holds_up_nothing(listened: World, emitted: Emitted) -> None:
    writes = three_messages(listened)
    listened.store(an_item_row(an_item("2", position=2, content={"parts": [{"kind": "unknown"}]})))

    listened.told(*writes)

    assert listened.clients.item_ids("visitor") == listened.clients.item_ids("team") == ["1", "3"]
    assert [line["error_type"] for line in emitted() if line.get("level") == "ERROR"] == ["KeyError"]


@pytest.mark.parametrize("table", ["table", "connections"])
def test_a_batch_is_read_again_where_the_database_does_not_answer(
    listened: World, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise unavailable()

    for operation in ("get_many", "query"):
        monkeypatch.setattr(getattr(listened, table), operation, refuse)
    event = a_batch([(OPENED.to_item(), None), *three_messages(listened)])

    response = listened.tell(event, Context())

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 1)}]}
    assert listened.clients.posts == 0


def test_a_batch_without_time_for_its_posts_is_read_again(listened: World) -> None:
    event = a_batch(three_messages(listened))

    response = listened.tell(event, Context(remaining_ms=3_000))

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert listened.clients.posts == 0


def test_log_and_metrics_hold_nothing_that_is_secret(
    listened: World, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feed.app._POSTS_SECONDS", 1.05)
    item = an_item("1", position=1, content={"text": "secret"})
    listened.store(an_item_row(item))
    before = replace(OPENED, metadata={"plan": "secret"})
    broken = {**before.to_item(), "metadata": "secret"}
    listened.clients.fails("visitor", always=Outcome.BUSY)
    listened.clients.fails("team", always=Outcome.GONE)

    listened.tell(a_batch([a_write(before, with_items(item, before=before)), (None, broken)]), Context())

    told = json.dumps(emitted())
    assert told
    assert not [secret for secret in ("secret", VISITOR, PUBLIC_KEY, PRIVATE_KEY) if secret in told]


# Removals -------------------------------------------------------------------------------------------------------------


def removed(item: TimelineItem) -> TimelineItem:
    return item.without_content(LATER, "user-1")


def a_removal(item: TimelineItem, newest: TimelineItem | None = None, before: Conversation = OPENED) -> Images:
    message = None if newest is None else newest.reference
    return before.to_item(), before.after_removal(item, message, None, "user-1").to_item()


def test_a_removed_last_message_is_told_with_the_conversation_as_it_is_then(listened: World) -> None:
    first, last = an_item("0"), an_item("1", position=1, content={"text": "secret"})
    before = a_conversation().with_items([first, last])
    listened.store(an_item_row(first), an_item_row(removed(last)))

    listened.told(a_removal(last, first, before))

    for who, by in (("visitor", {}), ("team", {"deletedByUserId": "user-1"})):
        frames = listened.clients.frames[who]
        assert [frame["type"] for frame in frames] == ["timelineItemUpdated", "conversationCreated"]
        item = frames[0]["payload"]["item"]
        assert (item["id"], item["text"], item["parts"], item["deletedAt"]) == ("1", None, [], LATER)
        assert {name: item[name] for name in item if name == "deletedByUserId"} == by
        assert frames[0]["payload"]["userId"] == "user-1"
        assert frames[1]["payload"]["conversation"]["lastTimelineItem"]["id"] == "0"
    assert "secret" not in json.dumps(listened.clients.frames)
    assert set(listened.clients.frames) == {"visitor", "team"}


def test_a_removed_item_that_is_no_last_message_is_told_alone(listened: World) -> None:
    first, last = an_item("0"), an_item("1", position=1)
    before = a_conversation().with_items([first, last])
    listened.store(an_item_row(removed(first)), an_item_row(last))

    listened.told(a_removal(first, before=before))

    assert [listened.clients.types(who) for who in ("visitor", "team")] == [["timelineItemUpdated"]] * 2


def test_a_removed_note_is_told_to_the_team_alone(listened: World) -> None:
    first, note = an_item("0"), an_item("1", position=1, visibility="private")
    before = a_conversation().with_items([first, note])
    listened.store(an_item_row(first), an_item_row(removed(note)))

    listened.told(a_removal(note, None, before))

    assert listened.clients.types("visitor") == []
    assert listened.clients.types("team") == ["timelineItemUpdated", "conversationCreated"]


def test_what_follows_a_removal_tells_of_it_no_more(listened: World) -> None:
    _, after = a_removal(an_item("0"))
    assert after is not None
    listened.store(an_item_row(removed(an_item("0"))))

    listened.told((after, {**after, "visitorLastSeenAt": LATER, "version": 9}))

    assert listened.clients.types("team") == ["conversationSeen"]


def test_an_erasure_is_not_told(listened: World) -> None:
    row = OPENED.to_item()

    listened.told((row, {**row, "incarnation": "new", "erasing": True}), (row, None))

    assert listened.clients.frames == {}
