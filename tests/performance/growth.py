"""Whether reading takes more where more lies behind what is read; `make bench PART=growth`.

The same page of a timeline is read of conversations of every length, a visitor and the team are told of the same
message of each, and the same page of a list is read of visitors with ever more conversations, in turns, over DynamoDB
Local; then the same page of ever longer inboxes. Prints the calls and the read units of each, as DynamoDB counts them,
and the median of the processor time of our own process in milliseconds. Before that, it prints how long a creation
takes in tables with and without indexes.
"""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

from api.app import create_handler
from api.routes import conversations, inbox, timelines
from botocore.config import Config
from support.dynamodb.items import Item, marshal
from support.dynamodb.table import Table, Usage
from support.observability import logger
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from local import dynamodb
from local.offline import go_offline, variables
from local.ports import free_port
from local.template import latest
from tests import demo
from tests.builders import ORGANIZATION, SETTINGS, VISITOR, WEBSITE, Context, a_body, a_message, an_event, private
from tests.listening import Clients, a_connection, connect_all, feed_over
from tests.streams import a_batch

_NAME, _BARE = "conversations-growth", "conversations-without-indexes"
_ITEMS = (100, 10_000, 100_000)
_CONVERSATIONS = (1, 100, 1_000)
#: Open conversations of the website in all.
_OPEN = (2_000, 10_000)
_CREATED = (1, 20)
_WARM_UP, _ROUNDS, _CREATIONS = 5, 40, 200

_UPDATED = "2026-01-31T12:00:00.000Z"

#: BatchWriteItem's limit (DynamoDB API Reference).
_BATCH = 25
#: One prepares the next batch while the engine takes the last one.
_WRITERS = 2


def _long(items: int) -> Conversation:
    return conversation(f"long-{items}", items, 0)


def conversation(id_: str, visitor: int, number: int) -> Conversation:
    """Return the `number`th conversation, of the visitor of a number."""
    return Conversation(
        id=id_,
        website_id=WEBSITE,
        organization_id=ORGANIZATION,
        mode="test",
        visitor_id=f"{visitor:026}",
        visitor_key="0" * 32,
        channel="widget",
        incarnation="A" * 11,
        created_at=_time(number),
        updated_at=_UPDATED,
        public_updated_at=_UPDATED,
        metadata={"page": "/orders", "plan": "pro", "seats": 5, "trial": False},
    )


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_700_000_000 + seconds))


def messages(count: int) -> list[TimelineItem]:
    """Return so many short messages."""
    return [
        TimelineItem(
            id=f"{position:026}",
            created_at=_time(position),
            position=position,
            visibility="public",
            type="message",
            written_by="public",
            content={"text": "x" * 100},
            visitor_id=VISITOR,
        )
        for position in range(count)
    ]


def stored(conversation: Conversation, messages: list[TimelineItem]) -> list[Item]:
    """Return what stands there of a conversation with these messages, and with a private note before them all."""
    note = replace(messages[0], id="note", created_at=_time(-1), visibility="private")
    shared = conversation.item_attributes()
    items = [item.to_item(shared) for item in (note, *messages)]
    return [conversation.with_items([note, *messages]).to_item(), *items]


def write(endpoint: str, table: str, items: Sequence[Item]) -> None:
    """Write items into a table."""
    client = dynamodb.connect(endpoint, Config(parameter_validation=False, max_pool_connections=_WRITERS))

    def put(start: int) -> None:
        puts: list[Any] = [{"PutRequest": {"Item": marshal(item)}} for item in items[start : start + _BATCH]]
        if client.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]:
            raise RuntimeError("DynamoDB Local left some out")

    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(put, range(0, len(items), _BATCH)):
            pass


def _make(endpoint: str) -> None:
    """Make the long conversations, and the visitors with many."""
    for size in _ITEMS:
        write(endpoint, _NAME, stored(_long(size), messages(size)))
    for size in _CONVERSATIONS:
        found = (stored(conversation(f"{size}-{number}", size, number), messages(1)) for number in range(size))
        write(endpoint, _NAME, [item for one in found for item in one])


def _function(endpoint: str, name: str) -> tuple[Table, Callable[..., Any]]:
    os.environ.update(variables(endpoint))
    table = Table(name, timeout_seconds=10)
    return table, create_handler(table, KeyRing(table, 3600), RateLimiter(table, 0), SETTINGS)


#: Does once what is measured, over this table.
Run = tuple[Table, Callable[[], None]]


def _measure(runs: dict[int, Run]) -> Iterable[tuple[int, int, float, float]]:
    """Return the size, the calls, the read units and the milliseconds of CPU of what is done for each size."""
    spent: dict[int, list[float]] = {size: [] for size in runs}
    used = {}
    for n in range(_WARM_UP + _ROUNDS):
        # Each goes first as often as the other.
        for size in sorted(runs, reverse=bool(n % 2)):
            table, run = runs[size]
            table.usage = Usage()
            started = time.process_time()
            run()
            cpu = (time.process_time() - started) * 1000
            if n >= _WARM_UP:
                spent[size].append(cpu)
                used[size] = (table.usage.calls, table.usage.capacity_units)
    return [(size, *used[size], median(spent[size])) for size in runs]


