"""conversations/deadlines.py: the time that a request has."""

import pytest
from api.app import create_handler
from operators.app import create_handler as create_operators_handler
from operators.operations import Operations
from support.deadlines import Deadline, unavailable
from support.errors import Code, Refusal
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from tests.builders import SETTINGS, Context, a_body, an_event
from tests.fakes import FakeTable


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands at 0 but for the waits, which it notes and which are as long as they may be."""
    noted: list[float] = []
    monkeypatch.setattr("support.deadlines.time.monotonic", lambda: sum(noted))
    monkeypatch.setattr("support.deadlines.time.sleep", noted.append)
    monkeypatch.setattr("support.deadlines._random.uniform", lambda _, longest: longest)
    return noted


def test_a_deadline_is_that_many_seconds_from_now(waits: list[float]) -> None:
    deadline = Deadline.after(2)

    deadline.require(2)
    with pytest.raises(Refusal) as refused:
        deadline.require(2.001)

    assert refused.value.code == Code.UNAVAILABLE
    assert waits == []


def test_waits_grow_up_to_a_second(waits: list[float]) -> None:
    for attempt in range(8):
        Deadline.after(60).back_off(attempt)

    assert waits == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_waits_may_begin_longer(waits: list[float]) -> None:
    for attempt in range(4):
        Deadline.after(60).back_off(attempt, 0.25)

    assert waits == [0.25, 0.5, 1.0, 1.0]


def test_a_wait_that_passes_the_deadline_is_not_begun(waits: list[float]) -> None:
    with pytest.raises(Refusal):
        Deadline.after(0.02).back_off(0)

    assert waits == []


def test_the_number_of_attempts_has_no_end(waits: list[float]) -> None:
    Deadline.after(60).back_off(10_000)

    assert waits == [1.0]


def test_waits_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("support.deadlines.time.sleep", waits.append)
    for _ in range(100):
        Deadline.after(60).back_off(3)

    assert len(set(waits)) > 90
    assert all(0 <= wait <= 0.2 for wait in waits)


def test_clients_are_told_to_come_back_at_different_times() -> None:
    assert {unavailable().retry_after for _ in range(200)} == {1, 2, 3, 4, 5}


def test_the_last_half_second_is_kept_for_the_answer(fake_table: FakeTable) -> None:
    context = Context(remaining_ms=499)
    handler = create_handler(fake_table, KeyRing(fake_table, 60), RateLimiter(fake_table, 0), SETTINGS)
    operators = create_operators_handler(Operations(fake_table))

    assert handler(an_event(a_body()), context)["statusCode"] == 503
    assert operators({"action": "list_websites"}, context)["error"]["code"] == "UNAVAILABLE"
    assert fake_table.usage.calls == 0
