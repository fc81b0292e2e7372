"""From the 200 of a message to its frame: over a running `make run`, with one visitor and with many sockets connected.

    .venv/bin/python -m tests.performance.live 3000 1000 1000

It takes the port, how many messages are measured, and how many sockets are connected the second time. A visitor's
socket listens while the team's messages are sent one after the other.
"""

import asyncio
import http.client
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import quantiles
from typing import Any

from ulid import ULID
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from local import seed

#: How many handshakes there are at a time.
_HANDSHAKES = 20
#: After how many seconds a frame counts as lost.
_PATIENCE_SECONDS = 30


class Api:
    """Calls with the private key, over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, body: Any) -> None:
        """Send a body; exits if the response is not a 200."""
        headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}", "X-Actor-User-Id": "jane"}
        self._connection.request("POST", path, json.dumps(body), {**headers, "Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            sys.exit(f"{path}: {response.status} {text.decode()}")


@asynccontextmanager
async def visitors(port: int, number: int) -> AsyncIterator[list[tuple[str, ClientConnection]]]:
    """Connect that many visitors, each once, and give their ids and sockets."""
    gate = asyncio.Semaphore(_HANDSHAKES)

    async def one(stack: AsyncExitStack) -> tuple[str, ClientConnection]:
        visitor = str(ULID())
        url = f"ws://127.0.0.1:{port}/ws?publicKey={seed.PUBLIC_KEY}&visitorId={visitor}"
        async with gate:
            socket = await connect(url, origin=Origin(seed.ORIGIN), proxy=None, open_timeout=60)
            stack.push_async_callback(socket.close)
            await _frame(socket, "CONNECTION_ESTABLISHED")
        return visitor, socket

    async with AsyncExitStack() as stack:
        yield list(await asyncio.gather(*(one(stack) for _ in range(number))))


async def _frame(socket: ClientConnection, type_: str) -> dict[str, Any]:
    """Return the payload of the next frame of a type."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            frame = json.loads(await socket.recv())
            if frame.get("type") == type_:
                payload: dict[str, Any] = frame["payload"]
                return payload


async def measure(port: int, messages: int, sockets: int) -> list[float]:
    """Return how many milliseconds each frame came after the 200 of its message; below zero where it came before."""
    api, answered = Api(port), dict[str, float]()
    async with visitors(port, sockets) as connected:
        visitor, socket = connected[0]
        conversation = str(uuid.uuid4())
        opening = {"conversationId": conversation, "visitorId": visitor}
        await asyncio.to_thread(api.post, "/v1/conversations", opening)
        await _frame(socket, "conversationCreated")
        arrivals = asyncio.create_task(_arrivals(socket, messages))
        for _ in range(messages):
            item = str(uuid.uuid4())
            body = {"conversationId": conversation, "item": {"id": item, "text": "Hello"}}
            await asyncio.to_thread(api.post, "/v1/messages", body)
            answered[item] = time.perf_counter()
        arrived = await arrivals
        return [(arrived[item] - at) * 1000 for item, at in answered.items()]


async def _arrivals(socket: ClientConnection, number: int) -> dict[str, float]:
    """Return when that many items came for the first time, by their ids."""
    arrived: dict[str, float] = {}
    while len(arrived) < number:
        payload = await _frame(socket, "timelineItemCreated")
        arrived.setdefault(payload["item"]["id"], time.perf_counter())
    return arrived


def main() -> None:
    """Measure and print, once with one socket and once with many."""
    try:
        port, messages, sockets = (int(text) for text in sys.argv[1:])
    except ValueError:
        sys.exit("It takes three numbers: the port of a running 'make run', messages (2 or more), and sockets.")
    for number in (1, sockets):
        milliseconds = asyncio.run(measure(port, messages, number))
        percentiles = quantiles(milliseconds, n=100)
        print(
            f"{number} sockets, {messages} messages: from the 200 to the frame p50 {percentiles[49]:.0f} ms, "
            f"p99 {percentiles[98]:.0f} ms, longest {max(milliseconds):.0f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
