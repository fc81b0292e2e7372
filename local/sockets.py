"""An API Gateway WebSocket API on one machine: connections and messages in, events to functions, @connections out.

An ASGI application. Limits and messages of its own are API Gateway's: see "Quotas for WebSocket APIs" and "Use
@connections commands" in its Developer Guide. Its frames of 32 KB are not made here: messages arrive whole.
"""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from local.gateway import Handled, Message, Receive, Response, Send
from local.runtime import FunctionError
from local.template import Function, SocketApi, Template, TemplateError

#: The most bytes of a message, in either direction; a longer one from a client closes its connection with 1009.
MAX_MESSAGE = 128 * 1024
#: How many messages of one connection are with functions at a time; the next ones wait in the network.
_IN_FLIGHT = 16
#: Close codes of RFC 6455, section 7.4.1.
_GOING_AWAY, _UNSUPPORTED_DATA = 1001, 1003


@dataclass(frozen=True)
class Limits:
    """After how many seconds a connection is closed: one on which nothing comes or goes, and any."""

    idle: float = 10 * 60
    lifetime: float = 2 * 60 * 60


@dataclass(eq=False)
class _Connection:
    """A connection whose handshake is done, or under way; times are in seconds since 1970."""

    api: SocketApi
    send: Send
    scope: Message
    id: str = field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(11)).decode())
    opened_at: float = field(default_factory=time.time)
    active_at: float = field(default_factory=time.time)
    in_flight: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_IN_FLIGHT))

    async def post(self, text: str) -> None:
        """Send a message; nothing happens if the client has gone."""
        self.active_at = time.time()
        with suppress(OSError):
            await self.send({"type": "websocket.send", "text": text})

    async def close(self, code: int) -> None:
        """Close it, after which `receive` tells that it is closed."""
        with suppress(OSError):
            await self.send({"type": "websocket.close", "code": code})


