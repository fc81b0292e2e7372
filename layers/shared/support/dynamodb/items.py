"""Items of the table: flat attributes by name, their wire form and their size."""

from collections.abc import Mapping
from typing import Any

Value = str | int | bool | list[str]
Item = dict[str, Value]

#: Partition key and sort key of an item.
Key = tuple[str, str]

#: DynamoDB's limit for one item, names included (Developer Guide, "Constraints").
MAX_ITEM_BYTES = 400 * 1024


def key_of(item: Item) -> Key:
    """Return the key of an item, or of what an entry of an index leads to."""
    return str(item["PK"]), str(item["SK"])


def without_key(item: Item) -> Item:
    """Return the attributes that are not part of the item's key, and so can change."""
    return {name: value for name, value in item.items() if name not in {"PK", "SK"}}


def marshal_key(key: Key) -> dict[str, dict[str, Any]]:
    """Convert the key of an item to DynamoDB's JSON."""
    pk, sk = key
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def marshal(item: Mapping[str, Value | None]) -> dict[str, dict[str, Any]]:
    """Convert an item to DynamoDB's JSON. None means an absent attribute."""
    # Nearly all attributes are strings.
    return {
        name: {"S": value} if isinstance(value, str) else _marshal_value(value)
        for name, value in item.items()
        if value is not None
    }


def _marshal_value(value: bool | int | list[str]) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    return {"L": [{"S": entry} for entry in value]}


def unmarshal(attributes: Mapping[str, Mapping[str, Any]]) -> Item:
    """Convert DynamoDB's JSON to an item. Attributes of a type that is never written are left out."""
    item: Item = {}
    for name, typed in attributes.items():
        # Nearly all attributes of a page are strings.
        if "S" in typed:
            item[name] = typed["S"]
        elif "N" in typed:
            item[name] = int(typed["N"])
        elif "BOOL" in typed:
            item[name] = typed["BOOL"]
        elif "L" in typed:
            item[name] = [entry["S"] for entry in typed["L"]]
    return item


def item_size(item: Mapping[str, Value | None]) -> int:
    """Count an item's bytes by DynamoDB's rules (Developer Guide, "DynamoDB item sizes and formats").

    A string counts its UTF-8 bytes, a number about half its digits and one more (rounded up here), a boolean one,
    a list three bytes and one per entry in addition to the entry's own; each attribute counts its name too.
    """
    return sum(len(name) + _value_size(value) for name, value in item.items() if value is not None)


def _value_size(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool):
        return 1
    if isinstance(value, int):
        return (len(str(value)) + 1) // 2 + 1
    return 3 + sum(1 + len(entry.encode()) for entry in value)
