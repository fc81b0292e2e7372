"""`Idempotency-Key`: a retry without a `conversationId`."""

from typing import Any

import pytest
from support.dynamodb.table import Table

from tests.builders import VISITOR, a_body, a_message, private
from tests.client import Api, Response, Stored

ITEMS: list[Any] = [a_message("one", id="1"), a_message("two", createdAt="2026-01-01T00:00:00Z")]
BODY = a_body(metadata={"a": 1}, defaultTimelineItems=ITEMS)


def send(api: Api, body: object, key: str = "key-1", **headers: str) -> Response:
    return api(body, {**private(), "idempotency-key": key, **headers})


def test_the_same_key_and_body_is_one_conversation(api: Api, stored: Stored) -> None:
    created, replayed = send(api, BODY), send(api, BODY)

    assert "idempotent-replayed" not in created.headers
    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.body == created.body
    assert len(stored()) == 3


def test_another_key_is_another_conversation(api: Api) -> None:
    assert send(api, BODY, "a").conversation["id"] != send(api, BODY, "b").conversation["id"]


def test_no_key_is_another_conversation(api: Api) -> None:
    assert send(api, BODY).conversation["id"] != api(BODY).conversation["id"]


def test_a_bare_and_a_quoted_key_are_the_same(api: Api) -> None:
    send(api, BODY, "key-1")

    assert send(api, BODY, '"key-1"').headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "apple"},
        {"metadata": {"a": 2}},
        {"metadata": {"a": 1.0}},
        {"metadata": {"a": True}},
        {"metadata": {"a": 1, "b": None}},
        {"metadata": None},
        {"defaultTimelineItems": []},
        {"defaultTimelineItems": ITEMS[::-1]},
        {"defaultTimelineItems": [*ITEMS, a_message("three")]},
        {"defaultTimelineItems": [{**ITEMS[0], "text": "other"}, ITEMS[1]]},
        {"defaultTimelineItems": [{**ITEMS[0], "id": "2"}, ITEMS[1]]},
        {"defaultTimelineItems": [{**ITEMS[0], "parts": [{"type": "step-start"}]}, ITEMS[1]]},
        {"defaultTimelineItems": [{**ITEMS[0], "createdAt": "2026-01-01T00:00:00Z"}, ITEMS[1]]},
    ],
)
def test_another_request_under_a_key_is_a_422(api: Api, stored: Stored, fields: dict[str, object]) -> None:
    send(api, BODY)
    before = stored()
    response = send(api, {**BODY, **fields})

    assert (response.status, response.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert "details" not in response.body
    assert stored() == before


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(dict(reversed(BODY.items())), id="order of names"),
        pytest.param({**BODY, "unknown": 1, "websiteId": "x"}, id="unknown fields"),
        pytest.param({**BODY, "conversationId": None, "channel": None}, id="nulls"),
        pytest.param({**BODY, "conversationId": ""}, id="empty conversation id"),
        pytest.param(
            {**BODY, "defaultTimelineItems": [{**item, "conversationId": "x", "deletedAt": 1} for item in ITEMS]},
            id="ignored fields of items",
        ),
        pytest.param(
            {**BODY, "defaultTimelineItems": [{**item, "userId": "", "text": item["text"]} for item in ITEMS]},
            id="empty sender",
        ),
    ],
)
def test_what_is_not_part_of_the_request_makes_no_difference(api: Api, body: object) -> None:
    created = send(api, BODY)
    replayed = send(api, body)

    assert (replayed.status, replayed.body) == (200, created.body)


def test_the_visitor_may_be_in_the_body_or_in_the_header(api: Api) -> None:
    created = send(api, {"visitorId": VISITOR})
    replayed = send(api, {}, **{"x-visitor-id": VISITOR})

    assert (replayed.status, replayed.body) == (200, created.body)


@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"' + "x" * 256 + '"', "é", "a\tb", "a\n", '"a', "\x7f", " "])
def test_a_malformed_key_is_refused(api: Api, stored: Stored, key: str) -> None:
    for body in [BODY, {**BODY, "conversationId": "c"}]:
        response = send(api, body, key)

        assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["Idempotency-Key"])
    assert stored() == []


@pytest.mark.parametrize("key", ["x" * 255, '"' + "x" * 255 + '"', '"a \\" b \\\\"', "a b", "a,b", "~!#$%&'()"])
def test_every_printable_key_of_up_to_255_characters_works(api: Api, key: str) -> None:
    created, replayed = send(api, BODY, key), send(api, BODY, key)

    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.body == created.body


def test_beside_a_conversation_id_the_key_means_nothing(api: Api) -> None:
    first = send(api, {**BODY, "conversationId": "c"})
    again = send(api, {**BODY, "conversationId": "c", "defaultTimelineItems": [a_message(id="3")]}, "key-2")
    other = send(api, {**BODY, "conversationId": "d"})

    assert (first.status, again.status, other.status) == (200, 200, 200)
    assert again.conversation["id"] == "c"
    assert other.conversation["id"] == "d"


def test_a_replay_takes_one_call(api: Api, database: Table) -> None:
    send(api, BODY)
    send(api, BODY)

    assert database.usage.calls <= 2
