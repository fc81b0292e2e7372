"""What is sent to clients over their connections."""

import json
from dataclasses import replace
from typing import Any

import pytest
from support.errors import not_found
from support.frames import (
    MAX_WHOLE_BYTES,
    Frame,
    changes,
    connection_established,
    conversation_created,
    conversation_seen,
    conversation_typing,
    conversation_updated,
    encode,
    error_frame,
    timeline_item_created,
)
from support.responses import conversation_response, item_response
from support.values.connection import Connection
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from tests.builders import ORGANIZATION, VISITOR, WEBSITE

NOON, ONE = "2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00.000Z"

CONVERSATION = Conversation(
    id="c",
    website_id=WEBSITE,
    organization_id=ORGANIZATION,
    mode="test",
    visitor_id=VISITOR,
    visitor_key="key",
    channel="widget",
    incarnation="i",
    created_at=NOON,
    updated_at=ONE,
    public_updated_at=NOON,
)
ABOUT = {"websiteId": WEBSITE, "organizationId": ORGANIZATION, "visitorId": VISITOR, "conversationId": "c"}


def an_item(text: str = "Hi!") -> TimelineItem:
    return TimelineItem("i1", NOON, 0, "public", "message", "private", {"text": text}, user_id="user-1")


def payload(frame: Frame) -> dict[str, Any]:
    """Return the payload as a client reads it."""
    decoded = json.loads(encode(frame))
    assert decoded.keys() == {"type", "payload"}
    assert decoded["type"] == frame["type"]
    return decoded["payload"]  # type: ignore[no-any-return]


def test_an_item_is_sent_as_rest_shows_it() -> None:
    frame = timeline_item_created(CONVERSATION, an_item(), "user-1")

    assert frame["type"] == "timelineItemCreated"
    assert payload(frame) == {**ABOUT, "userId": "user-1", "item": item_response(CONVERSATION, an_item())}


@pytest.mark.parametrize("key_type", ["public", "private"])
def test_a_conversation_is_sent_as_rest_shows_it_to_that_kind_of_key(key_type: Any) -> None:
    frame = conversation_created(CONVERSATION, an_item(), key_type, None)

    assert frame["type"] == "conversationCreated"
    shown = conversation_response(CONVERSATION, an_item(), key_type)
    assert payload(frame) == {**ABOUT, "userId": None, "conversation": shown}


def test_a_conversation_without_a_message_has_none() -> None:
    assert "lastTimelineItem" not in payload(conversation_created(CONVERSATION, None, "public", None))["conversation"]


def test_a_message_that_just_fits_is_sent_whole_and_a_larger_one_as_a_preview() -> None:
    room = MAX_WHOLE_BYTES - len(encode(timeline_item_created(CONVERSATION, an_item(""), None)))
    # Of a text alone, the part repeats it.
    whole, large = an_item("x" * (room // 2 - 300)), an_item("x" * (room // 2 + 1))

    assert len(encode(timeline_item_created(CONVERSATION, whole, None))) > 100_000
    assert len(encode(timeline_item_created(CONVERSATION, large, None))) < 10_000
    assert len(encode(conversation_created(CONVERSATION, whole, "private", None))) > 100_000
    assert len(encode(conversation_created(CONVERSATION, large, "private", None))) < 10_000


def test_a_preview_is_measured_in_bytes() -> None:
    assert len(encode(timeline_item_created(CONVERSATION, an_item("\N{GRINNING FACE}" * 20_000), None))) < 20_000


def test_a_change_is_sent() -> None:
    frame = conversation_updated(CONVERSATION, {"status": "resolved"}, "user-1")

    assert frame["type"] == "conversationUpdated"
    assert payload(frame) == {**ABOUT, "userId": "user-1", "aiAgentId": None, "updates": {"status": "resolved"}}


@pytest.mark.parametrize(
    ("user_id", "actor"), [(None, ("visitor", VISITOR)), ("user-1", ("user", "user-1"))], ids=["visitor", "team"]
)
def test_who_has_seen_a_conversation_is_sent(user_id: str | None, actor: tuple[str, str]) -> None:
    sent = payload(conversation_seen(CONVERSATION, user_id, ONE))

    assert (sent["actorType"], sent["actorId"]) == actor
    assert sent["lastSeenAt"] == ONE
    assert (sent["userId"], sent["aiAgentId"]) == (user_id, None)


def test_who_types_is_sent() -> None:
    sent = payload(conversation_typing(CONVERSATION, True, "He", None))

    assert sent == {**ABOUT, "userId": None, "isTyping": True, "visitorPreview": "He", "aiAgentId": None}


def test_every_payload_says_whose_it_is() -> None:
    connection = Connection("c1", WEBSITE, ORGANIZATION, "test", "hash", 0, 0, visitor_id=VISITOR)
    for frame in (
        connection_established(connection, 1),
        timeline_item_created(CONVERSATION, an_item(), None),
        conversation_created(CONVERSATION, None, "public", None),
        conversation_updated(CONVERSATION, {}, None),
        conversation_seen(CONVERSATION, None, ONE),
        conversation_typing(CONVERSATION, False, None, None),
    ):
        sent = payload(frame)
        assert (sent["websiteId"], sent["organizationId"], sent["visitorId"]) == (WEBSITE, ORGANIZATION, VISITOR)
        assert sent["userId"] is None


def test_an_error_is_sent_as_rest_says_it() -> None:
    frame = error_frame(not_found())

    assert frame == {"error": frame["message"], "message": frame["message"], "code": "HTTP_404"}


# What has changed -----------------------------------------------------------------------------------------------------

CHANGES = {
    "nothing": ({}, {}),
    "a note": ({"updated_at": "2026-11-24T14:00:00.000Z", "version": 2}, {}),
    "a status": ({"status": "resolved"}, {"status": "resolved"}),
    "a title": ({"title": "Order"}, {"title": "Order"}),
    "metadata": ({"metadata": {"a": 1}}, {"metadata": {"a": 1}}),
    "a rating": (
        {"visitor_rating": 5, "visitor_rating_at": ONE},
        {"visitorRating": 5, "visitorRatingAt": ONE},
    ),
}


@pytest.mark.parametrize(("after", "updates"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("key_type", ["public", "private"])
def test_what_has_changed_is_told(key_type: Any, after: dict[str, Any], updates: dict[str, Any]) -> None:
    assert changes(CONVERSATION, replace(CONVERSATION, **after), key_type) == updates


def test_what_was_taken_away_is_told_as_null() -> None:
    before = replace(CONVERSATION, title="Order", metadata={"a": 1})

    assert changes(before, CONVERSATION, "public") == {"title": None, "metadata": None}


def test_true_is_not_one() -> None:
    before, after = replace(CONVERSATION, metadata={"a": 1}), replace(CONVERSATION, metadata={"a": True})

    assert changes(before, after, "public")["metadata"] == {"a": True}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("open", "spam", {"status": "resolved"}),
        ("spam", "open", {"status": "open"}),
        ("resolved", "spam", {}),
        ("spam", "resolved", {}),
    ],
)
def test_no_visitor_is_told_of_spam(before: Any, after: Any, told: dict[str, Any]) -> None:
    was, becomes = replace(CONVERSATION, status=before), replace(CONVERSATION, status=after)

    assert changes(was, becomes, "public") == told
    assert changes(was, becomes, "private") == {"status": after}
    shown = payload(conversation_created(becomes, None, "public", None))["conversation"]
    assert shown["status"] != "spam"
