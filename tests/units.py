"""The read and write units that DynamoDB charges, computed from the bytes of what is stored.

By AWS's published rules (Developer Guide, "DynamoDB item sizes and formats", "DynamoDB read and write operations",
"Local secondary indexes" and "Using Global Secondary Indexes in DynamoDB"), on items in DynamoDB's own JSON. What
DynamoDB Local says of transactions and indexes is not what AWS charges, so nothing here is measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

from local.template import latest

#: An item in DynamoDB's JSON, `{"PK": {"S": "..."}, ...}`; None is no item.
Wire = Mapping[str, Mapping[str, Any]]

READ_UNIT_BYTES, WRITE_UNIT_BYTES = 4096, 1024


def item_bytes(item: Wire | None) -> int:
    """Return the size of an item: of its attributes' names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in (item or {}).items())


def _value_bytes(typed: Mapping[str, Any]) -> int:
    [(kind, value)] = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return _number_bytes(value)
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(len(one.encode()) for one in value)
        case "L":
            return 3 + sum(1 + _value_bytes(one) for one in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(one) for name, one in value.items())
    raise ValueError(f"no rule for type {kind}")


def _number_bytes(number: str) -> int:
    """About one byte for two significant digits, one more, and one for the sign of a negative number."""
    digits = number.lstrip("-").replace(".", "").strip("0")
    return ceil(len(digits) / 2) + 1 + number.startswith("-")


# Reads ----------------------------------------------------------------------------------------------------------------


def read_units(items: Iterable[Wire | None], *, is_consistent: bool = True) -> float:
    """Return the units of a GetItem or BatchGetItem: each item is rounded up by itself, one that is not there too."""
    return sum(_read_units(item_bytes(item), is_consistent) for item in items)


def query_units(entries: Iterable[Wire], *, is_consistent: bool) -> float:
    """Return the units of a page of a Query: all that it reads is rounded up once, whatever it returns of that."""
    return _read_units(sum(map(item_bytes, entries)), is_consistent)


def _read_units(size: int, is_consistent: bool) -> float:
    units = max(1, ceil(size / READ_UNIT_BYTES))
    return units if is_consistent else units / 2


# Writes ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Index:
    """An index: the attributes without which an item has no entry in it, and those that an entry has (None: all)."""

    name: str
    keys: frozenset[str]
    attributes: frozenset[str] | None

    def entry(self, item: Wire | None) -> Wire | None:
        """Return an item's entry, None if there is none."""
        if item is None or not self.keys <= item.keys():
            return None
        return {name: value for name, value in item.items() if self.attributes is None or name in self.attributes}

    def write_units(self, before: Wire | None, after: Wire | None) -> int:
        """Return the units of a change: an entry whose keys change is deleted and put, one that stays costs nothing."""
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        sizes = [_write_units(item_bytes(entry)) for entry in (old, new) if entry is not None]
        is_moved = old is None or new is None or any(old[key] != new[key] for key in self.keys)
        return sum(sizes) if is_moved else max(sizes)


def indexes_of(table: Mapping[str, Any]) -> Sequence[Index]:
    """Return the indexes of a table, as CreateTable is told of them."""
    own = {key["AttributeName"] for key in table["KeySchema"]}
    found = []
    for index in [*table.get("LocalSecondaryIndexes", []), *table.get("GlobalSecondaryIndexes", [])]:
        keys, projection = {key["AttributeName"] for key in index["KeySchema"]}, index["Projection"]
        attributes = own | keys | set(projection.get("NonKeyAttributes", []))
        is_all = projection["ProjectionType"] == "ALL"
        found.append(Index(index["IndexName"], frozenset(own | keys), None if is_all else frozenset(attributes)))
    return found


@cache
def indexes() -> Sequence[Index]:
    """Return the indexes that template.yaml defines."""
    return indexes_of(latest().table())


@dataclass(frozen=True, slots=True)
class Write:
    """A row before and after a write: the same where it is only checked, or where a condition failed."""

    before: Wire | None
    after: Wire | None


def write_units(writes: Iterable[Write], *, is_transaction: bool) -> int:
    """Return the units of a write, or of a transaction: twice those of the table, and once those of its indexes."""
    units = 0
    for write in writes:
        table = _write_units(max(item_bytes(write.before), item_bytes(write.after)))
        units += 2 * table if is_transaction else table
        units += sum(index.write_units(write.before, write.after) for index in indexes())
    return units


def _write_units(size: int) -> int:
    return max(1, ceil(size / WRITE_UNIT_BYTES))