class Sockets:
    """The ASGI application, for WebSockets and for requests to `@connections`.

    Parameters
    ----------
    template
        Gives the template of now, so that an edit counts from the next connection on.
    invoke
        Gives what a function returns for an event, or raises `FunctionError`.
    handled
        Is told of each handshake, and of each message that a function failed at.
    limits
        When connections are closed.
    """

    def __init__(
        self,
        template: Callable[[], Template],
        invoke: Callable[[Function, dict[str, Any]], Awaitable[Any]],
        handled: Callable[[Handled], None],
        limits: Limits = Limits(),
    ) -> None:
        self._template = template
        self._invoke = invoke
        self._handled = handled
        self._limits = limits
        #: Those that can be posted to: of a handshake that is under way, @connections knows nothing.
        self._open: dict[str, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # Connections ------------------------------------------------------------------------------------------------------

    async def connect(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a WebSocket from its handshake to its end."""
        await receive()  # websocket.connect
        try:
            api = self._template().sockets()
        except TemplateError as error:
            await self._refuse(scope, send, _answer(500, "Internal server error", cause=str(error)))
            return
        if api is None or scope["path"] != f"/{api.stage}":
            await self._refuse(scope, send, _answer(403, "Forbidden"))
            return
        connection = _Connection(api, send, scope)
        refusal, protocol = await self._handshake(connection)
        if refusal is not None:
            await self._refuse(scope, send, refusal)
            return
        self._tell("$connect", Response(101), connection)
        code, reason = 1006, ""
        try:
            with suppress(OSError):  # it has gone already
                await send({"type": "websocket.accept", "subprotocol": protocol})
                self._open[connection.id] = connection
                code, reason = await self._converse(connection, receive)
        finally:
            self._open.pop(connection.id, None)
        with suppress(FunctionError, TemplateError):
            await self._run("$disconnect", connection, _disconnected(code, reason))

    async def _handshake(self, connection: _Connection) -> tuple[Response | None, str | None]:
        """Ask the route `$connect`; return what refuses the connection, or the subprotocol that it chose, if any."""
        try:
            response = await self._run("$connect", connection, _connecting(connection.scope))
            if response is None:  # no such route: everybody may connect
                return None, None
            status, headers = HTTPStatus(response["statusCode"]), response.get("headers") or {}
        except (FunctionError, TemplateError, KeyError, TypeError, ValueError) as error:
            return _answer(502, "Internal server error", cause=str(error)), None
        if not 200 <= status < 300:
            return _answer(status, status.phrase), None
        protocols = {name.lower(): value for name, value in headers.items()}
        return None, protocols.get("sec-websocket-protocol")

    async def _converse(self, connection: _Connection, receive: Receive) -> tuple[int, str]:
        """Take messages until the connection is closed; return the code and the reason."""
        is_closing = False
        while True:
            try:
                async with asyncio.timeout(None if is_closing else self._seconds_left(connection)):
                    message = await receive()
            except TimeoutError:
                # Unless something was posted to it since.
                if is_closing := self._seconds_left(connection) <= 0:
                    await connection.close(_GOING_AWAY)
                continue
            if message["type"] == "websocket.disconnect":
                return message.get("code", 1005), message.get("reason") or ""
            connection.active_at = time.time()
            if message.get("text") is None:
                is_closing = True
                await connection.close(_UNSUPPORTED_DATA)
                continue
            await connection.in_flight.acquire()
            task = asyncio.create_task(self._take(connection, message["text"]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _seconds_left(self, connection: _Connection) -> float:
        ends_at = min(connection.active_at + self._limits.idle, connection.opened_at + self._limits.lifetime)
        return ends_at - time.time()

    async def _take(self, connection: _Connection, text: str) -> None:
        """Give a message to its route's function, and send what comes back, if the route has a response."""
        request_id = _new_id()
        try:
            key = _route_key(connection.api, text)
            if key is None:
                await connection.post(_own_message("Forbidden", connection, request_id))
                return
            response = await self._run(key, connection, _received(text), request_id)
            body = _body_of(response)
            if connection.api.routes[key].responds and body:
                await connection.post(body)
        except (FunctionError, TemplateError) as error:
            self._tell(key or "", _answer(500, "Internal server error", cause=str(error)), connection)
            await connection.post(_own_message("Internal server error", connection, request_id))
        finally:
            connection.in_flight.release()

    async def _run(
        self, key: str, connection: _Connection, event: dict[str, Any], request_id: str | None = None
    ) -> Any:
        """Return what the function of a route returns for an event, None if there is no such route."""
        route = connection.api.routes.get(key)
        if route is None:
            return None
        context = {**_context(connection, key, request_id or _new_id()), **event.pop("requestContext")}
        function = self._template().function(route.function)
        return await self._invoke(function, {**event, "requestContext": context, "isBase64Encoded": False})

    async def _refuse(self, scope: Message, send: Send, answer: Response) -> None:
        self._handled(Handled("WS", scope["path"], answer, 0.0, _new_id()))
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        with suppress(OSError):
            await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": answer.body})

    def _tell(self, key: str, answer: Response, connection: _Connection) -> None:
        seconds = time.time() - connection.opened_at if answer.status == 101 else 0.0
        self._handled(Handled("WS", f"{connection.scope['path']} {key}", answer, seconds, _new_id()))

    # @connections -----------------------------------------------------------------------------------------------------

    def manages(self, path: str) -> bool:
        """Tell whether a path is one of `@connections`."""
        return re.fullmatch(r"/[^/]+/@connections/[^/]+", path) is not None

    async def manage(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
        """Answer a request to `@connections`: POST sends a message, GET tells of a connection, DELETE closes it."""
        if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            # Whatever it is: what a page of another site can make a browser send has no such header.
            return _answer(403, "Missing Authentication Token", error="MissingAuthenticationTokenException")
        connection = self._open.get(path.rpartition("/")[2])
        if len(body) > MAX_MESSAGE:
            return _answer(413, "Request Entity Too Large", error="PayloadTooLargeException")
        if connection is None:
            return _answer(410, "Gone", error="GoneException")
        match method:
            case "POST":
                await connection.post(body.decode(errors="replace"))
                return Response(200)
            case "GET":
                return Response(
                    200, json.dumps(_described(connection)).encode(), [("content-type", "application/json")]
                )
            case "DELETE":
                del self._open[connection.id]
                await connection.close(1000)
                return Response(204)
        return _answer(403, "Missing Authentication Token", error="MissingAuthenticationTokenException")


def _route_key(api: SocketApi, text: str) -> str | None:
    """Return the key of the route that a message selects, None if there is none."""
    path = re.fullmatch(r"\$request\.body\.([\w.]+)|\$\{request\.body\.([\w.]+)\}", api.selection)
    if path is None:
        raise TemplateError(f"the route selection expression {api.selection} is not known on one machine")
    try:
        value: Any = json.loads(text)
        for name in (path[1] or path[2]).split("."):
            value = value[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    # The keys of what happens to a connection are no client's to select.
    if isinstance(value, str) and value in api.routes and not value.startswith("$"):
        return value
    return "$default" if "$default" in api.routes else None


def _body_of(response: Any) -> str:
    """Return the body of what a function returned; raises `FunctionError` if it is no proxy integration's."""
    if not isinstance(response, dict) or "statusCode" not in response:
        raise FunctionError("the function's answer is not that of a proxy integration")
    return str(response.get("body") or "")


def _context(connection: _Connection, key: str, request_id: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    headers = _pairs(connection.scope)
    agents = [value for name, value in headers if name == "User-Agent"]
    hosts = [value for name, value in headers if name == "Host"]
    return {
        "routeKey": key,
        "messageDirection": "IN",
        "stage": connection.api.stage,
        "apiId": "local",
        "connectionId": connection.id,
        "connectedAt": int(connection.opened_at * 1000),
        "domainName": hosts[0] if hosts else "localhost",
        "requestId": request_id,
        "extendedRequestId": request_id,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now.timestamp() * 1000),
        "identity": {"sourceIp": connection.scope["client"][0], **({"userAgent": agents[0]} if agents else {})},
    }


def _connecting(scope: Message) -> dict[str, Any]:
    """Build what the event of a handshake has besides the context: headers and query, once as the last of a name."""
    client, (_, port) = scope["client"][0], scope["server"]
    headers = [pair for pair in _pairs(scope) if pair[0] not in {"Connection", "Upgrade"}]
    forwarded = [value for name, value in headers if name == "X-Forwarded-For"]
    headers = [pair for pair in headers if not pair[0].startswith("X-Forwarded-")]
    headers += [
        ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"),
        ("X-Forwarded-For", ", ".join([*forwarded, client])),
        ("X-Forwarded-Port", str(port)),
        ("X-Forwarded-Proto", "http"),
    ]
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    event: dict[str, Any] = {
        "headers": dict(headers),
        "multiValueHeaders": _grouped(headers),
        "requestContext": {"eventType": "CONNECT"},
    }
    if query:
        event |= {"queryStringParameters": dict(query), "multiValueQueryStringParameters": _grouped(query)}
    return event


def _received(text: str) -> dict[str, Any]:
    return {"body": text, "requestContext": {"eventType": "MESSAGE", "messageId": _new_id()}}


def _disconnected(code: int, reason: str) -> dict[str, Any]:
    context = {"eventType": "DISCONNECT", "disconnectStatusCode": code, "disconnectReason": reason}
    return {"headers": {}, "requestContext": context}


def _pairs(scope: Message) -> list[tuple[str, str]]:
    """Return the headers as most clients write them; the server in between has made the names lower-case."""
    return [
        (
            raw_name.decode("latin-1").title().replace("Websocket", "WebSocket"),
            raw_value.decode("utf-8", errors="replace"),
        )
        for raw_name, raw_value in scope["headers"]
    ]


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _described(connection: _Connection) -> dict[str, Any]:
    return {
        "connectedAt": _iso(connection.opened_at),
        "identity": {"sourceIp": connection.scope["client"][0]},
        "lastActiveAt": _iso(connection.active_at),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _own_message(message: str, connection: _Connection, request_id: str) -> str:
    return json.dumps({"message": message, "connectionId": connection.id, "requestId": request_id})


def _answer(status: int, message: str, *, error: str | None = None, cause: str | None = None) -> Response:
    """Build an answer of the gateway's own."""
    headers = [("content-type", "application/json")]
    if error is not None:
        headers.append(("x-amzn-errortype", error))
    return Response(status, json.dumps({"message": message}).encode(), headers, cause)


def _new_id() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()
