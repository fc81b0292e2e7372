"""What happens, at once, on one machine: sockets, the table's stream and the services, with small example functions.

Nothing leads from a write to a frame but the stream: without its reader, no frame comes.
"""

import asyncio
import http.client
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.application import Application, server_config
from local.dynamodb import connect as database
from local.dynamodb import create_table
from local.event_sources import Delivery
from local.gateway import Gateway
from local.ports import listen
from local.runtime import Runtime
from local.services import Services
from local.sockets import Sockets
from local.streams import Checkpoints, Reader, Streams
from local.template import Template

TEMPLATE = """
Resources:
  SocketsFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/, Handler: example.sockets, Timeout: 10}
  FeedFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/, Handler: example.feed, Timeout: 10}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: PK, AttributeType: S}]
      KeySchema: [{AttributeName: PK, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref FeedFunction
      EventSourceArn: !GetAtt Table.StreamArn
      StartingPosition: TRIM_HORIZON
      BatchSize: 10
      FilterCriteria: {Filters: [{Pattern: '{"dynamodb": {"NewImage": {"text": {"S": [{"exists": true}]}}}}'}]}
      FunctionResponseTypes: [ReportBatchItemFailures]
      MaximumRecordAgeInSeconds: 60
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.type}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: ws}}
  ToSockets:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {IntegrationUri: !Sub "arn:aws:lambda:path/functions/${SocketsFunction.Arn}/invocations"}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {RouteKey: $connect, Target: !Sub "integrations/${ToSockets}"}
  Default:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      RouteKey: $default
      Target: !Sub "integrations/${ToSockets}"
      RouteResponseSelectionExpression: $default
  DefaultResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {RouteId: !Ref Default, RouteResponseKey: $default}
"""
FUNCTIONS = """
import json, os, urllib.error, urllib.parse, urllib.request

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=local/...", "Content-Type": "application/json"}

def request(url, body, **headers):
    call = urllib.request.Request(url, body.encode(), {**SIGNED, **headers}, method="POST")
    try:
        with urllib.request.urlopen(call) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code

def post(connection, text):
    return request(f"{os.environ['SOCKETS_URL']}/@connections/{urllib.parse.quote(connection)}", text)

def sockets(event, context):
    if "later" in event:
        post(event["later"], "later")
        return None
    connection = event["requestContext"]["connectionId"]
    if event["requestContext"]["eventType"] == "CONNECT":
        allowed = (event.get("queryStringParameters") or {}).get("key") == "good"
        return {"statusCode": 200 if allowed else 403}
    if event["body"] == "call yourself":
        url = f"{os.environ['AWS_ENDPOINT_URL_LAMBDA']}/2015-03-31/functions/{context.function_name}/invocations"
        status = request(url, json.dumps({"later": connection}), **{"X-Amz-Invocation-Type": "Event"})
        return {"statusCode": 200, "body": str(status)}
    return {"statusCode": 200, "body": connection if event["body"] == "who am I?" else str(len(event["body"]))}

def feed(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        if post(image["to"]["S"], image["text"]["S"]) != 200:
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
"""


@dataclass
class Live:
    """An instance, its port, and what it has told of itself."""

    port: int
    table: str
    endpoint: str
    reader: Reader

    def socket(self, key: str = "good", **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/ws?key={key}", proxy=None, **options)

    async def write(self, **attributes: str) -> None:
        item = {"PK": {"S": str(uuid.uuid4())}, **{name: {"S": value} for name, value in attributes.items()}}
        await asyncio.to_thread(database(self.endpoint).put_item, TableName=self.table, Item=item)

    async def post(self, connection: str, body: str) -> int:
        def call() -> int:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=local/..."}
            client.request("POST", f"/ws/@connections/{connection}", body.encode(), headers)
            status = client.getresponse().status
            client.close()
            return status

        return await asyncio.to_thread(call)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Let the stream be read while the context lasts."""
        task = asyncio.create_task(self.reader.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def a_live(endpoint: str, folder: Path) -> AsyncIterator[Live]:
    (folder / "functions").mkdir()
    (folder / "functions" / "example.py").write_text(FUNCTIONS)
    (folder / "template.yaml").write_text(TEMPLATE)
    template = Template(folder / "template.yaml")
    table = f"live-{uuid.uuid4()}"
    create_table(endpoint, table, template.tables()["conversations-local"])
    with listen(0) as server_socket:
        port = server_socket.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        runtime = Runtime(1, endpoint, print, {"SOCKETS_URL": f"{url}/ws", "AWS_ENDPOINT_URL_LAMBDA": url})
        application = Application(
            Gateway(lambda: template, runtime.invoke, print),
            Sockets(lambda: template, runtime.invoke, print),
            Services(lambda: template, runtime.invoke, print, print),
        )
        [source] = template.event_sources()
        source = replace(source, table=table)
        delivery = Delivery(source, lambda event: runtime.invoke(template.function("FeedFunction"), event), print)
        server = uvicorn.Server(server_config(application))
        serving = asyncio.create_task(server._serve([server_socket]))
        try:
            reader = Reader(source, Streams(endpoint), delivery, Checkpoints(folder / "streams.json"))
            yield Live(port, table, endpoint, reader)
        finally:
            server.should_exit = True
            await serving
            await runtime.stop()
            database(endpoint).delete_table(TableName=table)


Use = Callable[[Live], Awaitable[Any]]


@pytest.fixture
def run(dynamodb: str, tmp_path: Path) -> Callable[[Use], None]:
    """Give what runs a test's coroutine with an instance."""

    def run(use: Use) -> None:
        async def main() -> None:
            async with a_live(dynamodb, tmp_path) as live, asyncio.timeout(60):
                await use(live)

        asyncio.run(main())

    return run


async def ask(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await socket.recv())


def test_what_is_written_reaches_a_socket_in_order(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        async with live.socket() as socket, live.reading():
            me = await ask(socket, "who am I?")
            for number in range(25):
                await live.write(to=me, text=str(number))

            assert [await socket.recv() for _ in range(25)] == [str(number) for number in range(25)]

    run(use)


def test_while_the_stream_is_not_read_nothing_comes_and_afterwards_all_of_it(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        async with live.socket() as socket:
            me = await ask(socket, "who am I?")
            async with live.reading():
                await live.write(to=me, text="before")
                assert await socket.recv() == "before"
            await live.write(to=me, text="held")
            await live.write(other="nothing for anybody")

            # Had anything led past the stream, it would have come first.
            assert await ask(socket, "who am I?") == me
            async with live.reading():
                # What came before may come again: it was read, but not yet noted as read.
                while (text := await socket.recv()) == "before":
                    pass
            assert text == "held"

    run(use)


def test_a_handshake_is_refused_by_the_function_s_status(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await live.socket(key="bad")

        assert refused.value.response.status_code == 403

    run(use)


def test_a_message_of_128_kb_arrives_and_a_longer_one_closes_the_connection(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        async with live.socket() as socket:
            assert await ask(socket, "x" * 131_072) == "131072"
            await socket.send("x" * 131_073)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009

    run(use)


def test_a_post_reaches_its_socket_and_is_gone_after_its_end(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        async with live.socket() as socket:
            me = await ask(socket, "who am I?")

            assert await live.post(me, "é" * 10) == 200
            assert await socket.recv() == "é" * 10
        assert await live.post(me, "too late") == 410

    run(use)


def test_a_function_can_call_itself_for_later(run: Callable[[Use], None]) -> None:
    async def use(live: Live) -> None:
        async with live.socket() as socket:
            await socket.send("call yourself")

            assert {await socket.recv(), await socket.recv()} == {"202", "later"}

    run(use)
