"""What the limit on public keys adds to a request; `make bench PART=limiter`.

The same request is sent in turn to a function without a limit and to one with a limit, over DynamoDB Local, and over
stand-ins in a process of their own that answer in 5 ms, a transaction in 5 or, as it has two phases, in 10. Prints
medians in milliseconds: of the time a request takes, and of the processor time it costs, which the counter does need.
"""

import contextlib
import io
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import Any
from zlib import crc32

from api.app import create_handler
from support.dynamodb.items import marshal
from support.dynamodb.table import Table
from support.observability import logger
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from local import dynamodb
from local.offline import go_offline, variables
from local.ports import free_port
from local.template import latest
from tests import demo
from tests.builders import PUBLIC_KEY, SETTINGS, Context, a_body, a_key, a_message, an_event, public

_SECONDS = 0.005
_WARM_UP, _REQUESTS = 50, 500
_NO_LIMIT, _A_LIMIT = 0, 1_000_000_000


class _SlowDynamoDB(BaseHTTPRequestHandler):
    """Answers a read with an API key, a count with 1 and a transaction with what it consumed."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    transaction_seconds = _SECONDS

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        capacity = {"TableName": "any", "CapacityUnits": 1.0}
        responses: dict[str, Any] = {
            "GetItem": {"Item": marshal(a_key(PUBLIC_KEY)), "ConsumedCapacity": capacity},
            "UpdateItem": {"Attributes": {"count": {"N": "1"}}, "ConsumedCapacity": capacity},
            "TransactWriteItems": {"ConsumedCapacity": [capacity]},
        }
        body = json.dumps(responses[operation]).encode()
        time.sleep(self.transaction_seconds if operation == "TransactWriteItems" else _SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-crc32", str(crc32(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(port: Connection, transaction_seconds: float) -> None:
    _SlowDynamoDB.transaction_seconds = transaction_seconds
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SlowDynamoDB)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def _slow_dynamodb(transaction_seconds: float) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, transaction_seconds), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()


@contextmanager
def _dynamodb_local(name: str) -> Iterator[str]:
    with dynamodb.running(free_port()) as engine:
        dynamodb.create_table(engine.endpoint, name, latest().table())
        demo.write(engine.endpoint, name)
        yield engine.endpoint


def _call(endpoint: str, name: str, per_minute: int) -> Callable[[], None]:
    os.environ.update(variables(endpoint))
    table = Table(name, timeout_seconds=10)
    handler: Any = create_handler(table, KeyRing(table, 3600), RateLimiter(table, per_minute), SETTINGS)
    event = an_event(a_body(defaultTimelineItems=[a_message()]), public())

    def call() -> None:
        assert handler(event, Context())["statusCode"] == 200

    return call


def _compare(endpoint: str, name: str) -> None:
    calls = {per_minute: _call(endpoint, name, per_minute) for per_minute in (_NO_LIMIT, _A_LIMIT)}
    wall: dict[int, list[float]] = {_NO_LIMIT: [], _A_LIMIT: []}
    cpu: dict[int, list[float]] = {_NO_LIMIT: [], _A_LIMIT: []}
    for n in range(_WARM_UP + _REQUESTS):
        # Each goes first as often as the other.
        for per_minute in sorted(calls, reverse=bool(n % 2)):
            started, started_cpu = time.perf_counter(), time.process_time()
            calls[per_minute]()
            if n >= _WARM_UP:
                wall[per_minute].append((time.perf_counter() - started) * 1000)
                cpu[per_minute].append((time.process_time() - started_cpu) * 1000)
    for per_minute, title in {_NO_LIMIT: "no limit", _A_LIMIT: "a limit"}.items():
        times = wall[per_minute]
        _say(
            f"  {title:10} {median(times):6.2f} ms, 90 % within {quantiles(times, n=10)[-1]:6.2f}; "
            f"processor {median(cpu[per_minute]):5.2f}"
        )
    pairs = [a - b for a, b in zip(wall[_A_LIMIT], wall[_NO_LIMIT], strict=True)]
    _say(f"  difference {median(pairs):+6.2f} ms (median of {_REQUESTS} pairs)")


def _say(line: str) -> None:
    # Standard output has the metrics.
    sys.stderr.write(line + "\n")


def main() -> None:
    """Measure over each."""
    go_offline()
    name = "conversations-limiter"
    logger.registered_handler.stream = io.StringIO()  # type: ignore[attr-defined]
    with contextlib.redirect_stdout(io.StringIO()):
        _say("DynamoDB Local")
        with _dynamodb_local(name) as endpoint:
            _compare(endpoint, name)
        for seconds in (_SECONDS, 2 * _SECONDS):
            _say(f"{_SECONDS * 1000:.0f} ms a write, {seconds * 1000:.0f} ms a transaction")
            with _slow_dynamodb(seconds) as endpoint:
                _compare(endpoint, name)


if __name__ == "__main__":
    main()
