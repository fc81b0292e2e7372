"""What a write does, alone and in a transaction: by DynamoDB, and by the table in memory that tests use instead."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from conversations.actions import Action, Change, Check, ConditionFailed, Insert
from conversations.deadlines import Deadline
from conversations.faults import DatabaseDefect
from conversations.items import Item
from conversations.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import FakeTable

#: `name` and `count` are reserved words of DynamoDB's expressions.
NAMES = ("name", "count", "ttl2", "incarnation")
TEXTS = st.sampled_from(["", "a", "b", "c"])
NUMBERS = st.integers(-1, 1)
TTL = st.sampled_from([None, None, 1, 9_999_999_999])

_partitions = itertools.count()


@pytest.fixture
def database(empty_table: str) -> Table:
    return Table(empty_table, timeout_seconds=10)


@st.composite
def items(draw: st.DrawFn, sk: str) -> Item:
    fields: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"name": TEXTS, "incarnation": TEXTS}))
    ttl = draw(TTL)
    return {"PK": "", "SK": sk, "count": draw(NUMBERS), **fields, **({} if ttl is None else {"ttl": ttl})}


@st.composite
def actions(draw: st.DrawFn, sk: str) -> Action:
    """An action on one item; its partition is named later."""
    kind = draw(st.sampled_from([Insert, Change, Change, Check]))
    if kind is Insert:
        item = draw(items(sk)) | {"incarnation": draw(TEXTS)}
        return Insert(item, draw(st.sampled_from([None, "incarnation"])))
    expected = draw(st.dictionaries(st.sampled_from(["name", "incarnation"]), st.none() | TEXTS, max_size=2))
    if kind is Check:
        return Check(("", sk), expected)
    return Change(
        ("", sk),
        draw(st.dictionaries(st.sampled_from(["name", "incarnation", "count"]), st.none() | TEXTS, max_size=2)),
        expected=expected,
        added=draw(st.dictionaries(st.sampled_from(["count", "version"]), NUMBERS, max_size=2)),
        above=draw(st.dictionaries(st.sampled_from(["name", "incarnation"]), TEXTS, max_size=2)),
    )


def within(pk: str, action: Action) -> Action:
    if isinstance(action, Insert):
        return Insert({**action.item, "PK": pk}, action.within)
    key = pk, action.key[1]
    if isinstance(action, Check):
        return Check(key, action.expected)
    return Change(key, action.values, expected=action.expected, added=action.added, above=action.above)


def outcome(write: Callable[[], None]) -> object:
    try:
        write()
    except ConditionFailed as failure:
        return failure.found, set(failure.not_returned)
    except DatabaseDefect as defect:
        return str(defect)
    return "written"


#: Items stand under some of these sort keys, and each action is on another one.
SKS = ("a", "b", "c")


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    there=st.tuples(*(st.none() | items(sk) for sk in SKS)),
    wanted=st.tuples(*(st.none() | actions(sk) for sk in SKS)).filter(any),
)
def test_the_table_in_memory_does_what_dynamodb_does(
    database: Table, there: tuple[Item | None, ...], wanted: tuple[Action | None, ...]
) -> None:
    pk = f"p{next(_partitions)}"
    stood = [{**item, "PK": pk} for item in there if item is not None]
    fake = FakeTable(stood)
    if stood:
        database.transact([Insert(item) for item in stood], Deadline.after(20))
    done = [within(pk, action) for action in wanted if action is not None]

    def write(table: Table) -> Callable[[], None]:
        if len(done) == 1 and isinstance(done[0], Change):
            change = done[0]
            return lambda: table.update(change, Deadline.after(20))
        return lambda: table.transact(done, Deadline.after(20))

    assert outcome(write(database)) == outcome(write(fake))
    # What has expired is there for neither.
    keys = [(pk, sk) for sk in SKS]
    by_sk = [
        sorted(table.get_many(keys, Deadline.after(20)), key=lambda item: str(item["SK"])) for table in (database, fake)
    ]
    assert by_sk[0] == by_sk[1]


KEY = ("p", "a")


@pytest.fixture(params=["update", "transact"])
def change(request: pytest.FixtureRequest, database: Table) -> Callable[..., Item | None]:
    """Change an item, alone or in a transaction, and return it as it is then; None if a condition failed."""

    def do(before: dict[str, Any] | None, values: dict[str, Any], **how: Any) -> Item | None:
        if before is not None:
            database.transact([Insert({"PK": "p", "SK": "a", **before})], Deadline.after(20))
        one = Change(KEY, values, **how)
        try:
            if request.param == "update":
                database.update(one, Deadline.after(20))
            else:
                database.transact([one], Deadline.after(20))
        except ConditionFailed as failure:
            found = [None] if before is None else [{"PK": "p", "SK": "a", **before}]
            return None if (failure.found, failure.not_returned) == (found, [KEY] if before is None else []) else {}
        item = database.get(KEY, Deadline.after(20))
        return {name: value for name, value in (item or {}).items() if name not in {"PK", "SK"}}

    return do


DoChange = Callable[..., Item | None]


def test_values_are_set_and_taken_away(change: DoChange) -> None:
    assert change({"name": "a", "status": "b"}, {"name": None, "status": "c", "other": 1, "absent": None}) == {
        "status": "c",
        "other": 1,
    }


def test_numbers_are_added_to_what_is_there_or_to_nothing(change: DoChange) -> None:
    assert change({"version": 2}, {}, added={"version": 1, "itemCount": 0, "count": 5}) == {
        "version": 3,
        "itemCount": 0,
        "count": 5,
    }


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ({"status": "open"}, True),
        ({"status": "open", "title": None}, True),
        ({"status": "spam"}, False),
        ({"status": None}, False),
        ({"title": "T"}, False),
        ({"status": "open", "title": "T"}, False),
    ],
)
def test_what_is_expected_must_be_so(change: DoChange, expected: dict[str, Any], holds: bool) -> None:
    after = change({"status": "open"}, {"status": "resolved"}, expected=expected)

    assert after == ({"status": "resolved"} if holds else None)


@pytest.mark.parametrize(("bound", "holds"), [({"at": "1"}, False), ({"at": "2"}, False), ({"at": "3"}, True)])
def test_what_is_under_is_overtaken_and_nothing_goes_back(change: DoChange, bound: Item, holds: bool) -> None:
    assert change({"at": "2"}, bound, above=bound) == (bound if holds else None)


def test_what_is_not_there_is_under_everything(change: DoChange) -> None:
    assert change({"other": 1}, {"at": "1"}, above={"at": "1"}) == {"other": 1, "at": "1"}


def test_nothing_is_made_by_a_change(change: DoChange) -> None:
    assert change(None, {"at": "1"}) is None
