"""local/sockets.py: what API Gateway's WebSocket API does to connections, messages and posts to @connections."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.gateway import Handled, Message, Response
from local.runtime import FunctionError
from local.sockets import MAX_MESSAGE, Limits, Sockets
from local.template import Function, Template

TEMPLATE = """
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/, Handler: hello.handler}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.type}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: ws}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {IntegrationUri: !Sub "arn:aws:lambda:path/functions/${Hello.Arn}/invocations"}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: $connect, Target: !Sub "integrations/${Integration}"}
  Disconnect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: $disconnect, Target: !Sub "integrations/${Integration}"}
  Wave:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: wave, Target: !Sub "integrations/${Integration}"}
"""
DEFAULT = """
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      RouteKey: $default
      Target: !Sub "integrations/${Integration}"
      RouteResponseSelectionExpression: $default
  DefaultResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {RouteId: !Ref Default, RouteResponseKey: $default}
"""
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=local/..."}
OK = {"statusCode": 200}


class Functions:
    """The function of all routes: it returns what is prepared for a route key, and remembers its events."""

    def __init__(self) -> None:
        self.responses: dict[str, Any] = {"$connect": OK, "$disconnect": OK, "wave": OK}
        self.events: list[dict[str, Any]] = []
        self.on_connect: Callable[[str], Awaitable[None]] | None = None

    async def invoke(self, _: Function, event: dict[str, Any]) -> Any:
        self.events.append(event)
        key = event["requestContext"]["routeKey"]
        if key == "$connect" and self.on_connect:
            await self.on_connect(event["requestContext"]["connectionId"])
        response = self.responses.get(key, {**OK, "body": f"you said {event.get('body')}"})
        if isinstance(response, Exception):
            raise response
        return response

    def keys(self) -> list[str]:
        return [event["requestContext"]["routeKey"] for event in self.events]

    def event(self, key: str) -> dict[str, Any]:
        return next(event for event in self.events if event["requestContext"]["routeKey"] == key)


class Client:
    """A WebSocket as the server under the gateway shows it: what the client sends, and what it has received."""

    def __init__(self, sockets: Sockets, path: str = "/ws", query: str = "", *headers: tuple[str, str]) -> None:
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._sent.put_nowait({"type": "websocket.connect"})
        scope: Message = {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "client": ("192.0.2.1", 5000),
            "server": ("127.0.0.1", 3000),
        }
        self.ended = asyncio.create_task(sockets.connect(scope, self._sent.get, self._take))

    async def _take(self, message: Message) -> None:
        if message["type"] == "websocket.close":  # the server under the gateway tells of it at once
            self._sent.put_nowait({"type": "websocket.disconnect", "code": message["code"], "reason": ""})
        self._received.put_nowait(message)

    def send(self, text: str) -> None:
        self._sent.put_nowait({"type": "websocket.receive", "text": text})

    def send_bytes(self, data: bytes) -> None:
        self._sent.put_nowait({"type": "websocket.receive", "bytes": data})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._sent.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        await self.ended

    async def next(self) -> Message:
        return await self._received.get()

    async def text(self) -> str:
        message = await self.next()
        assert message["type"] == "websocket.send", message
        return str(message["text"])


@dataclass
class World:
    """A gateway, its function, and what was told of it."""

    sockets: Sockets
    functions: Functions
    handled: list[Handled]

    async def connected(self, *headers: tuple[str, str], query: str = "") -> tuple[Client, str]:
        """Return a client whose handshake is done, and the id of its connection."""
        client = Client(self.sockets, "/ws", query, *headers)
        assert (await client.next())["type"] == "websocket.accept"
        return client, self.functions.events[-1]["requestContext"]["connectionId"]

    async def manage(self, method: str, connection: str, body: bytes = b"", **headers: str) -> Response:
        path = f"/ws/@connections/{connection}"
        assert self.sockets.manages(path)
        return await self.sockets.manage(method, path, {**SIGNED, **headers}, body)


Use = Callable[[World], Awaitable[Any]]
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Give what runs a test's coroutine with a gateway."""

    def run(use: Use, template: str = TEMPLATE + DEFAULT, limits: Limits | None = None) -> Any:
        path = tmp_path / "template.yaml"
        path.write_text(template)
        functions, handled = Functions(), list[Handled]()

        async def main() -> Any:
            sockets = Sockets(lambda: Template(path), functions.invoke, handled.append, limits or Limits())
            async with asyncio.timeout(20):
                return await use(World(sockets, functions, handled))

        return asyncio.run(main())

    return run


# Handshakes -----------------------------------------------------------------------------------------------------------


