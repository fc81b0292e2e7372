"""events/: each sample gets the answer that its name promises, in any order and however often."""

import json
import random
import time
from typing import Any

import pytest
from support.dynamodb.table import Table

from local.seed import WEBSITE_A, WEBSITE_B
from tests.builders import EVENTS
from tests.calls import without_visitor
from tests.client import Api
from tests.operators import Operate, operators_over

PROMISED = {
    "private-key": (200, None),
    "public-key-with-origin": (200, None),
    "with-initial-items": (200, None),
    "replay": (200, None),
    "get-conversation": (200, None),
    "list-conversations": (200, None),
    "get-timeline": (200, None),
    "get-website": (200, None),
    "get-support-state": (200, None),
    "no-key": (401, "API_KEY_MISSING"),
    "unknown-key": (401, "INVALID_API_KEY"),
    "revoked-key": (401, "INVALID_API_KEY"),
    "expired-key": (401, "INVALID_API_KEY"),
    "origin-missing": (403, "ORIGIN_REQUIRED"),
    "origin-not-allowed": (403, "ORIGIN_NOT_ALLOWED"),
    "private-item-with-public-key": (403, "PRIVATE_KEY_REQUIRED"),
    "visitor-id-missing": (400, "VISITOR_ID_REQUIRED"),
    "invalid-json": (400, "INVALID_JSON"),
    "validation-failed": (400, "VALIDATION_FAILED"),
    "conversation-id-conflict": (409, "CONVERSATION_ID_CONFLICT"),
    "unsupported-media-type": (415, "UNSUPPORTED_MEDIA_TYPE"),
    "delete-conversation": (404, "HTTP_404"),
}
#: What changes one conversation, or tells of it; with each, the refusals to which others may have led that came before.
GOING_ON: dict[str, set[str]] = {
    "send-message": set(),
    "mark-seen": set(),
    "get-seen": set(),
    "rate-conversation": {"CONVERSATION_NOT_RESOLVED"},
    "resolve-conversation": {"STATUS_CONFLICT"},
    "reopen-conversation": {"STATUS_CONFLICT"},
    "mark-as-spam": set(),
    "mark-as-not-spam": {"STATUS_CONFLICT"},
    "delete-timeline-item": set(),
    "patch-conversation": set(),
    "list-inbox": set(),
}
#: What tells of visitors, or what they tell, in the same way.
OF_VISITORS: dict[str, set[str]] = {
    "patch-visitor": set(),
    "record-activity": set(),
    "record-own-activity": set(),
    "get-visitor": {"HTTP_404"},
    "block-visitor": set(),
    "unblock-visitor": set(),
    "give-feedback": set(),
    "list-feedback": set(),
}
CHANGING = GOING_ON | OF_VISITORS
ACTIONS = sorted(path.stem for path in (EVENTS / "operators").glob("*.json"))
#: The sample of what no demo data has: the object of a file.
NOT_THERE = {"get_file"}
A_DAY = 86_400


