"""Resolving a conversation, opening it again, and what is spam."""

from collections.abc import Sequence
from typing import Any

import pytest
from support.dynamodb.actions import Insert
from support.dynamodb.table import Table
from support.errors import ConversationFull
from support.values.conversation import CONVERSATION_SK

from tests.builders import LIVE_PRIVATE_KEY, OTHER_PRIVATE_KEY, VISITOR, a_message, private
from tests.calls import ID, VERBS, change, get, open_one, send, timeline, user, visitor
from tests.client import Api, Stored

#: How a conversation comes to have a status.
WAYS: dict[str, Sequence[str]] = {"open": [], "resolved": ["resolve"], "spam": ["spam"]}
#: What comes of each verb: a status, a replay, or a conflict.
TABLE = {
    ("open", "resolve"): "resolved",
    ("open", "reopen"): "replay",
    ("open", "spam"): "spam",
    ("open", "not-spam"): "replay",
    ("resolved", "resolve"): "replay",
    ("resolved", "reopen"): "open",
    ("resolved", "spam"): "spam",
    ("resolved", "not-spam"): "conflict",
    ("spam", "resolve"): "conflict",
    ("spam", "reopen"): "conflict",
    ("spam", "spam"): "replay",
    ("spam", "not-spam"): "open",
}
EVENTS = {"resolve": "resolved", "reopen": "reopened", "spam": "status_changed", "not-spam": "status_changed"}
CHANGES = [pair for pair, result in TABLE.items() if result in WAYS]


def open_with(api: Api, status: str) -> None:
    open_one(api, a_message("Hi!", id="first"))
    for verb in WAYS[status]:
        assert change(api, verb).status == 200


@pytest.mark.parametrize(("status", "verb"), TABLE)
def test_each_verb_leads_where_the_table_says(api: Api, stored: Stored, status: str, verb: str) -> None:
    result = TABLE[status, verb]
    open_with(api, status)
    before = stored()
    response = change(api, verb)

    if result == "conflict":
        assert (response.status, response.code) == (409, "STATUS_CONFLICT")
        assert f"'{status}'" in response.body["message"]
        assert stored() == before
    elif result == "replay":
        assert (response.status, response.headers["idempotent-replayed"]) == (200, "true")
        assert response.conversation == get(api)
        assert stored() == before
    else:
        assert (response.status, response.conversation["status"]) == (200, result)
        assert "idempotent-replayed" not in response.headers
        assert response.conversation == get(api)
        assert len(stored()) == len(before) + 1


@pytest.mark.parametrize(("status", "verb"), CHANGES)
@pytest.mark.parametrize("actor", ["user-1", None])
def test_a_private_event_says_who_did_what(api: Api, status: str, verb: str, actor: str | None) -> None:
    open_with(api, status)
    seen = timeline(api, visitor())
    change(api, verb, private() if actor is None else user(actor))

    event = timeline(api)[-1]
    assert (event["type"], event["visibility"], event["text"]) == ("event", "private", None)
    assert (event["userId"], event["aiAgentId"], event["visitorId"]) == (actor, None, None)
    assert event["parts"] == [
        {
            "type": "event",
            "eventType": EVENTS[verb],
            "actorUserId": actor,
            "actorAiAgentId": None,
            "targetUserId": None,
            "targetAiAgentId": None,
        }
    ]
    assert timeline(api, visitor()) == seen


@pytest.mark.parametrize(("status", "verb"), CHANGES)
def test_the_visitor_sees_the_status_and_that_it_has_changed(api: Api, status: str, verb: str) -> None:
    open_with(api, status)
    before = {"visitor": get(api, visitor()), "company": get(api)}
    change(api, verb)

    for reader, headers in (("visitor", visitor()), ("company", private())):
        after = get(api, headers)
        # Nobody is told that they are taken for a spammer.
        shown = "resolved" if reader == "visitor" and TABLE[status, verb] == "spam" else TABLE[status, verb]
        assert after["status"] == shown
        assert after["lastTimelineItem"] == before[reader]["lastTimelineItem"]
        if shown == before[reader]["status"]:
            assert after == before[reader]
        else:
            assert after["updatedAt"] > before[reader]["updatedAt"]


