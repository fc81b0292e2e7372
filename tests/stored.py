"""What is stored, without the function between: in a table of DynamoDB Local, or in memory."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from support.dynamodb.items import Item, Key, Value, marshal, unmarshal
from support.dynamodb.table import Table

from local.dynamodb import connect
from tests.fakes import FakeTable


class Storage(Protocol):
    """What a test reads and changes behind the function's back, wherever its items are."""

    def table(self, timeout_seconds: float = 60) -> Table:
        """Return the table as another instance of the function sees it."""

    def scan(self, pk_prefix: str = "") -> list[Item]:
        """Read all items, or those whose partition keys begin like this; expired ones, too."""

    def change(self, key: Key, **attributes: Value | None) -> None:
        """Set attributes of an item; None takes one away."""

    def delete(self, *keys: Key) -> None:
        """Delete items, as DynamoDB does some time after they have expired."""

    def let_expire(self, items: Iterable[Item], after: int = 1) -> None:
        """Let items expire after a second, which has passed, though DynamoDB has not deleted them yet."""


class InMemory:
    """Items in memory; see `Storage`."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        # A write of DynamoDB takes longer than the millisecond to which times are kept, on the fastest machine, too.
        self._table = FakeTable(items, write_seconds=0.001)

    def table(self, timeout_seconds: float = 60) -> FakeTable:  # noqa: ARG002 (it answers at once)
        return self._table.another()

    def scan(self, pk_prefix: str = "") -> list[Item]:
        return [
            unmarshal(marshal(item)) for item in self._table.items.values() if str(item["PK"]).startswith(pk_prefix)
        ]

    def change(self, key: Key, **attributes: Value | None) -> None:
        changed = {**self._table.items[key], **attributes}
        self._table.items[key] = {name: value for name, value in changed.items() if value is not None}

    def delete(self, *keys: Key) -> None:
        for key in keys:
            self._table.items.pop(key, None)

    def let_expire(self, items: Iterable[Item], after: int = 1) -> None:
        for item in items:
            self.change((str(item["PK"]), str(item["SK"])), ttl=after)


class InDynamoDB:
    """Items in a table of DynamoDB Local, by its endpoint URL and the table's name; see `Storage`."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._endpoint = endpoint
        self._name = name

    def table(self, timeout_seconds: float = 60) -> Table:
        return Table(self._name, timeout_seconds)

    def scan(self, pk_prefix: str = "") -> list[Item]:
        return scan(self._endpoint, self._name, pk_prefix)

    def change(self, key: Key, **attributes: Value | None) -> None:
        change(self._endpoint, self._name, key, attributes)

    def delete(self, *keys: Key) -> None:
        for pk, sk in keys:
            connect(self._endpoint).delete_item(TableName=self._name, Key=marshal({"PK": pk, "SK": sk}))

    def let_expire(self, items: Iterable[Item], after: int = 1) -> None:
        let_expire(self._endpoint, self._name, items, after)


def scan(endpoint: str, table: str, pk_prefix: str = "") -> list[Item]:
    """Read all items of a table, or those whose partition keys begin like this."""
    pages = connect(endpoint).get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [unmarshal(item) for page in pages for item in page["Items"]]
    return [item for item in items if str(item["PK"]).startswith(pk_prefix)]


def reset(endpoint: str, table: str, items: Iterable[Item] = ()) -> None:
    """Let a table hold these items and no others. Of what it holds, as little is written as can be."""
    wanted, found = ({(item["PK"], item["SK"]): item for item in some} for some in (items, scan(endpoint, table)))
    writes: list[Any] = [
        *({"DeleteRequest": {"Key": marshal({"PK": pk, "SK": sk})}} for pk, sk in found.keys() - wanted.keys()),
        *({"PutRequest": {"Item": marshal(item)}} for key, item in wanted.items() if found.get(key) != item),
    ]
    # As many as one BatchWriteItem takes (API Reference).
    for start in range(0, len(writes), 25):
        connect(endpoint).batch_write_item(RequestItems={table: writes[start : start + 25]})


def let_expire(endpoint: str, table: str, items: Iterable[Item], after: int = 1) -> None:
    """Let items expire after a second, which has passed, though DynamoDB has not deleted them yet."""
    for item in items:
        change(endpoint, table, (str(item["PK"]), str(item["SK"])), {"ttl": after})


def change(endpoint: str, table: str, key: Key, attributes: Mapping[str, Value | None]) -> None:
    """Set attributes of an item; None takes one away."""
    pk, sk = key
    connect(endpoint).update_item(
        TableName=table,
        Key=marshal({"PK": pk, "SK": sk}),
        AttributeUpdates={
            name: {"Action": "DELETE"} if value is None else {"Action": "PUT", "Value": marshal({name: value})[name]}
            for name, value in attributes.items()
        },
    )
