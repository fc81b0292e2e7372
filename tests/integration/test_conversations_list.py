"""A visitor's conversations, as they are listed."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from api.app import create_handler
from api.routes.conversations import LIST
from support.deadlines import Deadline
from support.dynamodb.table import VISITOR as VISITOR_INDEX
from support.dynamodb.table import KeyRange, Table
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values import timestamps
from support.values.conversation import visitor_pk

from tests.builders import (
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.calls import visitor
from tests.client import Api, Stored
from tests.integration.test_timelines import set_status
from tests.reading import CALLERS, a_list, get, ids
from tests.stored import Storage

#: What Lambda answers with at most (AWS Lambda quotas).
LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024

Open = Callable[..., None]


@pytest.fixture
def open_at(api: Api, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open conversations of these ids at a second, or write items to them."""

    def call(second: int, *names: str, visitor: str = VISITOR, items: Iterable[dict[str, Any]] = ()) -> None:
        with monkeypatch.context() as clock:
            clock.setattr(timestamps, "now", lambda: f"2026-01-31T12:{second // 60:02}:{second % 60:02}.000Z")
            for name in names:
                body = {"visitorId": visitor, "conversationId": name, "defaultTimelineItems": list(items)}
                assert api(body).status == 200

    return call


def listed(api: Api, caller: str = "public", **query: str) -> list[str]:
    response = a_list(api, CALLERS[caller], **query)
    assert response.status == 200, response.body
    return ids(response.body["conversations"])


@pytest.mark.parametrize("caller", CALLERS)
def test_the_last_changed_comes_first_unless_another_order_is_asked_for(api: Api, open_at: Open, caller: str) -> None:
    for second, name in enumerate("abc"):
        open_at(second, name)
    open_at(10, "a", items=[a_message(id="later")])

    assert listed(api, caller) == ["a", "c", "b"]
    assert listed(api, caller, order="asc") == ["b", "c", "a"]
    assert listed(api, caller, orderBy="createdAt") == ["c", "b", "a"]
    assert listed(api, caller, orderBy="createdAt", order="asc") == ["a", "b", "c"]
    assert listed(api, caller, orderBy="updatedAt", order="desc") == ["a", "c", "b"]


@pytest.mark.parametrize("order_by", ["updatedAt", "createdAt"])
def test_ties_are_by_id(api: Api, open_at: Open, order_by: str) -> None:
    names = ["b", "-", "Z", "_", "10", "9", "a" * 64]
    open_at(0, *names)

    assert listed(api, orderBy=order_by, limit="100", order="asc") == sorted(names)
    assert listed(api, orderBy=order_by, limit="100") == sorted(names, reverse=True)


def test_a_private_note_moves_a_conversation_for_the_company_alone(api: Api, open_at: Open) -> None:
    open_at(0, "noted")
    open_at(1, "other")
    open_at(2, "noted", items=[a_message(visibility="private")])

    assert listed(api, "public") == ["other", "noted"]
    assert listed(api, "private") == ["noted", "other"]
    times = {caller: a_list(api, CALLERS[caller], orderBy="createdAt", order="asc").body for caller in CALLERS}
    assert times["public"]["conversations"][0]["updatedAt"] == "2026-01-31T12:00:00.000Z"
    assert times["private"]["conversations"][0]["updatedAt"] == "2026-01-31T12:00:02.000Z"
    assert times["public"]["pagination"] == times["private"]["pagination"]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, {"page": 1, "limit": 6, "total": 14, "totalPages": 3, "hasMore": True}),
        ({"page": "3"}, {"page": 3, "limit": 6, "total": 14, "totalPages": 3, "hasMore": False}),
        ({"page": "4"}, {"page": 4, "limit": 6, "total": 14, "totalPages": 3, "hasMore": False}),
        ({"page": "999999999"}, {"page": 999999999, "limit": 6, "total": 14, "totalPages": 3, "hasMore": False}),
        ({"limit": "7"}, {"page": 1, "limit": 7, "total": 14, "totalPages": 2, "hasMore": True}),
        ({"limit": "7", "page": "2"}, {"page": 2, "limit": 7, "total": 14, "totalPages": 2, "hasMore": False}),
        ({"limit": "100"}, {"page": 1, "limit": 100, "total": 14, "totalPages": 1, "hasMore": False}),
        ({"limit": "1", "page": "0014"}, {"page": 14, "limit": 1, "total": 14, "totalPages": 14, "hasMore": False}),
        ({"status": "open"}, {"page": 1, "limit": 6, "total": 12, "totalPages": 2, "hasMore": True}),
        ({"status": "closed"}, {"page": 1, "limit": 6, "total": 1, "totalPages": 1, "hasMore": False}),
    ],
)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_page_says_where_it_stands(
    api: Api, open_at: Open, storage: Storage, caller: str, query: dict[str, str], page: dict[str, int]
) -> None:
    names = [f"{number:02}" for number in range(14)]
    open_at(0, *names)
    set_status(storage, "13", "resolved")
    set_status(storage, "12", "spam")

    body = a_list(api, CALLERS[caller], **query).body

    # A visitor takes a spam conversation for a resolved one.
    takes_spam_for_closed = caller == "public" and query.get("status") == "closed"
    assert body["pagination"] == page | ({"total": 2} if takes_spam_for_closed else {})
    closed = {"private": ["13"], "public": ["12", "13"]}[caller]
    of_status = {"open": names[:12], "closed": closed}.get(query.get("status", ""), names)
    start = (page["page"] - 1) * page["limit"]
    assert ids(body["conversations"]) == of_status[::-1][start : start + page["limit"]]


