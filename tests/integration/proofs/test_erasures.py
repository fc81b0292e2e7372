"""The erasure of a visitor who goes on writing, over indexes that are behind, with faults, and cut short anywhere.

Once it says that it is done, nothing is left of what the visitor had written before, and nothing of anybody else is
gone. What happens in between is decided by a seed: one call of the table at a time.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, cast

import pytest
from api.routes import contacts, feedback, visitors
from erasing.operations import PAUSE_SECONDS, Erasures
from operators.app import Handler, create_handler
from operators.events import ERASURES
from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Action, ConditionFailed
from support.dynamodb.items import Item, Key
from support.dynamodb.table import Index, KeyRange, Table
from support.observability import logger
from support.store import visitor_erasure, website_erasure
from support.store.contacts import ContactStore
from support.store.erasure import ErasureStore
from support.store.stores import Stores

from tests import demo
from tests.builders import (
    EVENTS,
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    private,
)
from tests.calls import change, erase, open_one, patch, rate, remove, see, send, user, visitor
from tests.client import Api, api_over
from tests.fakes import FakeTable
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.turns import Turns
from tests.integration.proofs.watched import watched
from tests.operators import operators_over, refused

TENANT = f"{WEBSITE}#test#"
EVENT = json.loads((EVENTS / "erasing" / "erase_visitor.json").read_text())
GATE: Key = (f"VISITOR#{TENANT}{VISITOR}", "GATE")
IDS = ("c0", "c1", "c2", "c3")


class Killed(BaseException):
    """The end of a process, of which nothing in it knows."""


class LaggingTable(FakeTable):
    """A table whose global indexes show what was stored some writes ago, each time as many as `behind` says."""

    def __init__(self) -> None:
        super().__init__(demo.items())
        self.behind: Callable[[], int] = lambda: 0
        self._past: list[dict[Key, Item]] = []

    def catch_up(self) -> None:
        """Let the indexes show what is stored."""
        self._past.clear()

    def query(self, index: Index, pk: str, keys: KeyRange, deadline: Deadline, **how: Any) -> list[Item]:
        if index.is_consistent or not self._past:
            return super().query(index, pk, keys, deadline, **how)
        return FakeTable(self._past[-1 - self.behind() % len(self._past)].values()).query(
            index, pk, keys, deadline, **how
        )

    def transact(self, actions: Sequence[Action], deadline: Deadline, **how: Any) -> None:
        self._past.append(dict(self.items))
        super().transact(actions, deadline, **how)

    def delete_many(self, keys: Sequence[Key], deadline: Deadline) -> None:
        self._past.append(dict(self.items))
        super().delete_many(keys, deadline)


#: How a call of the table ends, if not well: before or after it is carried out, and with what.
Fate = tuple[str, BaseException] | None


def failing(table: Table, fate: Callable[[], Fate]) -> Table:
    """Return a table that asks before each call what becomes of it."""
    return cast("Table", _Failing(table, fate))


class _Failing:
    def __init__(self, table: Table, fate: Callable[[], Fate]) -> None:
        self._table = table
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._table, name)

        def call(*args: Any, **how: Any) -> Any:
            when, fault = self._fate() or ("", None)
            if fault is not None and when == "before":
                raise fault
            result = value(*args, **how)
            if fault is not None:
                raise fault
            return result

        return call


# The visitor, who goes on --------------------------------------------------------------------------------------------

REQUESTS: dict[str, Callable[[Api, str], object]] = {
    "open": lambda api, id_: api(a_body(conversationId=id_, defaultTimelineItems=[a_message(id="m0")]), visitor()),
    "open and import": lambda api, id_: api(
        a_body(conversationId=id_, visitorId=VISITOR, defaultTimelineItems=[a_message(id="m1")]), private()
    ),
    "open with 99": lambda api, id_: api(
        a_body(conversationId=id_, defaultTimelineItems=[a_message(id=f"n{n}") for n in range(99)]), visitor()
    ),
    "send": lambda api, id_: send(api, visitor(), id_, text="More"),
    "reply": lambda api, id_: send(api, id_=id_, text="Hello", userId="user-1"),
    "see": lambda api, id_: see(api, visitor(), id_),
    "seen by the team": lambda api, id_: see(api, user(), id_),
    "title": lambda api, id_: patch(api, {"title": "A title", "metadata": {"a": 1}}, id_),
    "resolve": lambda api, id_: change(api, "resolve", id_=id_),
    "rate": lambda api, id_: rate(api, visitor(), id_, rating=1, comment="No"),
    "remove": lambda api, id_: remove(api, "m0", id_=id_),
    "erase one": lambda api, id_: erase(api, id_=id_),
    "page": lambda api, _: api({"language": "en"}, visitor(), route=visitors.PATCH, visitorId=VISITOR),
    "activity": lambda api, id_: api(
        {"currentPage": {"url": f"https://shop.example.com/{id_}"}}, visitor(), route=visitors.TELL, visitorId=VISITOR
    ),
    "feedback": lambda api, id_: api({"rating": 1, "comment": id_}, visitor(), route=feedback.GIVE),
    "identify": lambda api, id_: api(
        {"email": f"{id_}@example.com", "metadata": {"a": id_}}, visitor(), route=contacts.IDENTIFY
    ),
    "metadata": lambda api, id_: api(
        {"metadata": {"b": id_}}, visitor(), route=contacts.PATCH_METADATA, visitorId=VISITOR
    ),
    "block": lambda api, _: api(None, private(), route=visitors.BLOCK, visitorId=VISITOR),
    "unblock": lambda api, _: api(None, private(), route=visitors.UNBLOCK, visitorId=VISITOR),
}


def a_past(api: Api) -> None:
    """Let the visitor and others have written, under the same ids where they may."""
    for id_ in (*IDS[:2], "expired"):
        open_one(api, a_message(id="m0"), a_message("x" * 5_000, id="large"), id_=id_)
        see(api, user(), id_)
    for name in ("page", "feedback", "identify"):
        REQUESTS[name](api, "c0")
    for headers, id_ in ((private(OTHER_PRIVATE_KEY), "c0"), (private(LIVE_PRIVATE_KEY), "c0"), (private(), "other")):
        who = OTHER_VISITOR if id_ == "other" else VISITOR
        body = a_body(conversationId=id_, visitorId=who, defaultTimelineItems=[a_message(id="m0")])
        assert api(body, headers).status == 200
        tells = {"language": "de"}
        assert api(tells, headers, route=visitors.PATCH, visitorId=who).status == 200
        claim = {"visitorId": who, "email": "c0@example.com"}
        assert api(claim, headers, route=contacts.IDENTIFY).status == 200


def a_table() -> LaggingTable:
    """Return a table with that past, in which one of the visitor's conversations has expired."""
    table = LaggingTable()
    a_past(api_over(table))
    let_expire(table, "expired")
    table.catch_up()
    return table


