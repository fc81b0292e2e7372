"""Calls that overlap: each answer is a state that was, and nothing that got a 200 is lost.

Several instances of the function serve random calls of one conversation, one database call at a time, in an order that
a seed decides. Then the calls must have a sequential order in which each answer is what the model of the contract gives
(`tests/conversation_model.py`), and in which no call comes before one that was answered before it began.
"""

import io
import itertools
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from random import Random
from typing import Any

import pytest
from support.dynamodb.table import Table
from support.observability import logger
from support.values import timestamps
from ulid import ULID

from tests import conversation_model as model
from tests import demo
from tests.client import Api, Response, api_over
from tests.conversation_model import KeyType, Message, Operation, State, Target
from tests.fakes import FakeTable
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.proxy import Exchange, Fault, proxying
from tests.integration.proofs.turns import Turns
from tests.integration.proofs.watched import watched
from tests.linearizability import Call, linearize

INSTANCES = 3

#: A call of a conversation that is yet to be named.
Step = Callable[[Target], Operation]


# Plans ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Calls one after the other, and then calls of several instances at once, in an order that the seed decides."""

    seed: int
    before: Sequence[Step]
    programs: Sequence[Sequence[Step]]

    def smaller(self) -> "Iterator[Plan]":
        """Yield the plan with each one of its calls left out."""
        for index in range(len(self.before)):
            yield replace(self, before=_without(self.before, index))
        for number, program in enumerate(self.programs):
            for index in range(len(program)):
                programs = [*self.programs]
                programs[number] = _without(program, index)
                yield replace(self, programs=programs)


def _without(steps: Sequence[Step], index: int) -> Sequence[Step]:
    return [*steps[:index], *steps[index + 1 :]]


class Choices:
    """Chooses calls at random; with `contested_ids` some messages have the id of another one."""

    def __init__(self, random: Random, *, contested_ids: bool) -> None:
        self._random = random
        self._contested_ids = contested_ids
        self._numbers = itertools.count(1)
        self._sent: list[Step] = []
        self._kinds: dict[Callable[[], Step], int] = {
            self._send: 6,
            self._status: 4,
            self._title: 2,
            self._metadata: 2,
            self._rate: 2,
            self._remove: 3,
            lambda: model.erase: 1,
            lambda: partial(model.mark_seen, key=self._key()): 2,
            lambda: partial(model.get, key=self._key()): 3,
            lambda: partial(model.list_, key=self._key()): 1,
            lambda: model.inbox_of_open: 1,
            lambda: model.get_seen: 1,
        }

    def plan(self, seed: int) -> Plan:
        """Choose calls of all instances; most conversations exist before."""
        before: list[Step] = []
        if self._random.random() < 0.9:
            first = [Message("m0", "text 0")] if self._random.random() < 0.7 else []
            before = [partial(model.open_, key="public", items=first), *self._any(0, 2)]
        return Plan(seed, before, [self._any(1, 3) for _ in range(INSTANCES)])

    def _any(self, least: int, most: int) -> list[Step]:
        kinds = self._random.choices(list(self._kinds), list(self._kinds.values()), k=self._random.randint(least, most))
        return [kind() for kind in kinds]

    def _key(self) -> KeyType:
        return self._random.choice(["public", "private"])

    def _send(self) -> Step:
        if self._sent and self._random.random() < 0.25:
            return self._random.choice(self._sent)
        key = self._key()
        chosen = [self._message(key) for _ in range(self._random.choice([1, 1, 2]))]
        # No id is used twice in a request.
        messages = list({message.id: message for message in chosen}.values())
        self._sent += [partial(model.open_, key=key, items=messages)]
        self._sent += [partial(model.send, key=key, item=message) for message in messages]
        return self._random.choice(self._sent[-1 - len(messages) :])

    def _message(self, key: KeyType) -> Message:
        number = next(self._numbers)
        is_private, is_import = self._random.random() < 0.4, self._random.random() < 0.2
        return Message(
            f"m{self._random.randint(1, number) if self._contested_ids else number}",
            f"text {number}",
            "private" if key == "private" and is_private else "public",
            "2020-01-01T00:00:00.000Z" if key == "private" and is_import else None,
        )

    def _remove(self) -> Step:
        # The conversation may have one from the beginning, and those that were chosen before.
        return partial(model.remove, item_id=f"m{self._random.randint(0, 3)}")

    def _status(self) -> Step:
        return partial(
            model.change_status, verb=self._random.choice(["resolve", "resolve", "reopen", "spam", "not-spam"])
        )

    def _title(self) -> Step:
        title = self._random.choice([f"title {next(self._numbers)}", "title", None])
        return partial(model.patch, fields={"title": title})

    def _metadata(self) -> Step:
        value = self._random.choice([f"{next(self._numbers)}", None])
        return partial(model.patch, fields={"metadata": {self._random.choice("ab"): value}})

    def _rate(self) -> Step:
        return partial(model.rate, rating=self._random.randint(1, 2), comment=self._random.choice([None, "comment"]))