def test_a_visitor_without_conversations_has_an_empty_page(api: Api) -> None:
    response = a_list(api, visitor(OTHER_VISITOR))

    assert response.body == {
        "conversations": [],
        "pagination": {"page": 1, "limit": 6, "total": 0, "totalPages": 0, "hasMore": False},
    }


def test_of_more_than_100_conversations_the_100_that_were_opened_last_are_listed(api: Api, open_at: Open) -> None:
    names = [f"{number:03}" for number in range(103)]
    for number, name in enumerate(names):
        open_at(number, name)
    # What is written to an older one does not bring it back.
    open_at(200, "001", items=[a_message()])

    assert listed(api, limit="100", orderBy="createdAt", order="asc") == names[3:]
    assert a_list(api, limit="30").body["pagination"]["total"] == 100
    assert [len(listed(api, limit="30", page=f"{page}")) for page in range(1, 6)] == [30, 30, 30, 10, 0]
    assert get(api, "001", visitor()).status == 200


@pytest.mark.parametrize("caller", CALLERS)
def test_a_list_shows_each_conversation_as_it_is_got(api: Api, open_at: Open, caller: str) -> None:
    for name in "abc":
        open_at(0, name, items=[a_message(f"{name} seen"), a_message(f"{name} hidden", visibility="private")])

    for conversation in a_list(api, CALLERS[caller]).body["conversations"]:
        assert conversation == get(api, conversation["id"], CALLERS[caller]).conversation


def test_visitors_websites_and_modes_are_listed_apart(api: Api) -> None:
    callers = {
        "mine": visitor(),
        "other visitor": visitor(OTHER_VISITOR),
        "live": {**visitor(), **public(LIVE_PUBLIC_KEY)},
        "other website": {**private(OTHER_PRIVATE_KEY), "x-visitor-id": VISITOR},
    }
    for name, headers in callers.items():
        assert (
            api(
                {"conversationId": "same", "metadata": {"of": name}}
                if name != "other visitor"
                else {"conversationId": "theirs", "metadata": {"of": name}},
                headers,
            ).status
            == 200
        )

    for name, headers in callers.items():
        response = a_list(api, headers)
        assert [one["metadata"] for one in response.body["conversations"]] == [{"of": name}]
        assert response.body["pagination"]["total"] == 1


@pytest.mark.parametrize("caller", CALLERS)
def test_an_expired_conversation_is_neither_listed_nor_counted_though_the_index_has_it(
    api: Api, open_at: Open, stored: Stored, storage: Storage, caller: str
) -> None:
    names = [f"{number:03}" for number in range(110)]
    for number, name in enumerate(names):
        open_at(number, name, items=[a_message()])
    gone = [item for item in stored() if str(item["PK"]).rpartition("#")[2] in {*names[-6:], "050"}]
    storage.let_expire(gone)

    body = a_list(api, CALLERS[caller], orderBy="createdAt", limit="100").body

    # In their place are those that were opened before.
    there = [name for name in names[:-6] if name != "050"][-100:]
    assert ids(body["conversations"]) == there[::-1]
    assert body["pagination"]["total"] == 100


def test_a_conversation_whose_id_another_visitor_has_now_is_theirs_alone(
    api: Api, open_at: Open, stored: Stored, storage: Storage
) -> None:
    open_at(0, "c", items=[a_message("mine")])
    storage.let_expire(stored())
    open_at(1, "c", visitor=OTHER_VISITOR, items=[a_message("theirs")])

    assert listed(api) == []
    [theirs] = a_list(api, visitor(OTHER_VISITOR)).body["conversations"]
    assert theirs["lastTimelineItem"]["text"] == "theirs"


def test_it_is_theirs_alone_while_the_index_is_behind_too(
    api: Api,
    open_at: Open,
    database: Table,
    stored: Stored,
    storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_at(0, "c")
    entries = database.query(VISITOR_INDEX, visitor_pk(WEBSITE, "test", VISITOR), KeyRange(), Deadline.after(60))
    assert len(entries) == 1
    storage.let_expire(stored())
    open_at(1, "c", visitor=OTHER_VISITOR)
    monkeypatch.setattr(database, "query", lambda *_, **__: entries * 2)

    assert listed(api) == []
    assert ids(a_list(api, visitor(OTHER_VISITOR)).body["conversations"]) == ["c"]


def test_an_id_that_is_used_again_by_its_visitor_is_listed_once(
    api: Api, open_at: Open, stored: Stored, storage: Storage
) -> None:
    open_at(5, "c", items=[a_message("old")])
    storage.let_expire(stored())
    open_at(0, "c", items=[a_message("new")])

    [one] = a_list(api).body["conversations"]
    assert (one["createdAt"], one["lastTimelineItem"]["text"]) == ("2026-01-31T12:00:00.000Z", "new")


def test_the_largest_list_fits_into_an_answer(api: Api, database: Table) -> None:
    """A hundred previews beside the largest metadata, of what takes most room in the JSON string of an answer."""
    metadata = {"m": '"' * ((16_384 - 8) // 2)}
    claim = "\0" * 64
    message = a_message("\0" * 2_500, id="i" * 64, userId=claim, aiAgentId=claim)
    for number in range(100):
        fields = {"conversationId": f"{number:064}", "channel": claim, "metadata": metadata}
        assert api(a_body(**fields, defaultTimelineItems=[message])).status == 200
    handler = create_handler(database, KeyRing(database, 60), RateLimiter(database, 0), SETTINGS)

    response = handler(an_event(None, CALLERS["private"], route=LIST, query={"limit": "100"}), Context())

    assert len(json.loads(response["body"])["conversations"]) == 100
    assert len(json.dumps(response, ensure_ascii=False).encode()) < LAMBDA_ANSWER_BYTES
