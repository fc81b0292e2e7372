"""Blocking a visitor: what it stops, and what goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from api.routes import seen, timelines, typing, visitors, websites
from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Insert
from support.dynamodb.table import Table
from support.values.visitor import GATE_SK, Gate, visitor_row

from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.calls import ID, change, get, open_one, rate, read_inbox, see, send, timeline, user, visitor
from tests.client import Api, Response, Stored, api_over
from tests.stored import Storage

LATER = 4_000_000_000


def block(api: Api, headers: dict[str, str] | None = None, id_: str = VISITOR) -> Response:
    return api(None, headers, route=visitors.BLOCK, visitorId=id_)


def unblock(api: Api, headers: dict[str, str] | None = None, id_: str = VISITOR) -> Response:
    return api(None, headers, route=visitors.UNBLOCK, visitorId=id_)


def open_as_visitor(api: Api, *items: object, id_: str = "new", **headers: str) -> Response:
    return api(a_body(conversationId=id_, defaultTimelineItems=items), {**public(), **headers})


def start_over(api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))


WRITES: dict[str, Callable[[Api], Response]] = {
    "opens": lambda api: open_as_visitor(api, a_message()),
    "opens with nothing": open_as_visitor,
    "opens with as many items as fit": lambda api: open_as_visitor(api, *(a_message(str(n)) for n in range(99))),
    "opens under an Idempotency-Key": lambda api: api(a_body(), {**public(), "idempotency-key": "a"}),
    "adds by opening again": lambda api: open_as_visitor(api, a_message("Hi!", id="first"), a_message(), id_=ID),
    "sends": lambda api: send(api, visitor(), text="Hello"),
    "sends under an id": lambda api: send(api, visitor(), text="Hello", id="second"),
    "rates": lambda api: rate(api, visitor(), rating=1),
    "types": lambda api: api({"isTyping": True}, visitor(), route=typing.SIGNAL, conversationId=ID),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_blocked_visitor_writes_nothing(api: Api, stored: Stored, write: Callable[[Api], Response]) -> None:
    start_over(api)
    if write is WRITES["rates"]:
        change(api, "resolve")
    assert block(api).status == 200
    before = stored()

    refused = write(api)

    assert (refused.status, refused.code) == (409, "VISITOR_BLOCKED")
    assert stored() == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_unblocked_visitor_writes_again(api: Api, write: Callable[[Api], Response]) -> None:
    start_over(api)
    if write is WRITES["rates"]:
        change(api, "resolve")
    block(api)
    assert unblock(api).status == 200

    assert write(api).status == 200


REPLAYS: dict[str, Callable[[Api], Response]] = {
    "opens": lambda api: open_as_visitor(api, a_message("Hi!", id="first"), id_=ID),
    "opens with nothing": lambda api: open_as_visitor(api, id_=ID),
    "opens with as many items as fit": lambda api: open_as_visitor(
        api, *(a_message(str(n), id=f"i{n}") for n in range(99)), id_="many"
    ),
    "opens under an Idempotency-Key": lambda api: api(
        a_body(defaultTimelineItems=[a_message()]), {**public(), "idempotency-key": "a"}
    ),
    "sends": lambda api: send(api, visitor(), text="Hello", id="second"),
    "rates": lambda api: rate(api, visitor(), rating=1, id_="rated"),
}


@pytest.mark.parametrize("replay", REPLAYS.values(), ids=REPLAYS)
def test_what_a_visitor_wrote_before_the_block_is_answered_again(
    api: Api, stored: Stored, replay: Callable[[Api], Response]
) -> None:
    open_one(api, id_="rated")
    change(api, "resolve", id_="rated")
    start_over(api)
    written = replay(api)
    assert written.status == 200
    block(api)
    before = stored()

    again = replay(api)

    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.body == written.body
    assert stored() == before


def test_reading_seen_and_what_a_page_tells_go_on(api: Api) -> None:
    start_over(api)
    block(api)

    assert [item["id"] for item in timeline(api, visitor())] == ["first"]
    assert see(api, visitor()).status == 200
    assert api(None, visitor(), route=seen.GET, conversationId=ID).status == 200
    assert api(None, visitor(), route=timelines.GET, conversationId=ID).status == 200
    assert api({"browser": "Chrome"}, visitor(), route=visitors.PATCH, visitorId=VISITOR).body["isBlocked"] is True
    assert api({}, visitor(), route=visitors.TELL, visitorId=VISITOR).status == 200


def test_what_the_company_writes_goes_on(api: Api) -> None:
    start_over(api)
    block(api)

    assert send(api, user(), text="Hello").status == 200
    assert api(a_body(conversationId="new"), private()).status == 200
    assert api(a_body(conversationId=ID, defaultTimelineItems=[a_message("More")]), private()).status == 200


def test_others_are_not_blocked(api: Api) -> None:
    block(api)

    other = {"visitorId": OTHER_VISITOR, "defaultTimelineItems": [a_message()]}
    assert api(other, public()).status == 200
    live = public(LIVE_PUBLIC_KEY)
    assert api(a_body(), live).status == 200


@pytest.mark.parametrize("key", [OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY], ids=["website", "mode"])
def test_another_tenant_blocks_nobody_here(api: Api, key: str) -> None:
    assert block(api, private(key)).status == 200

    assert open_as_visitor(api, a_message()).status == 200


def test_the_team_sees_who_blocked_whom_and_the_visitor_does_not(api: Api) -> None:
    start_over(api)
    blocked = block(api, user("user-7")).body
    assert (blocked["isBlocked"], blocked["blockedByUserId"]) == (True, "user-7")
    assert blocked["blockedAt"] is not None

    for conversation in (get(api), read_inbox(api).body["items"][0]):
        shown = conversation["visitor"]
        assert (shown["isBlocked"], shown["blockedAt"], shown["blockedByUserId"]) == (
            True,
            blocked["blockedAt"],
            "user-7",
        )
    own = api({}, visitor(), route=visitors.PATCH, visitorId=VISITOR).body
    assert (own["isBlocked"], own["blockedAt"], own["blockedByUserId"]) == (True, None, None)
    website = api(None, visitor(), route=websites.GET).body["visitor"]
    assert website == {"id": VISITOR, "isBlocked": True, "language": None, "contact": None}

    after = unblock(api, user()).body
    assert (after["isBlocked"], after["blockedAt"], after["blockedByUserId"]) == (False, None, None)
    assert api(None, visitor(), route=websites.GET).body["visitor"]["isBlocked"] is False


def test_a_block_and_its_end_can_be_repeated(api: Api) -> None:
    first = block(api, user("user-1"))
    again = block(api, user("user-2"))
    assert "idempotent-replayed" not in first.headers
    assert (again.headers["idempotent-replayed"], again.body) == ("true", first.body)

    ended = unblock(api)
    again = unblock(api)
    assert "idempotent-replayed" not in ended.headers
    assert (again.headers["idempotent-replayed"], again.body) == ("true", ended.body)


def test_who_was_never_blocked_and_is_not_known_may_be_unblocked(api: Api, storage: Storage) -> None:
    response = unblock(api)

    assert (response.status, response.headers["idempotent-replayed"]) == (200, "true")
    assert (response.body["id"], response.body["isBlocked"]) == (VISITOR, False)
    assert storage.scan("VISITOR#") == []


def test_two_blocks_at_once_are_one(database: Table, storage: Storage) -> None:
    api, other, transact = api_over(database), api_over(storage.table()), database.transact

    def come_second(*arguments: Any, **named: Any) -> None:
        database.transact = transact  # type: ignore[method-assign]
        assert block(other, user("user-1")).status == 200
        transact(*arguments, **named)

    database.transact = come_second  # type: ignore[method-assign]
    response = block(api, user("user-2"))

    assert (response.headers["idempotent-replayed"], response.body["blockedByUserId"]) == ("true", "user-1")


def test_a_block_does_not_expire(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    block(api)
    monkeypatch.setattr("time.time", lambda: LATER)

    assert open_as_visitor(api, a_message()).code == "VISITOR_BLOCKED"


def test_no_key_opens_a_conversation_for_a_visitor_who_is_being_erased(
    api: Api, database: Table, stored: Stored
) -> None:
    key = visitor_row(WEBSITE, "test", VISITOR, GATE_SK)
    database.transact(
        [Insert(Gate("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", erasing="1").to_item(key))],
        Deadline.after(60),
    )

    for headers in (public(), private()):
        for count in (1, 99):
            items = [a_message(str(n)) for n in range(count)]
            assert api(a_body(defaultTimelineItems=items), headers).code == "VISITOR_BLOCKED"
    assert stored() == []

    # An end of a block is no end of an erasure.
    block(api)
    unblock(api)
    assert api(a_body(), private()).code == "VISITOR_BLOCKED"


@pytest.mark.parametrize("call", [block, unblock])
def test_what_is_no_visitor_is_a_404(api: Api, storage: Storage, call: Callable[..., Response]) -> None:
    assert call(api, id_="no-ulid").code == "HTTP_404"
    assert storage.scan("VISITOR#") == []


def test_a_visitor_blocks_nobody(api: Api) -> None:
    for call in (block, unblock):
        assert call(api, visitor()).code == "PRIVATE_KEY_REQUIRED"


def test_a_page_has_a_widget_when_nothing_can_be_read_of_its_visitor(database: Table, api: Api) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise unavailable()

    api(None, visitor(), route=websites.GET)
    database.get_many = fail  # type: ignore[method-assign]

    response = api(None, visitor(), route=websites.GET)

    assert response.status == 200
    assert response.body["visitor"] == {"id": VISITOR, "isBlocked": False, "language": None, "contact": None}