def let_expire(table: FakeTable, id_: str) -> None:
    """Let a conversation expire that DynamoDB has not deleted yet."""
    for key, item in table.items.items():
        if key[0] == f"CONVERSATION#{TENANT}{id_}":
            table.items[key] = {**item, "ttl": 1}


def is_of_visitor(item: Item, table: FakeTable) -> bool:
    pk = str(item["PK"])
    conversation = table.items.get((pk, "CONVERSATION"))
    if pk.startswith(f"CONVERSATION#{TENANT}"):
        return conversation is None or conversation["visitorId"] == VISITOR
    return pk == GATE[0] or (pk.startswith(f"CONTACT#{TENANT}") and item["SK"] == VISITOR)


def what_is_left(table: FakeTable) -> list[Item]:
    """Return what is stored of the visitor, but for a block."""
    found = [item for item in table.items.values() if is_of_visitor(item, table)]
    return [item for item in found if (item["PK"], item["SK"]) != GATE or "erasing" in item or "blockedAt" not in item]


def of_others(table: FakeTable) -> dict[Key, Item]:
    return {key: item for key, item in table.items.items() if not is_of_visitor(item, table)}


def require_a_new_conversation_is_whole(table: FakeTable) -> None:
    api = api_over(table)
    api(None, private(), route=visitors.UNBLOCK, visitorId=VISITOR)
    open_one(api, a_message(id="m0"), id_="c0")
    assert send(api, visitor(), "c0", text="New").status == 200
    whole = timelines(item for key, item in table.items.items() if key[0].startswith("CONVERSATION#"))
    assert [item.content.get("text") for item in whole[f"CONVERSATION#{TENANT}c0"]][-1:] == ["New"]