def test_the_event_of_a_handshake_has_headers_query_and_context(run: Run) -> None:
    async def use(world: World) -> None:
        headers = (("Host", "localhost:3000"), ("Origin", "https://app.example.com"), ("User-Agent", "test"))
        await world.connected(*headers, query="visitorId=a&visitorId=b%20c&empty=")
        event = world.functions.event("$connect")
        context = event["requestContext"]

        assert event["headers"]["Origin"] == "https://app.example.com"
        assert event["headers"]["X-Forwarded-For"] == "192.0.2.1"
        assert event["multiValueHeaders"]["Origin"] == ["https://app.example.com"]
        assert event["queryStringParameters"] == {"visitorId": "b c", "empty": ""}
        assert event["multiValueQueryStringParameters"] == {"visitorId": ["a", "b c"], "empty": [""]}
        assert event["isBase64Encoded"] is False
        assert (context["eventType"], context["routeKey"], context["stage"]) == ("CONNECT", "$connect", "ws")
        assert context["identity"] == {"sourceIp": "192.0.2.1", "userAgent": "test"}
        assert (context["domainName"], context["messageDirection"]) == ("localhost:3000", "IN")

    run(use)


def test_a_handshake_without_a_query_has_none(run: Run) -> None:
    async def use(world: World) -> None:
        await world.connected()

        assert "queryStringParameters" not in world.functions.event("$connect")

    run(use)


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ({"statusCode": 401}, 401),
        ({"statusCode": 403, "body": "no"}, 403),
        ({"statusCode": 429}, 429),
        ({"statusCode": 500}, 500),
        ({"statusCode": 1000}, 502),
        ({}, 502),
        (None, 502),
        (FunctionError("it crashed"), 502),
    ],
)
def test_a_handshake_is_refused_before_the_upgrade_with_the_function_s_status(
    run: Run, response: Any, status: int
) -> None:
    async def use(world: World) -> None:
        world.functions.responses["$connect"] = response or "nothing"
        client = Client(world.sockets)
        start = await client.next()
        await client.ended

        assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
        assert world.functions.keys() == ["$connect"]
        assert [handled.response.status for handled in world.handled] == [status]

    run(use)


@pytest.mark.parametrize("path", ["/", "/ws/", "/other"])
def test_another_path_is_forbidden(run: Run, path: str) -> None:
    async def use(world: World) -> None:
        start = await Client(world.sockets, path).next()

        assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
        assert world.functions.events == []

    run(use)


def test_without_a_route_connect_everybody_may_connect(run: Run) -> None:
    async def use(world: World) -> None:
        client = Client(world.sockets)

        assert (await client.next())["type"] == "websocket.accept"

    run(use, TEMPLATE.replace("RouteKey: $connect", "RouteKey: other") + DEFAULT)


def test_a_subprotocol_is_the_one_that_the_function_names(run: Run) -> None:
    async def use(world: World) -> None:
        world.functions.responses["$connect"] = {**OK, "headers": {"Sec-WebSocket-Protocol": "chat"}}

        assert (await Client(world.sockets).next())["subprotocol"] == "chat"

    run(use)


# Messages -------------------------------------------------------------------------------------------------------------


def test_the_event_of_a_message_has_its_text_and_its_connection(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        client.send('{"type": "wave", "text": "é"}')
        client.send("last")
        await client.text()
        event = world.functions.event("wave")

        assert event["body"] == '{"type": "wave", "text": "é"}'
        assert event["requestContext"]["connectionId"] == connection
        assert event["requestContext"]["eventType"] == "MESSAGE"
        assert "headers" not in event

    run(use)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"type": "wave"}', "wave"),
        ('{"type": "other"}', "$default"),
        ('{"type": ["wave"]}', "$default"),
        ('["type"]', "$default"),
        ("ping", "$default"),
        ("", "$default"),
        ('{"type": "$connect"}', "$default"),
        ('{"type": "$disconnect"}', "$default"),
        ("[" * 100_000, "$default"),
    ],
)
def test_a_message_goes_to_the_route_that_it_selects(run: Run, text: str, key: str) -> None:
    async def use(world: World) -> None:
        client, _ = await world.connected()
        client.send(text)
        client.send("last")
        while await client.text() != "you said last":
            pass

        assert key in world.functions.keys()[1:2]

    run(use)


def test_what_a_function_returns_goes_back_only_on_a_route_with_a_response(run: Run) -> None:
    async def use(world: World) -> None:
        world.functions.responses["wave"] = {**OK, "body": "to nobody"}
        client, _ = await world.connected()
        client.send('{"type": "wave"}')
        client.send("ping")

        assert await client.text() == "you said ping"

    run(use)


@pytest.mark.parametrize("response", [FunctionError("it crashed"), "text", {"body": "no status"}])
def test_a_function_that_fails_at_a_message_is_told_to_the_client_which_stays(run: Run, response: Any) -> None:
    async def use(world: World) -> None:
        world.functions.responses["wave"] = response
        client, connection = await world.connected()
        client.send('{"type": "wave"}')
        told = json.loads(await client.text())
        client.send("ping")

        assert (told["message"], told["connectionId"]) == ("Internal server error", connection)
        assert await client.text() == "you said ping"
        assert world.handled[-1].response.status == 500

    run(use)


