"""What clients send over their connections, and what they get in response."""

import json
import random
import time

import pytest
from api.routes import visitors
from support.dynamodb.table import Table

from tests.builders import (
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    VISITOR,
    Clock,
    a_key,
    a_message,
    private,
)
from tests.calls import open_one
from tests.client import Api, Emitted
from tests.live import Live, a_message_event, as_visitor
from tests.stored import Storage

CANARY = "canary-4f1c"


@pytest.fixture
def live(database: Table, api: Api) -> Live:
    open_one(api, a_message("Hi!"), id_="c")
    return Live(database)


@pytest.mark.parametrize("ping", ["ping", "presence:ping"])
def test_a_ping_is_answered_without_reading_anything(live: Live, ping: str) -> None:
    live.table.usage.calls = live.connections_table.usage.calls = 0

    assert live.send("c1", ping) == "pong"
    assert live.table.usage.calls == live.connections_table.usage.calls == 0


def test_that_a_conversation_is_seen_is_accepted_and_ignored(live: Live, storage: Storage) -> None:
    live.opened()
    before = storage.scan()

    assert live.send("c1", {"type": "conversationSeen", "payload": {"conversationId": "c"}}) is None
    assert storage.scan() == before
    assert live.gateway.posts == []


BAD = {
    "no json": ("hello", "INVALID_JSON"),
    "nothing": ("", "INVALID_JSON"),
    "half of it": ('{"type": "conversationTyping"', "INVALID_JSON"),
    "nested a lot": ("[" * 16_000 + "]" * 16_000, "INVALID_JSON"),
    "half a character": ('{"type": "\\ud800"}', "INVALID_JSON"),
    "a lone surrogate": ('{"type": "\ud800"}', "INVALID_JSON"),
    "a list": ("[]", "VALIDATION_FAILED"),
    "a number": ("1", "VALIDATION_FAILED"),
    "no type": ("{}", "VALIDATION_FAILED"),
    "a type that is no text": ('{"type": ["ping"]}', "VALIDATION_FAILED"),
    "an unknown type": (f'{{"type": "{CANARY}", "payload": {{}}}}', "VALIDATION_FAILED"),
    "a ping as JSON": ('"ping"', "VALIDATION_FAILED"),
    "typing without a payload": ('{"type": "conversationTyping"}', "VALIDATION_FAILED"),
    "a payload that is a list": ('{"type": "conversationTyping", "payload": []}', "VALIDATION_FAILED"),
    "128 KB": (f'{{"type": "{CANARY}", "text": "{"x" * 131_000}"}}', "PAYLOAD_TOO_LARGE"),
}


@pytest.mark.parametrize(("text", "code"), BAD.values(), ids=BAD)
def test_a_message_that_is_not_understood_gets_an_error_and_changes_nothing(
    live: Live, storage: Storage, emitted: Emitted, text: str, code: str
) -> None:
    live.opened()
    before = storage.scan(), live.records()
    emitted()

    frame = json.loads(live.send("c1", text))

    assert set(frame) == {"error", "message", "code"}
    assert frame["code"] == code
    assert CANARY not in json.dumps([frame, emitted()])
    assert (storage.scan(), live.records()) == before
    assert live.gateway.posts == []


def test_a_message_that_is_no_text_gets_an_error(live: Live) -> None:
    response = live.call(a_message_event("c1", "cGluZw==", base64=True))

    assert json.loads(response["body"])["code"] == "INVALID_JSON"


# Typing -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def team(live: Live) -> str:
    """One of the team, who listens."""
    return live.opened("team", {"token": PRIVATE_KEY, "actorUserId": "user-1"}, {})


