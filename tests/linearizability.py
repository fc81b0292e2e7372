"""Decides whether calls that overlapped could have been carried out one after the other.

The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993), with the memory of Lowe
("Testing for Linearizability", 2017): whether the rest can be ordered depends only on which calls have their place and
on the state after them, so no such pair is tried twice.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Call(Generic[State]):
    """A call, and its answer.

    Parameters
    ----------
    name
        The call and its answer in a line, for people.
    invoked, returned
        When it began and when it was answered, by one clock. `inf` is a call whose outcome is unknown: it may come at
        any time after it began, or never.
    outcomes
        Given the state before the call, the states after it in which its answer is right. None of them: it cannot come
        here.
    """

    name: str
    invoked: float
    returned: float
    outcomes: Callable[[State], Iterable[State]]


@dataclass(frozen=True, slots=True)
class Order(Generic[State]):
    """The longest order that was found; `is_complete` tells whether all answered calls are in it."""

    calls: Sequence[Call[State]]
    is_complete: bool


def linearize(history: Sequence[Call[State]], initial: State) -> Order[State]:
    """Order calls so that each answer is right, and none comes before one that was answered before it began."""
    answered = sum(1 << number for number, call in enumerate(history) if call.returned != float("inf"))
    tried: set[tuple[int, State]] = set()
    order: list[Call[State]] = []
    longest: list[Call[State]] = []

    def can_complete(done: int, state: State) -> bool:
        nonlocal longest
        if len(order) > len(longest):
            longest = list(order)
        if done & answered == answered:
            return True
        if (done, state) in tried:
            return False
        tried.add((done, state))
        left = [(number, call) for number, call in enumerate(history) if not done >> number & 1]
        first_answer = min(call.returned for _, call in left)
        for number, call in left:
            if call.invoked > first_answer:
                continue
            order.append(call)
            if any(can_complete(done | 1 << number, after) for after in call.outcomes(state)):
                return True
            order.pop()
        return False

    is_complete = can_complete(0, initial)
    return Order(order if is_complete else longest, is_complete)
