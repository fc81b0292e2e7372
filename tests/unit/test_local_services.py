"""local/services.py: what the stand-ins for Lambda's calls, EventBridge and SQS take and answer."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from local.gateway import Response
from local.runtime import FunctionError
from local.services import Services
from local.template import Function, Template

TEMPLATE = """
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/
      Handler: hello.handler
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn}}}
  Work: {Type: AWS::SQS::Queue}
"""
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=local/..."}
INVOCATIONS = "/2015-03-31/functions/{}/invocations"


class World:
    """The services, a function that fails as often as it is told, and what both were told."""

    def __init__(self, folder: Path) -> None:
        self.failures = 0
        self.response: Any = None
        self.events: list[Any] = []
        self.lines: list[str] = []
        self.warnings: list[str] = []
        path = folder / "template.yaml"
        path.write_text(TEMPLATE)
        self._services = Services(lambda: Template(path), self._invoke, self.lines.append, self.warnings.append)

    async def _invoke(self, function: Function, event: Any) -> Any:
        self.events.append((function.name, event))
        if self.failures > 0:
            self.failures -= 1
            raise FunctionError("it crashed")
        return self.response or {"said": event}

    def serve(self, path: str, body: Any, headers: dict[str, str]) -> Response:
        """Return the answer to a signed request, once what it has begun is done."""

        async def main() -> Response:
            response = await self._services.serve(path, {**SIGNED, **headers}, json.dumps(body).encode())
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))
            return response

        return asyncio.run(main())

    def serves(self, path: str, headers: dict[str, str]) -> bool:
        return self._services.serves(path, headers)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("path", "headers", "served"),
    [
        (INVOCATIONS.format("Hello"), {}, True),
        ("/", {"x-amz-target": "AWSEvents.PutEvents"}, True),
        ("/000000000000/unpublished", {"x-amz-target": "AmazonSQS.SendMessage"}, True),
        ("/", {}, False),
        ("/v1/messages", {"x-amz-target": "AWSEvents.PutEvents"}, False),
    ],
)
def test_only_aws_s_own_requests_are_theirs(world: World, path: str, headers: dict[str, str], served: bool) -> None:
    assert world.serves(path, headers) is served


@pytest.mark.parametrize(
    "name",
    ["Hello", "Hello:live", "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3AHello%3Alive"],
)
def test_an_asynchronous_call_is_taken_at_once_and_made_then(world: World, name: str) -> None:
    response = world.serve(INVOCATIONS.format(name), {"a": 1}, {"x-amz-invocation-type": "Event"})

    assert (response.status, response.body) == (202, b"")
    assert world.events == [("Hello", {"a": 1})]


@pytest.mark.parametrize(("failures", "calls"), [(1, 2), (2, 3), (9, 3)])
def test_an_asynchronous_call_that_fails_is_made_twice_more_at_most(world: World, failures: int, calls: int) -> None:
    world.failures = failures
    world.serve(INVOCATIONS.format("Hello"), {"text": "secret"}, {"x-amz-invocation-type": "Event"})

    assert len(world.events) == calls
    assert len(world.warnings) == min(failures, 3)
    assert "secret" not in "".join(world.warnings)


def test_a_call_that_waits_gets_what_the_function_returns(world: World) -> None:
    response = world.serve(INVOCATIONS.format("Hello"), {"a": 1}, {})

    assert (response.status, json.loads(response.body)) == (200, {"said": {"a": 1}})


def test_a_call_that_waits_is_told_of_a_failure_by_a_header(world: World) -> None:
    world.failures = 1
    response = world.serve(INVOCATIONS.format("Hello"), {}, {})

    assert (response.status, dict(response.headers)["x-amz-function-error"]) == (200, "Unhandled")


def test_a_function_that_is_not_in_the_template_is_not_found(world: World) -> None:
    assert world.serve(INVOCATIONS.format("Bye"), {}, {}).status == 404


def test_what_is_published_is_taken_and_told_without_its_content(world: World) -> None:
    entry = {"EventBusName": "local", "Source": "s", "DetailType": "thing.made", "Detail": '{"text": "secret"}'}
    response = world.serve("/", {"Entries": [entry, entry]}, {"x-amz-target": "AWSEvents.PutEvents"})
    body = json.loads(response.body)

    assert (response.status, body["FailedEntryCount"], len(body["Entries"])) == (200, 0, 2)
    assert world.lines == ["EventBridge local: thing.made"] * 2


def test_more_than_ten_entries_are_refused(world: World) -> None:
    entry = {"EventBusName": "local", "DetailType": "thing.made"}

    assert world.serve("/", {"Entries": [entry] * 11}, {"x-amz-target": "AWSEvents.PutEvents"}).status == 400


def test_what_is_queued_is_taken_and_told_without_its_content(world: World) -> None:
    message = {"QueueUrl": "http://localhost/000000000000/unpublished", "MessageBody": "secret"}
    response = world.serve("/", message, {"x-amz-target": "AmazonSQS.SendMessage"})

    assert json.loads(response.body)["MD5OfMessageBody"] == "5ebe2294ecd0e0f08eab7690d2a6ee69"
    assert world.lines == ["SQS unpublished: a message of 6 bytes"]


def test_a_message_goes_to_the_function_that_reads_its_queue(world: World) -> None:
    world.failures = 1
    message = {"QueueUrl": "http://localhost/000000000000/Work", "MessageBody": "secret"}
    world.serve("/", message, {"x-amz-target": "AmazonSQS.SendMessage"})

    assert [(name, event["Records"][0]["body"]) for name, event in world.events] == [("Hello", "secret")] * 2


@pytest.mark.parametrize("body", [{}, [], {"Entries": "x"}])
def test_what_is_no_request_of_a_service_is_refused(world: World, body: Any) -> None:
    assert world.serve("/", body, {"x-amz-target": "AWSEvents.PutEvents"}).status == 400


def test_a_message_waits_for_its_delay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("local.services.asyncio.sleep", sleep)
    message = {"QueueUrl": "http://localhost/000000000000/Work", "MessageBody": "{}", "DelaySeconds": 60}

    world.serve("/", message, {"x-amz-target": "AmazonSQS.SendMessage"})

    assert (waited, len(world.events)) == ([60], 1)


def test_a_message_that_its_reader_hands_back_is_tried_thrice(world: World) -> None:
    world.response = {"batchItemFailures": [{"itemIdentifier": "1"}]}
    message = {"QueueUrl": "http://localhost/000000000000/Work", "MessageBody": "{}"}

    world.serve("/", message, {"x-amz-target": "AmazonSQS.SendMessage"})

    assert len(world.events) == len(world.warnings) == 3


def test_an_operation_that_nothing_calls_is_unknown(world: World) -> None:
    assert world.serve("/", {}, {"x-amz-target": "AmazonSQS.DeleteQueue"}).status == 400


def test_an_unsigned_request_runs_no_function(world: World) -> None:
    assert world.serve(INVOCATIONS.format("Hello"), {}, {"authorization": "Basic eA=="}).status == 403
    assert world.events == []