# Erasing --------------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def operating(table: Table, clock: Callable[[], float]) -> Handler:
    return create_handler(Erasures(table, clock), ERASURES)


def finish_all(table: Table, known: FakeTable) -> None:
    """Do what the queue's messages bring about: delete the conversations that are being erased."""
    for (pk, _), row in list(known.items.items()):
        if "erasing" in row and pk.startswith("CONVERSATION#"):
            ErasureStore(table, pause=lambda _: None).finish(pk, Deadline.after(60))


@pytest.fixture(autouse=True)
def _by_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (visitor_erasure, website_erasure):
        monkeypatch.setattr(module, "_ENTRIES", 1)
        monkeypatch.setattr(module, "_ROWS", 2)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("info", "error", "warning"):
        monkeypatch.setattr(logger, name, lambda *_, **__: None)


@pytest.fixture
def table() -> LaggingTable:
    return a_table()


def test_an_erasure_is_done_after_nothing_was_found_twice_a_minute_apart(table: LaggingTable) -> None:
    clock, others = Clock(), of_others(table)
    operate = operating(table, clock)

    begun = operate(EVENT, Context())
    assert (begun["done"], begun["erased"]) == (False, {"conversations": 3, "rows": 5, "left": 3})
    finish_all(table, table)
    table.catch_up()
    again = operate(begun["then"], Context())
    assert (again["done"], again["waitSeconds"]) == (False, PAUSE_SECONDS)
    clock.seconds += PAUSE_SECONDS - 1
    assert operate(EVENT, Context())["waitSeconds"] > 0
    assert what_is_left(table) == [table.items[GATE]]
    clock.seconds += 2
    done = operate(EVENT, Context())

    assert done == {"done": True, "erased": {"conversations": 0, "rows": 0, "left": 0}}
    assert what_is_left(table) == []
    assert of_others(table) == others
    require_a_new_conversation_is_whole(table)


def test_what_is_found_late_begins_the_minute_again(table: LaggingTable) -> None:
    clock = Clock()
    operate = operating(table, clock)
    row = table.items[f"CONVERSATION#{TENANT}c0", "CONVERSATION"]
    until_waiting = [operate(EVENT, Context())]
    finish_all(table, table)
    until_waiting.append(operate(EVENT, Context()))
    assert until_waiting[-1]["waitSeconds"] == PAUSE_SECONDS

    # An item of the visitor's partition, and then a conversation that the index did not have.
    table.items[GATE[0], "LATE"] = {"PK": GATE[0], "SK": "LATE"}
    clock.seconds += PAUSE_SECONDS + 1
    late = operate(EVENT, Context())
    assert (late["erased"]["rows"], late["waitSeconds"]) == (1, PAUSE_SECONDS)
    table.items[str(row["PK"]), "CONVERSATION"] = row
    clock.seconds += PAUSE_SECONDS + 1
    assert operate(EVENT, Context())["erased"]["left"] == 1
    finish_all(table, table)
    assert operate(EVENT, Context())["waitSeconds"] == PAUSE_SECONDS
    clock.seconds += PAUSE_SECONDS + 1

    assert operate(EVENT, Context())["done"]
    assert what_is_left(table) == []


def test_a_conversation_whose_id_is_another_s_by_now_is_left_alone(table: LaggingTable) -> None:
    api = api_over(table)
    assert erase(api, id_="c0").status == 202
    finish_all(table, table)
    open_one(api, a_message(id="m0"), id_="c0", visitorId=OTHER_VISITOR)
    others = of_others(table)
    assert (f"CONVERSATION#{TENANT}c0", "ITEM#m0") in others
    # The index is as it was in the beginning.
    table.behind = lambda: -1

    begun = operating(table, Clock())(EVENT, Context())

    assert begun["erased"]["conversations"] == 2
    assert of_others(table) == others


