"""An API Gateway HTTP API on one machine: HTTP in, a payload 2.0 event to the function, its response out.

An ASGI application. Limits and answers of its own are API Gateway's: see "Quotas for HTTP APIs" and "Configure CORS
for HTTP APIs" in its Developer Guide.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from local.runtime import EventTooLarge, FunctionError
from local.template import Cors, Function, Route, Template, TemplateError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MAX_BODY = 10 * 1024 * 1024
#: The request line and the values of all headers.
_MAX_HEADERS = 10_240
#: Bodies of these come to the function as text, all others in base64.
_TEXT = re.compile(r"text/|application/(json|javascript|xml|[^;]*\+(json|xml))\s*(;|$)", re.IGNORECASE)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+: [^\r\n\v\f\0]*")


@dataclass(frozen=True)
class Response:
    """What goes back to the client, and for the person who watches: why it is not the function's own response."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    cause: str | None = None


@dataclass(frozen=True)
class Handled:
    """A request that was answered, for the person who watches."""

    method: str
    path: str
    response: Response
    seconds: float
    request_id: str
    referer: str = ""


class Gateway:
    """The ASGI application.

    Parameters
    ----------
    template
        Gives the template of now, so that an edit counts from the next request on.
    invoke
        Gives what a function returns for an event, or raises `FunctionError`.
    handled
        Is told of each request that was answered.
    page
        Gives what this machine serves beside the API, by its path and the port. A route of the template comes first.
    """

    def __init__(
        self,
        template: Callable[[], Template],
        invoke: Callable[[Function, dict[str, Any]], Awaitable[Any]],
        handled: Callable[[Handled], None],
        page: Callable[[str, int], Response | None] = lambda _path, _port: None,
    ) -> None:
        self._template = template
        self._invoke = invoke
        self._handled = handled
        self._page = page

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to one HTTP request."""
        started = time.monotonic()
        request_id = base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()
        try:
            body = await read(receive)
        except ConnectionError:
            return
        try:
            response = await self._respond(self._template(), scope, body, request_id)
        except TemplateError as error:
            response = _message(500, "Internal Server Error", cause=str(error))
        await respond(send, response, request_id)
        seconds, referer = time.monotonic() - started, headers_of(scope).get("referer", "")
        self._handled(Handled(scope["method"], scope["path"], response, seconds, request_id, referer))

    async def _respond(self, template: Template, scope: Message, body: bytes | None, request_id: str) -> Response:
        headers = headers_of(scope)
        cors = template.cors()
        if cors is not None and scope["method"] == "OPTIONS":
            return Response(204, headers=_preflight(cors, headers))
        found = _find(template.routes(), scope["method"], scope["path"])
        if _header_size(scope) > _MAX_HEADERS:
            response = _message(431, "Request Header Fields Too Large")
        elif found is None and scope["method"] == "GET" and (page := self._page(scope["path"], scope["server"][1])):
            return page  # without CORS headers: it is this machine's own
        elif found is None:
            response = _message(404, "Not Found")
        elif body is None:
            response = _message(413, "Request Entity Too Large")
        else:
            route, parameters = found
            event = _event(route, parameters, scope, headers, body, request_id)
            try:
                response = _from_function(await self._invoke(template.function(route.function), event))
            except EventTooLarge as error:
                # Below the gateway's own 10 MB: quotes and line breaks, and what is base64, take more bytes as JSON.
                response = _message(413, "Request Entity Too Large", cause=str(error))
            except FunctionError as error:
                # A crash and a function's own timeout alike; its timeout is shorter than the API's 30 s and its 503.
                response = _message(500, "Internal Server Error", cause=str(error))
        return response if cors is None else _with_cors(response, cors, headers.get("origin"))


def _find(routes: list[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Choose the most specific route, as HTTP APIs do, and give its path parameters."""
    for route in sorted(routes, key=lambda r: (r.path == "$default", "+}" in r.path, "{" in r.path, r.method == "ANY")):
        if route.method in {"ANY", method}:
            if route.path == "$default":
                return route, {}
            pattern = re.sub(r"\\{(\w+)(\\\+)?\\}", _parameter, re.escape(route.path))
            if match := re.fullmatch(pattern, path):
                return route, match.groupdict()
    return None


def _parameter(match: re.Match[str]) -> str:
    return f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})"


def _header_size(scope: Message) -> int:
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    line = f"{scope['method']} {target.decode('latin-1')} HTTP/{scope['http_version']}"
    return len(line) + sum(len(value) for _, value in scope["headers"])


