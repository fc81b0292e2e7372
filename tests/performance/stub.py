"""A DynamoDB that answers at once, so that only the caller's own cost is seen."""

import asyncio
import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from support.dynamodb.items import Item, Key, key_of, marshal
from support.values.api_key import ApiKey
from support.values.connection import Connection
from support.values.conversation import Conversation
from support.values.timeline_item import INDEXED, TimelineItem
from support.values.visitor import Visitor

from tests.performance.implementations import (
    LISTED,
    ORGANIZATION,
    RESOLVED,
    STORED_CONVERSATIONS,
    STORED_ITEMS,
    VISITOR,
    WEBSITE,
    messages,
)

Wire = dict[str, Any]

_WRITES = frozenset({"TransactWriteItems", "UpdateItem"})
#: A frame for a client, which is sent to API Gateway.
POST = "Post"

#: What the feed is measured with: a batch of so many messages, of as many visitors, every tenth of whom listens.
BATCH = 100
_LISTENING = range(0, BATCH, 10)

_KEY = ApiKey(
    id=f"{WEBSITE}-live-private",
    website_id=WEBSITE,
    organization_id=ORGANIZATION,
    type="private",
    mode="live",
    allowed_origins=frozenset({"https://app.example.com"}),
    id_secret="0" * 64,
)


#: Public messages, as `messages` sends them.
_ITEMS = [
    TimelineItem(
        id=sent["id"],
        created_at=sent["createdAt"],
        position=position,
        visibility="public",
        type="message",
        written_by="private",
        content={"text": sent["text"], "parts": sent["parts"]} if "parts" in sent else {"text": sent["text"]},
        visitor_id=VISITOR,
    )
    for position, sent in enumerate(messages(STORED_ITEMS))
]


def _conversation(number: int, visitor_id: str, items: Sequence[TimelineItem]) -> Conversation:
    return Conversation(
        id=f"CO{number:016}",
        website_id=_KEY.website_id,
        organization_id=_KEY.organization_id,
        mode=_KEY.mode,
        visitor_id=visitor_id,
        visitor_key="0" * 32,
        channel="widget",
        incarnation="AAAAAAAAAAA",
        created_at=items[0].created_at,
        updated_at=items[-1].created_at,
        public_updated_at=items[-1].created_at,
        metadata={"plan": "pro", "seats": 5, "trial": False},
    ).with_items(items)


def _visitor(visitor_id: str) -> Item:
    """Return the row of a visitor who has said who they are."""
    return Visitor(
        id=visitor_id,
        website_id=_KEY.website_id,
        organization_id=_KEY.organization_id,
        mode=_KEY.mode,
        visitor_key="0" * 32,
        created_at=_ITEMS[0].created_at,
        updated_at=_ITEMS[-1].created_at,
        last_seen_at=_ITEMS[-1].created_at,
        contact_id="01JDEM0C0NTACT000000000000",
        contact_created_at=_ITEMS[0].created_at,
        contact_updated_at=_ITEMS[-1].created_at,
        external_id=f"account-{visitor_id}",
        name="A visitor",
        email="visitor@example.com",
        verified=("externalId", "email"),
        contact_version=1,
    ).to_item()


def _indexed(item: TimelineItem) -> Item:
    stored = item.to_item(_CONVERSATION.item_attributes())
    return {name: stored[name] for name in ("PK", "SK", "timelineSK", *INDEXED) if name in stored}


_CONVERSATION = _conversation(1, VISITOR, _ITEMS)
#: The visitor's other conversations, and those of other visitors: each has one message.
_OTHERS = [
    _conversation(number, VISITOR if number <= LISTED else f"01JDEM0V1S1T0R{number:012}", [_ITEMS[number - 1]])
    for number in range(2, STORED_CONVERSATIONS + 1)
]
_LISTED = [_CONVERSATION, *_OTHERS]


def _told(number: int) -> tuple[Conversation, Conversation]:
    """Return a conversation before and after a message of the team."""
    before = _conversation(1_000 + number, f"01JDEM0TELD0R0{number:012}", [_ITEMS[0]])
    return before, before.after_update([_ITEMS[-1]])


def _told_rows() -> Iterator[Item]:
    """Yield what is read of the messages that somebody is told of."""
    for number in _LISTENING:
        yield _ITEMS[-1].to_item(_told(number)[1].item_attributes())


def _connections() -> dict[str, list[Wire]]:
    """Return who listens, by the partition that is asked for them."""
    connections = [
        Connection(
            id=f"socket-{number}",
            website_id=WEBSITE,
            organization_id=ORGANIZATION,
            mode=_KEY.mode,
            key_hash="0" * 64,
            connected_at=0,
            ttl=4_000_000_000,
            visitor_id=_told(number)[1].visitor_id,
        )
        for number in _LISTENING
    ]
    return {one.key[0]: [marshal(one.to_items()[0])] for one in connections}


