"""Stand-ins for the services that functions call: Lambda's own calls, EventBridge and SQS.

They take what AWS takes. Lambda runs the function, and a message of a queue goes to the function that reads it; what is
published, or queued for nobody, goes no further than a line that tells of it, without its content.
"""

import asyncio
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import unquote

from local.gateway import Response
from local.runtime import FunctionError
from local.template import Function, Template, TemplateError

_INVOCATIONS = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
#: Lambda's own number for asynchronous calls; it waits a minute before the second one, and two before the third. A
#: message of a queue is tried as often, and is lost when `make run` ends.
_ATTEMPTS = 3
_MAX_ENTRIES = 10
#: Where requests with the header X-Amz-Target go: to a host alone or, of SQS, to a queue's URL.
_TARGETED = re.compile(r"/(\d{12}/[\w.-]+)?")


class Services:
    """Answers their requests.

    Parameters
    ----------
    template
        Gives the template of now.
    invoke
        Gives what a function returns for an event, or raises `FunctionError`.
    tell, warn
        Take a line about what was published or queued, and about a call that failed.
    """

    def __init__(
        self,
        template: Callable[[], Template],
        invoke: Callable[[Function, dict[str, Any]], Awaitable[Any]],
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._template = template
        self._invoke = invoke
        self._tell = tell
        self._warn = warn
        self._tasks: set[asyncio.Task[None]] = set()

    def serves(self, path: str, headers: dict[str, str]) -> bool:
        """Tell whether a request is for one of them."""
        if "x-amz-target" in headers:
            return _TARGETED.fullmatch(path) is not None
        return _INVOCATIONS.fullmatch(path) is not None

    async def serve(self, path: str, headers: dict[str, str], body: bytes) -> Response:
        """Answer a request."""
        if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            return _refusal(403, "MissingAuthenticationTokenException")
        try:
            sent = json.loads(body or b"{}")
            if match := _INVOCATIONS.fullmatch(path):
                return await self._lambda(unquote(match[1]), headers, sent)
            match headers["x-amz-target"]:
                case "AWSEvents.PutEvents":
                    return self._put_events(sent["Entries"])
                case "AmazonSQS.SendMessage":
                    name = sent["QueueUrl"].rpartition("/")[2]
                    return self._send_message(name, sent["MessageBody"], sent.get("DelaySeconds", 0))
        except (ValueError, KeyError, TypeError):
            return _refusal(400, "ValidationException")
        return _refusal(400, "UnknownOperationException")

    def queue(self, name: str, body: str, delay_seconds: float = 0) -> None:
        """Hand a message to the function that reads a queue, if any does, once a delay is over."""
        template = self._template()
        if (reader := template.queue_readers().get(name)) is not None:
            message = {"messageId": str(uuid.uuid4()), "body": body, "eventSource": "aws:sqs"}
            self._start(self._later(template.function(reader), {"Records": [message]}, delay_seconds))

    async def _lambda(self, name: str, headers: dict[str, str], event: Any) -> Response:
        # A name, an ARN, or either with a version or an alias.
        name = name.partition("function:")[2] or name
        try:
            function = self._template().function(name.partition(":")[0])
        except (KeyError, TemplateError):
            return _refusal(404, "ResourceNotFoundException")
        if headers.get("x-amz-invocation-type") == "Event":
            self._start(self._later(function, event))
            return Response(202)
        try:
            return _json(await self._invoke(function, event))
        except FunctionError as error:
            response = _json({"errorMessage": str(error)})
            return Response(200, response.body, [*response.headers, ("x-amz-function-error", "Unhandled")])

    def _start(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, function: Function, event: Any, delay_seconds: float = 0) -> None:
        await asyncio.sleep(delay_seconds)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self._invoke(function, event)
            except FunctionError as error:
                fault = str(error)
            else:
                # Of a message: SQS's partial batch response.
                if not isinstance(response, dict) or not response.get("batchItemFailures"):
                    return
                fault = "it did not take the message"
            self._warn(f"{function.name}, called asynchronously ({attempt} of {_ATTEMPTS}): {fault}")

    def _put_events(self, entries: list[dict[str, Any]]) -> Response:
        if not 1 <= len(entries) <= _MAX_ENTRIES:
            return _refusal(400, "ValidationException")
        for entry in entries:
            self._tell(f"EventBridge {entry['EventBusName']}: {entry['DetailType']}")
        return _json({"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in entries]})

    def _send_message(self, name: str, body: str, delay_seconds: float) -> Response:
        self._tell(f"SQS {name}: a message of {len(body.encode())} bytes")
        self.queue(name, body, delay_seconds)
        digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
        return _json({"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": digest})


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), [("content-type", "application/x-amz-json-1.1")])


def _refusal(status: int, code: str) -> Response:
    body = json.dumps({"__type": code, "message": code}).encode()
    return Response(status, body, [("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", code)])
