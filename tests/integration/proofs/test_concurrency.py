"""Many instances of the function at the same moment, over a DynamoDB in peace and over one in conflict at random."""

import random
from collections.abc import Iterator

import pytest

from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_WEBSITE,
    WEBSITE,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.client import Response, Stored
from tests.integration.proofs.callers import Callers, Event, calling
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Fault, Proxy, cancelled, half_in_conflict, pass_on
from tests.samples import SOAK

#: With `make soak` as many as one conversation is promised to bear at once (see test_going_on.py).
INSTANCES = 50 if SOAK > 1 else 20
VISITORS = [f"01JDEM0V1S1T0R0000000000{number:02}" for number in range(INSTANCES)]


@pytest.fixture(scope="module")
def callers(module_proxy: Proxy, module_table: str) -> Iterator[Callers]:
    with calling(INSTANCES, module_proxy.url, module_table, timeout=60) as instances:
        yield instances


@pytest.fixture(params=["in peace", "in conflict"])
def rounds(request: pytest.FixtureRequest, proxy: Proxy, soak: int, seed_number: int) -> Iterator[str]:
    """Names for the conversations of each round; in conflict, a third of all writes are cancelled at first."""
    choices = random.Random(seed_number)

    def choose(operation: str) -> Fault:
        if operation != "TransactWriteItems" or request.param == "in peace":
            return pass_on
        conflict, mixed = cancelled("None", "TransactionConflict"), half_in_conflict
        return choices.choices([pass_on, conflict, mixed], [4, 1, 1])[0]

    proxy.faults = choose
    prefix = f"{abs(hash(request.node.name)):x}"
    return (f"{prefix}-{number}" for number in range(soak))


def timeline(stored: Stored, name: str, website: str = WEBSITE, mode: str = "test") -> list[str | None]:
    """The texts of a conversation; the whole table is checked."""
    items = timelines(stored())[f"CONVERSATION#{website}#{mode}#{name}"]
    return [item.content.get("text") for item in items]


def statuses(responses: list[Response]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for response in responses:
        counted[response.status] = counted.get(response.status, 0) + 1
    return counted


def test_identical_calls_make_one_conversation(callers: Callers, rounds: Iterator[str], stored: Stored) -> None:
    for name in rounds:
        body = a_body(conversationId=name, defaultTimelineItems=[a_message("with an id", id="a"), a_message("without")])

        responses = callers.at_once([an_event(body)] * INSTANCES)

        assert statuses(responses) == {200: INSTANCES}
        assert all(response.body == responses[0].body for response in responses)
        assert sum("idempotent-replayed" not in response.headers for response in responses) == 1
        assert timeline(stored, name) == ["with an id", "without"]


def test_identical_calls_under_an_idempotency_key_make_one_conversation(
    callers: Callers, rounds: Iterator[str], stored: Stored
) -> None:
    for name in rounds:
        event = an_event(a_body(defaultTimelineItems=[a_message()]), {**private(), "idempotency-key": name})

        responses = callers.at_once([event] * INSTANCES)

        assert statuses(responses) == {200: INSTANCES}
        assert {response.conversation["id"] for response in responses} == {responses[0].conversation["id"]}
        assert timeline(stored, responses[0].conversation["id"]) == ["Hello!"]


def test_one_of_the_bodies_under_one_key_is_written(callers: Callers, rounds: Iterator[str], stored: Stored) -> None:
    for name in rounds:
        events = [
            an_event(a_body(defaultTimelineItems=[a_message(f"{number}")]), {**private(), "idempotency-key": name})
            for number in range(INSTANCES)
        ]

        responses = callers.at_once(events)

        assert statuses(responses) == {200: 1, 422: INSTANCES - 1}
        [winner] = [response for response in responses if response.status == 200]
        assert timeline(stored, winner.conversation["id"]) == [winner.items[0]["text"]]


def test_different_messages_under_one_id_are_all_kept(callers: Callers, rounds: Iterator[str], stored: Stored) -> None:
    for name in rounds:
        headers = [private(), public()]
        events = [
            an_event(
                a_body(conversationId=name, defaultTimelineItems=[a_message("shared", id="s"), a_message(f"{number}")]),
                headers[number % 2],
            )
            for number in range(INSTANCES)
        ]
        left: list[Event] = events
        answered: list[str] = []
        while left:
            # Whoever got a 503 tries again; the others repeat themselves beside it.
            responses = callers.at_once([*left, *events[: INSTANCES - len(left)]])
            assert set(statuses(responses)) <= {200, 503}
            answered += [response.items[1]["text"] for response in responses if response.status == 200]
            left = [event for event, response in zip(left, responses, strict=False) if response.status == 503]

        assert set(answered) == {f"{number}" for number in range(INSTANCES)}
        assert sorted(filter(None, timeline(stored, name))) == sorted([*set(answered), "shared"])


def test_one_visitor_gets_an_id_that_many_want(callers: Callers, rounds: Iterator[str], stored: Stored) -> None:
    for name in rounds:
        events = [
            an_event({"visitorId": visitor, "conversationId": name, "defaultTimelineItems": [a_message(visitor)]})
            for visitor in VISITORS
        ]

        responses = callers.at_once(events)

        assert statuses(responses) == {200: 1, 409: INSTANCES - 1}
        [winner] = [response for response in responses if response.status == 200]
        assert timeline(stored, name) == [winner.conversation["visitorId"]]
        for visitor, response in zip(VISITORS, responses, strict=True):
            assert response is winner or winner.conversation["visitorId"] not in str(response.body), visitor


def test_tenants_that_use_the_same_ids_never_meet(callers: Callers, rounds: Iterator[str], stored: Stored) -> None:
    tenants = {
        (WEBSITE, "test"): private(),
        (WEBSITE, "live"): private(LIVE_PRIVATE_KEY),
        (OTHER_WEBSITE, "test"): private(OTHER_PRIVATE_KEY),
    }
    for name in rounds:
        scopes = [list(tenants)[number % len(tenants)] for number in range(INSTANCES)]
        events = [
            an_event(
                a_body(conversationId=name, defaultTimelineItems=[a_message(f"{scope}", id="same")]), tenants[scope]
            )
            for scope in scopes
        ]

        responses = callers.at_once(events)

        for (website, mode), response in zip(scopes, responses, strict=True):
            assert (response.status, response.conversation["websiteId"]) == (200, website)
            assert response.items[0]["text"] == f"{(website, mode)}"
        for website, mode in tenants:
            assert timeline(stored, name, website, mode) == [f"{(website, mode)}"]