def event(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def first_start(api: Api, database: Table) -> Table:
    """The table of `make run` after its first start, which sends one of the samples by itself."""
    api(event=event("replay"))
    return database


def require_promised(api: Api, name: str) -> None:
    response = api(event=event(name))

    if name in CHANGING:
        assert response.status < 300 or response.code in CHANGING[name], (name, response.body)
        return
    assert (response.status, response.code) == PROMISED[name], name
    assert ("idempotent-replayed" in response.headers) == (name == "replay"), name


def require_done(operate: Operate, action: str) -> None:
    sample = event(f"operators/{action}")

    assert sample["action"] == action
    response = operate(event=sample)
    assert response.get("error", {}).get("code") == ("NOT_FOUND" if action in NOT_THERE else None), response


def statuses(operate: Operate) -> dict[str, str]:
    """Return the status of each key that the demo websites have from the start."""
    keys = [
        key
        for website in (WEBSITE_A, WEBSITE_B)
        for key in operate("list_keys", websiteId=website.id)["keys"]
        if key["id"].removeprefix(f"{website.id}-") in website.keys
    ]
    return {key["id"]: key["status"] for key in keys}


def test_every_sample_is_listed() -> None:
    assert {path.stem for path in EVENTS.glob("*.json")} == {*PROMISED, *CHANGING}


def test_every_action_has_a_sample(operate: Operate) -> None:
    [actions] = [detail["message"] for detail in operate("?")["error"]["details"]]

    assert set(actions.removeprefix("must be one of ").split(", ")) == set(ACTIONS)


@pytest.mark.usefixtures("first_start")
@pytest.mark.parametrize("name", PROMISED)
def test_a_sample_gets_what_its_name_promises(api: Api, name: str) -> None:
    require_promised(api, name)


@pytest.mark.usefixtures("first_start")
def test_what_one_sample_writes_others_read(api: Api) -> None:
    written = api(event=event("replay"))
    question = written.items[1]

    assert without_visitor(api(event=event("get-conversation")).conversation) == written.conversation
    of_the_team = ("organizationId", "priority")
    told_the_visitor = {name: value for name, value in written.conversation.items() if name not in of_the_team}
    assert api(event=event("list-conversations")).body["conversations"] == [told_the_visitor]
    page = api(event=event("get-timeline")).body
    assert written.items[0]["id"] == "greeting"
    assert page == {"items": [question], "nextCursor": None, "hasNextPage": False}
    assert written.conversation["lastTimelineItem"] == question


@pytest.mark.usefixtures("first_start")
def test_samples_make_a_conversation_go_on(api: Api) -> None:
    responses = {name: api(event=event(name)) for name in GOING_ON if name != "rate-conversation"}
    assert {name: response.status for name, response in responses.items()} == dict.fromkeys(responses, 200)

    assert responses["send-message"].body["item"]["userId"] == "user-1"
    assert responses["get-seen"].body["seenData"][0]["lastSeenAt"] == responses["mark-seen"].body["lastSeenAt"]
    statuses = ("resolve-conversation", "reopen-conversation", "mark-as-spam", "mark-as-not-spam")
    assert [responses[name].conversation["status"] for name in statuses] == ["resolved", "open", "spam", "open"]
    assert responses["list-inbox"].body["items"] == [responses["patch-conversation"].conversation]
    api(event=event("resolve-conversation"))
    assert api(event=event("rate-conversation")).body["rating"] == 5


@pytest.mark.usefixtures("first_start")
def test_samples_tell_of_visitors(api: Api) -> None:
    responses = {name: api(event=event(name)).body for name in OF_VISITORS}

    told = responses["get-visitor"]
    assert (told["browser"], told["currentPage"]["path"]) == ("Firefox", "/orders")
    assert told["lastSeenAt"] == responses["record-own-activity"]["acceptedAt"]
    assert [responses[name]["isBlocked"] for name in ("block-visitor", "unblock-visitor")] == [True, False]
    assert responses["block-visitor"]["blockedByUserId"] == "user-1"
    assert responses["list-feedback"]["feedback"] == [responses["give-feedback"]["feedback"]]


@pytest.mark.usefixtures("first_start")
@pytest.mark.parametrize("action", ACTIONS)
def test_a_sample_of_the_operators_is_carried_out(operate: Operate, action: str) -> None:
    require_done(operate, action)


@pytest.mark.parametrize("order", range(4))
def test_samples_get_that_in_any_order_again_and_the_next_day_too(api: Api, first_start: Table, order: int) -> None:
    operate = operators_over(first_start)
    before = statuses(operate)
    samples = [*PROMISED, *CHANGING, *ACTIONS]
    # The same order on each run of this test: a failure repeats.
    shuffled = random.Random(order)
    for now in (operate, operate, operators_over(first_start, clock=lambda: time.time() + A_DAY)):
        for sample in shuffled.sample(samples, len(samples)):
            if sample not in ACTIONS:
                require_promised(api, sample)
            else:
                require_done(now, sample)
    after = statuses(operators_over(first_start, clock=lambda: time.time() + A_DAY))

    assert {key for key in before if before[key] != after[key]} == {event("operators/rotate_key")["keyId"]}
