"""What a client is sent right after it has connected."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from support.deadlines import Deadline
from support.delivery import Outcome
from support.dynamodb.table import Table
from support.values import timestamps

from tests.builders import (
    LIVE_PRIVATE_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
)
from tests.calls import change, get, open_one, patch, see, send, user, visitor
from tests.client import Api, Emitted
from tests.live import Live, a_farewell
from tests.stored import Storage


@pytest.fixture
def live(database: Table) -> Live:
    return Live(database)


def later(live: Live, seconds: float = 3_600) -> Live:
    """Return the function at a later time, so that nothing is recent any more."""
    return Live(live.table, live.connections_table, live.gateway, clock=lambda: time.time() + seconds)


def welcomed(live: Live, **fields: Any) -> list[dict[str, Any]]:
    """Connect, and return the frames that follow."""
    live.gateway.sent.clear()
    assert live.connect(**fields) == 200
    assert live.gateway.posts == []
    live.welcome()
    return live.gateway.frames("c1")


def missed(live: Live) -> list[tuple[str, str]]:
    """Connect as the visitor, and return the types of the frames about conversations, each with what it is about."""
    frames = welcomed(live)[1:]
    names = {"timelineItemCreated": lambda payload: payload["item"]["id"]}
    return [
        (frame["type"], names.get(frame["type"], lambda payload: payload["conversationId"])(frame["payload"]))
        for frame in frames
    ]


def test_a_visitor_is_told_that_they_are_connected(live: Live) -> None:
    before = int(time.time() * 1000)
    [frame] = welcomed(live)

    assert before <= frame["payload"].pop("timestamp") <= time.time() * 1000
    assert frame == {
        "type": "CONNECTION_ESTABLISHED",
        "payload": {
            "connectionId": "c1",
            "websiteId": WEBSITE,
            "organizationId": ORGANIZATION,
            "visitorId": VISITOR,
            "userId": None,
        },
    }


def test_one_of_the_team_is_told_nothing_but_that(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!"))
    [frame] = welcomed(live, query={"token": PRIVATE_KEY, "actorUserId": "user-1"}, headers={})

    assert (frame["payload"]["visitorId"], frame["payload"]["userId"]) == (None, "user-1")


def test_nothing_is_sent_before_the_handshake_has_been_answered(live: Live) -> None:
    live.gateway.script["c1"] = deque([Outcome.GONE, Outcome.GONE, Outcome.BUSY])

    [frame] = welcomed(live)

    assert frame["type"] == "CONNECTION_ESTABLISHED"
    assert live.gateway.posts == ["c1"] * 4
    assert live.connections.find("c1", Deadline.after(10)) is not None


def test_a_client_that_never_comes_is_given_up(live: Live) -> None:
    live.gateway.script["c1"] = deque([Outcome.GONE] * 1000)
    live.connect()

    live.call({"established": live.waiting.pop()}, remaining_ms=2_000)

    assert live.gateway.frames("c1") == []


def test_a_client_that_has_left_is_not_waited_for(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.connect()

    def post(connection_id: str, message: bytes) -> Outcome:  # noqa: ARG001
        live.gateway.posts.append(connection_id)
        live.call(a_farewell(connection_id))
        return Outcome.GONE

    monkeypatch.setattr(live.gateway, "post", post)
    live.call({"established": live.waiting.pop()}, remaining_ms=5_000)

    assert live.gateway.posts == ["c1"]


def test_what_is_unread_is_sent(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))
    see(api, visitor())
    send(api, user(), id="second", text="Yes?")
    send(api, user(), id="third", text="Hello?")

    assert missed(later(live)) == [
        ("timelineItemCreated", "second"),
        ("timelineItemCreated", "third"),
        ("conversationCreated", "c"),
    ]


#: What happens in a conversation, one after the other, each with the public item that it adds.
HAPPENINGS: list[tuple[str | None, Callable[[Api], object]]] = [
    ("first", lambda api: open_one(api, a_message("Hi!", id="first"))),
    ("second", lambda api: send(api, user(), id="second", text="Yes?")),
    (None, lambda api: send(api, user(), id="note", text="secret", visibility="private")),
    (None, lambda api: see(api, visitor())),
    ("third", lambda api: send(api, user(), id="third", text="Hello?")),
    ("fourth", lambda api: send(api, visitor(), id="fourth", text="I am here")),
    (None, lambda api: change(api, "resolve")),
    (None, lambda api: change(api, "reopen")),
    ("fifth", lambda api: send(api, user(), id="fifth", text="Good.")),
]
SEEN_AT = 3


@pytest.mark.parametrize(
    ("left", "back"), [(left, back) for back in range(len(HAPPENINGS) + 1) for left in range(back + 1)]
)
def test_a_break_of_any_length_at_any_moment_leaves_nothing_unread_behind(
    live: Live, api: Api, left: int, back: int
) -> None:
    for _, happen in HAPPENINGS[:back]:
        happen(api)
    unread_from = SEEN_AT if back > SEEN_AT else 0
    unread = [id_ for id_, _ in HAPPENINGS[max(left, unread_from) : back] if id_ is not None]

    frames = welcomed(later(live))

    sent = [frame["payload"]["item"]["id"] for frame in frames if frame["type"] == "timelineItemCreated"]
    assert [id_ for id_ in sent if id_ in unread] == unread
    assert "secret" not in json.dumps(frames)
    if unread:
        assert frames[-1]["payload"]["conversation"] == get(api, visitor())


def test_the_conversation_is_sent_as_rest_shows_it(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"), metadata={"plan": "pro"})
    patch(api, {"title": "Order"})
    send(api, user(), id="second", text="Yes?")
    send(api, user(), id="note", text="secret", visibility="private")

    frames = welcomed(live)

    assert frames[-1]["payload"]["conversation"] == get(api, visitor())
    assert "secret" not in json.dumps(frames)


def test_all_is_sent_of_a_conversation_that_was_never_seen(live: Live, api: Api) -> None:
    open_one(api, *(a_message("x", id=f"i{number:02}") for number in range(60)))

    assert missed(later(live)) == [
        *(("timelineItemCreated", f"i{number:02}") for number in range(10, 60)),
        ("conversationCreated", "c"),
    ]


def test_what_was_seen_just_now_is_sent_again(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))
    see(api, visitor())

    assert missed(live) == [("timelineItemCreated", "first"), ("conversationCreated", "c")]


def test_nothing_is_sent_or_asked_of_a_conversation_without_anything_new(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))
    see(api, visitor())
    send(api, user(), id="note", text="secret", visibility="private")
    under_test = later(live)
    under_test.table.usage.calls = 0

    assert missed(under_test) == []
    # The key, the conversations' keys, and the conversations.
    assert under_test.table.usage.calls == 3


def test_a_conversation_is_sent_as_it_is_after_what_was_missed_of_it(
    live: Live, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one(api, a_message("Hi!", id="first"))
    take = live.gateway.post

    def post(connection_id: str, message: bytes) -> Outcome:
        if json.loads(message)["type"] == "timelineItemCreated":
            # The feed tells of both before the rest is sent.
            send(api, user(), id="second", text="Yes?")
            change(api, "resolve", user())
        return take(connection_id, message)

    monkeypatch.setattr(live.gateway, "post", post)
    conversation = welcomed(live)[-1]["payload"]["conversation"]

    assert conversation["status"] == "resolved"
    assert conversation["lastTimelineItem"]["id"] == "second"


@pytest.mark.parametrize("verb", ["resolve", "spam"])
def test_a_conversation_that_ended_is_told_first(live: Live, api: Api, verb: str) -> None:
    open_one(api, a_message("Hi!", id="first"))
    see(api, visitor())
    time.sleep(0.002)  # nothing is dated alike
    send(api, user(), id="bye", text="Bye!")
    change(api, verb, user())

    frames = welcomed(later(live))[1:]

    assert [frame["type"] for frame in frames] == ["conversationUpdated", "timelineItemCreated", "conversationCreated"]
    assert frames[0]["payload"]["updates"] == {"status": "resolved"}
    assert frames[-1]["payload"]["conversation"]["status"] == "resolved"


def test_a_conversation_that_ended_without_a_word_is_told(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))
    see(api, visitor())
    change(api, "resolve", user())

    assert missed(later(live)) == [("conversationUpdated", "c"), ("conversationCreated", "c")]


def test_the_six_that_changed_last_are_sent_the_last_one_last(live: Live, api: Api) -> None:
    for number in range(8):
        open_one(api, a_message("Hi!", id="first"), id_=f"c{number}")
    send(api, user(), id_="c0", id="again", text="Still there?")

    sent = [about for type_, about in missed(later(live)) if type_ == "conversationCreated"]
    assert sent == ["c3", "c4", "c5", "c6", "c7", "c0"]


def test_nobody_else_s_conversations_are_sent(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!"), id_="other-visitor", visitorId=OTHER_VISITOR)
    for key in (OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY):
        assert api(a_body(conversationId="c", defaultTimelineItems=[a_message("Hi!")]), private(key)).status == 200

    assert missed(live) == []


def test_a_large_message_is_sent_as_a_preview(live: Live, api: Api) -> None:
    open_one(api, a_message("x" * 60_000, id="large"), a_message("y" * 40_000, id="smaller"))

    frames = welcomed(live)

    texts = {frame["payload"]["item"]["id"]: frame["payload"]["item"]["text"] for frame in frames[1:3]}
    assert texts == {"large": "x" * 2_000, "smaller": "y" * 40_000}
    assert max(len(json.dumps(frame)) for frame in frames) < 128 * 1024


def test_what_is_busy_for_a_moment_is_tried_again_in_order(live: Live, api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"), a_message("Hi!", id="second"))
    live.gateway.script["c1"] = deque([Outcome.POSTED, Outcome.POSTED, Outcome.BUSY, Outcome.BUSY])

    assert [about for _, about in missed(live)] == ["first", "second", "c"]


def test_a_connection_whose_key_ends_meanwhile_gets_nothing_of_conversations(
    live: Live, api: Api, storage: Storage
) -> None:
    open_one(api, a_message("Hi!"))
    live.connect()
    for key in storage.scan("APIKEY#"):
        storage.change((str(key["PK"]), str(key["SK"])), revokedAt=timestamps.now())
    live.keys._known.clear()

    live.welcome()

    assert [frame["type"] for frame in live.gateway.frames("c1")] == ["CONNECTION_ESTABLISHED"]


def test_a_failure_is_left_to_lambda_s_own_retries(live: Live, api: Api, emitted: Emitted) -> None:
    open_one(api, a_message("Hi!"))
    live.connect()

    with pytest.raises(Exception, match=r"^$") as raised:
        live.call({"established": "c1"}, remaining_ms=500)

    assert type(raised.value).__name__ == "WelcomeFailed"
    assert [line["code"] for line in emitted() if line.get("event") == "Established"] == ["UNAVAILABLE"]
