"""The checker that the proofs of overlapping calls rest on: what it accepts, and what it rejects."""

from collections.abc import Iterator
from functools import partial
from math import inf
from random import Random
from typing import Any

import pytest

from tests import conversation_model as model
from tests.builders import VISITOR
from tests.client import Response
from tests.conversation_model import Message, Operation, State, Target
from tests.integration.proofs.turns import Turns
from tests.linearizability import Call, linearize

# A register: the smallest thing that can be lost, stale or invented --------------------------------------------------


def write(value: int, invoked: float, returned: float) -> Call[int]:
    return Call(f"write {value}", invoked, returned, lambda _: [value])


def read(value: int, invoked: float, returned: float) -> Call[int]:
    def outcomes(state: int) -> Iterator[int]:
        if state == value:
            yield state

    return Call(f"read {value}", invoked, returned, outcomes)


def add(more: int, invoked: float, returned: float, *, answered: int) -> Call[int]:
    def outcomes(state: int) -> Iterator[int]:
        if state + more == answered:
            yield answered

    return Call(f"add {more}: {answered}", invoked, returned, outcomes)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="nothing"),
        pytest.param([write(1, 1, 2), read(1, 3, 4)], id="one after the other"),
        pytest.param([write(1, 1, 4), read(1, 2, 3)], id="read while it is written"),
        pytest.param([write(1, 1, 4), read(0, 2, 3)], id="read before it is written"),
        pytest.param([write(1, 1, 6), read(0, 2, 3), read(1, 4, 5)], id="read before and after it is written"),
        pytest.param([write(1, 1, 4), write(2, 2, 3), read(1, 5, 6)], id="the one that began first is the last"),
        pytest.param([add(1, 1, 3, answered=2), add(1, 2, 4, answered=1)], id="the one that began last is the first"),
        pytest.param([write(1, 1, inf), read(0, 2, 3)], id="an unknown outcome that never came"),
        pytest.param([write(1, 1, inf), read(0, 2, 3), read(1, 4, 5)], id="an unknown outcome that came late"),
    ],
)
def test_a_history_with_a_sequential_order_is_accepted(history: list[Call[int]]) -> None:
    assert linearize(history, 0).is_complete


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([write(1, 1, 2), read(0, 3, 4)], id="a lost write"),
        pytest.param([add(1, 1, 3, answered=1), add(1, 2, 4, answered=1)], id="a lost update"),
        pytest.param([write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)], id="a stale answer"),
        pytest.param([write(1, 1, 6), read(1, 2, 3), read(0, 4, 5)], id="an answer from before one that was given"),
        pytest.param([write(1, 1, 4), read(2, 2, 3)], id="an answer that was never true"),
        pytest.param([read(1, 1, 2), write(1, 3, 4)], id="an answer from the future"),
        pytest.param([read(1, 1, 2), write(1, 3, inf)], id="an answer from a future that is unknown"),
        pytest.param([write(1, 1, inf), read(1, 2, 3), read(0, 4, 5)], id="an unknown outcome that came and went"),
    ],
)
def test_a_history_without_a_sequential_order_is_rejected(history: list[Call[int]]) -> None:
    assert not linearize(history, 0).is_complete


def test_a_rejected_history_comes_with_its_longest_order() -> None:
    history = [read(0, 1, 2), write(1, 3, 4), read(2, 5, 6)]

    assert [call.name for call in linearize(history, 0).calls] == ["read 0", "write 1"]


def test_what_leads_to_the_same_state_is_tried_once() -> None:
    """Twelve writes at once have 12! orders, after which a read is wrong: without a memory this would not end."""
    history = [*(write(1, 1, 2) for _ in range(12)), read(2, 3, 4)]

    assert not linearize(history, 0).is_complete


# A conversation -------------------------------------------------------------------------------------------------------

TO = Target("c")
TIMES = [f"2026-01-01T00:00:00.{number:03}Z" for number in range(10)]


def answered(operation: Operation, invoked: float, returned: float, response: Response) -> list[Call[State]]:
    return [Call(operation.name, invoked, returned, partial(part, response)) for part in operation.parts]


