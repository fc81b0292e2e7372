"""The same `conversationId` and visitor again: nothing is written twice."""

from typing import Any

import pytest
from support.dynamodb.table import Table

from tests.builders import OTHER_VISITOR, VISITOR, a_body, a_message, private, public
from tests.client import Api, Stored

BODY: dict[str, Any] = a_body(
    conversationId="c",
    channel="apple",
    metadata={"plan": "pro"},
    defaultTimelineItems=[a_message("one", id="1"), a_message("two"), {"parts": [{"type": "step-start"}]}],
)


def test_a_replay_gets_the_same_answer_and_says_so(api: Api, stored: Stored) -> None:
    created = api(BODY)
    before = stored()
    replayed = api(BODY)

    assert (replayed.status, replayed.body) == (200, created.body)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert stored() == before


def test_a_replay_may_take_the_visitor_from_the_header(api: Api) -> None:
    created = api(BODY)
    replayed = api({**BODY, "visitorId": None}, {**private(), "x-visitor-id": VISITOR})

    assert replayed.body == created.body


def test_a_replay_takes_a_call_for_the_key_and_two_for_the_conversation(api: Api, database: Table) -> None:
    api(BODY)
    api(BODY)

    assert database.usage.calls <= 2


@pytest.mark.parametrize("items", [None, [], BODY["defaultTimelineItems"][:1]])
def test_a_replay_with_less_is_still_a_replay(api: Api, items: list[object] | None) -> None:
    created = api(BODY)
    replayed = api({**BODY, "defaultTimelineItems": items})

    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.items == created.items[: len(items or [])]
    assert replayed.conversation == created.conversation


def test_channel_and_metadata_of_a_replay_are_ignored(api: Api, stored: Stored) -> None:
    created = api(BODY)
    before = stored()
    replayed = api({**BODY, "channel": "other", "metadata": {"other": 1}})

    assert replayed.body == created.body
    assert stored() == before


def test_a_stored_item_is_returned_whatever_author_and_time_are_sent(api: Api, stored: Stored) -> None:
    created = api(BODY)
    before = stored()
    again = {**BODY["defaultTimelineItems"][0], "userId": "x", "createdAt": "2020-01-01T00:00:00Z"}
    replayed = api({**BODY, "defaultTimelineItems": [again]})

    assert replayed.items == created.items[:1]
    assert stored() == before


def test_items_are_answered_in_the_order_of_each_request(api: Api) -> None:
    items = [{"id": name} for name in "abc"]
    api(a_body(conversationId="c", defaultTimelineItems=items))

    replayed = api(a_body(conversationId="c", defaultTimelineItems=items[::-1]))

    assert [item["id"] for item in replayed.items] == ["c", "b", "a"]


def test_items_without_ids_are_found_again_whatever_their_time(api: Api, stored: Stored) -> None:
    def at(time: str) -> dict[str, object]:
        return a_body(conversationId="c", defaultTimelineItems=[a_message("one", createdAt=time), a_message("two")])

    created = api(at("2026-01-01T00:00:00Z"))
    replayed = api(at("2026-01-01T00:00:05Z"))

    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.body == created.body
    assert len(stored()) == 3


def test_two_items_alike_without_ids_are_two(api: Api, stored: Stored) -> None:
    body = a_body(conversationId="c", defaultTimelineItems=[a_message("same"), a_message("same")])
    first, second = api(body).items
    api(body)

    assert first["id"] != second["id"]
    assert len(stored()) == 3


def test_99_items_are_found_again(api: Api, stored: Stored) -> None:
    body = a_body(conversationId="c", defaultTimelineItems=[a_message(str(n)) for n in range(99)])

    created, replayed = api(body), api(body)

    assert replayed.body == created.body
    assert len(stored()) == 100


@pytest.mark.parametrize("headers", [private(), public()])
def test_another_visitor_gets_a_409_and_no_more(api: Api, stored: Stored, headers: dict[str, str]) -> None:
    api(BODY)
    before = stored()
    response = api({**BODY, "visitorId": OTHER_VISITOR, "defaultTimelineItems": [{"id": "new"}, {"id": "1"}]}, headers)

    assert (response.status, response.code) == (409, "CONVERSATION_ID_CONFLICT")
    assert set(response.body) == {"error", "message", "code", "requestId"}
    assert not [secret for secret in [VISITOR, "apple", "pro", "one"] if secret in str(response.body).split()]
    assert stored() == before


def test_another_visitor_with_a_private_item_s_id_gets_409_not_403(api: Api) -> None:
    api(a_body(conversationId="c", defaultTimelineItems=[{"id": "secret", "visibility": "private"}]))

    response = api(
        {"visitorId": OTHER_VISITOR, "conversationId": "c", "defaultTimelineItems": [{"id": "secret"}]}, public()
    )

    assert response.code == "CONVERSATION_ID_CONFLICT"


@pytest.mark.parametrize("headers", [public(), private()], ids=["public", "private"])
def test_the_largest_opening_is_found_again_after_a_later_message(api: Api, headers: dict[str, str]) -> None:
    """Its 99 items, the last message and the conversation are more than one BatchGetItem reads."""
    opening = a_body(conversationId="c", defaultTimelineItems=[a_message(str(n), id=f"m{n}") for n in range(99)])
    created = api(opening, headers)
    later = api(a_body(conversationId="c", defaultTimelineItems=[a_message("later", id="later")]), headers)

    replayed = api(opening, headers)

    assert (replayed.status, replayed.headers.get("idempotent-replayed")) == (200, "true")
    assert replayed.items == created.items
    assert replayed.conversation == later.conversation
