"""A DynamoDB that answers at once, so that only the caller's own cost is seen."""

import asyncio
import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.dynamodb.items import Item, marshal
from support.values.api_key import ApiKey
from support.values.conversation import Conversation
from support.values.timeline_item import INDEXED, TimelineItem

from local.template import latest
from tests.performance.implementations import CONVERSATION, STORED_ITEMS, VISITOR, messages

_KEY = ApiKey(
    id="01JDEM0WEBS1TEA00000000000-live-private",
    website_id="01JDEM0WEBS1TEA00000000000",
    organization_id="01JDEM00RGAN1SAT10NA000000",
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
_CONVERSATION = Conversation(
    id=CONVERSATION,
    website_id=_KEY.website_id,
    organization_id=_KEY.organization_id,
    mode=_KEY.mode,
    visitor_id=VISITOR,
    visitor_key="0" * 32,
    channel="widget",
    incarnation="AAAAAAAAAAA",
    created_at=_ITEMS[0].created_at,
    updated_at=_ITEMS[-1].created_at,
    public_updated_at=_ITEMS[-1].created_at,
    metadata={"plan": "pro", "seats": 5, "trial": False},
).with_items(_ITEMS)


def _indexed(item: TimelineItem) -> Item:
    stored = item.to_item(_CONVERSATION.item_attributes())
    return {name: stored[name] for name in ("PK", "SK", "timelineSK", *INDEXED) if name in stored}


class Stub:
    """Answers reads with an API key, a conversation and the items of its timeline, all public, the newest first.

    Everything else is answered with the least that DynamoDB says. `calls` counts the operations and `written` is the
    last transaction, as JSON. Without `keep_alive` each answer ends its connection, as those of before a snapshot have
    ended after it.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.written = b""
        self.keep_alive = True
        capacity = {"TableName": "any", "CapacityUnits": 1.0}
        conversation, table = marshal(_CONVERSATION.to_item()), latest().table_name()
        responses: dict[str, Any] = {
            "key": {"Item": marshal(_KEY.to_item("any")), "ConsumedCapacity": capacity},
            "GetItem": {"Item": conversation, "ConsumedCapacity": capacity},
            "BatchGetItem": {
                "Responses": {table: [conversation]},
                "UnprocessedKeys": {},
                "ConsumedCapacity": [capacity],
            },
            "Query": {"Items": [marshal(_indexed(item)) for item in reversed(_ITEMS)], "ConsumedCapacity": capacity},
            "private": {"Items": [], "ConsumedCapacity": capacity},
            "TransactWriteItems": {"ConsumedCapacity": [capacity]},
        }
        self._answers = {name: json.dumps(response).encode() for name, response in responses.items()}

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
            operation = headers["x-amz-target"].rpartition(".")[2]
            self.calls[operation] += 1
            if operation == "TransactWriteItems":
                self.written = body
            asked = operation
            if operation == "GetItem" and b"APIKEY#" in body:
                asked = "key"
            elif operation == "Query" and b"#private#" in body:
                asked = "private"
            response = self._answers[asked]
            keep_alive = self.keep_alive
            connection = b"keep-alive" if keep_alive else b"close"
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: %b\r\n"
                b"x-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
                % (connection, zlib.crc32(response), len(response), response)
            )
            await writer.drain()
        writer.close()


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
