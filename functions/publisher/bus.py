"""EventBridge: events to the bus. A response counts only if it is whole."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

from pydantic_core import SchemaValidator, to_json
from pydantic_core.core_schema import (
    any_schema,
    dict_schema,
    list_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
)
from support.aws.client import Client
from support.aws.endpoints import events_url
from support.aws.services import BROKEN, Service, Unreachable

from publisher.events import Event

#: How many entries PutEvents takes, and together 256 KB (EventBridge API Reference, PutEvents). The largest event has
#: a title of 255 characters, which take 1,530 bytes of JSON at most: ten are under 30 KB.
MAX_ENTRIES = 10

_SOURCE = "conversations"

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


class EventBus:
    """An EventBridge bus, by its name."""

    def __init__(self, name: str, region: str, client: Client) -> None:
        self._name = name
        self._service = Service("events", region, events_url(region) + "/", client)

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
            raise Unreachable(BROKEN)
        return [None if "EventId" in result else _failure(result) for result in results]


_PUT_EVENTS = SchemaValidator(
    typed_dict_schema({"Entries": typed_dict_field(list_schema(dict_schema(str_schema(), any_schema())))})
)


def _failure(result: dict[str, Any]) -> Failure:
    code = str(result.get("ErrorCode"))
    return Failure(code, code in _BUSY)