#: What is read when all calls are answered.
AFTER: Sequence[Step] = [
    *(partial(model.get, key=key) for key in ("private", "public")),
    *(partial(model.get_timeline, key=key) for key in ("private", "public")),
    model.get_seen,
]


# Instances ------------------------------------------------------------------------------------------------------------


class Instances:
    """Instances of the function over one table, with the turns that they take, if any."""

    apis: Sequence[Api]
    turns: Turns | None = None

    def new_target(self) -> Target:
        """Return a conversation of which nothing is stored, of a visitor of its own."""
        return Target(f"c-{uuid.uuid4()}", str(ULID()))

    def read_keys(self) -> None:
        """Let the instances read their keys, which they keep from then on.

        Powertools has one event for all routers of a process: nobody may hand over until it has been read.
        """
        for api in self.apis:
            for key in ("public", "private"):
                assert model.get(Target("unknown"), key).send(api).status == 404


class InMemory(Instances):
    """Instances over a table in memory."""

    def __init__(self) -> None:
        self._table = FakeTable(demo.items())
        self._empty = dict(self._table.items)
        self.apis = [api_over(watched(self._table, self._hand_over), clock=lambda: 0.0) for _ in range(INSTANCES)]
        self.read_keys()

    def _hand_over(self) -> None:
        if self.turns is not None:
            self.turns.hand_over()

    def new_target(self) -> Target:
        self._table.items = dict(self._empty)
        return Target("c")


class OverEngine(Instances):
    """Instances over DynamoDB Local, each through its own proxy, in which calls wait for their turn and meet faults."""

    def __init__(self, endpoint: str, table: str, stack: ExitStack) -> None:
        apis = []
        for number in range(INSTANCES):
            proxy = stack.enter_context(proxying(endpoint))
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
                apis.append(api_over(Table(table, timeout_seconds=60), clock=lambda: 0.0))
            proxy.faults = partial(self._fault, number)
        self.apis = apis
        self.read_keys()

    def _fault(self, number: int, operation: str) -> Fault:
        def act(exchange: Exchange) -> None:
            if self.turns is None:
                faults.pass_on(exchange)
                return
            self.turns.hand_over(number)
            self.turns.random.choice(_FAULTS.get(operation, []) + [faults.pass_on] * 10)(exchange)

        return act


#: Faults that pass: what is in conflict, and what was carried out though nobody heard so.
_FAULTS: dict[str, list[Fault]] = {
    "TransactWriteItems": [faults.cancelled("TransactionConflict"), faults.reset_after, faults.reset_before],
    "UpdateItem": [faults.error(400, "TransactionConflictException"), faults.reset_after],
    "BatchGetItem": [faults.nothing_processed],
}


@pytest.fixture(scope="module", params=["fake", "engine"])
def instances(request: pytest.FixtureRequest) -> Iterator[Instances]:
    if request.param == "fake":
        yield InMemory()
        return
    with ExitStack() as stack:
        endpoint, table = (request.getfixturevalue(name) for name in ("dynamodb", "module_table"))
        yield OverEngine(endpoint, table, stack)


# Histories ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Performed:
    """A call that was answered, and when it began and ended."""

    operation: Operation
    response: Response
    began: int
    ended: int

    def calls(self) -> Iterator[Call[State]]:
        """Yield what is to be ordered of it."""
        returned = inf if self.response.code == "UNAVAILABLE" else self.ended
        for part in self.operation.parts:
            yield Call(str(self), self.began, returned, partial(part, self.response))

    def __str__(self) -> str:
        # All times are within a few seconds of each other, so only seconds are shown.
        told = re.sub(r"\b[0-9-]{10}T[0-9:]{6}([0-9.]{6})Z", r"\1", _told(self.response))
        return f"{self.began:>3}-{self.ended:<3} {self.operation.name}: {told}"


