"""A proxy between the function and DynamoDB Local that delays, refuses and loses calls as a test asks."""

import itertools
import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from local.ports import free_port

#: How long no connection is accepted when that fault passes, in seconds.
_REFUSED_SECONDS = 0.05


@dataclass(frozen=True)
class Response:
    """What DynamoDB answers, or seems to."""

    status: int
    headers: dict[str, str]
    body: bytes

    def wire(self) -> bytes:
        """Return its bytes."""
        headers = {**self.headers, "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", *map(": ".join, headers.items()), "", ""]
        return "\r\n".join(lines).encode() + self.body


def as_dynamodb(status: int, body: bytes) -> Response:
    """Dress a body as DynamoDB does, checksum and all."""
    return Response(status, {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body))}, body)


class Exchange(BaseHTTPRequestHandler):
    """A request on its way to DynamoDB. A fault does with it what it likes; without one it is passed on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.proxy = cast("_Server", self.server).proxy
        self.proxy.count_connection()
        self._upstream = HTTPConnection(self.proxy.upstream, timeout=60)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.operation = self.headers["X-Amz-Target"].partition(".")[2]
        self.proxy.next_fault(self.operation)(self)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def forward(self) -> Response:
        """Let DynamoDB carry it out."""
        self._upstream.request("POST", "/", self.body, dict(self.headers))
        response = self._upstream.getresponse()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _FRAMING}
        return Response(response.status, headers, response.read())

    def respond(self, response: Response, cut: int | None = None) -> None:
        """Send a response, or only its first `cut` bytes (counted from the end below 0), and then close."""
        self.wfile.write(response.wire()[:cut])
        self.wfile.flush()
        self.close_connection = cut is not None

    def respond_error(self, status: int, code: str, **fields: object) -> None:
        """Send an error as DynamoDB words it."""
        body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "Message": "injected", **fields}
        self.respond(as_dynamodb(status, json.dumps(body).encode()))

    def say_nothing(self) -> None:
        """Wait until the client gives up."""
        self.connection.recv(1)
        self.close_connection = True

    def reset(self) -> None:
        """End the connection at once, with a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


#: Whoever this is, it is not DynamoDB.
HTML = b"<!doctype html><html><title>Please sign in</title></html>"

_FRAMING = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})

Fault = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """Do no harm."""
    exchange.respond(exchange.forward())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: "Proxy"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no error here."""


class Proxy:
    """Accepts connections at `url`; `faults` says for each operation what becomes of it, `calls` lists what came.

    `connections` is how many were ever opened.
    """

    def __init__(self, endpoint: str) -> None:
        self.upstream = urlsplit(endpoint).netloc
        self.faults: Callable[[str], Fault] = lambda _: pass_on
        self.calls: list[str] = []
        self.connections = 0
        self._lock = threading.RLock()
        self._server: _Server | None = None
        # Kept for us while no connection is accepted, so that it can be opened again.
        self._port = free_port()
        self.open()
        self.url = f"http://127.0.0.1:{self._port}"

    def next_fault(self, operation: str) -> Fault:
        with self._lock:
            self.calls.append(operation)
            return self.faults(operation)

    def inject(
        self, fault: Fault, operation: str | None = "TransactWriteItems", nth: int = 1, times: float = 1
    ) -> None:
        """Let a fault meet the n-th call of an operation from now on, or of any, and so many of them in a row."""
        counted = itertools.count(1)

        def fault_of(called: str) -> Fault:
            if operation not in {called, None}:
                return pass_on
            return fault if nth <= next(counted) < nth + times else pass_on

        self.lift()
        self.faults = fault_of

    def count_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def lift(self) -> None:
        """Be a good connection again, and forget the calls."""
        with self._lock:
            self.faults = lambda _: pass_on
            self.calls = []
        self.open()

    def open(self) -> None:
        with self._lock:
            if self._server is None:
                self._server = _Server(("127.0.0.1", self._port), Exchange)
                self._server.proxy = self
                threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


@contextmanager
def proxying(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy before an endpoint while the context lasts."""
    proxy = Proxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()


# Faults ---------------------------------------------------------------------------------------------------------------


def silence_before(exchange: Exchange) -> None:
    exchange.say_nothing()


def silence_after(exchange: Exchange) -> None:
    exchange.forward()
    exchange.say_nothing()


def reset_before(exchange: Exchange) -> None:
    exchange.reset()