def test_the_team_is_told_that_a_visitor_types(live: Live, team: str) -> None:
    live.opened("v")

    assert live.type("v", "c", visitorPreview="Wher") is None

    [frame] = live.gateway.frames(team)
    assert frame["type"] == "conversationTyping"
    assert frame["payload"] == {
        "websiteId": frame["payload"]["websiteId"],
        "organizationId": frame["payload"]["organizationId"],
        "visitorId": VISITOR,
        "userId": None,
        "conversationId": "c",
        "isTyping": True,
        "visitorPreview": None,
        "aiAgentId": None,
    }
    assert live.gateway.frames("v") == []


def test_the_visitor_and_the_rest_of_the_team_are_told_that_a_team_member_types(live: Live, team: str) -> None:
    live.opened("team-2", {"token": PRIVATE_KEY, "actorUserId": "user-2"}, {})
    live.opened("team-1-again", {"token": PRIVATE_KEY, "actorUserId": "user-1"}, {})
    live.opened("v")

    live.type(team, "c", is_typing=False, visitorPreview="forged")

    assert sorted(live.gateway.sent) == ["team-2", "v"]
    payload = live.gateway.frames("v")[0]["payload"]
    assert (payload["userId"], payload["isTyping"], payload["visitorPreview"]) == ("user-1", False, None)


def test_nobody_else_is_told(live: Live) -> None:
    live.opened("other-visitor", as_visitor(OTHER_VISITOR))
    live.opened("other-mode", as_visitor(key=LIVE_PUBLIC_KEY))
    live.opened("other-website", {"token": OTHER_PRIVATE_KEY}, {})
    live.opened("v")
    live.opened("team", {"token": PRIVATE_KEY, "actorUserId": "user-1"}, {})

    live.type("v", "c")
    live.type("team", "c")

    assert sorted(live.gateway.sent) == ["team", "v"]


@pytest.mark.parametrize("conversation_id", ["unknown", "c", "../c", "", "c#"])
def test_somebody_else_s_conversation_is_not_there(live: Live, team: str, conversation_id: str) -> None:
    live.opened("v", as_visitor(OTHER_VISITOR))

    frame = live.type("v", conversation_id, visitorId=VISITOR, userId="user-1", websiteId="x")

    assert frame["code"] == "HTTP_404"
    assert live.gateway.frames(team) == []


def test_a_blocked_visitor_types_to_nobody(live: Live, team: str, api: Api) -> None:
    live.opened("v")
    assert api(None, private(), route=visitors.BLOCK, visitorId=VISITOR).status == 200

    assert live.type("v", "c")["code"] == "VISITOR_BLOCKED"
    assert live.gateway.frames(team) == []


def test_another_website_s_conversation_is_not_there(live: Live) -> None:
    live.opened("other", {"token": OTHER_PRIVATE_KEY, "actorUserId": "user-1"}, {})

    assert live.type("other", "c")["code"] == "HTTP_404"


def test_a_payload_can_t_say_who_types(live: Live, team: str) -> None:
    live.opened("v")

    live.type("v", "c", userId="user-9", visitorId=OTHER_VISITOR, aiAgentId="agent", organizationId="x")

    [frame] = live.gateway.frames(team)
    assert {frame["payload"][name] for name in ("userId", "aiAgentId")} == {None}
    assert frame["payload"]["visitorId"] == VISITOR


def test_a_server_that_names_nobody_types_to_nobody(live: Live) -> None:
    live.opened("v")
    live.opened("server", {"token": PRIVATE_KEY}, {})

    assert live.type("server", "c") is None
    assert live.gateway.posts == []


INVALID = {
    "no conversation": {"conversationId": None},
    "a number": {"conversationId": 1},
    "isTyping as text": {"is_typing": "true"},
    "isTyping as a number": {"is_typing": 1},
    "no isTyping": {"is_typing": None},
    "a preview that is no text": {"visitorPreview": 1},
    "a long preview": {"visitorPreview": "x" * 2_001},
}