def _reading(endpoint: str, events: dict[int, dict[str, Any]]) -> dict[int, Run]:
    """Return what reads for each of the events."""
    table, handler = _function(endpoint, _NAME)

    def read(event: dict[str, Any]) -> None:
        response = handler(event, Context())
        if response["statusCode"] != 200:
            raise RuntimeError(response["body"])

    return {size: (table, partial(read, event)) for size, event in events.items()}


def _telling() -> dict[int, Run]:
    """Return what tells a visitor and the team of the last message of each long conversation."""
    table = Table(_NAME, timeout_seconds=10)
    tell = feed_over(table, table, Clients())

    def told(event: dict[str, Any]) -> None:
        if tell(event, Context())["batchItemFailures"]:
            raise RuntimeError("not told")

    runs: dict[int, Run] = {}
    connect_all(table, a_connection("team", None))
    for size in _ITEMS:
        *_, before_last, last = messages(size)
        before = _long(size).with_items([before_last])
        connect_all(table, a_connection(f"visitor-{size}", before.visitor_id))
        event = a_batch([(before.to_item(), before.after_update([last]).to_item())])
        runs[size] = (table, partial(told, event))
    return runs


def _inboxes(endpoint: str) -> Iterable[tuple[int, int, float, float]]:
    """Make the inbox ever longer, and measure a page of it each time."""
    event = an_event(headers=private(), route=inbox.LIST, query={"limit": "50", "status": "open"})
    there = len(_CREATED) * _CREATIONS + len(_ITEMS) + sum(_CONVERSATIONS)
    for size in _OPEN:
        made = (stored(conversation(f"open-{number}", size, number), messages(1)) for number in range(there, size))
        write(endpoint, _NAME, [item for one in made for item in one])
        there = size
        yield from _measure(_reading(endpoint, {size: event}))


def _create(endpoint: str, items: int) -> dict[str, float]:
    """Return the milliseconds that a creation takes in each table."""
    event = an_event(a_body(defaultTimelineItems=[a_message("x" * 100)] * items), private())
    handlers = {name: _function(endpoint, name)[1] for name in (_NAME, _BARE)}
    spent: dict[str, list[float]] = {name: [] for name in handlers}
    for n in range(_CREATIONS):
        for name in sorted(handlers, reverse=bool(n % 2)):
            started = time.perf_counter()
            response = handlers[name](event, Context())
            spent[name].append((time.perf_counter() - started) * 1000)
            if response["statusCode"] != 200:
                raise RuntimeError(response["body"])
    return {name: median(times) for name, times in spent.items()}


def _print(title: str, rows: Iterable[tuple[int, int, float, float]]) -> None:
    # Standard output has the metrics.
    sys.stderr.write(f"\n{title:34}{'calls':>8}{'read units':>12}{'CPU, ms':>10}\n")
    for size, calls, units, cpu in rows:
        sys.stderr.write(f"  {size:<32,}{calls:8}{units:12g}{cpu:10.2f}\n")


def main() -> None:
    """Make what is read, and measure."""
    go_offline()
    logger.registered_handler.stream = io.StringIO()  # type: ignore[attr-defined]
    with dynamodb.running(free_port()) as engine, contextlib.redirect_stdout(io.StringIO()):
        definition = latest().table()
        bare = {name: value for name, value in definition.items() if not name.endswith("SecondaryIndexes")}
        bare["AttributeDefinitions"] = [
            {"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in definition["KeySchema"]
        ]
        for name, form in {_NAME: definition, _BARE: bare}.items():
            dynamodb.create_table(engine.endpoint, name, form)
            demo.write(engine.endpoint, name)
        sys.stderr.write(f"{'a creation, ms':34}{'with indexes':>14}{'without':>10}\n")
        for items in _CREATED:
            created = _create(engine.endpoint, items)
            sys.stderr.write(f"  {f'{items} items':<32}{created[_NAME]:14.1f}{created[_BARE]:10.1f}\n")
        started = time.monotonic()
        _make(engine.endpoint)
        sys.stderr.write(f"\nMade in {time.monotonic() - started:.0f} s, once.\n")
        pages = {
            size: an_event(headers=private(), route=timelines.GET, conversationId=_long(size).id) for size in _ITEMS
        }
        _print("a page of 50, of so many items", _measure(_reading(engine.endpoint, pages)))
        _print("a message told, after so many", _measure(_telling()))
        lists = {
            size: an_event(headers={**private(), "x-visitor-id": f"{size:026}"}, route=conversations.LIST)
            for size in _CONVERSATIONS
        }
        _print("a list of 6, of so many", _measure(_reading(engine.endpoint, lists)))
        _print("an inbox of 50, of so many", _inboxes(engine.endpoint))


if __name__ == "__main__":
    main()
