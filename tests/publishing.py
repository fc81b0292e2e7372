"""EventBridge and SQS in memory, for the function that publishes events."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any

from publisher.app import Handler, Publisher, create_handler
from publisher.bus import EventBus
from support.aws.client import Client, NoResponse, Response
from support.aws.services import Queue

BUS = "bus"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/unpublished"
ERASURES = "https://sqs.eu-west-1.amazonaws.com/123456789012/erasures"
FILES = "https://sqs.eu-west-1.amazonaws.com/123456789012/files"
REGION = "eu-west-1"

#: What becomes of a call: an error code for each of the first entries of PutEvents (None where it is taken), an HTTP
#: status, the body of a response that is no whole one, or no response.
Fate = list[str | None] | int | bytes | NoResponse


class Services(Client):
    """Takes calls of both, as AWS does, or fails them as it is told.

    `events` are the entries that the bus has, `kept` the messages that the queue has of events, and `erasures` and
    `files` those of theirs, the latter with their delays. `calls` are how many entries each PutEvents had.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.kept: list[dict[str, str]] = []
        self.erasures: list[dict[str, str]] = []
        self.files: list[tuple[dict[str, str], int]] = []
        self.calls: list[int] = []
        self._fates: dict[str, deque[Fate]] = {"events": deque(), "sqs": deque()}
        self._always: dict[str, Fate] = {}

    def fails(self, service: str, *fates: Fate, always: Fate | None = None) -> None:
        """Let the next calls of a service (`events`, `sqs`) fail, and all others, too, if it is said how."""
        self._fates[service].extend(fates)
        if always is not None:
            self._always[service] = always

    def send(
        self, service: str, region: str, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        assert (region, method, json.loads(body).keys()) == (REGION, "POST", _MEMBERS[service])
        assert (url, headers["X-Amz-Target"], headers["Content-Type"]) == _ADDRESSES[service]
        fates = self._fates[service]
        fate = fates.popleft() if fates else self._always.get(service)
        if isinstance(fate, NoResponse):
            raise fate
        response = self._put(json.loads(body), fate) if service == "events" else self._keep(json.loads(body))
        if isinstance(fate, int):
            return Response(fate, {}, b'{"__type": "ThrottlingException", "message": "secret"}')
        return Response(200, {}, fate if isinstance(fate, bytes) else json.dumps(response).encode())

    def details(self, detail_type: str | None = None) -> list[Any]:
        """Return what the events say, of one kind or of all."""
        return [
            json.loads(entry["Detail"])
            for entry in self.events
            if detail_type is None or entry["DetailType"] == detail_type
        ]

    def _put(self, request: dict[str, Any], fate: Fate | None) -> dict[str, Any]:
        entries = request["Entries"]
        self.calls.append(len(entries))
        # EventBridge API Reference, PutEvents: ten entries, and 256 KB.
        assert 1 <= len(entries) <= 10
        assert sum(len(value.encode()) for entry in entries for value in entry.values()) <= 256 * 1024
        codes = [*(fate if isinstance(fate, list) else []), *[None] * len(entries)]
        results: list[dict[str, str]] = []
        for entry, code in zip(entries, codes, strict=False):
            if code is None and (fate is None or isinstance(fate, list)):
                self.events.append(entry)
            results.append({"EventId": "1"} if code is None else {"ErrorCode": code, "ErrorMessage": "secret"})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _keep(self, request: dict[str, Any]) -> dict[str, str]:
        body = request["MessageBody"]
        if request["QueueUrl"] == FILES:
            self.files.append((json.loads(body), request["DelaySeconds"]))
        else:
            {QUEUE: self.kept, ERASURES: self.erasures}[request["QueueUrl"]].append(json.loads(body))
        return {"MessageId": "1", "MD5OfMessageBody": md5(body.encode(), usedforsecurity=False).hexdigest()}


_MEMBERS = {"events": {"Entries"}, "sqs": {"QueueUrl", "MessageBody", "DelaySeconds"}}
_ADDRESSES = {
    "events": (
        "https://events.eu-west-1.amazonaws.com/",
        "AWSEvents.PutEvents",
        "application/x-amz-json-1.1",
    ),
    "sqs": (
        "https://sqs.eu-west-1.amazonaws.com/",
        "AmazonSQS.SendMessage",
        "application/x-amz-json-1.0",
    ),
}


def publisher_over(services: Services, clock: Callable[[], float] = lambda: 1_000.0) -> Handler:
    """Return the function as Lambda calls it."""
    return create_handler(
        Publisher(
            EventBus(BUS, REGION, services),
            Queue(QUEUE, REGION, services),
            Queue(ERASURES, REGION, services),
            Queue(FILES, REGION, services),
            clock,
        ),
        stage="local",
    )
