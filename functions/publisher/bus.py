"""EventBridge and SQS: events to the bus, and those that it refuses to a queue.

A response counts only if it is whole: one that was cut short would mean "published".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
from typing import Any, NamedTuple, TypedDict
from urllib.parse import urlsplit

from pydantic_core import SchemaValidator, ValidationError, to_json
from pydantic_core.core_schema import (
    any_schema,
    dict_schema,
    list_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
)
from support.aws.client import Client, NoResponse
from support.aws.endpoints import events_url

from publisher.events import Event

#: How many entries PutEvents takes, and together 256 KB (EventBridge API Reference, PutEvents). The largest event has
#: a title of 255 characters, which take 1,530 bytes of JSON at most: ten are under 30 KB.
MAX_ENTRIES = 10

_SOURCE = "conversations"

_BROKEN = "BrokenResponse"
#: PutEvents' codes for an entry that may be taken later (EventBridge API Reference, PutEventsResultEntry).
_BUSY = frozenset({"InternalException", "InternalFailure", "ThrottlingException"})


class Entry(TypedDict):
    """An event as PutEvents takes it. `Detail` is JSON."""

    EventBusName: str
    Source: str
    DetailType: str
    Detail: str


class Failure(NamedTuple):
    """An entry that the bus did not take, and its code for the reason; `is_busy` says that it may take it later."""

    code: str
    is_busy: bool


class Unreachable(Exception):
    """A call that was not carried out, or may not have been. The text names the fault, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A service of AWS's that takes JSON, by its name in signatures and its URL."""

    name: str
    region: str
    url: str
    client: Client

    def call(self, target: str, content_type: str, request: dict[str, Any], response: SchemaValidator) -> Any:
        """Send a request once, and return its response. Raises `Unreachable`."""
        headers = {"Content-Type": content_type, "X-Amz-Target": target}
        try:
            found = self.client.send(self.name, self.region, "POST", self.url, headers, to_json(request))
            if found.status != HTTPStatus.OK:
                raise Unreachable(f"HTTP {found.status}")
            return response.validate_json(found.body)
        except NoResponse as fault:
            raise Unreachable(str(fault)) from None
        except ValidationError:
            raise Unreachable(_BROKEN) from None


class EventBus:
    """An EventBridge bus, by its name."""

    def __init__(self, name: str, region: str, client: Client) -> None:
        self._name = name
        self._service = _Service("events", region, events_url(region) + "/", client)

    def entry(self, event: Event) -> Entry:
        """Return an event as the bus takes it."""
        return {
            "EventBusName": self._name,
            "Source": _SOURCE,
            "DetailType": event.detail_type,
            "Detail": to_json(event.detail).decode(),
        }

    def put(self, entries: Sequence[Entry]) -> list[Failure | None]:
        """Send up to ten entries once, and return for each why the bus did not take it, None where it did.

        Raises `Unreachable`.
        """
        response = self._service.call(
            "AWSEvents.PutEvents", "application/x-amz-json-1.1", {"Entries": entries}, _PUT_EVENTS
        )
        results = response["Entries"]
        if len(results) != len(entries):
            raise Unreachable(_BROKEN)
        return [None if "EventId" in result else _failure(result) for result in results]


class Queue:
    """An SQS queue, by its URL."""

    def __init__(self, url: str, region: str, client: Client) -> None:
        self._url = url
        parts = urlsplit(url)
        self._service = _Service("sqs", region, f"{parts.scheme}://{parts.netloc}/", client)

    def send(self, entry: Entry) -> None:
        """Keep an entry as a message, in the form in which PutEvents takes it. Raises `Unreachable`."""
        body = to_json(entry).decode()
        response = self._service.call(
            "AmazonSQS.SendMessage",
            "application/x-amz-json-1.0",
            {"QueueUrl": self._url, "MessageBody": body},
            _SEND_MESSAGE,
        )
        if response["MD5OfMessageBody"] != md5(body.encode(), usedforsecurity=False).hexdigest():
            raise Unreachable(_BROKEN)


_PUT_EVENTS = SchemaValidator(
    typed_dict_schema({"Entries": typed_dict_field(list_schema(dict_schema(str_schema(), any_schema())))})
)
_SEND_MESSAGE = SchemaValidator(typed_dict_schema({"MD5OfMessageBody": typed_dict_field(str_schema())}))


def _failure(result: dict[str, Any]) -> Failure:
    code = str(result.get("ErrorCode"))
    return Failure(code, code in _BUSY)
