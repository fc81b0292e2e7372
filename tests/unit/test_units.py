"""The rules by which DynamoDB charges."""

from typing import Any

import pytest

from tests.units import Index, Write, indexes, indexes_of, item_bytes, query_units, read_units, write_units


def a_row(size: int = 10, **fields: str) -> dict[str, Any]:
    """Return a row of so many bytes, with these attributes among them."""
    row: dict[str, Any] = {"PK": {"S": "p"}, "SK": {"S": "s"}, **{name: {"S": value} for name, value in fields.items()}}
    return {**row, "x": {"S": "x" * (size - item_bytes(row) - 1)}}


def inbox(row: dict[str, Any], sk: str) -> dict[str, Any]:
    """Return a row with an entry in the index `inbox`."""
    return {**row, "inboxPK": {"S": "i"}, "inboxSK": {"S": sk}}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"ab": {"S": "x"}}, 3),
        ({"a": {"S": "é"}}, 3),
        ({"a": {"S": "😀"}}, 5),
        ({"é": {"S": ""}}, 2),
        ({"a": {"N": "0"}}, 2),
        ({"a": {"N": "7"}}, 3),
        ({"a": {"N": "-7"}}, 4),
        ({"a": {"N": "1800000000"}}, 3),
        ({"a": {"N": "1234567"}}, 6),
        ({"a": {"BOOL": True}}, 2),
        ({"a": {"NULL": True}}, 2),
        ({"a": {"SS": ["x", "yy"]}}, 4),
        ({"a": {"L": [{"S": "x"}, {"S": "yy"}]}}, 9),
        ({"a": {"M": {"bc": {"S": "x"}}}}, 8),
        ({"a": {"M": {}}}, 4),
    ],
)
def test_an_item_takes_its_names_and_values(item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


@pytest.mark.parametrize(("size", "units"), [(10, 1), (4096, 1), (4097, 2), (8192, 2), (400 * 1024, 100)])
def test_an_item_is_read_in_steps_of_4_kb(size: int, units: int) -> None:
    assert read_units([a_row(size)]) == units
    assert read_units([a_row(size)], is_consistent=False) == units / 2


def test_items_of_a_batch_are_rounded_up_each_by_itself() -> None:
    assert read_units([a_row(100)] * 30) == 30
    assert read_units([a_row(4097), None]) == 3


def test_entries_of_a_query_are_rounded_up_all_together() -> None:
    assert query_units([a_row(100)] * 30, is_consistent=True) == 1
    assert query_units([a_row(100)] * 41, is_consistent=True) == 2
    assert query_units([a_row(100)] * 41, is_consistent=False) == 1
    assert query_units([], is_consistent=True) == 1
    assert query_units([], is_consistent=False) == 0.5


@pytest.mark.parametrize(("size", "units"), [(10, 1), (1024, 1), (1025, 2), (400 * 1024, 400)])
def test_an_item_is_written_in_steps_of_1_kb_and_twice_in_a_transaction(size: int, units: int) -> None:
    assert write_units([Write(None, a_row(size))], is_transaction=False) == units
    assert write_units([Write(None, a_row(size))], is_transaction=True) == 2 * units


def test_a_write_costs_by_the_larger_one_of_before_and_after() -> None:
    assert write_units([Write(a_row(5000), a_row(10))], is_transaction=False) == 5
    assert write_units([Write(a_row(10), a_row(5000))], is_transaction=False) == 5
    assert write_units([Write(a_row(5000), None)], is_transaction=False) == 5


def test_a_check_costs_as_a_write_of_the_row() -> None:
    assert write_units([Write(a_row(5000), a_row(5000))], is_transaction=True) == 10
    assert write_units([Write(None, None)], is_transaction=True) == 2


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        pytest.param(None, inbox(a_row(), "1"), 1, id="a new entry"),
        pytest.param(inbox(a_row(), "1"), None, 1, id="an entry that goes"),
        pytest.param(inbox(a_row(), "1"), a_row(), 1, id="an entry that loses its key"),
        pytest.param(inbox(a_row(), "1"), inbox(a_row(), "2"), 2, id="an entry that moves"),
        pytest.param(inbox(a_row(), "1"), inbox(a_row(20), "1"), 0, id="what is not in the entry"),
        pytest.param(None, a_row(), 0, id="no entry"),
        pytest.param(None, inbox(a_row(), "x" * 1024), 2, id="a large entry"),
        pytest.param(inbox(a_row(), "x" * 1024), inbox(a_row(), "y"), 3, id="a large entry that moves"),
    ],
)
def test_an_index_costs_for_what_changes_in_it_and_once_in_a_transaction(
    before: dict[str, Any] | None, after: dict[str, Any] | None, units: int
) -> None:
    def table_units(row: dict[str, Any] | None) -> int:
        return -(-max(1, item_bytes(row)) // 1024)

    table = max(table_units(before), table_units(after))
    for is_transaction in (False, True):
        whole = write_units([Write(before, after)], is_transaction=is_transaction)
        assert whole == units + table * (1 + is_transaction)


def test_an_entry_that_changes_where_it_is_costs_once() -> None:
    index = Index("i", frozenset({"PK", "SK", "k"}), frozenset({"PK", "SK", "k", "shown"}))

    assert index.write_units(a_row(k="1", shown="a"), a_row(k="1", shown="b")) == 1
    assert index.write_units(a_row(k="1", shown="a"), a_row(k="2", shown="a")) == 2


@pytest.mark.parametrize(
    ("projection", "attributes"),
    [
        ({"ProjectionType": "ALL"}, None),
        ({"ProjectionType": "KEYS_ONLY"}, {"PK", "SK", "k"}),
        ({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown"]}, {"PK", "SK", "k", "shown"}),
    ],
)
def test_an_index_has_what_it_projects(projection: dict[str, Any], attributes: set[str] | None) -> None:
    keys = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
    own = [{"AttributeName": "k", "KeyType": "HASH"}]
    table = {
        "KeySchema": keys,
        "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": own, "Projection": projection}],
    }

    [index] = indexes_of(table)

    assert set(index.keys) == {"PK", "SK", "k"}
    assert index.attributes == attributes


def test_the_template_s_indexes_are_known() -> None:
    assert {index.name for index in indexes()} >= {"timeline", "visitor", "inbox"}
