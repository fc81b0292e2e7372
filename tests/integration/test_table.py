"""What every operation of the table does: in DynamoDB, and in the memory over which most tests run.

Each case runs over both, so what other tests see in memory is what DynamoDB does. What is not alike is said in
tests/fakes.py.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, Check, ConditionFailed, Delete, Insert, Lacks
from support.dynamodb.faults import InvalidRequest
from support.dynamodb.items import MAX_ITEM_BYTES, Item, Key, item_size
from support.dynamodb.table import INBOX, TABLE, TIMELINE, VISITOR, Index, KeyRange, Table
from support.errors import Refusal
from support.values.timeline_item import INDEXED

from local.template import latest
from tests.fakes import FakeTable

KEY = ("p", "a")
#: Seconds after which an item has expired, and those after which it will not have.
PAST, FUTURE = 1, 9_999_999_999


@pytest.fixture(params=["memory", "DynamoDB"])
def table(request: pytest.FixtureRequest) -> Table:
    """An empty table."""
    if request.param == "memory":
        return FakeTable()
    return Table(request.getfixturevalue("empty_table"), timeout_seconds=10)


def soon() -> Deadline:
    return Deadline.after(20)


def an_item(sk: str = "a", pk: str = "p", **attributes: Any) -> Item:
    return {"PK": pk, "SK": sk, **attributes}


def put(table: Table, *items: Item) -> None:
    for item in items:
        table.transact([Insert(item)], soon())


def outcome(write: Callable[[], object]) -> object:
    """Write, and return what a failed condition tells, or that the request was wrong, or that it is written."""
    try:
        write()
    except ConditionFailed as failure:
        return failure.found, failure.not_returned
    except InvalidRequest:
        return "wrong"
    return "written"


def refused(do: Callable[[], object]) -> bool:
    """Tell whether DynamoDB finds a request wrong, whatever is stored."""
    return outcome(do) == "wrong"


def by_key(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (str(item["PK"]), str(item["SK"])))


EVERYTHING = KeyRange()


def begins(prefix: str) -> KeyRange:
    return KeyRange.of_prefix(prefix)


def sks(items: Iterable[Item]) -> list[str]:
    return [str(item["SK"]) for item in items]


# Reading by keys ------------------------------------------------------------------------------------------------------


def test_an_item_is_read_as_it_was_written(table: Table) -> None:
    item = an_item(
        text="a\0\U0001f600é", empty="", number=-12345678901234567890, zero=0, yes=True, no=False, names=["b", "a", ""]
    )
    put(table, item)

    assert table.get(KEY, soon()) == item
    assert table.get_many([KEY], soon()) == [item]


def test_an_item_that_does_not_exist_is_none(table: Table) -> None:
    put(table, an_item())

    assert table.get(("p", "b"), soon()) is None
    assert table.get(("q", "a"), soon()) is None


def test_an_item_that_has_expired_is_none(table: Table) -> None:
    put(table, an_item("a", ttl=PAST), an_item("b", ttl=FUTURE))

    assert table.get(("p", "a"), soon()) is None
    assert sks(table.get_many([("p", "a"), ("p", "b")], soon())) == ["b"]


def test_those_of_many_that_exist_are_read(table: Table) -> None:
    items = [an_item(f"{number}", pk, number=number) for number in range(3) for pk in "pq"]
    put(table, *items)

    found = table.get_many([(pk, f"{number}") for number in range(50) for pk in "pq"], soon())

    assert by_key(found) == by_key(items)


def test_the_attributes_that_are_asked_for_are_read(table: Table) -> None:
    put(table, an_item("a", name="a", count=1), an_item("b", count=2))

    found = table.get_many([("p", "a"), ("p", "b")], soon(), attributes=("SK", "name", "other"))

    assert sorted(found, key=str) == [{"SK": "a", "name": "a"}, {"SK": "b"}]


def test_nothing_is_asked_for_no_keys(table: Table) -> None:
    assert table.get_many([], soon()) == []
    assert table.usage.calls == 0


def test_a_key_is_asked_for_once(table: Table) -> None:
    assert refused(lambda: table.get_many([KEY, KEY], soon()))


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_any_number_of_items_is_read_a_hundred_at_once(table: Table, count: int, calls: int) -> None:
    keys = [("p", f"{number:03}") for number in range(count)]
    for start in range(0, count, 100):
        table.transact([Insert({"PK": pk, "SK": sk}) for pk, sk in keys[start : start + 100]], soon())
    before = table.usage.calls

    found = table.get_many(keys, soon())

    assert sorted(str(item["SK"]) for item in found) == [sk for _, sk in keys]
    assert table.usage.calls - before == calls


#: Keys, and whether DynamoDB takes them (Developer Guide, "Constraints"); é has two bytes.
KEYS: dict[str, tuple[Key, bool]] = {
    "longest partition key": (("é" * 1_024, "a"), True),
    "longer partition key": (("é" * 1_024 + "x", "a"), False),
    "longest sort key": (("p", "é" * 512), True),
    "longer sort key": (("p", "é" * 512 + "x"), False),
    "no partition key": (("", "a"), False),
    "no sort key": (("p", ""), False),
}


@pytest.mark.parametrize(("key", "is_taken"), KEYS.values(), ids=KEYS)
def test_keys_have_a_length(table: Table, key: Key, is_taken: bool) -> None:
    item = an_item(key[1], key[0])
    for ask in (
        lambda: table.get(key, soon()),
        lambda: table.get_many([key], soon()),
        lambda: table.transact([Insert(item)], soon()),
        lambda: table.transact([Check(key)], soon()),
        lambda: table.update(Change(key, {"name": "a"}), soon()),
    ):
        assert refused(ask) != is_taken


# Reading in order -----------------------------------------------------------------------------------------------------

#: In the order of their UTF-8 bytes, which is not that of UTF-16.
NAMES = ["#", "#-", "#1", "#10", "#9", "#A", "#a", "#aa", "#é", "#\uffff", "#\U0001f600"]


@pytest.fixture
def named(table: Table) -> Table:
    """A table with these items in a partition, and others around them."""
    put(table, *(an_item(name) for name in reversed(NAMES)))
    put(table, an_item('"'), an_item("$"), an_item("#a", "q"), an_item("#a", "p2"))
    return table


def test_what_begins_alike_is_read_in_the_order_of_bytes(named: Table) -> None:
    assert sks(named.query(TABLE, "p", begins("#"), soon())) == NAMES
    assert sks(named.query(TABLE, "p", begins("#"), soon(), descending=True)) == NAMES[::-1]
    assert sks(named.query(TABLE, "p", begins("#1"), soon())) == ["#1", "#10"]
    assert sks(named.query(TABLE, "p", begins("#z"), soon())) == []
    assert sks(named.query(TABLE, "nowhere", begins("#"), soon())) == []


def test_without_a_beginning_all_of_a_partition_is_read(named: Table) -> None:
    assert sks(named.query(TABLE, "p", EVERYTHING, soon())) == ['"', *NAMES, "$"]
    assert sks(named.query(TABLE, "p", EVERYTHING, soon(), descending=True)) == ["$", *NAMES[::-1], '"']


def test_reading_goes_on_after_an_item(named: Table) -> None:
    for place, after in enumerate(NAMES):
        assert sks(named.query(TABLE, "p", begins("#").after(after), soon())) == NAMES[place + 1 :]
        before = begins("#").before(after)
        assert sks(named.query(TABLE, "p", before, soon(), descending=True)) == NAMES[:place][::-1]


def test_reading_goes_on_after_a_place_where_there_is_no_item(named: Table) -> None:
    assert sks(named.query(TABLE, "p", begins("#").after("#2"), soon())) == NAMES[4:]
    assert sks(named.query(TABLE, "p", begins("#").before("#2"), soon(), descending=True)) == NAMES[:4][::-1]


def test_a_range_has_both_of_its_ends(named: Table) -> None:
    assert sks(named.query(TABLE, "p", KeyRange("#1", "#9"), soon())) == ["#1", "#10", "#9"]
    assert sks(named.query(TABLE, "p", begins("#").up_to("#1"), soon())) == ["#", "#-", "#1"]
    assert sks(named.query(TABLE, "p", KeyRange("#1", "#1"), soon(), descending=True)) == ["#1"]


@pytest.mark.parametrize("nothing", [begins("#").after("$"), begins("#").before('"'), KeyRange("b", "a")])
def test_nothing_is_asked_for_a_range_without_keys(named: Table, nothing: KeyRange) -> None:
    calls = named.usage.calls

    assert named.query(TABLE, "p", nothing, soon()) == []
    assert named.usage.calls == calls


@pytest.mark.parametrize("limit", [0, 1, 3, len(NAMES), 100])
def test_as_many_are_read_as_are_asked_for(named: Table, limit: int) -> None:
    assert sks(named.query(TABLE, "p", begins("#"), soon(), limit=limit)) == NAMES[:limit]
    assert sks(named.query(TABLE, "p", begins("#"), soon(), limit=limit, descending=True)) == NAMES[::-1][:limit]
    assert sks(named.query(TABLE, "p", begins("#").after("#1"), soon(), limit=limit)) == NAMES[3:][:limit]


@pytest.mark.parametrize("descending", [False, True])
def test_those_that_have_expired_do_not_count(table: Table, descending: bool) -> None:
    put(table, *(an_item(f"{number}", ttl=FUTURE if number % 3 else PAST) for number in range(9)))
    living = ["1", "2", "4", "5", "7", "8"]

    found = table.query(TABLE, "p", EVERYTHING, soon(), limit=3, descending=descending)

    assert sks(found) == (living[::-1] if descending else living)[:3]
    assert sks(table.query(TABLE, "p", EVERYTHING, soon(), limit=10)) == living


def test_what_is_looked_for_is_found_behind_megabytes_of_others(table: Table) -> None:
    many = [an_item(f"{number:02}", content="x" * 350_000, type="event") for number in range(8)]
    for item in (an_item("0", type="message"), *many, an_item("99", type="message")):
        put(table, item)

    found = table.query(TABLE, "p", EVERYTHING.before("99"), soon(), limit=1, descending=True, only={"type": "message"})

    assert [item["SK"] for item in found] == ["0"]


def test_all_is_read_though_it_is_more_than_dynamodb_answers_with_at_once(table: Table) -> None:
    items = [an_item(f"{number}", text=f"{number}" * 300_000) for number in range(5)]
    put(table, *items)

    assert table.query(TABLE, "p", EVERYTHING, soon()) == items
    assert table.query(TABLE, "p", EVERYTHING, soon(), descending=True, limit=4) == items[:0:-1]
    assert by_key(table.get_many([("p", f"{number}") for number in range(5)], soon())) == items


#: The indexes by the names of their keys, which begin with the table's own for a local one.
INDEXES = {index.name or "": index for index in (TIMELINE, VISITOR, INBOX)}


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest) -> Index:
    return INDEXES[request.param]


def projection(index: Index) -> set[str]:
    table = latest().table()
    [found] = (
        one
        for one in (*table["LocalSecondaryIndexes"], *table["GlobalSecondaryIndexes"])
        if one["IndexName"] == index.name
    )
    return {"PK", "SK", index.pk, index.sk, *found["Projection"].get("NonKeyAttributes", [])}


def test_an_index_has_what_the_template_says_of_the_items_that_have_its_keys(table: Table, index: Index) -> None:
    everything: Item = {**dict.fromkeys(INDEXED, "x"), "largeContent": "x", "status": "open", "ttl": FUTURE}
    items = [{**everything, **an_item(f"{number}"), index.sk: f"{9 - number}"} for number in range(3)]
    put(table, *({**item, index.pk: "p"} for item in items), {**everything, **an_item("without")})

    entries = table.query(index, "p", EVERYTHING, soon())

    assert sks(entries) == ["2", "1", "0"]
    assert [set(entry) for entry in entries] == [projection(index)] * 3


def test_an_entry_moves_with_its_item_and_goes_with_its_key(table: Table, index: Index) -> None:
    put(table, *({**an_item(sk), index.pk: "p", index.sk: sk} for sk in "abc"))

    table.update(Change(("p", "a"), {index.sk: "z"}), soon())
    assert sks(table.query(index, "p", EVERYTHING, soon(), descending=True)) == ["a", "c", "b"]

    table.transact([Change(("p", "b"), {index.sk: None})], soon())
    assert sks(table.query(index, "p", EVERYTHING, soon())) == ["c", "a"]
    assert len(table.query(TABLE, "p", EVERYTHING, soon())) == 3


def test_an_entry_that_knows_its_end_is_left_out_after_it(table: Table, index: Index) -> None:
    put(table, *({**an_item(sk, ttl=ttl), index.pk: "p", index.sk: sk} for sk, ttl in (("a", PAST), ("b", FUTURE))))

    assert sks(table.query(index, "p", EVERYTHING, soon())) == (["b"] if "ttl" in projection(index) else ["a", "b"])


@pytest.mark.parametrize("value", [1, "", "x" * 1_025], ids=["number", "empty", "too long"])
def test_a_key_of_an_index_is_a_text(table: Table, index: Index, value: str | int) -> None:
    put(table, an_item())

    assert refused(lambda: put(table, {**an_item("b"), index.pk: "p", index.sk: value}))
    if index is not TIMELINE:  # DynamoDB Local looks at a local index's key in a whole item alone, and AWS always
        assert refused(lambda: table.update(Change(KEY, {index.sk: value}), soon()))
        assert refused(lambda: table.transact([Change(KEY, {index.sk: value})], soon()))
    assert table.query(TABLE, "p", EVERYTHING, soon()) == [an_item()]


# Changing one item, alone and in a transaction ------------------------------------------------------------------------


@pytest.fixture(params=["alone", "in a transaction"])
def write(request: pytest.FixtureRequest, table: Table) -> Callable[[Change], None]:
    """Carry out a change."""
    if request.param == "alone":
        return lambda one: table.update(one, soon())
    return lambda one: table.transact([one], soon())


@pytest.fixture
def change(table: Table, write: Callable[[Change], None]) -> Callable[..., Item | None]:
    """Change an item, and return its attributes as they are then; None if a condition failed, and nothing changed."""

    def do(before: dict[str, Any] | None, values: dict[str, Any], **how: Any) -> Item | None:
        stood = [] if before is None else [an_item(**before)]
        put(table, *stood)
        result = outcome(lambda: write(Change(KEY, values, **how)))
        if result != "written":
            assert result == ((stood, []) if stood else ([None], [KEY]))
            assert table.query(TABLE, "p", EVERYTHING, soon()) == stood
            return None
        item = table.get(KEY, soon())
        return {name: value for name, value in (item or {}).items() if name not in {"PK", "SK"}}

    return do


DoChange = Callable[..., Item | None]


def test_values_are_set_and_taken_away(change: DoChange) -> None:
    # `name`, `status` and `count` are reserved words of DynamoDB's expressions.
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


VALUES: list[Any] = ["1", 1, True, ["1"], "", 0, False, []]


@pytest.mark.parametrize("stored", VALUES, ids=repr)
def test_a_value_is_another_one_if_its_type_is(table: Table, stored: Any) -> None:
    put(table, an_item(value=stored))

    for expected in VALUES:
        result = outcome(partial(table.transact, [Check(KEY, {"value": expected})], soon()))
        assert (result == "written") == (type(stored) is type(expected) and stored == expected), expected


@pytest.mark.parametrize(
    ("stored", "bound", "is_under"),
    [
        ("2", "1", False),
        ("2", "2", False),
        ("2", "3", True),
        ("10", "9", True),
        ("\uffff", "\U0001f600", True),
        (2, 1, False),
        (2, 2, False),
        (2, 3, True),
        (10, 9, False),
        (-2, -1, True),
        (2, "3", False),
        ("2", 3, False),
        (True, 2, False),
        (["1"], "2", False),
    ],
)
def test_what_is_under_is_overtaken_and_nothing_goes_back(
    change: DoChange, stored: Any, bound: Any, is_under: bool
) -> None:
    assert change({"at": stored}, {"at": bound}, above={"at": bound}) == ({"at": bound} if is_under else None)


@pytest.mark.parametrize(
    ("stored", "bound", "holds"),
    [
        ("2", "1", False),
        ("2", "2", True),
        ("2", "3", True),
        ("10", "9", True),
        (2, 1, False),
        (2, 2, True),
        (10, 9, False),
        (2, "3", False),
        (True, 2, False),
        (None, "3", False),
    ],
)
def test_what_must_not_be_over_a_bound_must_be_there(change: DoChange, stored: Any, bound: Any, holds: bool) -> None:
    before = {"other": 1} if stored is None else {"at": stored}

    assert change(before, {"n": 1}, at_most={"at": bound}) == ({**before, "n": 1} if holds else None)


def test_what_is_not_there_is_under_everything(change: DoChange) -> None:
    assert change({"other": 1}, {"at": "1"}, above={"at": "1"}) == {"other": 1, "at": "1"}


def test_nothing_is_made_by_a_change(change: DoChange, table: Table) -> None:
    assert change(None, {"at": "1"}) is None
    assert table.get(KEY, soon()) is None


@pytest.mark.parametrize(
    ("values", "how"),
    [
        ({}, {}),
        ({"SK": "b"}, {}),
        ({"PK": "q"}, {}),
        ({"version": 2}, {"added": {"version": 1}}),
        ({}, {"added": {"name": 1}}),
        ({"at": "1"}, {"above": {"at": True}}),
        ({"at": "1"}, {"above": {"at": ["1"]}}),
        ({"at": "1"}, {"at_most": {"at": True}}),
    ],
    ids=[
        "nothing",
        "sort key",
        "partition key",
        "set and added",
        "added to a text",
        "above a boolean",
        "above a list",
        "at most a boolean",
    ],
)
def test_what_no_change_can_do_is_a_defect(
    table: Table, write: Callable[[Change], None], values: dict[str, Any], how: dict[str, Any]
) -> None:
    item = an_item(name="a", version=1)
    put(table, item)

    assert refused(lambda: write(Change(KEY, values, **how)))
    assert table.query(TABLE, "p", EVERYTHING, soon()) == [item]


def test_what_has_expired_is_neither_changed_nor_told(table: Table, write: Callable[[Change], None]) -> None:
    put(table, an_item(ttl=PAST))

    assert outcome(lambda: write(Change(KEY, {"ttl": FUTURE}))) == ([None], [KEY])
    assert table.get(KEY, soon()) is None


# Transactions ---------------------------------------------------------------------------------------------------------

#: An action on the item `b`, what stands there, whether it is carried out, and the item then.
ACTIONS: dict[str, tuple[Action, Item | None, bool, Item | None]] = {
    "insert where nothing is": (Insert(an_item("b", n=1)), None, True, an_item("b", n=1)),
    "insert where an item is": (Insert(an_item("b", n=1)), an_item("b"), False, an_item("b")),
    "insert where one has expired": (Insert(an_item("b", n=1)), an_item("b", ttl=PAST), True, an_item("b", n=1)),
    "insert within the same": (
        Insert(an_item("b", of="1"), within="of"),
        an_item("b", of="1", n=1),
        False,
        an_item("b", of="1", n=1),
    ),
    "insert within another": (
        Insert(an_item("b", of="1"), within="of"),
        an_item("b", of="2", n=1),
        True,
        an_item("b", of="1"),
    ),
    "insert within none": (Insert(an_item("b", of="1"), within="of"), an_item("b", n=1), True, an_item("b", of="1")),
    "change": (Change(("p", "b"), {"n": 1}), an_item("b", m=1), True, an_item("b", n=1, m=1)),
    "change of nothing": (Change(("p", "b"), {"n": 1}), None, False, None),
    "change of what has expired": (Change(("p", "b"), {"n": 1}), an_item("b", ttl=PAST), False, None),
    "change of what is not as expected": (
        Change(("p", "b"), {"n": 1}, expected={"n": 2}),
        an_item("b"),
        False,
        an_item("b"),
    ),
    "delete": (Delete(("p", "b")), an_item("b"), True, None),
    "delete of nothing": (Delete(("p", "b")), None, True, None),
    "delete of what has expired": (Delete(("p", "b")), an_item("b", ttl=PAST), True, None),
    "delete of what is as expected": (Delete(("p", "b"), {"n": 1}), an_item("b", n=1), True, None),
    "check": (Check(("p", "b"), {"n": 1}), an_item("b", n=1), True, an_item("b", n=1)),
    "check of existence": (Check(("p", "b")), an_item("b"), True, an_item("b")),
    "check of nothing": (Check(("p", "b")), None, False, None),
    "check of what has expired": (Check(("p", "b")), an_item("b", ttl=PAST), False, None),
    "check of another value": (Check(("p", "b"), {"n": 1}), an_item("b", n=2), False, an_item("b", n=2)),
    "check of no value": (Check(("p", "b"), {"n": None}), an_item("b", n=2), False, an_item("b", n=2)),
    "lack of nothing": (Lacks(("p", "b"), ["n", "m"]), None, True, None),
    "lack of other attributes": (Lacks(("p", "b"), ["n", "m"]), an_item("b", o=1), True, an_item("b", o=1)),
}


@pytest.mark.parametrize(("action", "before", "is_carried_out", "after"), ACTIONS.values(), ids=ACTIONS)
def test_all_of_a_transaction_is_carried_out_or_nothing(
    table: Table, action: Action, before: Item | None, is_carried_out: bool, after: Item | None
) -> None:
    put(table, *([] if before is None else [before]), an_item("c", n=1))
    others: list[Action] = [Insert(an_item("a")), Change(("p", "c"), {"n": 2})]
    actions = [others[0], action, others[1]]

    result = outcome(lambda: table.transact(actions, soon()))

    # In the order of the actions, what each failed on; what does not count is not told.
    failed = [None, after, None], [("p", "b")] if after is None else []
    assert result == ("written" if is_carried_out else failed)

    expected = [after, *([an_item("a"), an_item("c", n=2)] if is_carried_out else [an_item("c", n=1)])]
    found = table.query(TABLE, "p", EVERYTHING, soon())
    assert found == by_key(item for item in expected if item is not None)


@pytest.mark.parametrize(
    ("before", "is_changed"),
    [
        (None, False),
        (an_item("a", n=1), True),
        (an_item("a", n=1, ttl=PAST), True),
        (an_item("a", n=1, ttl=FUTURE), True),
        (an_item("a", n=2, ttl=PAST), False),
    ],
)
def test_a_change_may_be_of_what_has_expired_and_is_still_stored(
    table: Table, before: Item | None, is_changed: bool
) -> None:
    put(table, *([] if before is None else [before]))
    change = Change(KEY, {"n": 3, "ttl": None}, expected={"n": 1}, even_expired=True)

    assert (outcome(lambda: table.update(change, soon())) == "written") == is_changed

    assert table.list_stored("p", soon(), 1) == ([an_item("a", n=3)] if is_changed else [before] if before else [])


def test_a_change_may_name_no_value_at_all(table: Table) -> None:
    table.transact([Insert({"PK": KEY[0], "SK": KEY[1], "ttl": 1})], soon())
    change = Change(KEY, {"ttl": None}, expected={"n": None}, even_expired=True)

    table.transact([change], soon())

    assert table.get(KEY, soon()) == {"PK": KEY[0], "SK": KEY[1]}


@pytest.mark.parametrize("before", [an_item("b", m=1), an_item("b", n=1, ttl=PAST)], ids=["there", "expired"])
def test_what_an_item_must_lack_is_not_told(table: Table, before: Item) -> None:
    put(table, before)

    result = outcome(lambda: table.transact([Insert(an_item("a")), Lacks(("p", "b"), ["n", "m"])], soon()))

    assert result == ([None, None], [("p", "b")])
    assert table.get(("p", "a"), soon()) is None


def test_a_query_may_be_of_what_has_expired_and_is_still_stored(table: Table) -> None:
    put(table, an_item("a", ttl=PAST), an_item("b"), an_item("c", ttl=PAST))

    assert table.query(TABLE, "p", EVERYTHING, soon()) == [an_item("b")]
    assert len(table.query(TABLE, "p", EVERYTHING, soon(), even_expired=True)) == 3
    assert len(table.query(TABLE, "p", EVERYTHING, soon(), limit=2, even_expired=True)) == 2


@pytest.mark.parametrize("before", [None, an_item("b", n=2), an_item("b", n=1, ttl=PAST)])
def test_what_is_not_as_expected_is_not_deleted_and_not_told(table: Table, before: Item | None) -> None:
    put(table, *([] if before is None else [before]))

    result = outcome(lambda: table.transact([Delete(("p", "b"), {"n": 1})], soon()))

    assert result == ([None], [("p", "b")])
    assert len(table.list_stored("p", soon(), 10)) == (before is not None)


def test_the_items_on_which_the_first_ten_conditions_failed_are_told(table: Table) -> None:
    items = [an_item(f"{number:02}", n=number) for number in range(100)]
    put(table, *items[::2])

    result = outcome(lambda: table.transact([Insert(item) for item in items], soon()))

    told, untold = items[:10:2], items[10::2]
    assert result == ([item if item in told else None for item in items], [("p", str(item["SK"])) for item in untold])


def test_an_insert_that_asks_for_no_item_is_told_none(table: Table) -> None:
    put(table, an_item("a"), an_item("b"))
    actions = [Insert(an_item("a"), returns_existing=False), Insert(an_item("b"))]

    assert outcome(lambda: table.transact(actions, soon())) == ([None, an_item("b")], [("p", "a")])


@pytest.mark.parametrize(("count", "is_refused"), [(0, True), (1, False), (100, False), (101, True)])
def test_a_transaction_has_1_to_100_actions(table: Table, count: int, is_refused: bool) -> None:
    actions = [Insert(an_item(f"{number:03}")) for number in range(count)]

    assert refused(lambda: table.transact(actions, soon())) == is_refused
    assert len(table.query(TABLE, "p", EVERYTHING, soon())) == (0 if is_refused else count)


def test_a_transaction_has_one_action_for_an_item(table: Table) -> None:
    put(table, an_item(n=1))

    assert refused(lambda: table.transact([Check(KEY), Change(KEY, {"n": 2})], soon()))
    assert table.get(KEY, soon()) == an_item(n=1)


# Sizes ----------------------------------------------------------------------------------------------------------------


def padded(item: Item, size: int) -> Item:
    """Return an item of so many bytes, by a text that no index has."""
    padding = size - item_size({**item, "text": ""})
    return {**item, "text": "x" * padding}


@pytest.mark.parametrize("more", [0, 1])
def test_an_item_has_400_kb(table: Table, more: int) -> None:
    item = padded(an_item(number=1, yes=True, names=["a"]), MAX_ITEM_BYTES + more)

    assert refused(lambda: put(table, item)) == bool(more)
    assert table.get(KEY, soon()) == (None if more else item)


@pytest.mark.parametrize("more", [0, 1])
def test_an_item_has_400_kb_after_a_change(table: Table, write: Callable[[Change], None], more: int) -> None:
    put(table, padded(an_item(), MAX_ITEM_BYTES - item_size({"other": "xx"})))

    assert refused(lambda: write(Change(KEY, {"other": "xx" + "x" * more}))) == bool(more)


@pytest.mark.parametrize("more", [0, 10])  # of an entry, DynamoDB Local does not count the table's sort key
def test_an_entry_in_a_local_index_counts_for_its_item_and_one_in_a_global_index_does_not(
    table: Table, more: int
) -> None:
    of_global = {"inboxPK": "x" * 1_000, "inboxSK": "x" * 1_000, "visitorPK": "x", "visitorSK": "x"}
    item = an_item(timelineSK="x", content="x" * 1_000, **of_global)
    entry = item_size(an_item(timelineSK="x", content="x" * 1_000))

    assert refused(lambda: put(table, padded(item, MAX_ITEM_BYTES - entry + more))) == bool(more)


def test_what_is_too_large_is_refused_whatever_is_stored(table: Table) -> None:
    put(table, an_item())

    assert refused(lambda: table.transact([Insert(padded(an_item(), MAX_ITEM_BYTES + 1))], soon()))


@pytest.mark.parametrize(("size", "is_refused"), [(4 * 1024 * 1024 - 2_000, False), (4 * 1024 * 1024 + 1, True)])
def test_a_transaction_has_4_mb(table: Table, size: int, is_refused: bool) -> None:
    """DynamoDB counts conditions, too: see tests/fakes.py."""
    items = [padded(an_item(f"{number:02}"), size // 11) for number in range(10)]
    items.append(padded(an_item("10"), size - sum(map(item_size, items))))

    assert refused(lambda: table.transact([Insert(item) for item in items], soon())) == is_refused


# Counting -------------------------------------------------------------------------------------------------------------


def test_a_counter_counts_from_1_and_has_the_last_end(table: Table) -> None:
    # Between two counts it may have expired: it goes on all the same, as a counter's key is that of its time.
    assert [table.increment(KEY, ttl) for ttl in (PAST, PAST, FUTURE)] == [1, 2, 3]
    assert table.get(KEY, soon()) == an_item(count=3, ttl=FUTURE)
    assert table.increment(("p", "b"), FUTURE) == 1


def test_a_counter_that_can_not_be_stored_is_unavailable(table: Table) -> None:
    with pytest.raises(Refusal, match="busy"):
        table.increment(("p", "x" * 1_025), FUTURE)


# Deleting -------------------------------------------------------------------------------------------------------------


def test_all_that_is_stored_in_a_partition_is_listed_in_its_order(table: Table) -> None:
    put(table, an_item("b"), an_item("a", ttl=PAST), an_item("c"), an_item("a", "q"))

    assert table.list_stored("p", soon(), 10) == [an_item("a", ttl=PAST), an_item("b"), an_item("c")]
    assert table.list_stored("p", soon(), 2, ["PK", "SK"]) == [an_item("a"), an_item("b")]
    assert table.list_stored("nothing", soon(), 2) == []


def test_many_are_deleted_whatever_is_stored(table: Table) -> None:
    put(table, *(an_item(f"{number:02}", content="x" * 10_000) for number in range(25)), an_item("z"))
    keys = [("p", f"{number:02}") for number in range(24)]

    table.delete_many([*keys, ("p", "nothing")], soon())

    assert [item["SK"] for item in table.list_stored("p", soon(), 100)] == ["24", "z"]


@pytest.mark.parametrize("count", [0, 26])
def test_one_to_25_are_deleted_at_once(table: Table, count: int) -> None:
    keys = [("p", f"{number:02}") for number in range(count)]

    assert outcome(lambda: table.delete_many(keys, soon())) == "wrong"


# Time -----------------------------------------------------------------------------------------------------------------


def test_nothing_is_begun_after_the_deadline(table: Table) -> None:
    over = Deadline.after(-1)
    for ask in (
        lambda: table.get(KEY, over),
        lambda: table.get_many([KEY], over),
        lambda: table.query(TABLE, "p", EVERYTHING, over),
        lambda: table.update(Change(KEY, {"n": 1}), over),
        lambda: table.transact([Insert(an_item())], over),
        lambda: table.list_stored("p", over, 1),
        lambda: table.delete_many([KEY], over),
    ):
        with pytest.raises(Refusal, match="busy"):
            ask()

    assert table.get(KEY, soon()) is None


@pytest.mark.parametrize(("seconds_left", "is_there"), [(1, True), (0, True), (-1, False)])
def test_the_second_that_ttl_names_is_the_last(
    table: Table, monkeypatch: pytest.MonkeyPatch, seconds_left: int, is_there: bool
) -> None:
    """For those who read and for those who write."""
    now = 4_000_000_000  # DynamoDB itself deletes what has expired by its own clock, so not this
    monkeypatch.setattr("support.dynamodb.table.time.time", lambda: now + 0.9)
    item = an_item(ttl=now + seconds_left, timelineSK="a")
    put(table, item)

    def holds(action: Action) -> bool:
        return outcome(lambda: table.transact([action], soon())) == "written"

    assert (table.get(KEY, soon()) is not None) == is_there
    assert bool(table.get_many([KEY], soon())) == is_there
    assert bool(table.query(TABLE, "p", EVERYTHING, soon())) == is_there
    assert bool(table.query(TIMELINE, "p", EVERYTHING, soon())) == is_there
    assert holds(Check(KEY)) == is_there
    assert holds(Change(KEY, {"n": 1})) == is_there
    assert holds(Insert(item)) != is_there


def test_each_call_is_counted(table: Table) -> None:
    put(table, an_item())
    table.get(KEY, soon())
    table.get_many([KEY], soon())
    table.query(TABLE, "p", EVERYTHING, soon())
    table.update(Change(KEY, {"n": 1}), soon())
    table.list_stored("p", soon(), 1)
    table.delete_many([KEY], soon())

    assert table.usage.calls == 7


# Anything else --------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["", "a", "b", "c"])
NUMBERS = st.integers(-1, 1)
TTL = st.sampled_from([None, None, PAST, FUTURE])

_partitions = itertools.count()

#: Items stand under some of these sort keys, and each action is on another one.
SKS = ("a", "b", "c")

same_each_time = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def both(empty_table: str) -> tuple[Table, FakeTable]:
    """The table in DynamoDB and one in memory."""
    return Table(empty_table, timeout_seconds=10), FakeTable()


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
        return Insert(item, draw(st.sampled_from([None, "incarnation"])), returns_existing=draw(st.booleans()))
    expected = draw(st.dictionaries(st.sampled_from(["name", "incarnation"]), st.none() | TEXTS, max_size=2))
    if kind is Check:
        if draw(st.booleans()):
            return Lacks(("", sk), ["name", "incarnation"])
        return Check(("", sk), expected)
    return Change(
        ("", sk),
        draw(st.dictionaries(st.sampled_from(["name", "incarnation", "count"]), st.none() | TEXTS, max_size=2)),
        expected=expected,
        added=draw(st.dictionaries(st.sampled_from(["count", "version"]), NUMBERS, max_size=2)),
        above=draw(st.dictionaries(st.sampled_from(["name", "incarnation"]), TEXTS, max_size=2)),
        at_most=draw(st.dictionaries(st.sampled_from(["name", "count"]), TEXTS, max_size=1)),
    )


def within(pk: str, action: Action) -> Action:
    if isinstance(action, Insert):
        return replace(action, item={**action.item, "PK": pk})
    return replace(action, key=(pk, action.key[1]))


@same_each_time
@given(
    there=st.tuples(*(st.none() | items(sk) for sk in SKS)),
    wanted=st.tuples(*(st.none() | actions(sk) for sk in SKS)).filter(any),
)
def test_any_write_is_the_same_in_both(
    both: tuple[Table, FakeTable], there: tuple[Item | None, ...], wanted: tuple[Action | None, ...]
) -> None:
    pk = f"p{next(_partitions)}"
    stood = [{**item, "PK": pk} for item in there if item is not None]
    done = [within(pk, action) for action in wanted if action is not None]

    def write(table: Table) -> None:
        if len(done) == 1 and isinstance(done[0], Change):
            table.update(done[0], soon())
        else:
            table.transact(done, soon())

    seen = []
    for table in both:
        put(table, *stood)
        result = outcome(partial(write, table))
        # What has expired is there for neither.
        seen.append((result, by_key(table.get_many([(pk, sk) for sk in SKS], soon()))))
    assert seen[0] == seen[1]


ALPHABET = st.text("#-19Aaé\uffff\U0001f600", max_size=3)


@same_each_time
@given(
    there=st.dictionaries(ALPHABET.filter(bool), st.tuples(TTL, ALPHABET), max_size=8),
    index=st.sampled_from([TABLE, TIMELINE, VISITOR, INBOX]),
    prefix=ALPHABET,
    rest=st.none() | ALPHABET.filter(bool),
    limit=st.none() | st.integers(1, 4),
    descending=st.booleans(),
    only=st.sampled_from([{}, {}, {"content": "a"}]),
)
def test_any_query_is_the_same_in_both(
    both: tuple[Table, FakeTable],
    there: dict[str, tuple[int | None, str]],
    index: Index,
    prefix: str,
    rest: str | None,
    limit: int | None,
    descending: bool,
    only: dict[str, str],
) -> None:
    pk = f"q{next(_partitions)}"
    stood: list[Item] = []
    for number, (sk, (ttl, text)) in enumerate(there.items()):
        item = {**an_item(sk, pk), "content": text, index.pk: pk}
        if index is not TABLE and text:
            item[index.sk] = f"{text}{number}"
        stood.append(item if ttl is None else {**item, "ttl": ttl})
    # A global index has no such attribute to look at.
    only = only if index.is_consistent else {}
    keys = begins(prefix) if prefix else EVERYTHING
    if rest is not None:
        keys = keys.before(prefix + rest) if descending else keys.after(prefix + rest)

    seen = []
    for table in both:
        put(table, *stood)
        seen.append(table.query(index, pk, keys, soon(), limit=limit, descending=descending, only=only))
    assert seen[0] == seen[1]
