"""Feedback: giving it, and listing it."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from api.app import create_handler
from api.routes import feedback
from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Insert
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values import timestamps
from support.values.visitor import GATE_SK, Gate, Visitor, visitor_row

from tests import demo
from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    WEBSITE,
    Context,
    an_event,
    private,
    public,
)
from tests.calls import ID, change, open_one, rate, visitor
from tests.client import Api, Emitted, Response, api_over
from tests.fakes import FakeTable
from tests.stored import Storage

CANARY = "canary-5c1e"
NOON = 1_795_521_600
A_DAY = 86_400

SAID = {"rating": 4, "topic": "search", "comment": "Found it. 🎉", "trigger": "after-search", "source": "page"}


def give(api: Api, headers: Mapping[str, str] | None = None, /, **body: Any) -> Response:
    return api({"rating": 5, **body}, visitor() if headers is None else headers, route=feedback.GIVE)


def listed(api: Api, headers: Mapping[str, str] | None = None, /, **query: str) -> Response:
    return api(None, headers, route=feedback.LIST, query=query)


def comments(response: Response) -> list[str]:
    assert response.status == 200, response.body
    return [one["comment"] for one in response.body["feedback"]]


def walk(api: Api, **query: str) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while cursor or not pages:
        response = listed(api, **query, **cursor)
        pages.append(comments(response))
        cursor = {} if response.body["nextCursor"] is None else {"cursor": response.body["nextCursor"]}
    return pages


def gate(storage: Storage, **closed: Any) -> None:
    row = Gate("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z", **closed)
    item = row.to_item(visitor_row(WEBSITE, "test", VISITOR, GATE_SK))
    storage.table().transact([Insert(item)], Deadline.after(60))


def at(storage: Storage, monkeypatch: pytest.MonkeyPatch, epoch: float, retention_days: int = 0) -> Api:
    """Move the clock, and return the API, which keeps feedback for so many days."""
    monkeypatch.setattr("time.time", lambda: epoch)
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.from_epoch(epoch))
    settings = replace(SETTINGS, retention_days={"live": retention_days, "test": retention_days})
    return api_over(storage.table(), settings=settings)


def test_feedback_is_answered_and_listed_as_it_was_given(api: Api) -> None:
    open_one(api)
    response = give(api, conversationId=ID, **SAID)
    given = response.body["feedback"]

    assert (response.status, "idempotent-replayed" in response.headers) == (201, False)
    assert given == {
        **SAID,
        "id": given["id"],
        "websiteId": WEBSITE,
        "organizationId": ORGANIZATION,
        "conversationId": ID,
        "visitorId": VISITOR,
        "contactId": None,
        "createdAt": given["createdAt"],
        "updatedAt": given["createdAt"],
    }
    assert listed(api).body == {"feedback": [given], "nextCursor": None}


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(("topic", "comment", "trigger", "source", "conversationId"))])
def test_a_rating_is_enough(api: Api, absent: dict[str, None]) -> None:
    given = give(api, **absent, unknown=1).body["feedback"]

    assert given.pop("source") == "widget"
    assert [given[name] for name in ("topic", "comment", "trigger", "conversationId")] == [None] * 4


def test_empty_texts_are_kept_and_an_empty_id_is_absent(api: Api) -> None:
    empty = dict.fromkeys(("topic", "comment", "trigger", "conversationId", "visitorId"), "")
    given = give(api, **empty).body["feedback"]

    assert [given[name] for name in ("topic", "comment", "trigger")] == [""] * 3
    assert (given["conversationId"], given["visitorId"]) == (None, VISITOR)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"rating": rating} for rating in (0, 6, 4.5, "5", True, None)),
        *({name: "x" * 257} for name in ("topic", "trigger", "source")),
        {"comment": "x" * 2_001},
        {"comment": 1},
        {"conversationId": "a b"},
        {"visitorId": "no-ulid"},
    ],
    ids=str,
)
def test_a_bad_value_is_a_400_that_names_it(api: Api, storage: Storage, wrong: dict[str, object]) -> None:
    assert give(api, **wrong).paths == list(wrong)
    assert storage.scan("VISITOR#") == []


def test_a_large_body_is_refused(api: Api) -> None:
    assert give(api, more="x" * 32_768).code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("headers", [public(), private()], ids=["public", "private"])
def test_somebody_must_give_it(api: Api, headers: dict[str, str]) -> None:
    assert give(api, headers).code == "VISITOR_ID_REQUIRED"
    assert give(api, headers, visitorId=VISITOR).status == 201


def test_the_same_again_on_the_same_day_changes_nothing(api: Api, storage: Storage) -> None:
    given = give(api, **SAID)
    before = storage.scan("VISITOR#")

    again = give(api, **SAID)

    assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.body == given.body
    assert storage.scan("VISITOR#") == before


def test_something_else_or_somebody_else_s_is_another_feedback(api: Api) -> None:
    open_one(api)
    changes: list[dict[str, Any]] = [
        {},
        {"rating": 3},
        *({name: None} for name in ("topic", "comment", "trigger")),
        {"source": None},
        {"comment": ""},
        {"conversationId": ID},
    ]
    responses = [give(api, headers, **SAID | said) for said in changes for headers in (visitor(), private_visitor())]
    responses.append(give(api, visitor(OTHER_VISITOR), **SAID))

    assert len({response.body["feedback"]["id"] for response in responses}) == len(responses) == 17
    assert len(listed(api).body["feedback"]) == 17


def private_visitor() -> dict[str, str]:
    return {**private(), "x-visitor-id": VISITOR}


def test_the_same_on_the_next_day_is_another_feedback(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = NOON + A_DAY // 2 - 1
    first, same, next_day = (give(at(storage, monkeypatch, evening + later)) for later in (-60, 0, 1))

    assert same.body == first.body
    assert next_day.body["feedback"]["id"] != first.body["feedback"]["id"]
    assert "idempotent-replayed" not in next_day.headers


@pytest.mark.parametrize("headers", [visitor(OTHER_VISITOR), {**private(), "x-visitor-id": OTHER_VISITOR}])
def test_a_conversation_must_be_the_visitor_s(api: Api, storage: Storage, headers: dict[str, str]) -> None:
    open_one(api)

    for id_ in (ID, "unknown"):
        assert give(api, headers, conversationId=id_).code == "HTTP_404"
    assert storage.scan("VISITOR#") == []


def test_it_names_the_contact_that_the_visitor_has(api: Api, storage: Storage) -> None:
    row = Visitor(VISITOR, WEBSITE, ORGANIZATION, "test", "key", timestamps.now(), timestamps.now(), contact_id="C1")
    storage.table().transact([Insert(row.to_item())], Deadline.after(60))

    assert give(api).body["feedback"]["contactId"] == "C1"
    assert give(api, visitor(OTHER_VISITOR)).body["feedback"]["contactId"] is None


def test_a_blocked_visitor_gives_none_but_what_was_given_is_answered(api: Api, storage: Storage) -> None:
    given = give(api, **SAID)
    gate(storage, blocked_at="2026-01-31T12:00:00.000Z")
    before = storage.scan("VISITOR#")

    refused, again = give(api, comment="More"), give(api, **SAID)

    assert (refused.status, refused.code) == (409, "VISITOR_BLOCKED")
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, given.body, "true")
    assert storage.scan("VISITOR#") == before
    # What the company writes goes on, and so do others.
    assert give(api, private_visitor()).status == give(api, visitor(OTHER_VISITOR)).status == 201


@pytest.mark.parametrize("headers", [visitor(), private_visitor()], ids=["public", "private"])
def test_nothing_is_given_while_a_visitor_is_erased(api: Api, storage: Storage, headers: dict[str, str]) -> None:
    gate(storage, erasing="1")

    assert give(api, headers).code == "VISITOR_BLOCKED"


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "expired since"])
def test_a_lost_write_that_returns_nothing_looks_again(database: Table, *, is_stored: bool) -> None:
    """DynamoDB may leave out the item that is in the way, and it may expire in between."""
    api, transact = api_over(database), database.transact
    given = give(api, **SAID) if is_stored else None

    def return_nothing(actions: Sequence[Insert], _: Deadline) -> None:
        database.transact = transact  # type: ignore[method-assign]
        raise ConditionFailed([None, None], [actions[0].key])

    database.transact = return_nothing  # type: ignore[method-assign, assignment]
    again = give(api, **SAID)

    assert again.status == 201
    assert ("idempotent-replayed" in again.headers) == is_stored
    assert given is None or again.body == given.body


def test_the_newest_comes_first_on_pages_that_hold_each_once(api: Api) -> None:
    for number in range(7):
        give(api, visitor(f"01JDEM0V1S1T0R00000000000{number % 3}"), comment=str(number))
    newest_first = [str(number) for number in reversed(range(7))]

    assert walk(api) == walk(api, limit="7") == [newest_first]
    assert walk(api, limit="3") == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert walk(api, limit="1") == [[comment] for comment in newest_first]


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": limit} for limit in ("0", "101", "x", "")),
        *(
            {"cursor": base64.urlsafe_b64encode(text.encode()).decode()}
            for text in ("", "x", "2026-11-24T12:00:00.000Z#no-ulid")
        ),
    ],
    ids=str,
)
def test_a_bad_query_is_a_400_that_names_it(api: Api, query: dict[str, str]) -> None:
    refused = listed(api, **query)

    assert (refused.code, refused.paths) == ("VALIDATION_FAILED", list(query))


def test_the_company_lists_its_own_alone(api: Api) -> None:
    give(api, comment="ours")
    give(api, {**visitor(), **public(LIVE_PUBLIC_KEY)}, comment="live")

    assert listed(api, visitor()).code == "PRIVATE_KEY_REQUIRED"
    assert [comments(listed(api, private(key))) for key in (LIVE_PRIVATE_KEY, OTHER_PRIVATE_KEY)] == [["live"], []]
    assert comments(listed(api)) == ["ours"]


def test_ratings_of_conversations_are_not_listed(api: Api) -> None:
    open_one(api)
    change(api, "resolve")
    assert rate(api, visitor(), rating=5, comment="Thanks").status == 200

    assert walk(api) == [[]]


def test_it_is_kept_as_long_as_a_message(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(9):
        # Every other one is kept for a day, the others for thirty.
        give(at(storage, monkeypatch, NOON + day, 30 if day % 2 else 1), comment=str(day))

    last_second = at(storage, monkeypatch, NOON + A_DAY, 1)
    assert len(comments(listed(last_second))) == 9
    api = at(storage, monkeypatch, NOON + A_DAY + 9, 1)
    assert walk(api, limit="2") == [["7", "5"], ["3", "1"]]
    assert walk(at(storage, monkeypatch, NOON + 30 * A_DAY + 9)) == [[]]


def test_it_counts_for_the_limit_of_writes(storage: Storage) -> None:
    api = api_over(storage.table(), rate_limit=1)

    assert [give(api, comment=str(number)).status for number in range(2)] == [201, 429]
    assert [str(counter["SK"]).split("#")[0] for counter in storage.scan("RATE#")] == ["RATE"]


def test_nothing_of_it_is_in_a_log(api: Api, emitted: Emitted) -> None:
    emitted()
    give(api, **dict.fromkeys(("topic", "comment", "trigger", "source"), CANARY))
    listed(api)

    lines = emitted()
    assert [line["status"] for line in lines if line.get("message") == "request"] == [201, 200]
    assert CANARY not in str(lines)
    assert VISITOR not in str(lines)


@pytest.mark.parametrize("character", ["\x01", '"'], ids=["controls", "quotes"])
def test_a_page_of_the_largest_fits_into_an_answer_of_lambda(character: str) -> None:
    table = FakeTable(demo.items())
    api = api_over(table)
    labels = dict.fromkeys(("topic", "trigger", "source"), character * 256)
    for number in range(100):
        said = f"{number:03}" + character * 1_997
        assert give(api, comment=said, **labels).status == 201

    handler = create_handler(table, KeyRing(table, 60), RateLimiter(table, 0), SETTINGS)
    response = handler(an_event(route=feedback.LIST, query={"limit": "100"}), Context())

    assert len(json.loads(response["body"])["feedback"]) == 100
    # As Lambda's runtime writes it; a synchronous answer has at most 6 MB (AWS Lambda quotas).
    assert len(json.dumps(response, ensure_ascii=False).encode()) < 6 * 1024 * 1024