def test_a_message_that_no_route_takes_is_forbidden(run: Run) -> None:
    async def use(world: World) -> None:
        client, _ = await world.connected()
        client.send("ping")

        assert json.loads(await client.text())["message"] == "Forbidden"

    run(use, TEMPLATE)


def test_a_binary_message_closes_the_connection(run: Run) -> None:
    async def use(world: World) -> None:
        client, _ = await world.connected()
        client.send_bytes(b"\x00")

        assert await client.next() == {"type": "websocket.close", "code": 1003}
        await client.ended
        assert world.functions.keys() == ["$connect", "$disconnect"]

    run(use)


# Ends -----------------------------------------------------------------------------------------------------------------


def test_the_end_of_a_connection_is_told_with_its_code(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        await client.close(4000, "later")
        context = world.functions.event("$disconnect")["requestContext"]

        assert (context["eventType"], context["connectionId"]) == ("DISCONNECT", connection)
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4000, "later")

    run(use)


def test_a_function_that_fails_at_the_end_hurts_nobody(run: Run) -> None:
    async def use(world: World) -> None:
        world.functions.responses["$disconnect"] = FunctionError("it crashed")
        client, _ = await world.connected()
        await client.close()

    run(use)


@pytest.mark.parametrize("limits", [Limits(idle=0), Limits(lifetime=0)])
def test_an_idle_or_an_old_connection_is_closed(run: Run, limits: Limits) -> None:
    async def use(world: World) -> None:
        client, _ = await world.connected()

        assert await client.next() == {"type": "websocket.close", "code": 1001}
        await client.ended
        assert world.functions.event("$disconnect")["requestContext"]["disconnectStatusCode"] == 1001

    run(use, limits=limits)


def test_the_limits_are_api_gateway_s() -> None:
    assert (Limits().idle, Limits().lifetime, MAX_MESSAGE) == (600, 7200, 131_072)


# @connections ---------------------------------------------------------------------------------------------------------


def test_a_post_reaches_its_connection_alone(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        other, _ = await world.connected()
        response = await world.manage("POST", connection, "héllo".encode())
        other.send("ping")

        assert response.status == 200
        assert await client.text() == "héllo"
        assert await other.text() == "you said ping"

    run(use)


def test_until_connect_has_returned_a_post_is_gone(run: Run) -> None:
    async def use(world: World) -> None:
        statuses: list[int] = []

        async def post(connection: str) -> None:
            statuses.append((await world.manage("POST", connection, b"too early")).status)

        world.functions.on_connect = post
        _, connection = await world.connected()

        assert [*statuses, (await world.manage("POST", connection, b"now")).status] == [410, 200]

    run(use)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_connection_that_is_unknown_or_closed_is_gone(run: Run, method: str) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        await client.close()

        for each in (connection, "unknown"):
            response = await world.manage(method, each, b"hello")
            assert (response.status, dict(response.headers)["x-amzn-errortype"]) == (410, "GoneException")

    run(use)


def test_a_post_over_128_kb_is_too_large(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        statuses = [(await world.manage("POST", connection, b"x" * size)).status for size in (131_073, 131_072)]

        assert statuses == [413, 200]
        assert len(await client.text()) == 131_072

    run(use)


def test_a_connection_is_described_without_what_its_handshake_said(run: Run) -> None:
    async def use(world: World) -> None:
        _, connection = await world.connected(query="token=secret")
        response = await world.manage("GET", connection)
        body = json.loads(response.body)

        assert (body.keys(), body["identity"]) == (
            {"connectedAt", "identity", "lastActiveAt"},
            {"sourceIp": "192.0.2.1"},
        )

    run(use)


def test_a_deleted_connection_is_closed_normally(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        statuses = [(await world.manage("DELETE", connection)).status, (await world.manage("POST", connection)).status]

        assert statuses == [204, 410]
        assert await client.next() == {"type": "websocket.close", "code": 1000}
        await client.ended

    run(use)


def test_an_unsigned_request_reaches_no_connection(run: Run) -> None:
    async def use(world: World) -> None:
        client, connection = await world.connected()
        response = await world.manage("POST", connection, b"forged", authorization="Basic eA==")
        client.send("ping")

        assert response.status == 403
        assert await client.text() == "you said ping"

    run(use)


def test_nothing_that_is_told_of_a_connection_has_its_query(run: Run) -> None:
    async def use(world: World) -> None:
        await world.connected(query="token=secret")
        world.functions.responses["$connect"] = {"statusCode": 403}
        await Client(world.sockets, "/ws", "token=secret").ended

        assert [handled.path for handled in world.handled] == ["/ws $connect", "/ws"]

    run(use)