@pytest.mark.parametrize("payload", INVALID.values(), ids=INVALID)
def test_a_payload_is_checked(live: Live, team: str, payload: dict[str, object]) -> None:
    live.opened("v")
    sent = {"conversationId": "c", "isTyping": payload.pop("is_typing", True), **payload}

    frame = json.loads(live.send("v", {"type": "conversationTyping", "payload": sent}))

    assert frame["code"] == "VALIDATION_FAILED"
    assert live.gateway.frames(team) == []


@pytest.mark.parametrize(("is_typing", "passed_on"), [(True, "Where is"), (False, None)])
def test_what_is_not_sent_yet_is_passed_on_if_the_website_wants_it(
    live: Live, storage: Storage, team: str, is_typing: bool, passed_on: str | None
) -> None:
    for key in storage.scan("APIKEY#"):
        profile = json.loads(str(key["profile"])) if "profile" in key else {}
        storage.change((str(key["PK"]), str(key["SK"])), profile=json.dumps({**profile, "typingPreview": True}))
    live.keys._known.clear()
    live.opened("v")

    live.type("v", "c", is_typing=is_typing, visitorPreview="Where is")

    assert live.gateway.frames(team)[0]["payload"]["visitorPreview"] == passed_on


def test_what_comes_faster_than_two_a_second_is_dropped(database: Table, api: Api) -> None:
    open_one(api, id_="c")
    clock = Clock(time.time())
    live = Live(database, clock=clock)
    live.opened("team", {"token": PRIVATE_KEY, "actorUserId": "user-1"}, {})
    live.opened("v")

    for _ in range(10_000 // 100):
        live.type("v", "c")
    assert len(live.gateway.frames("team")) == 2
    clock.now += 1
    live.type("v", "c")
    assert len(live.gateway.frames("team")) == 3


def test_a_connection_that_has_ended_types_to_nobody(live: Live, team: str) -> None:
    assert live.type("unknown", "c") is None
    assert live.gateway.frames(team) == []


def test_typing_is_stored_nowhere(live: Live, team: str, storage: Storage, emitted: Emitted) -> None:
    live.opened("v")
    before = storage.scan()
    emitted()

    live.type("v", "c", visitorPreview=CANARY)

    assert live.gateway.frames(team)
    assert storage.scan() == before
    assert CANARY not in json.dumps([emitted(), [str(item) for item in live.records()]])


# Keys that end --------------------------------------------------------------------------------------------------------


def test_a_connection_whose_key_is_revoked_neither_gets_nor_sends_anything_more(
    database: Table, api: Api, storage: Storage
) -> None:
    open_one(api, id_="c")
    age, live_clock = Clock(), Clock(time.time())
    secret = "sk_test_" + "5" * 64
    database.items |= {(str(key["PK"]), str(key["SK"])): key for key in [a_key(secret)]}  # type: ignore[attr-defined]
    live = Live(database, key_clock=age, clock=live_clock)
    live.opened("revoked", {"token": secret, "actorUserId": "user-1"}, {})
    live.opened("team", {"token": PRIVATE_KEY, "actorUserId": "user-2"}, {})
    live.opened("v")
    key = a_key(secret)
    storage.change((str(key["PK"]), str(key["SK"])), revokedAt="2026-11-24T12:00:00.000Z")

    age.now += 60.1
    live.type("v", "c")
    live.type("revoked", "c")

    assert sorted(live.gateway.sent) == ["team"]


# Whatever comes -------------------------------------------------------------------------------------------------------


def test_any_text_gets_a_response_and_no_defect(live: Live, emitted: Emitted) -> None:
    live.opened("v")
    emitted()
    chance = random.Random(22)
    whole = '{"type": "conversationTyping", "payload": {"conversationId": "c", "isTyping": true}}'
    for _ in range(300):
        text = list(whole)
        for _ in range(chance.randrange(1, 6)):
            text[chance.randrange(len(text))] = chr(chance.randrange(1, 0x2FF))
        body = live.send("v", "".join(text))
        assert body is None or json.loads(body)["code"] != "INTERNAL_ERROR"

    assert not [line for line in emitted() if line.get("level") == "ERROR"]