def a_conversation(updated: int, last: str | None = None, **fields: Any) -> dict[str, Any]:
    shown = {
        "id": "c",
        "status": "open",
        "metadata": None,
        "createdAt": TIMES[0],
        "updatedAt": TIMES[updated],
        **fields,
    }
    item = {"id": last, "text": last, "visibility": "public", "createdAt": TIMES[1]}
    return shown if last is None else {**shown, "lastTimelineItem": item}


def ok(replayed: bool = False, **body: Any) -> Response:
    return Response(200, {"idempotent-replayed": "true"} if replayed else {}, body)


def refused(code: str) -> Response:
    return Response(409, {}, {"code": code})


OPENED = answered(model.open_(TO, "private", []), 1, 2, ok(initialTimelineItems=[], conversation=a_conversation(0)))


def patched(invoked: int, returned: int, conversation: dict[str, Any], **fields: Any) -> list[Call[State]]:
    return answered(model.patch(TO, fields), invoked, returned, ok(conversation=conversation))


def resolved(invoked: int, returned: int, conversation: dict[str, Any]) -> list[Call[State]]:
    return answered(model.change_status(TO, "resolve"), invoked, returned, ok(conversation=conversation))


def gotten(invoked: int, returned: int, conversation: dict[str, Any]) -> list[Call[State]]:
    return answered(model.get(TO, "private"), invoked, returned, ok(conversation=conversation))


def sent(invoked: int, returned: int, id_: str, at: int, *, replayed: bool = False) -> list[Call[State]]:
    item = {"id": id_, "text": id_, "visibility": "public", "createdAt": TIMES[at]}
    return answered(model.send(TO, "public", Message(id_, id_)), invoked, returned, ok(replayed, item=item))


def refused_send(invoked: int, returned: int, code: str, id_: str = "m", text: str = "m") -> list[Call[State]]:
    return answered(model.send(TO, "public", Message(id_, text)), invoked, returned, refused(code))


