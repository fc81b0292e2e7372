"""The function that publishes events: what a write makes, and that no event is lost on its way to the bus."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from publisher.app import Handler
from publisher.events import event_of
from support.aws.client import NoResponse
from support.dynamodb.items import Item
from support.dynamodb.stream import read_records
from support.values.conversation import Conversation
from support.values.file import File, FilePlace

from tests.builders import ORGANIZATION, VISITOR, WEBSITE, Context
from tests.client import Emitted
from tests.publishing import BUS, Fate, Services, publisher_over
from tests.streams import (
    WRITTEN_AT,
    Images,
    a_batch,
    a_conversation,
    a_visitor,
    an_item,
    an_item_row,
    sequence_number,
)

OPENED = a_conversation(item_count=2, metadata={"plan": "secret"})
LATER = "2026-01-31T12:00:01.000Z"

_OF_THE_CONVERSATION = {
    "id": "c",
    "websiteId": WEBSITE,
    "organizationId": ORGANIZATION,
    "mode": "test",
    "visitorKey": "0f" * 16,
}
CREATED = {
    **_OF_THE_CONVERSATION,
    "channel": "widget",
    "itemCount": "2",
    "createdAt": "2026-01-31T12:00:00.000Z",
}


def event_for(before: Item | None, after: Item | None) -> tuple[str, Any] | None:
    """Return the kind and the detail of the event that a write makes."""
    [record] = read_records(a_batch([(before, after)]))
    event = event_of(record)
    return None if event is None else (event.detail_type, event.detail)


def changed(**fields: Any) -> Conversation:
    """Return the conversation after an update."""
    return replace(OPENED, version=2, updated_at=LATER, **fields)


# What a write makes ---------------------------------------------------------------------------------------------------


def test_an_opening_is_conversation_created() -> None:
    assert event_for(None, OPENED.to_item()) == ("conversation.created", CREATED)


def test_an_opening_where_an_expired_conversation_was_is_conversation_created() -> None:
    expired = a_conversation(incarnation="earlier", version=7, status="resolved").to_item()

    assert event_for(expired, OPENED.to_item()) == ("conversation.created", CREATED)


def test_who_a_visitor_is_is_visitor_identified_without_a_name_or_an_address() -> None:
    told = event_for(a_visitor().to_item(), a_visitor(verified=("externalId", "email"), external_id="canary").to_item())

    assert told == (
        "visitor.identified",
        {
            "contactId": "01JDEM0C0NTACT000000000000",
            "websiteId": WEBSITE,
            "organizationId": ORGANIZATION,
            "mode": "test",
            "visitorKey": "0f" * 16,
            "verified": ["externalId", "email"],
            "updatedAt": "2026-01-31T12:00:00.000Z",
        },
    )


@pytest.mark.parametrize("after", [a_visitor(identified=None).to_item(), None])
def test_nothing_else_of_a_visitor_is_an_event(after: Item | None) -> None:
    assert event_for(a_visitor().to_item(), after) is None


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"status": "resolved"}, ["status"]),
        ({"status": "spam"}, ["status"]),
        ({"title": "A title"}, ["title"]),
        ({"visitor_rating": 4, "visitor_rating_at": LATER}, ["rating"]),
        ({"status": "resolved", "title": "A title"}, ["status", "title"]),
    ],
)
def test_status_title_and_rating_are_conversation_updated(fields: dict[str, Any], names: list[str]) -> None:
    assert event_for(OPENED.to_item(), changed(**fields).to_item()) == (
        "conversation.updated",
        {
            **_OF_THE_CONVERSATION,
            "changed": names,
            "status": fields.get("status", "open"),
            "title": fields.get("title"),
            "rating": fields.get("visitor_rating"),
            "updatedAt": LATER,
        },
    )


def test_the_same_rating_again_is_conversation_updated() -> None:
    rated = changed(visitor_rating=4, visitor_rating_at=LATER)
    again = replace(rated, version=3, visitor_rating_at="2026-01-31T12:00:02.000Z")

    kind, detail = event_for(rated.to_item(), again.to_item()) or ("", {})

    assert (kind, detail["changed"], detail["rating"]) == ("conversation.updated", ["rating"], 4)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(changed(item_count=3, wrote=["i"]).to_item(), id="a message"),
        pytest.param(changed(metadata={"plan": "other"}).to_item(), id="metadata"),
        pytest.param(changed(visitor_last_seen_at=LATER).to_item(), id="seen by the visitor"),
        pytest.param({**changed(status="resolved").to_item(), "erasing": True}, id="an erasure"),
        pytest.param({**changed(incarnation="new").to_item(), "erasing": True}, id="an erasure, with its incarnation"),
        pytest.param(None, id="a deletion, or an expiry"),
    ],
)
def test_another_write_of_a_conversation_is_no_event(after: Item | None) -> None:
    assert event_for(OPENED.to_item(), after) is None


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({"visitor_id": VISITOR}, "visitor"),
        ({"visitor_id": None, "user_id": "user-1"}, "user"),
        ({"visitor_id": None, "ai_agent_id": "agent-1"}, "aiAgent"),
        ({"visitor_id": None, "visibility": "private", "type": "event"}, "nobody"),
    ],
)
@pytest.mark.parametrize("before", [None, an_item_row(an_item("i"), a_conversation(incarnation="earlier"))])
def test_an_item_is_timeline_item_created(fields: dict[str, Any], author: str, before: Item | None) -> None:
    item = an_item("i", **fields)

    assert event_for(before, an_item_row(item)) == (
        "timeline_item.created",
        {
            "id": "i",
            "conversationId": "c",
            "websiteId": WEBSITE,
            "mode": "test",
            "type": item.type,
            "visibility": item.visibility,
            "author": author,
            "createdAt": item.created_at,
        },
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(an_item_row(), None, id="an item that is deleted, or expires"),
        pytest.param(None, {"PK": "CONVERSATION#w#test#c", "SK": "SEEN#user#u", "lastSeenAt": LATER}, id="seen"),
        pytest.param(None, {"PK": "WEBSITES", "SK": "w"}, id="a website"),
    ],
)
def test_another_row_is_no_event(before: Item | None, after: Item | None) -> None:
    assert event_for(before, after) is None


def test_a_removal_is_timeline_item_removed_and_says_nothing_of_the_content() -> None:
    item = an_item("i", content={"text": "secret"})
    before, row = an_item_row(item), an_item_row(item.without_content(LATER, "user-1"))

    assert event_for(before, row) == (
        "timeline_item.removed",
        {
            "id": "i",
            "conversationId": "c",
            "websiteId": WEBSITE,
            "mode": "test",
            "type": "message",
            "visibility": "public",
            "author": "visitor",
            "createdAt": item.created_at,
            "deletedAt": LATER,
        },
    )
    assert event_for(OPENED.to_item(), OPENED.after_removal(item, None, None, None).to_item()) is None


# The way to the bus ---------------------------------------------------------------------------------------------------


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def publish(services: Services, monkeypatch: pytest.MonkeyPatch) -> Handler:
    monkeypatch.setattr("support.deadlines.time.sleep", lambda _: None)
    return publisher_over(services)


def items(number: int) -> list[Images]:
    """Return writes of so many items, named by their numbers."""
    return [(None, an_item_row(an_item(str(position)))) for position in range(number)]


def ids(services: Services) -> list[str]:
    return [detail["id"] for detail in services.details()]


def failures(response: Any) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def test_a_batch_is_published_ten_at_a_time(publish: Handler, services: Services) -> None:
    event = a_batch(items(25))

    assert failures(publish(event, Context())) == []
    assert services.calls == [10, 10, 5]
    assert ids(services) == [str(number) for number in range(25)]
    assert {(entry["EventBusName"], entry["Source"]) for entry in services.events} == {(BUS, "conversations")}


def test_a_batch_without_events_asks_nobody(publish: Handler, services: Services) -> None:
    assert failures(publish(a_batch([(OPENED.to_item(), None)]), Context())) == []
    assert services.calls == []


def test_what_the_bus_did_not_take_is_sent_again_alone(publish: Handler, services: Services) -> None:
    services.fails("events", [None, "ThrottlingException", None, "MalformedDetail"], [None, "InternalFailure"])

    assert failures(publish(a_batch(items(4)), Context())) == []
    assert services.calls == [4, 2, 1]
    assert ids(services) == ["0", "2", "1", "3"]
    assert services.kept == []


def test_what_the_bus_refuses_three_times_is_kept_as_the_event(publish: Handler, services: Services) -> None:
    services.fails("events", [None, "MalformedDetail"], ["MalformedDetail"], ["MalformedDetail"])

    assert failures(publish(a_batch(items(12)), Context())) == []
    assert ids(services) == [str(number) for number in range(12) if number != 1]
    [kept] = services.kept
    assert (kept["EventBusName"], kept["Source"], kept["DetailType"]) == (BUS, "conversations", "timeline_item.created")
    assert json.loads(kept["Detail"])["id"] == "1"


BUSY: list[Fate] = [
    ["ThrottlingException"] * 10,
    ["InternalFailure"] * 10,
    400,
    429,
    503,
    b"",
    b'{"FailedEntryCount": 0, "Entries": []}',
    b'{"FailedEntryCount": 0, "Entr',
    NoResponse("ReadTimeoutError"),
]


@pytest.mark.parametrize("fate", BUSY, ids=str)
def test_a_busy_bus_is_tried_again(publish: Handler, services: Services, fate: Fate) -> None:
    services.fails("events", fate, fate)

    assert failures(publish(a_batch(items(10)), Context())) == []
    assert ids(services) == [str(number) for number in range(10)]


@pytest.mark.parametrize("fate", BUSY, ids=str)
def test_a_bus_that_stays_busy_holds_the_rest_of_the_batch(publish: Handler, services: Services, fate: Fate) -> None:
    services.fails("events", [None] * 10, always=fate)
    event = a_batch(items(25))

    assert failures(publish(event, Context())) == [sequence_number(event, 10)]
    assert ids(services) == [str(number) for number in range(10)]
    assert services.kept == []


def test_a_held_batch_begins_at_the_record_of_the_first_event_that_is_left(
    publish: Handler, services: Services
) -> None:
    """Records that make no event are done, wherever they are."""
    seen = replace(OPENED, version=2, visitor_last_seen_at=LATER)
    event = a_batch([(OPENED.to_item(), seen.to_item()), *items(1)])
    services.fails("events", always=503)

    assert failures(publish(event, Context())) == [sequence_number(event, 1)]


def test_a_batch_that_has_no_time_left_is_held(publish: Handler, services: Services) -> None:
    event = a_batch(items(1))

    assert failures(publish(event, Context(remaining_ms=1_000))) == [sequence_number(event, 0)]
    assert services.calls == []


def test_events_that_have_waited_for_half_a_day_are_kept_before_the_stream_forgets_them(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.deadlines.time.sleep", lambda _: None)
    services.fails("events", always=503)
    event = a_batch(items(12))

    late = publisher_over(services, clock=lambda: WRITTEN_AT + 12 * 3600 + 1)

    assert failures(late(event, Context())) == []
    assert [json.loads(entry["Detail"])["id"] for entry in services.kept] == [str(number) for number in range(12)]


@pytest.mark.parametrize("fate", [429, 503, b"", b'{"MD5OfMessageBody": "other"}', NoResponse("ReadTimeoutError")])
def test_an_event_that_neither_bus_nor_queue_takes_is_held(publish: Handler, services: Services, fate: Fate) -> None:
    services.fails("events", always=["MalformedDetail"] * 10)
    services.fails("sqs", always=fate)
    event = a_batch(items(2))

    assert failures(publish(event, Context())) == [sequence_number(event, 0)]


def test_a_record_that_cannot_be_read_holds_up_no_other(publish: Handler, services: Services, emitted: Emitted) -> None:
    event = a_batch([(None, {"PK": "CONVERSATION#w#test#c", "SK": "ITEM#broken"}), *items(1)])

    assert failures(publish(event, Context())) == []
    assert ids(services) == ["0"]
    lines = emitted()
    assert [line["error_type"] for line in lines if line.get("level") == "ERROR"] == ["KeyError"]
    assert [line["EventsLost"] for line in lines if "EventsLost" in line] == [[1.0]]


def test_the_largest_events_fit_into_one_call(publish: Handler, services: Services) -> None:
    """`Services` holds a call to its 256 KB."""
    ids_ = [f"{number:064}" for number in range(10)]
    before = [a_conversation(id=id_, channel="\x01" * 64) for id_ in ids_]
    after = [replace(one, version=2, title="\x01" * 255) for one in before]

    publish(a_batch([(one.to_item(), two.to_item()) for one, two in zip(before, after, strict=True)]), Context())

    assert services.calls == [10]


def test_what_becomes_of_events_is_counted(publish: Handler, services: Services, emitted: Emitted) -> None:
    services.fails("events", ["MalformedDetail", None], ["MalformedDetail"], ["MalformedDetail"], always=503)
    publish(a_batch(items(2)), Context())
    publish(a_batch(items(3)), Context())

    found = [line for line in emitted() if "_aws" in line]

    names = ("EventsPublished", "EventsRefused", "EventsHeld")
    assert [{name: sum(line[name]) for name in names if name in line} for line in found] == [
        {"EventsPublished": 1, "EventsRefused": 1},
        {"EventsHeld": 3, "EventsPublished": 0},
    ]
    assert {line["stage"] for line in found} == {"local"}


def test_neither_events_nor_log_hold_what_was_said(
    publish: Handler, services: Services, emitted: Callable[[], list[dict[str, Any]]]
) -> None:
    services.fails("events", ["MalformedDetail"] * 2, ["MalformedDetail"] * 2, ["MalformedDetail"] * 2)
    item = an_item("i", content={"text": "secret"})
    services.fails("events", always=503)
    broken = {**OPENED.to_item(), "metadata": "secret"}

    publish(a_batch([(None, OPENED.to_item()), (None, an_item_row(item)), (None, broken)]), Context())
    publish(a_batch([(None, an_item_row(item))]), Context())

    told = json.dumps([services.events, services.kept, emitted()])
    assert services.kept
    assert "secret" not in told
    assert VISITOR not in told


# Erasures -------------------------------------------------------------------------------------------------------------


def erasing_row(**fields: Any) -> Item:
    return {**changed(incarnation="new").to_item(), "erasing": True, **fields}


def test_an_erasure_that_begins_is_handed_over_once(publish: Handler, services: Services) -> None:
    begun = (OPENED.to_item(), erasing_row())

    event = a_batch([begun, (erasing_row(), erasing_row(incarnation="newer")), (erasing_row(), None), *items(1)])

    assert failures(publish(event, Context())) == []
    assert services.erasures == [{"conversationPK": OPENED.pk}]
    assert ids(services) == ["0"]


def file_row(**fields: Any) -> Item:
    file = File(FilePlace(WEBSITE, "test", "c", "0" * 26), "image/png", "a.png", LATER)
    return {**file.to_item(), **fields}


@pytest.mark.parametrize("after", [None, file_row(deletedAt=LATER)])
def test_a_file_that_is_gone_is_handed_over_once_after_requests_that_found_it(
    publish: Handler, services: Services, after: Item | None
) -> None:
    event = a_batch([(None, file_row()), (file_row(), file_row(ttl=1)), (file_row(), after), *items(1)])

    assert failures(publish(event, Context())) == []
    assert services.files == [({"PK": OPENED.pk, "SK": "FILE#" + "0" * 26}, 60)]
    assert ids(services) == ["0"]


def test_a_file_that_the_queue_does_not_take_is_held(publish: Handler, services: Services) -> None:
    services.fails("sqs", always=503)
    event = a_batch([*items(2), (file_row(), None), *items(1)])

    assert failures(publish(event, Context())) == [sequence_number(event, 2)]


@pytest.mark.parametrize("fate", [503, b"", b'{"MD5OfMessageBody": "other"}', NoResponse("ReadTimeoutError")])
def test_an_erasure_that_the_queue_does_not_take_is_held(publish: Handler, services: Services, fate: Fate) -> None:
    services.fails("sqs", always=fate)
    event = a_batch([*items(2), (OPENED.to_item(), erasing_row()), *items(1)])

    assert failures(publish(event, Context())) == [sequence_number(event, 2)]
    assert ids(services) == ["0", "1"]


def test_a_batch_begins_again_at_the_first_of_what_bus_and_queue_did_not_take(
    publish: Handler, services: Services
) -> None:
    services.fails("sqs", always=503)
    services.fails("events", always=503)
    event = a_batch([*items(1), (OPENED.to_item(), erasing_row())])

    assert failures(publish(event, Context())) == [sequence_number(event, 0)]


ERASED = {name: value for name, value in _OF_THE_CONVERSATION.items() if name != "id"}


def test_a_conversation_that_goes_with_its_visitor_is_visitor_erased_once() -> None:
    row = erasing_row(withVisitor=True)

    assert event_for(OPENED.to_item(), row) == ("visitor.erased", {**ERASED, "conversationIds": ["c"]})
    assert event_for(row, {**row, "version": 9}) is None
    assert event_for(row, None) is None


def test_the_end_of_an_erasure_is_visitor_erased_if_the_visitor_was_known() -> None:
    gate: Item = {"PK": "VISITOR#w#test#v", "SK": "GATE", "erasing": "1"}
    told: Item = {**gate, **ERASED}
    blocked: Item = {"PK": gate["PK"], "SK": "GATE", "blockedAt": LATER}

    assert event_for(told, None) == event_for(told, blocked) == ("visitor.erased", {**ERASED, "conversationIds": []})
    assert [event_for(gate, None), event_for(gate, told), event_for(told, {**told, "nothingFoundAt": 1})] == [None] * 3