def feed_event() -> dict[str, Any]:
    """Return the batch of the table's stream."""
    records = []
    for number in range(BATCH):
        before, after = (marshal(one.to_item()) for one in _told(number))
        change = {
            "ApproximateCreationDateTime": 1_000,
            "Keys": {name: after[name] for name in ("PK", "SK")},
            "SequenceNumber": str(number),
            "OldImage": before,
            "NewImage": after,
        }
        records.append({"eventName": "MODIFY", "dynamodb": change})
    return {"Records": records}


def _rows() -> dict[Key, Wire]:
    """Return what is stored, by key, except for items of the long timeline that are not its last."""
    items = [_ITEMS[-1].to_item(_CONVERSATION.item_attributes())]
    items += [item.to_item(one.item_attributes()) for item, one in zip(_ITEMS[1:], _OTHERS, strict=True)]
    visitors = [_visitor(id_) for id_ in dict.fromkeys(one.visitor_id for one in _LISTED)]
    resolved = replace(_CONVERSATION, id=RESOLVED, status="resolved")
    rows = [*(one.to_item() for one in (*_LISTED, resolved)), *items, *visitors, *_told_rows()]
    return {key_of(row): marshal(row) for row in rows}


def _entries(index: str) -> list[Wire]:
    """Return what an index has of the conversations that are found by it, the newest first."""
    found = [one.to_item() for one in (_LISTED[:LISTED] if index == "visitor" else _LISTED)]
    found.sort(key=lambda row: str(row[f"{index}SK"]), reverse=True)
    return [marshal({name: row[name] for name in ("PK", "SK", f"{index}PK", f"{index}SK")}) for row in found]


class Stub:
    """Answers reads from an API key, conversations, a long timeline of public items, visitors and connections.

    Writes are answered with the least that DynamoDB says. `calls` counts the operations and `written` is the
    last transaction, as JSON. Without `keep_alive` each answer ends its connection, as those of before a snapshot have
    ended after it.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.written = b""
        self.keep_alive = True
        self._rows = _rows()
        self._timeline = [marshal(_indexed(item)) for item in reversed(_ITEMS)]
        self._entries = {index: _entries(index) for index in ("visitor", "inbox")}
        self._connections = _connections()
        # All ask for the same again and again.
        self._response = cache(self._read)

    def _read(self, operation: str, body: bytes) -> bytes:
        if operation == POST:
            return b""
        capacity = {"TableName": "any", "CapacityUnits": 1.0}
        if operation in _WRITES:
            consumed = [capacity] if operation == "TransactWriteItems" else capacity
            return json.dumps({"ConsumedCapacity": consumed}).encode()
        asked = json.loads(body)
        response: dict[str, Any]
        if operation == "BatchGetItem":
            [(table, wanted)] = asked["RequestItems"].items()
            found = [self._rows[key] for key in map(_key, wanted["Keys"]) if key in self._rows]
            names = wanted.get("ExpressionAttributeNames", {})
            if shown := [names.get(name, name) for name in wanted.get("ProjectionExpression", "").split(",") if name]:
                found = [{name: row[name] for name in shown if name in row} for row in found]
            response = {"Responses": {table: found}, "UnprocessedKeys": {}, "ConsumedCapacity": [capacity]}
        elif operation == "Query":
            index = "feedback" if b"FEEDBACK#" in body else asked.get("IndexName", "table")
            rows = self._timeline if index == "timeline" else self._entries.get(index, [])
            if index == "table":
                asked_for = (value["S"] for value in asked["ExpressionAttributeValues"].values())
                rows = next((self._connections[pk] for pk in asked_for if pk in self._connections), [])
            response = {"Items": [] if b"#private#" in body else rows[: asked.get("Limit")]}
            response["ConsumedCapacity"] = capacity
        elif b"APIKEY#" in body:
            response = {"Item": marshal(_KEY.to_item("any")), "ConsumedCapacity": capacity}
        else:
            row = self._rows.get(_key(asked["Key"]))
            response = {"ConsumedCapacity": capacity} | ({} if row is None else {"Item": row})
        return json.dumps(response).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        keep_alive = True
        while keep_alive:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
            headers = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(headers["content-length"]))
            operation = headers.get("x-amz-target", POST).rpartition(".")[2]
            self.calls[operation] += 1
            if operation == "TransactWriteItems":
                self.written = body
            response = self._response(operation, b"" if operation in {*_WRITES, POST} else body)
            keep_alive = self.keep_alive
            connection = b"keep-alive" if keep_alive else b"close"
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: %b\r\n"
                b"x-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
                % (connection, zlib.crc32(response), len(response), response)
            )
            await writer.drain()
        writer.close()


def _key(row: Wire) -> Key:
    return row["PK"]["S"], row["SK"]["S"]


@contextmanager
def serving() -> Iterator[tuple[Stub, str]]:
    """Serve a stub from a thread of this process while the context lasts, and give it with its endpoint URL."""
    stub, loop = Stub(), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(stub.serve, "127.0.0.1", 0, limit=2**21))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield stub, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
