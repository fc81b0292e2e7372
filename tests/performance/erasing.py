"""What the erasure of a visitor takes, by the item; `make bench PART=erasing`.

A visitor has so many items (each argument, 100,000 without), a thousand in a conversation, and is erased as an operator
does, over DynamoDB Local. Nothing is waited for: neither the minute between two looks, nor the moment after each call
that leaves the table to those who write. Prints the calls, the units, computed by AWS's rules from what is stored, and
the seconds.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from erasing.operations import Erasures
from operators.events import EraseVisitor
from support.deadlines import Deadline
from support.dynamodb.items import Item, Key, marshal
from support.dynamodb.responses import Members
from support.dynamodb.table import Table
from support.store.erasure import ErasureStore

from local import dynamodb
from local.offline import go_offline, variables
from local.ports import free_port
from local.template import latest
from tests.builders import WEBSITE
from tests.performance.growth import conversation, messages, stored, write
from tests.units import READ_UNIT_BYTES, Wire, Write, item_bytes, query_units, read_units, write_units

_NAME, _VISITOR = "conversations-erasing", 1
_ITEMS = 100_000
#: Of one conversation, with its note.
_ITEMS_OF_ONE = 1_000

#: The time of an invocation of the function, in seconds, but for what it keeps for its message about the rest.
_RUN_SECONDS = 115


class Meter:
    """Counts what the calls of a table cost, and how long that takes it."""

    def __init__(self, table: Table, endpoint: str) -> None:
        self.read = 0.0
        self.written = 0
        self.seconds = 0.0
        self._client: Any = dynamodb.connect(endpoint)
        # The size of each row, and the units that its deletion takes.
        self._rows: dict[Key, tuple[int, int]] = {}
        self._send = table._database.call
        table._database.call = self._count  # type: ignore[method-assign]

    def know(self, items: Sequence[Item]) -> None:
        """Note what is stored, so that nothing has to be read for it later."""
        for item in items:
            self._note((str(item["PK"]), str(item["SK"])), marshal(item))

    def _note(self, key: Key, row: Wire | None) -> None:
        self._rows.pop(key, None)
        if row is not None:
            self._rows[key] = item_bytes(row), write_units([Write(row, None)], is_transaction=False)

    def _count(self, operation: str, request: bytes) -> Members:
        began = time.monotonic()
        asked = json.loads(request)
        changed = list(_changed(operation, asked))
        before = [self._stored(key) for key in changed]
        sent = time.monotonic()
        members = self._send(operation, request)
        came = time.monotonic()
        if operation == "BatchWriteItem":
            [deletions] = asked["RequestItems"].values()
            # One that is not there takes a unit.
            self.written += sum(self._rows.pop(_key(one["DeleteRequest"]["Key"]), (0, 1))[1] for one in deletions)
        elif operation == "Query" and "ProjectionExpression" in asked:
            # It reads all of what it returns a part of.
            size = sum(self._rows[_key(row)][0] for row in members["Items"])
            self.read += max(1, -(-size // READ_UNIT_BYTES))
        elif operation == "Query":
            self.read += query_units(members["Items"], is_consistent=asked["ConsistentRead"])
        elif operation == "GetItem":
            self.read += read_units([members.get("Item")])
        else:
            after = [self._stored(key) for key in changed]
            is_transaction = operation == "TransactWriteItems"
            self.written += write_units(map(Write, before, after), is_transaction=is_transaction)
            for key, row in zip(changed, after, strict=True):
                self._note(key, row)
        self.seconds += sent - began + time.monotonic() - came
        return members

    def _stored(self, key: Key) -> Wire | None:
        found = self._client.get_item(TableName=_NAME, Key=marshal(dict(zip(("PK", "SK"), key, strict=True))))
        row: Wire | None = found.get("Item")
        return row


def _changed(operation: str, asked: dict[str, Any]) -> Iterator[Key]:
    """Give the keys of a write that may change rows or leave them as they are."""
    if operation == "UpdateItem":
        yield _key(asked["Key"])
    for action in asked.get("TransactItems", []):
        [one] = action.values()
        yield _key(one["Key"] if "Key" in one else one["Item"])


def _key(row: Wire) -> Key:
    return row["PK"]["S"], row["SK"]["S"]


def _make(endpoint: str, meter: Meter, items: int) -> list[str]:
    """Write so many items, and return the partitions of their conversations."""
    partitions = []
    for number, start in enumerate(range(0, items, _ITEMS_OF_ONE)):
        one = conversation(f"c-{number}", _VISITOR, number)
        # With the note.
        rows = stored(one, messages(min(_ITEMS_OF_ONE, items - start) - 1))
        write(endpoint, _NAME, rows)
        meter.know(rows)
        partitions.append(one.pk)
    return partitions


def _erase(table: Table, partitions: list[str]) -> tuple[int, float]:
    """Erase the visitor as the function does; return the number of events and what they ask to wait, in seconds."""
    waited, sent = 0.0, 0
    erasures = Erasures(table, lambda: time.time() + waited)
    store = ErasureStore(table, pause=lambda _: None)
    event = EraseVisitor(action="erase_visitor", websiteId=WEBSITE, mode="test", visitorId=f"{_VISITOR:026}")
    while True:
        result = erasures.erase_visitor(event, Deadline.after(_RUN_SECONDS))
        sent += 1
        # What the queue's messages bring about, one after the other.
        while partitions:
            while not store.finish(partitions[-1], Deadline.after(_RUN_SECONDS)).is_done:
                pass
            partitions.pop()
        if result["done"]:
            return sent, waited
        waited += result["waitSeconds"]


def main(items: int) -> None:
    """Make items, and erase them."""
    go_offline()
    with dynamodb.running(free_port()) as engine:
        dynamodb.create_table(engine.endpoint, _NAME, latest().table())
        for name, value in variables(engine.endpoint).items():
            os.environ[name] = value
        table = Table(_NAME, timeout_seconds=10)
        meter = Meter(table, engine.endpoint)
        started = time.monotonic()
        partitions = _make(engine.endpoint, meter, items)
        conversations = len(partitions)
        print(f"Made {items:,} items in {conversations:,} conversations in {time.monotonic() - started:.0f} s, once.")
        started = time.monotonic()
        events, waited = _erase(table, partitions)
        seconds = time.monotonic() - started - meter.seconds
        left = dynamodb.connect(engine.endpoint).scan(TableName=_NAME, Select="COUNT")["Count"]
        if left:
            raise RuntimeError(f"{left} rows are left")
    print(f"\n{'':24}{'all':>12}{'an item':>12}")
    for name, amount in (
        ("calls", table.usage.calls),
        ("read units", meter.read),
        ("write units", meter.written),
        ("seconds", seconds),
    ):
        print(f"  {name:<22}{amount:12,.0f}{amount / items:12.5f}")
    print(f"\n{events} events of the operator, with {waited:.0f} s to wait between them, which were not waited for.")


if __name__ == "__main__":
    for number in sys.argv[1:] or [str(_ITEMS)]:
        main(int(number))