def test_a_contact_that_was_decided_on_before_leaves_nothing_that_finds_it() -> None:
    past = a_table()
    before = Stores.over(past).visitors.read(WEBSITE, "test", VISITOR, Deadline.after(60)).visitor
    assert before is not None
    after = replace(before, email="late@example.com", email_lookup="late", contact_version=99)
    for cut in itertools.count(1):
        table, calls = FakeTable(past.items.values()), itertools.count(1)

        def come_first(table: FakeTable = table, calls: Iterator[int] = calls, cut: int = cut) -> None:
            if next(calls) == cut:
                store = ContactStore(table, {"live": 0, "test": 0})
                with suppress(ConditionFailed):
                    store.write(before, after, None, Deadline.after(60), replaces=False)

        until_done(table, watched(table, come_first))

        if next(calls) <= cut:
            break
        assert what_is_left(table) == [], cut


def test_a_block_that_comes_meanwhile_stays() -> None:
    past = a_table()
    for cut in itertools.count(1):
        table, calls = FakeTable(past.items.values()), itertools.count(1)

        def come_first(table: FakeTable = table, calls: Iterator[int] = calls, cut: int = cut) -> None:
            if next(calls) == cut:
                REQUESTS["block"](api_over(table), "")

        until_done(table, watched(table, come_first))

        if next(calls) <= cut:
            break
        assert {"erasing", "nothingFoundAt", "visitorKey"}.isdisjoint(table.items[GATE]), cut
        assert "blockedAt" in table.items[GATE], cut
        assert what_is_left(table) == [], cut


def until_done(table: FakeTable, view: Table) -> None:
    """Send the event until it is done, while what it hands over is deleted."""
    clock = Clock()
    for _ in range(100):
        try:
            result = operating(view, clock)(EVENT, Context())
        except Killed:
            continue
        if result.get("done"):
            return
        finish_all(table, table)
        clock.seconds += result.get("waitSeconds", 0)
    raise AssertionError("it is never done")


FAULTS: dict[str, Callable[[], BaseException]] = {"killed": Killed, "busy": unavailable}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_erasure_that_is_cut_at_any_call_goes_on(fault: str, when: str) -> None:
    past = a_table()
    others = of_others(past)
    for cut in itertools.count(1):
        table, calls = FakeTable(past.items.values()), Calls(cut, (when, FAULTS[fault]()))

        until_done(table, failing(table, calls.fate))

        assert what_is_left(table) == [], cut
        assert of_others(table) == others, cut
        require_a_new_conversation_is_whole(table)
        if calls.made < cut:
            break
    assert cut > 15


class Calls:
    """Counts calls, of which one ends badly."""

    def __init__(self, cut: int, fate: Fate) -> None:
        self.made = 0
        self._cut = cut
        self._fate = fate

    def fate(self) -> Fate:
        self.made += 1
        return self._fate if self.made == self._cut else None


@pytest.mark.parametrize("blocked", [False, True])
def test_a_run_that_is_late_does_nothing_to_what_came_since(*, blocked: bool) -> None:
    """Another run finishes before one of its calls, and the visitor comes back."""
    past = a_table()
    if blocked:
        REQUESTS["block"](api_over(past), "")
    for cut in itertools.count(1):
        table, calls = FakeTable(past.items.values()), itertools.count(1)

        def come_first(table: FakeTable = table, calls: Iterator[int] = calls, cut: int = cut) -> None:
            if next(calls) == cut:
                until_done(table, table)
                REQUESTS["page"](api_over(table), "c0")
                require_a_new_conversation_is_whole(table)

        result = operating(watched(table, come_first), Clock())(EVENT, Context())

        if next(calls) <= cut:
            break
        # With its first two calls it closes the gate.
        assert result["done"] == (cut > 2), cut
        if cut > 2:
            left = sorted(str(item["SK"]).partition("#")[0] for item in what_is_left(table) if item["SK"] != "GATE")
            assert left == ["CONVERSATION", "ITEM", "ITEM", "PAGE", "VISITOR"], cut
    assert cut > 8


