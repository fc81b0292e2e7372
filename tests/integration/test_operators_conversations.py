"""What a support engineer sees of a conversation."""

import json
from typing import Any

import pytest
from api.routes.contacts import IDENTIFY
from api.routes.visitors import BLOCK
from support.values.conversation import CONVERSATION_SK

from tests.builders import OTHER_WEBSITE, VISITOR, WEBSITE, a_body, a_message, private
from tests.client import Api
from tests.operators import Operate, refused
from tests.stored import Storage

CONVERSATION = {"websiteId": WEBSITE, "mode": "test", "conversationId": "support-1"}


def pages(operate: Operate, limit: int) -> list[dict[str, Any]]:
    """Read a conversation to its end."""
    found = [operate("get_conversation", **CONVERSATION, limit=limit)]
    while cursor := found[-1]["nextCursor"]:
        found.append(operate("get_conversation", **CONVERSATION, limit=limit, cursor=cursor))
    return found


def test_the_newest_page_of_a_timeline_is_shown_first_with_private_items(api: Api, operate: Operate) -> None:
    items = [
        a_message("third", id="c", createdAt="2026-01-01T00:00:03Z"),
        a_message("first", id="z", createdAt="2026-01-01T00:00:01Z", visibility="private"),
        a_message("second", id="b", createdAt="2026-01-01T00:00:02Z"),
        a_message("second, too", id="a", createdAt="2026-01-01T00:00:02Z"),
    ]
    api(a_body(conversationId="support-1", defaultTimelineItems=items), private())
    api(a_body(conversationId="support-1", defaultTimelineItems=[a_message(id="y", createdAt="2026-01-01T00:00:00Z")]))

    read = pages(operate, 2)

    assert [[item["id"] for item in page["timelineItems"]] for page in read] == [["a", "c"], ["z", "b"], ["y"]]
    assert [page["nextCursor"] is None for page in read] == [False, False, True]
    assert {page["itemCount"] for page in read} == {5}
    assert read[0]["conversation"]["id"] == "support-1"
    assert read[0]["conversation"]["visitorId"] == VISITOR
    assert read[1]["timelineItems"][0]["visibility"] == "private"


def test_the_visitor_is_shown_with_what_is_proven_and_whether_they_are_blocked(api: Api, operate: Operate) -> None:
    api(a_body(conversationId="support-1"))
    nobody = operate("get_conversation", **CONVERSATION)["conversation"]["visitor"]
    api({"visitorId": VISITOR, "email": "jane@example.com"}, private(), route=IDENTIFY)
    api(headers=private(), route=BLOCK, visitorId=VISITOR)

    visitor = operate("get_conversation", **CONVERSATION)["conversation"]["visitor"]

    assert nobody.items() >= {"id": VISITOR, "isBlocked": False, "contact": None}.items()
    assert visitor["isBlocked"] is True
    assert (visitor["contact"]["email"], list(visitor["contact"]["verified"])) == ("jane@example.com", ["email"])


def test_what_is_left_of_an_earlier_conversation_of_the_id_is_not_shown(
    api: Api, operate: Operate, storage: Storage
) -> None:
    """DynamoDB deletes each item for itself, and the clock of an instance may be behind."""
    api(a_body(conversationId="support-1", defaultTimelineItems=[a_message("old", id="a")]))
    storage.delete((f"CONVERSATION#{WEBSITE}#test#support-1", CONVERSATION_SK))
    api(a_body(conversationId="support-1", defaultTimelineItems=[a_message("new", id="b")]))

    [page] = pages(operate, 10)

    assert ([item["text"] for item in page["timelineItems"]], page["itemCount"]) == (["new"], 1)


def test_a_page_of_large_items_stays_within_an_answer_of_lambda(api: Api, operate: Operate) -> None:
    for n in range(8):
        items = [a_message("x" * 380_000, id=f"item-{n}-{m}") for m in range(2)]
        assert api(a_body(conversationId="support-1", defaultTimelineItems=items)).status == 200

    read = pages(operate, 100)

    assert len(read) > 1
    assert all(len(json.dumps(page)) < 6_000_000 for page in read)
    ids = [item["id"] for page in read for item in page["timelineItems"]]
    assert sorted(ids) == [f"item-{n}-{m}" for n in range(8) for m in range(2)]


def test_a_page_of_many_small_values_stays_within_an_answer_of_lambda(api: Api, operate: Operate) -> None:
    part = {"type": "tool-x", "toolCallId": "1", "toolName": "x", "state": "result", "input": {"n": [1] * 170_000}}
    for n in range(16):
        assert (
            api(a_body(conversationId="support-1", defaultTimelineItems=[{"id": str(n), "parts": [part]}])).status
            == 200
        )

    read = pages(operate, 100)

    # Lambda's runtime writes a space after each comma.
    assert all(len(json.dumps(page, ensure_ascii=False).encode()) < 6 * 1024 * 1024 for page in read)
    assert len([item for page in read for item in page["timelineItems"]]) == 16


@pytest.mark.parametrize("cursor", ["unknown", "x" * 64])
def test_a_cursor_that_no_page_gave_is_refused(api: Api, operate: Operate, cursor: str) -> None:
    api(a_body(conversationId="support-1", defaultTimelineItems=[a_message(id="a")]))

    assert refused(operate("get_conversation", **CONVERSATION, cursor=cursor)) == "VALIDATION_FAILED cursor"


@pytest.mark.parametrize("change", [{"mode": "live"}, {"websiteId": OTHER_WEBSITE}, {"conversationId": "support-2"}])
def test_a_conversation_is_found_in_its_website_and_mode(api: Api, operate: Operate, change: dict[str, str]) -> None:
    api(a_body(conversationId="support-1"))

    assert refused(operate("get_conversation", **{**CONVERSATION, **change})) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"mode": "prod"}, "mode"),
        ({"conversationId": "a#b"}, "conversationId"),
        ({"websiteId": "x"}, "websiteId"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": True}, "limit"),
        ({"cursor": "x" * 129}, "cursor"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_change(operate: Operate, change: dict[str, Any], path: str) -> None:
    assert refused(operate("get_conversation", **{**CONVERSATION, **change})) == f"VALIDATION_FAILED {path}"
