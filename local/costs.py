"""What a million calls cost, by line: `python -m local.costs` prints the tables of docs/performance.md.

The prices are the list prices of us-east-1 in dollars, without free tiers: look at the present ones before you rely
on them. The loads are those of a public key, warm, and what they write and read has the sizes of its stored form.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from support.dynamodb.items import Item, item_size
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from local.template import latest

HTTP_API_REQUEST = 1.00 / 1e6
LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND_ARM = 0.0000133334
DYNAMODB_WRITE_UNIT = 0.625 / 1e6
DYNAMODB_READ_UNIT = 0.125 / 1e6
LOGS_GB = 0.50
XRAY_TRACE = 5.00 / 1e6
PIPE_EVENT = 0.40 / 1e6
BUS_EVENT = 1.00 / 1e6
#: Stored, and backed up continuously, for a month.
TABLE_GB_MONTH = 0.25 + 0.20

CALLS = 1_000_000
MEMORY_GB = 1
#: Our line and its metrics, Lambda's own three lines, and the gateway's.
LOG_BYTES = 700 + 550 + 350 + 400
#: X-Ray's default rule.
TRACED = 0.05
#: What is stored for each item, and for each of its entries in indexes, beside its own bytes (Developer Guide,
#: "DynamoDB item sizes and formats").
OVERHEAD_BYTES = 100

WRITE_UNIT_BYTES, READ_UNIT_BYTES = 1024, 4096


class Index(NamedTuple):
    """An index of the table: the attributes without which an item has no entry in it, and those that an entry has."""

    name: str
    is_local: bool
    keys: frozenset[str]
    attributes: frozenset[str]

    def entry(self, item: Item | None) -> Item | None:
        """Return the entry of an item, or None if there is none."""
        if item is None or not self.keys <= item.keys():
            return None
        return {name: value for name, value in item.items() if name in self.attributes}


def _indexes() -> Iterable[Index]:
    table = latest().table()
    own = {key["AttributeName"] for key in table["KeySchema"]}
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        for index in table[kind]:
            keys = frozenset(key["AttributeName"] for key in index["KeySchema"])
            attributes = keys | own | set(index["Projection"].get("NonKeyAttributes", ()))
            yield Index(index["IndexName"], kind == "LocalSecondaryIndexes", keys, attributes)


#: As template.yaml has them.
INDEXES = tuple(_indexes())


class Write(NamedTuple):
    """An item that a transaction writes, and what stood there before."""

    after: Item
    before: Item | None = None


def transaction_units(sizes: Iterable[int]) -> int:
    """Return the write units of a transaction that writes items of these sizes in bytes: two for each KB begun.

    One to prepare it and one to commit it (Developer Guide, "DynamoDB read and write operations").
    """
    return 2 * sum(_write_units(size) for size in sizes)


def write_units(writes: Sequence[Write]) -> Counter[str]:
    """Return the write units of a transaction: of the `table`, and of each index by its name.

    An index takes one for each KB begun of an entry that is written, and not twice. Where an entry's keys change it is
    deleted and written anew, and where nothing of it changes it costs nothing (Developer Guide, "Global secondary
    indexes: write capacity units", "Local secondary indexes: write capacity units").
    """
    sizes = (max(_size(write.before), item_size(write.after)) for write in writes)
    units = Counter({"table": transaction_units(sizes)})
    for index in INDEXES:
        for write in writes:
            before, after = index.entry(write.before), index.entry(write.after)
            if before == after:
                continue
            stays = before and after and all(before[key] == after[key] for key in index.keys)
            changed = [_write_units(_size(entry)) for entry in (before, after)]
            units[index.name] += max(changed) if stays else sum(changed)
    return units


def read_units(items: Iterable[Item]) -> float:
    """Return the read units of a BatchGetItem of these items as they are now: one for each 4 KB that one begins."""
    return sum(ceil(item_size(item) / READ_UNIT_BYTES) for item in items)


def query_units(index_name: str, items: Iterable[Item]) -> float:
    """Return the read units of a Query that returns the entries of these items in an index.

    One for each 4 KB begun of all of them together, half of it from a global index, which is not read as it is now.
    """
    [index] = (index for index in INDEXES if index.name == index_name)
    units = max(1, ceil(sum(_size(index.entry(item)) for item in items) / READ_UNIT_BYTES))
    return units if index.is_local else units / 2


def stored_bytes(items: Iterable[Item]) -> int:
    """Return the bytes that are paid for while these items are stored, those of their entries in indexes among them."""
    entries = [entry for item in items for entry in (item, *(index.entry(item) for index in INDEXES)) if entry]
    return sum(item_size(entry) + OVERHEAD_BYTES for entry in entries)


def _write_units(size: int) -> int:
    return ceil(size / WRITE_UNIT_BYTES)


def _size(item: Item | None) -> int:
    return 0 if item is None else item_size(item)


# What is usual --------------------------------------------------------------------------------------------------------

_NOW = "2026-01-31T12:00:00.000Z"
_ULID = "01JDEM0V1S1T0R000000000000"


def a_conversation() -> Conversation:
    """Return a usual conversation: generated ids, some metadata, kept for a year."""
    return Conversation(
        id="CO" + "1" * 16,
        website_id=_ULID,
        organization_id=_ULID,
        mode="live",
        visitor_id=_ULID,
        visitor_key="0" * 32,
        channel="widget",
        incarnation="A" * 11,
        created_at=_NOW,
        updated_at=_NOW,
        public_updated_at=_NOW,
        metadata={"page": "/orders", "plan": "pro", "seats": 5, "trial": False},
        ttl=1_800_000_000,
    )


def messages(count: int, first: int = 0) -> list[TimelineItem]:
    """Return usual messages of a visitor, of a hundred characters each, which stand one after another."""
    return [
        TimelineItem(
            id=_ULID,
            created_at=_NOW,
            position=position,
            visibility="public",
            type="message",
            written_by="public",
            content={"text": "x" * 100},
            visitor_id=_ULID,
        )
        for position in range(first, first + count)
    ]


def creation(items: int) -> list[Write]:
    """Return what opens a conversation with so many messages."""
    conversation = a_conversation().with_items(messages(items))
    return [Write(conversation.to_item()), *map(Write, _stored(conversation, messages(items)))]


def message() -> list[Write]:
    """Return what one more message writes."""
    sent = messages(1, first=1)
    before = a_conversation().with_items(messages(1))
    after = replace(before.with_items(sent), version=2, updated_at="2026-01-31T12:00:01.000Z")
    return [Write(after.to_item(), before.to_item()), *map(Write, _stored(after, sent))]


def page(items: int) -> float:
    """Return the read units of a page: its conversation, and one item more, which tells whether there are more."""
    conversation = a_conversation().with_items(messages(items + 1))
    stored = _stored(conversation, messages(items + 1))
    return read_units([conversation.to_item()]) + query_units("timeline", stored)


def conversations(shown: int, total: int) -> float:
    """Return the read units of a list that shows so many conversations of a visitor's total, of up to 100."""
    conversation = a_conversation().with_items(messages(1)).to_item()
    last_messages = read_units(_stored(a_conversation(), messages(1)) * shown)
    return query_units("visitor", [conversation] * total) + read_units([conversation] * total) + last_messages


def _stored(conversation: Conversation, items: Iterable[TimelineItem]) -> list[Item]:
    return [item.to_item(conversation.item_attributes()) for item in items]


# What it costs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """A call: the milliseconds that Lambda bills, what it writes, and the read units it takes."""

    name: str
    milliseconds: int
    writes: Sequence[Write] = ()
    reads: float = 0

    @property
    def new(self) -> list[Item]:
        """The items that stand there since, of each of which an event may be published."""
        return [write.after for write in self.writes if write.before is None]


LOADS = (
    Load("creation, 1 item", 20, creation(1)),
    Load("5 items", 25, creation(5)),
    Load("20 items", 40, creation(20)),
    # It reads its conversation, and whether there is such an item.
    Load("message", 25, message(), reads=read_units([a_conversation().to_item()]) + 1),
    Load("page of 50", 15, reads=page(50)),
    Load("list of 6", 20, reads=conversations(6, 6)),
)


def lines(load: Load) -> dict[str, float]:
    """Return what a million of them cost in dollars, by line."""
    units = write_units(load.writes)
    # The counter by address is one more write of what is counted.
    table, indexes = units["table"] + bool(load.writes), units.total() - units["table"]
    return {
        "HTTP API": CALLS * HTTP_API_REQUEST,
        "Lambda, requests": CALLS * LAMBDA_REQUEST,
        "Lambda, time": CALLS * load.milliseconds / 1000 * MEMORY_GB * LAMBDA_GB_SECOND_ARM,
        "DynamoDB, writes": CALLS * table * DYNAMODB_WRITE_UNIT,
        "DynamoDB, indexes": CALLS * indexes * DYNAMODB_WRITE_UNIT,
        "DynamoDB, reads": CALLS * load.reads * DYNAMODB_READ_UNIT,
        "Logs": CALLS * LOG_BYTES / 1e9 * LOGS_GB,
        "Traces": CALLS * TRACED * XRAY_TRACE,
        "Events, if published": CALLS * len(load.new) * (PIPE_EVENT + BUS_EVENT),
        "Stored for a month": CALLS * stored_bytes(load.new) / 1e9 * TABLE_GB_MONTH,
    }


def _row(name: str, cells: Iterable[object]) -> None:
    print(f"| {name} | " + " | ".join(map(str, cells)) + " |")


def main() -> None:
    """Print the sizes, the units, and the dollars."""
    opened, item = [write.after for write in creation(1)]
    note = replace(messages(1, first=1)[0], visibility="private")
    noted = replace(a_conversation().with_items([*messages(1), note]), visitor_last_seen_at=_NOW).to_item()
    usual = {"conversation": opened, "conversation with a note, and seen": noted, "item": item}
    for name, item in usual.items():
        entries = {index.name: index.entry(item) for index in INDEXES}
        said = "".join(f", {_size(entry)} in {index}" for index, entry in entries.items() if entry)
        print(f"A usual {name}: {item_size(item)} bytes{said}.")
    print()
    names = ["table", *(index.name for index in INDEXES)]
    _row("units", [*names, "writes in all", "reads in all"])
    print("|---|" + "---:|" * (len(names) + 2))
    for load in LOADS:
        units = write_units(load.writes)
        _row(load.name, [*(units[name] for name in names), units.total(), f"{load.reads:g}"])
    print()
    columns = [lines(load) for load in LOADS]
    _row("a million of", [load.name for load in LOADS])
    print("|---|" + "---:|" * len(LOADS))
    for name in columns[0]:
        _row(name, [f"{column[name]:.2f}" for column in columns])
    _row("**in all, $**", [f"**{sum(column.values()):.2f}**" for column in columns])


if __name__ == "__main__":
    main()