def test_a_conversation_without_a_message_can_be_resolved(api: Api) -> None:
    open_one(api)

    response = change(api, "resolve")
    assert (response.status, response.conversation["status"]) == (200, "resolved")
    assert "lastTimelineItem" not in response.conversation


def test_an_event_comes_after_what_was_there(api: Api) -> None:
    open_with(api, "open")
    for number, verb in enumerate(["resolve", "reopen"] * 3):
        send(api, private(), id=f"m{number}", text="Hi")
        change(api, verb)

    ids = [item["id"] for item in timeline(api) if item["type"] == "message"]
    assert ids == ["first", *(f"m{number}" for number in range(6))]
    assert [item["type"] for item in timeline(api)] == ["message", *["message", "event"] * 6]


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_company_changes_a_status(api: Api, stored: Stored, verb: str) -> None:
    open_with(api, "open")
    before = stored()
    refused = change(api, verb, visitor())

    assert (refused.status, refused.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert stored() == before


@pytest.mark.parametrize("verb", VERBS)
def test_what_the_company_does_not_have_is_one_and_the_same_404(api: Api, stored: Stored, verb: str) -> None:
    open_with(api, "open")
    before = stored()
    called = [
        (private(), "unknown"),
        (private(), "mal formed"),
        (private(), "x" * 65),
        (private(OTHER_PRIVATE_KEY), ID),
        (private(LIVE_PRIVATE_KEY), ID),
    ]
    responses = [change(api, verb, headers, id_) for headers, id_ in called]

    assert {response.code for response in responses} == {"HTTP_404"}
    assert all(response.body == responses[0].body for response in responses)
    assert stored() == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_malformed_actor_is_a_400(api: Api, stored: Stored, verb: str) -> None:
    open_with(api, "open")
    before = stored()
    refused = change(api, verb, user("a b"))

    assert (refused.code, refused.paths) == ("VALIDATION_FAILED", ["X-Actor-User-Id"])
    assert stored() == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_conversation_to_which_nothing_can_be_added_changes_its_status_without_an_event(
    api: Api, database: Table, stored: Stored, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """DynamoDB takes no more than 10 GB for a conversation with its items: it would stay in the inbox for good."""
    open_one(api, a_message("Hi"))
    for before in {"reopen": ["resolve"], "not-spam": ["spam"]}.get(verb, []):
        change(api, before)
    items = len(stored())
    transact = database.transact

    def full(actions: Any, *args: Any, **options: Any) -> None:
        if any(isinstance(action, Insert) for action in actions):
            raise ConversationFull
        transact(actions, *args, **options)

    monkeypatch.setattr(database, "transact", full)
    response = change(api, verb)

    assert response.status == 200
    assert get(api)["status"] == response.conversation["status"]
    assert len(stored()) == items
    refused = send(api, visitor(), text="More") if response.conversation["status"] == "open" else send(api, text="More")
    assert refused.code == "PAYLOAD_TOO_LARGE"


def test_a_status_keeps_what_else_the_conversation_has(api: Api, stored: Stored) -> None:
    open_one(api, a_message("Hi!"), metadata={"plan": "pro"}, channel="email")
    [before] = [item for item in stored() if item["SK"] == CONVERSATION_SK]
    for verb in ("resolve", "spam", "not-spam"):
        change(api, verb)
    [after] = [item for item in stored() if item["SK"] == CONVERSATION_SK]

    moved = {"updatedAt", "publicUpdatedAt", "inboxSK", "version", "itemCount", "lastPrivateItem", "wrote"}
    assert {name for name in {**before, **after} if before.get(name) != after.get(name)} == moved
    assert get(api, visitor())["visitorId"] == VISITOR