class Race:
    """An erasure, those who delete what it hands over, and writers, who take turns in an order that a seed decides."""

    def __init__(self, seed: int, past: FakeTable) -> None:
        self.random, self.clock = Random(seed), Clock()
        self.table = LaggingTable()
        self.table.items.clear()
        self.table.items |= past.items
        self.table.behind = lambda: self.random.randint(0, 20)
        self.turns = Turns(self.random)
        self.is_done = self.waits = False
        self._view = watched(self.table, self.turns.hand_over)

    def run(self) -> None:
        """Erase until it is done; others write until then, and once more."""
        for _ in range(20):
            self.waits = False
            self.turns.run([self._erase, self._delete, *[self._write] * 3])
            if self.is_done:
                break
            # What was under way has ended, and the indexes know of it.
            self.clock.seconds += PAUSE_SECONDS + 1
            self.table.catch_up()
        finish_all(self.table, self.table)

    def _erase(self) -> None:
        """Send the event until it waits for the indexes, or is done."""
        operate = operating(self._failing(), self.clock)
        while not self.waits:
            try:
                result = operate(EVENT, Context())
            except Killed:
                continue
            self.is_done = result.get("done", False)
            self.waits = self.is_done or result.get("waitSeconds", 0) == PAUSE_SECONDS
            if self.is_done:
                # Nobody has had a turn since.
                assert what_is_left(self.table) == []

    def _delete(self) -> None:
        while not self.waits:
            self.turns.hand_over()
            with suppress(Killed):
                finish_all(self._failing(), self.table)

    def _write(self) -> None:
        api = api_over(self._view)
        for _ in range(self.random.randint(1, 6)):
            REQUESTS[self.random.choice(list(REQUESTS))](api, self.random.choice(IDS))

    def _failing(self) -> Table:
        return failing(self._view, self._fate)

    def _fate(self) -> Fate:
        if self.random.random() > 0.05:
            return None
        return self.random.choice(["before", "after"]), self.random.choice(list(FAULTS.values()))()


def test_what_comes_while_it_is_erased_goes_with_the_rest_whatever_comes_between(
    soak: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = a_table()
    others = of_others(past)
    for seed in range(25 * soak):
        race = Race(seed, past)
        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", race.turns.sleep)
            race.run()
        assert race.is_done, seed
        assert of_others(race.table) == others, seed
        # What was opened since is whole.
        timelines(item for (pk, _), item in race.table.items.items() if pk.startswith("CONVERSATION#"))


# A website ------------------------------------------------------------------------------------------------------------


def of_website(table: FakeTable) -> list[Item]:
    prefixes = tuple(f"{kind}#{WEBSITE}#" for kind in ("CONVERSATION", "VISITOR", "CONTACT"))
    return [item for (pk, _), item in table.items.items() if pk.startswith(prefixes)]


def test_a_website_in_use_is_not_erased(table: LaggingTable) -> None:
    event = {"action": "erase_website", "websiteId": WEBSITE}
    before = dict(table.items)

    assert refused(operating(table, Clock())(event, Context())) == "CONFLICT"
    assert refused(operating(table, Clock())({**event, "websiteId": "0" * 26}, Context())) == "NOT_FOUND"
    assert table.items == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_erasure_of_a_website_goes_on_wherever_it_is_cut(fault: str, when: str) -> None:
    past = a_table()
    deleted = operators_over(past)("delete_website", websiteId=WEBSITE, force=True, erase=True)
    ours = {(str(item["PK"]), str(item["SK"])) for item in of_website(past)}
    for cut in itertools.count(1):
        table, clock, calls = FakeTable(past.items.values()), Clock(), Calls(cut, (when, FAULTS[fault]()))
        event, result = deleted["then"], {"done": False}
        while not result.get("done"):
            try:
                result = operating(failing(table, calls.fate), clock)(event, Context())
            except Killed:
                continue
            event = result.get("then", event)
            clock.seconds += result.get("waitSeconds", 0)
            finish_all(table, table)

        assert of_website(table) == [], cut
        assert table.items == {key: item for key, item in past.items.items() if key not in ours}, cut
        if calls.made < cut:
            break
    assert cut > 15