def seen(invoked: int, returned: int, at: int) -> list[Call[State]]:
    return answered(model.mark_seen(TO, "public"), invoked, returned, ok(lastSeenAt=TIMES[at]))


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            [
                *patched(3, 5, a_conversation(1, title="a"), title="a"),
                *resolved(4, 6, a_conversation(2, title="a", status="resolved")),
                *gotten(7, 8, a_conversation(2, title="a", status="resolved")),
            ],
            id="a title and a status at once",
        ),
        pytest.param(
            [
                *resolved(3, 5, a_conversation(2, status="resolved", last="m")),
                *sent(4, 6, "m", at=1),
            ],
            id="a message right before the conversation is resolved",
        ),
        pytest.param(
            [*resolved(3, 5, a_conversation(1, status="resolved")), *refused_send(4, 6, "CONVERSATION_CLOSED")],
            id="a message right after the conversation is resolved",
        ),
        pytest.param(
            [*sent(3, 5, "m", at=1), *sent(4, 6, "m", at=1, replayed=True)], id="a message and its repetition"
        ),
        pytest.param(
            [*seen(3, 6, at=2), *seen(4, 5, at=2), *gotten(7, 8, a_conversation(0, visitorLastSeenAt=TIMES[2]))],
            id="seen twice at once",
        ),
    ],
)
def test_a_history_of_a_conversation_with_a_sequential_order_is_accepted(history: list[Call[State]]) -> None:
    assert linearize([*OPENED, *history], State()).is_complete


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            [
                *patched(3, 5, a_conversation(1, title="a"), title="a"),
                *resolved(4, 6, a_conversation(2, status="resolved")),
            ],
            id="an answer made of what was read before: the title is missing",
        ),
        pytest.param(
            [
                *patched(3, 5, a_conversation(1, title="a"), title="a"),
                *patched(4, 6, a_conversation(2, title="a", metadata={"n": "1"}), metadata={"n": "1"}),
                *gotten(7, 8, a_conversation(2, metadata={"n": "1"})),
            ],
            id="a title is lost",
        ),
        pytest.param(
            [
                *resolved(3, 4, a_conversation(1, status="resolved")),
                *gotten(5, 6, a_conversation(0)),
            ],
            id="a stale answer",
        ),
        pytest.param(
            [
                *resolved(3, 4, a_conversation(1, status="resolved")),
                *sent(5, 6, "m", at=1),
            ],
            id="a visitor's message in a resolved conversation",
        ),
        pytest.param([*sent(3, 5, "m", at=1), *sent(4, 6, "m", at=1)], id="a message that is written twice"),
        pytest.param(
            [*sent(3, 4, "m", at=1), *sent(5, 6, "m", at=2, replayed=True)], id="a repetition that is dated otherwise"
        ),
        pytest.param(
            [*sent(3, 4, "m", at=2), *sent(5, 6, "n", at=1)], id="a message that is dated before an earlier one"
        ),
        pytest.param([*sent(3, 4, "m", at=1), *gotten(5, 6, a_conversation(1))], id="a last message that is not shown"),
        pytest.param(
            [*sent(3, 4, "m", at=1), *gotten(5, 6, a_conversation(0, last="m"))], id="a message that moves no updatedAt"
        ),
        pytest.param(
            [
                *resolved(3, 4, a_conversation(2, status="resolved")),
                *gotten(5, 6, a_conversation(1, status="resolved")),
            ],
            id="an updatedAt that goes back",
        ),
        pytest.param([*seen(3, 4, at=2), *seen(5, 6, at=1)], id="a time of seen that goes back"),
        pytest.param([*sent(3, 4, "m", at=2), *seen(5, 6, at=1)], id="a time of seen before the newest item"),
        pytest.param(
            [*seen(3, 4, at=2), *gotten(5, 6, a_conversation(0, visitorLastSeenAt=TIMES[3]))],
            id="a time of seen that nobody was told",
        ),
        pytest.param([*sent(3, 4, "m", at=1), *sent(5, 6, "m", at=1)], id="a repetition that is not said to be one"),
        pytest.param([*refused_send(3, 4, "CONVERSATION_CLOSED")], id="a refusal without a reason"),
    ],
)
def test_a_history_of_a_conversation_without_a_sequential_order_is_rejected(history: list[Call[State]]) -> None:
    assert not linearize([*OPENED, *history], State()).is_complete


def test_another_text_under_an_id_is_a_conflict() -> None:
    first = sent(3, 4, "m", at=1)

    assert linearize([*OPENED, *first, *refused_send(5, 6, "ITEM_ID_CONFLICT", text="other")], State()).is_complete
    assert not linearize([*OPENED, *first, *refused_send(5, 6, "ITEM_ID_CONFLICT")], State()).is_complete


def test_a_call_whose_outcome_is_unknown_may_have_been_carried_out_or_not() -> None:
    lost = answered(model.patch(TO, {"title": "a"}), 3, inf, Response(503, {}, {"code": "UNAVAILABLE"}))

    assert linearize([*OPENED, *lost, *gotten(5, 6, a_conversation(0))], State()).is_complete
    assert linearize([*OPENED, *lost, *gotten(5, 6, a_conversation(1, title="a"))], State()).is_complete
    assert not linearize([*OPENED, *lost, *gotten(5, 6, a_conversation(1, title="b"))], State()).is_complete


# Turns ----------------------------------------------------------------------------------------------------------------


def turns_of(seed: int) -> list[str]:
    turns = Turns(Random(seed))
    taken: list[str] = []

    def program(name: str) -> None:
        for number in range(4):
            taken.append(f"{name}{number}")
            turns.hand_over()

    turns.run([partial(program, name) for name in "abc"])
    return taken


def test_a_seed_gives_one_order_of_turns() -> None:
    assert turns_of(1) == turns_of(1) != turns_of(2)
    assert sorted(turns_of(1)) == [f"{name}{number}" for name in "abc" for number in range(4)]


def test_what_fails_in_its_turn_fails_the_run_when_all_have_ended() -> None:
    turns = Turns(Random(1))
    taken: list[str] = []

    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        turns.run([fail, partial(taken.append, VISITOR)])
    assert taken == [VISITOR]
