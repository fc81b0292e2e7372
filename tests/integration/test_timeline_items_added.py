"""What a public key adds to a conversation that exists: what the visitor writes, now, and nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.deadlines import Deadline
from support.dynamodb.actions import Change
from support.dynamodb.table import Table
from support.values import timestamps

from tests.builders import VISITOR, WEBSITE, a_body, a_message, private, public
from tests.client import Api, Response, Stored

KEY = (f"CONVERSATION#{WEBSITE}#test#c", "CONVERSATION")


def send(api: Api, headers: dict[str, str], *items: object) -> Response:
    return api(a_body(conversationId="c", defaultTimelineItems=items), headers)


@pytest.fixture
def set_status(database: Table) -> Callable[[str], None]:
    """Let the conversation have that status."""
    return lambda status: database.transact([Change(KEY, {"status": status})], Deadline.after(60))


def test_the_visitor_is_the_author_whatever_is_sent(api: Api) -> None:
    send(api, private())
    response = send(api, public(), {"id": "a"}, {"id": "b", "visitorId": ""}, {"id": "c", "visitorId": "optimistic"})

    assert [item["visitorId"] for item in response.items] == [VISITOR] * 3


@pytest.mark.parametrize("claim", [{"userId": "user-1"}, {"aiAgentId": "agent-1"}])
def test_a_claim_of_a_teammate_or_an_agent_is_a_403_and_adds_nothing(
    api: Api, stored: Stored, claim: dict[str, str]
) -> None:
    send(api, private())
    before = stored()
    response = send(api, public(), {"id": "mine"}, a_message("We owe you a refund.", **claim))

    assert (response.status, response.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert "defaultTimelineItems.1" in response.body["message"]
    assert stored() == before


@pytest.mark.parametrize("claim", [{"userId": ""}, {"aiAgentId": None}])
def test_no_claim_is_none(api: Api, claim: dict[str, Any]) -> None:
    send(api, private())

    assert send(api, public(), a_message(**claim)).status == 200


def test_a_greeting_comes_with_the_opening_and_its_retry_finds_it(api: Api) -> None:
    greeting = [a_message("Hi, how can I help?", aiAgentId="agent-1"), a_message("Hello!", id="m1")]
    opened = send(api, public(), *greeting)
    retried = send(api, public(), *greeting, a_message("More", id="m2"))

    assert opened.items[0]["aiAgentId"] == "agent-1"
    assert (retried.status, retried.items[:2]) == (200, opened.items)
    assert retried.items[2]["text"] == "More"


def test_the_server_dates_what_a_public_key_adds(api: Api) -> None:
    opened = send(api, private(), {"id": "0"})
    response = send(api, public(), {"id": "1", "createdAt": "2020-01-01T00:00:00Z"}, {"id": "2"})

    assert opened.conversation["createdAt"] <= response.items[0]["createdAt"]
    assert response.items[0]["createdAt"] == response.items[1]["createdAt"] <= timestamps.now()
    assert response.conversation["lastTimelineItem"]["id"] == "2"


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("headers", [private(), public()], ids=["private key", "public key"])
def test_what_the_server_dates_comes_last_whatever_our_clocks_say(
    api: Api, monkeypatch: pytest.MonkeyPatch, visibility: str, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: "2026-11-24T13:00:00.000Z")
    before = send(api, private(), {"id": "before", "visibility": visibility}).items[0]
    monkeypatch.setattr(timestamps, "now", lambda: "2026-11-24T12:00:00.000Z")
    added = send(api, headers, {"id": "added"})

    assert added.items[0]["createdAt"] == before["createdAt"]
    assert added.conversation["lastTimelineItem"]["id"] == "added"


def test_a_server_s_own_time_is_kept_though_it_is_in_the_past(api: Api) -> None:
    send(api, private(), {"id": "0"})

    assert send(api, private(), {"id": "1", "createdAt": "2020-01-01T00:00:00Z"}).items[0]["createdAt"] == (
        "2020-01-01T00:00:00.000Z"
    )


@pytest.mark.parametrize("past", [[], [{"id": "0"}]], ids=["opening", "adding"])
def test_no_clock_that_is_ahead_puts_a_message_behind_all_later_ones(api: Api, past: list[object]) -> None:
    if past:
        send(api, private(), *past)
    ahead = send(api, public(), *past, {"id": "1", "createdAt": "2999-01-01T00:00:00Z"}).items[-1]
    later = send(api, private(), {"id": "2"})

    assert ahead["createdAt"] <= later.items[0]["createdAt"] <= timestamps.now()
    assert later.conversation["lastTimelineItem"]["id"] == "2"


def in_minutes(minutes: float) -> str:
    return (datetime.fromisoformat(timestamps.now()) + timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize("past", [[], [{"id": "0"}]], ids=["opening", "adding"])
def test_a_server_s_clock_may_be_five_minutes_ahead(api: Api, stored: Stored, past: list[object]) -> None:
    if past:
        send(api, private(), *past)
    before = stored()
    refused = send(api, private(), *past, {"id": "1", "createdAt": in_minutes(6)})
    response = send(api, private(), *past, {"id": "1", "createdAt": in_minutes(4)})

    assert (refused.status, refused.code) == (400, "VALIDATION_FAILED")
    assert refused.paths == [f"defaultTimelineItems.{len(past)}.createdAt"]
    assert response.items[-1]["createdAt"] <= timestamps.now()
    assert len(stored()) == (len(before) or 1) + 1


@pytest.mark.parametrize("status", ["resolved", "spam"])
def test_a_conversation_that_is_not_open_takes_nothing_from_a_visitor(
    api: Api, stored: Stored, set_status: Callable[[str], None], status: str
) -> None:
    opened = send(api, public(), {"id": "1"})
    set_status(status)
    before = stored()
    refused = send(api, public(), {"id": "1"}, {"id": "2"})
    replayed = send(api, public(), {"id": "1"})

    assert (refused.status, refused.code) == (409, "CONVERSATION_CLOSED")
    assert stored() == before
    assert (replayed.status, replayed.items) == (200, opened.items)
    assert replayed.conversation["status"] == "resolved"


def test_the_company_adds_to_a_conversation_of_any_status(api: Api, set_status: Callable[[str], None]) -> None:
    send(api, public())
    set_status("resolved")

    assert send(api, private(), {"id": "1"}).status == 200


def test_a_private_note_moves_nothing_that_the_visitor_sees(api: Api) -> None:
    opened = send(api, public(), {"id": "1"})
    noted = send(api, private(), a_message("canary", id="note", visibility="private"))

    assert send(api, public()).conversation == opened.conversation
    assert noted.conversation["updatedAt"] > opened.conversation["updatedAt"]
    assert send(api, private()).conversation == noted.conversation
    assert noted.conversation["lastTimelineItem"]["id"] == "note"


def test_every_item_moves_the_conversation_s_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: "2026-11-24T12:00:00.000Z")
    times = [send(api, private(), {"id": str(n)}).conversation["updatedAt"] for n in range(3)]

    assert times == [f"2026-11-24T12:00:00.00{n}Z" for n in range(3)]


@pytest.mark.parametrize("later", ["event", "identification", "tool"])
def test_the_last_timeline_item_is_the_newest_message(api: Api, later: str) -> None:
    opened = send(api, private(), {"id": "1"}, {"id": "2", "type": later})
    added = send(api, private(), {"id": "3", "type": later})

    assert opened.conversation["lastTimelineItem"]["id"] == "1"
    assert added.conversation["lastTimelineItem"]["id"] == "1"


def test_without_a_message_there_is_no_last_timeline_item(api: Api) -> None:
    assert "lastTimelineItem" not in send(api, private(), {"type": "event"}).conversation