def _told(response: Response) -> str:
    if response.status != 200:
        return f"{response.status} {response.code}"
    replayed = ["replayed"] if "idempotent-replayed" in response.headers else []
    shown = response.body.get("conversation", response.body)
    names = ("status", "title", "metadata", "visitorLastSeenAt", "visitorRating", "updatedAt", "lastSeenAt", "ratedAt")
    values = [f"{name}={shown[name]}" for name in names if shown.get(name) is not None]
    last = [f"lastTimelineItem={_told_item(item)}" for item in [shown.get("lastTimelineItem")] if item is not None]
    items = [*response.body.get("items", []), *([response.body["item"]] if "item" in response.body else [])]
    return " ".join(["200", *replayed, *values, *last, *map(_told_item, items)])


def _told_item(item: Mapping[str, Any]) -> str:
    if "createdAt" not in item or "type" not in item:
        return str(item["id"])
    what = f"{item['id']} {item['text']!r}" if item["type"] == "message" else item["type"]
    return f"{what} of {item['createdAt']}"


class Clocks:
    """The instances' clocks, by which they date what they write: how fast they tick, and how far they are apart."""

    def __init__(self, random: Random, turns: Turns) -> None:
        self._turns = turns
        self._tick_ms = random.choice([0, 1, 2])
        self._apart_ms = random.choice([0, 5])

    def now(self) -> str:
        milliseconds = self._turns.steps * self._tick_ms + (self._turns.current or 0) * self._apart_ms
        moment = datetime.fromtimestamp(1_800_000_000 + milliseconds / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def carry_out(plan: Plan, instances: Instances) -> list[Performed]:
    """Carry out a plan on a new conversation, and read what has become of it."""
    random, to = Random(plan.seed), instances.new_target()
    turns = Turns(random)
    moments = itertools.count(1)
    history: list[Performed] = []

    def perform(api: Api, steps: Sequence[Step]) -> None:
        for step in steps:
            if turns.current is not None:
                turns.hand_over()
            operation, began = step(to), next(moments)
            response = operation.send(api)
            history.append(Performed(operation, response, began, next(moments)))

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
        patch.setattr(logger, "info", lambda *_, **__: None)
        patch.setattr(time, "sleep", turns.sleep)
        patch.setattr(timestamps, "now", Clocks(random, turns).now)
        perform(instances.apis[0], plan.before)
        instances.turns = turns
        try:
            turns.run([partial(perform, *pair) for pair in zip(instances.apis, plan.programs, strict=True)])
        finally:
            instances.turns = None
        perform(instances.apis[-1], AFTER)
    return sorted(history, key=lambda performed: performed.began)


def is_linearizable(history: Sequence[Performed]) -> bool:
    return linearize([call for performed in history for call in performed.calls()], State()).is_complete


def smallest(plan: Plan, history: Sequence[Performed], instances: Instances, attempts: int) -> Sequence[Performed]:
    """Leave out calls as long as one of so many orders of turns still gives a history that is wrong."""
    for candidate in plan.smaller():
        for seed in (plan.seed, *range(attempts)):
            reseeded = replace(candidate, seed=seed)
            if not is_linearizable(shorter := carry_out(reseeded, instances)):
                return smallest(reseeded, shorter, instances, attempts)
    return history


#: How many histories are tried.
HISTORIES = {InMemory: 150, OverEngine: 8}
#: How many orders of turns are tried for a smaller history.
ATTEMPTS = {InMemory: 30, OverEngine: 3}


@pytest.mark.parametrize("contested_ids", [False, True], ids=["own ids", "contested ids"])
def test_calls_that_overlap_are_answered_as_if_they_came_one_after_the_other(
    instances: Instances, seed_number: int, soak: int, contested_ids: bool
) -> None:
    for seed in range(seed_number, seed_number + HISTORIES[type(instances)] * soak):
        plan = Choices(Random(seed), contested_ids=contested_ids).plan(seed)
        if not is_linearizable(history := carry_out(plan, instances)):
            shortest = smallest(plan, history, instances, ATTEMPTS[type(instances)])
            pytest.fail("\n".join([f"SEED={seed}: no order gives these answers", *map(str, shortest)]))