def reset_after(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


def half_an_answer(exchange: Exchange) -> None:
    response = exchange.forward()
    exchange.respond(response, cut=-(len(response.body) + 1) // 2)


def cut_at(position: int) -> Fault:
    """End the answer, and the connection, after so many bytes."""
    return lambda exchange: exchange.respond(exchange.forward(), cut=position)


def no_checksum(exchange: Exchange) -> None:
    """A whole answer whose checksum has no value."""
    response = exchange.forward()
    exchange.respond(Response(response.status, {**response.headers, "x-amz-crc32": ""}, response.body))


def says(response: Response) -> Fault:
    """Answer in DynamoDB's place, which never gets the request."""
    return lambda exchange: exchange.respond(response)


def garbled_answer(exchange: Exchange) -> None:
    """Half of the body as if it were whole, under the checksum of the whole."""
    response = exchange.forward()
    exchange.respond(Response(response.status, response.headers, response.body[: len(response.body) // 2]))


def meanwhile(happens: Callable[[], object]) -> Fault:
    """Let something else happen before the request reaches DynamoDB."""

    def act(exchange: Exchange) -> None:
        happens()
        pass_on(exchange)

    return act


def delayed(late: list[Callable[[], Response]]) -> Fault:
    """Lose a request for the client; what is put into the list lets DynamoDB have it after all."""

    def act(exchange: Exchange) -> None:
        headers, body, upstream = dict(exchange.headers), exchange.body, exchange.proxy.upstream

        def deliver() -> Response:
            connection = HTTPConnection(upstream, timeout=60)
            try:
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                return Response(response.status, {}, response.read())
            finally:
                connection.close()

        late.append(deliver)
        exchange.reset()

    return act


def refused_for_a_moment(exchange: Exchange) -> None:
    exchange.proxy.close()
    exchange.reset()
    timer = threading.Timer(_REFUSED_SECONDS, exchange.proxy.open)
    timer.daemon = True
    timer.start()


def refused(exchange: Exchange) -> None:
    exchange.proxy.close()
    exchange.reset()


def html_503(exchange: Exchange) -> None:
    """What a load balancer says, and not DynamoDB."""
    exchange.respond(Response(503, {"Content-Type": "text/html"}, HTML))


def error(status: int, code: str) -> Fault:
    return lambda exchange: exchange.respond_error(status, code)


def cancelled(*codes: str) -> Fault:
    """Cancel a transaction, with these reasons for its first actions."""

    def act(exchange: Exchange) -> None:
        actions = len(json.loads(exchange.body)["TransactItems"])
        reasons = [{"Code": code} for code in [*codes, *["None"] * actions][:actions]]
        exchange.respond_error(400, "TransactionCanceledException", CancellationReasons=reasons)

    return act


def half_in_conflict(exchange: Exchange) -> None:
    """Say of all that fails a condition that it does, but of the conversation that it is in conflict."""

    def alter(reasons: list[dict[str, Any]]) -> None:
        reasons[0] = {"Code": "TransactionConflict"}

    _alter_reasons(exchange, alter)


def without_items(exchange: Exchange) -> None:
    """Say what failed a condition, but not what stands there."""

    def alter(reasons: list[dict[str, Any]]) -> None:
        for reason in reasons:
            reason.pop("Item", None)

    _alter_reasons(exchange, alter)


def first_reason_alone(exchange: Exchange) -> None:
    _alter_reasons(exchange, lambda reasons: _keep_one(reasons, list(range(len(reasons)))))


def last_reason_alone(exchange: Exchange) -> None:
    _alter_reasons(exchange, lambda reasons: _keep_one(reasons, list(reversed(range(len(reasons))))))


def nothing_processed(exchange: Exchange) -> None:
    """Answer a BatchGetItem with none of the items that it asks for."""
    body = {"Responses": {}, "UnprocessedKeys": json.loads(exchange.body)["RequestItems"], "ConsumedCapacity": []}
    exchange.respond(as_dynamodb(200, json.dumps(body).encode()))


def half_processed(exchange: Exchange) -> None:
    """Answer a BatchGetItem with the first half of the items that it asks for, as a busy table does."""
    [(table, request)] = json.loads(exchange.body)["RequestItems"].items()
    half = (len(request["Keys"]) + 1) // 2
    rest = request["Keys"][half:]
    _send_instead(exchange, RequestItems={table: {**request, "Keys": request["Keys"][:half]}})
    body = json.loads(exchange.forward().body)
    exchange.respond(
        as_dynamodb(200, json.dumps(body | {"UnprocessedKeys": {table: {"Keys": rest}} if rest else {}}).encode())
    )


def one_at_a_time(exchange: Exchange) -> None:
    """Answer a Query with one item and where to go on, as DynamoDB does after a megabyte."""
    _send_instead(exchange, Limit=1)
    pass_on(exchange)


def _send_instead(exchange: Exchange, **members: object) -> None:
    exchange.body = json.dumps(json.loads(exchange.body) | members).encode()
    exchange.headers.replace_header("Content-Length", str(len(exchange.body)))


def a_megabyte_at_once(exchange: Exchange) -> None:
    """Answer a BatchGetItem, the largest items first, with 1 MB at most, as DynamoDB does for one partition."""
    body = json.loads(exchange.forward().body)
    [(table, items)] = body["Responses"].items()
    items.sort(key=lambda item: -len(json.dumps(item)))
    read = 0
    while read < len(items) and len(json.dumps(items[: read + 1])) <= 1024 * 1024:
        read += 1
    if rest := [{"PK": item["PK"], "SK": item["SK"]} for item in items[read:]]:
        body["UnprocessedKeys"] = {table: {"Keys": rest, "ConsistentRead": True}}
    body["Responses"][table] = items[:read]
    exchange.respond(as_dynamodb(200, json.dumps(body).encode()))


def _keep_one(reasons: list[dict[str, Any]], order: list[int]) -> None:
    failed = [index for index in order if reasons[index]["Code"] != "None"]
    for index in failed[1:]:
        reasons[index] = {"Code": "None"}


def _alter_reasons(exchange: Exchange, alter: Callable[[list[dict[str, Any]]], None]) -> None:
    response = exchange.forward()
    body = json.loads(response.body)
    if "CancellationReasons" in body:
        alter(body["CancellationReasons"])
        response = as_dynamodb(response.status, json.dumps(body).encode())
    exchange.respond(response)
