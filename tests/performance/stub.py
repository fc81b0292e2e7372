"""A DynamoDB that answers at once, so that only the caller's own cost is seen."""

import asyncio
import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from conversations.api_key import ApiKey
from conversations.items import marshal

_KEY = ApiKey(
    id="01JDEM0WEBS1TEA00000000000-live-private",
    website_id="01JDEM0WEBS1TEA00000000000",
    organization_id="01JDEM00RGAN1SAT10NA000000",
    type="private",
    mode="live",
    allowed_origins=frozenset({"https://app.example.com"}),
    id_secret="0" * 64,
)


class Stub:
    """Answers every GetItem with an API key and everything else with the least that DynamoDB says.

    `calls` counts the operations and `written` is the last transaction, as JSON. Without `keep_alive` each answer ends
    its connection, as those of before a snapshot have ended after it.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.written = b""
        self.keep_alive = True
        capacity = {"TableName": "any", "CapacityUnits": 1.0}
        self._key = json.dumps({"Item": marshal(_KEY.to_item("any")), "ConsumedCapacity": capacity}).encode()
        self._done = json.dumps({"ConsumedCapacity": [capacity]}).encode()

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
            answer = self._key if operation == "GetItem" else self._done
            keep_alive = self.keep_alive
            connection = b"keep-alive" if keep_alive else b"close"
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: %b\r\n"
                b"x-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%b"
                % (connection, zlib.crc32(answer), len(answer), answer)
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