def headers_of(scope: Message) -> dict[str, str]:
    """Return the headers by lower-case name; what was sent twice is joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        value = raw_value.decode("utf-8", errors="replace")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _event(
    route: Route, parameters: dict[str, str], scope: Message, headers: dict[str, str], body: bytes, request_id: str
) -> dict[str, Any]:
    """Build the event of payload format 2.0."""
    host, port = scope["server"]
    client = scope["client"][0]
    query = scope["query_string"].decode("latin-1")
    now = datetime.now(UTC)
    cookies = headers.get("cookie")
    kept = {name: value for name, value in headers.items() if name not in {"cookie", "connection", "transfer-encoding"}}
    route_key = route.path if route.path == "$default" else f"{route.method} {route.path}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": scope["path"],
        "rawQueryString": query,
        "headers": {
            **kept,
            "content-length": str(len(body)),
            "x-amzn-trace-id": f"Root=1-{int(now.timestamp()):08x}-{secrets.token_hex(12)}",
            "x-forwarded-for": ",".join(filter(None, (headers.get("x-forwarded-for"), client))),
            "x-forwarded-port": str(port),
            "x-forwarded-proto": "http",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": scope["method"],
                "path": scope["path"],
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": client,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in re.split("[;,]", cookies)]
    if query:
        values: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            values[name] = f"{values[name]},{value}" if name in values else value
        event["queryStringParameters"] = values
    if parameters:
        event["pathParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, headers.get("content-type", ""))
    return event


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if _TEXT.match(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _from_function(returned: Any) -> Response:
    """Read what a function returned, in payload format 2.0; raises `FunctionError` if it is no response."""
    if not isinstance(returned, dict) or "statusCode" not in returned:
        # The format infers this response.
        return Response(200, json.dumps(returned).encode(), [("content-type", "application/json")])
    try:
        status = int(returned["statusCode"])
        text = returned.get("body") or ""
        body = base64.b64decode(text, validate=True) if returned.get("isBase64Encoded") else text.encode()
        headers = {name.lower(): str(value).strip() for name, value in (returned.get("headers") or {}).items()}
        headers.setdefault("content-type", "text/plain;charset=UTF-8")
        lines = [*headers.items(), *(("set-cookie", str(cookie)) for cookie in returned.get("cookies") or [])]
    except (AttributeError, TypeError, ValueError) as error:
        raise FunctionError("the function's response is not of payload format 2.0") from error
    if not 200 <= status <= 599 or not all(_HEADER.fullmatch(f"{name}: {value}") for name, value in lines):
        raise FunctionError("the function's response has a status or a header that HTTP does not")
    return Response(status, body, lines)


def _preflight(cors: Cors, headers: dict[str, str]) -> list[tuple[str, str]]:
    """Respond to a preflight from the configuration alone; without its CORS headers the browser refuses."""
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    allowed = _allowed_origin(cors, origin)
    if allowed is None or not {"*", method} & set(cors.allow_methods):
        return []
    lines = [
        ("access-control-allow-origin", allowed),
        ("access-control-allow-methods", ",".join(cors.allow_methods)),
        ("access-control-allow-headers", ",".join(cors.allow_headers)),
    ]
    if cors.max_age is not None:
        lines.append(("access-control-max-age", str(cors.max_age)))
    if cors.allow_credentials:
        lines.append(("access-control-allow-credentials", "true"))
    return lines


def _with_cors(response: Response, cors: Cors, origin: str | None) -> Response:
    """Put the gateway's CORS headers in the place of the function's own, which HTTP APIs ignore."""
    lines = [(name, value) for name, value in response.headers if not name.startswith("access-control-")]
    if (allowed := _allowed_origin(cors, origin)) is not None:
        lines.append(("access-control-allow-origin", allowed))
        if cors.expose_headers:
            lines.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
        if cors.allow_credentials:
            lines.append(("access-control-allow-credentials", "true"))
    return replace(response, headers=lines)


def _allowed_origin(cors: Cors, origin: str | None) -> str | None:
    if origin is None:
        return None
    if "*" in cors.allow_origins:
        return "*"
    scheme = origin.partition("://")[0]
    return origin if {origin, f"{scheme}://*"} & set(cors.allow_origins) else None


def _message(status: int, message: str, cause: str | None = None) -> Response:
    """Build a response of the gateway's own."""
    return Response(status, f'{{"message":"{message}"}}'.encode(), [("content-type", "application/json")], cause)


async def read(receive: Receive) -> bytes | None:
    """Read a body to its end, so that the connection can go on; None if it is too large.

    Raises ConnectionError if the client goes before that.
    """
    chunks = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= _MAX_BODY:
            chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks) if size <= _MAX_BODY else None


async def respond(send: Send, response: Response, request_id: str) -> None:
    """Send a response."""
    body = b"" if response.status in {204, 304} else response.body
    lines = [(name, value) for name, value in response.headers if name not in {"content-length", "apigw-requestid"}]
    lines.append(("apigw-requestid", request_id))
    if response.status != 204:
        lines.append(("content-length", str(len(body))))
    encoded = [(name.encode(), value.encode()) for name, value in lines]
    await send({"type": "http.response.start", "status": response.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
