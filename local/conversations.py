"""Demo conversations: `make run` opens them by the API's own function, for its page and for /v1/docs.

Each is opened once. What people do with it afterwards stays as it is.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local import seed

#: Calls the API's function with an event of API Gateway's, and returns its response.
Call = Callable[[dict[str, Any]], Awaitable[Any]]

#: The visitor, and the conversation, of the OpenAPI document's examples.
VISITOR, EXAMPLE = "01JDEM0V1S1T0R000000000000", "COH5D2N8KX3PQ7RZ1M"
#: One that is resolved, and can be rated.
RESOLVED = "COT3W7C2D8F5G6H9KM"
TEAM_MEMBER = "jane"


@dataclass(frozen=True)
class Conversation:
    """A conversation with its first items; with `is_resolved` the team has resolved it."""

    id: str
    visitor: str
    items: Sequence[Mapping[str, str]]
    is_resolved: bool = False


def _asks(visitor: str, text: str, id_: str = "question") -> dict[str, str]:
    return {"id": id_, "text": text, "visitorId": visitor}


def _replies(text: str) -> dict[str, str]:
    return {"id": "answer", "text": text, "userId": TEAM_MEMBER}


def _notes(text: str) -> dict[str, str]:
    return {"id": "note", "text": text, "userId": TEAM_MEMBER, "visibility": "private"}


_COUPON, _NORWAY, _INVOICE = (f"01JDEM0V1S1T0R0000000000{end}" for end in ("C9", "R7", "K4"))

CONVERSATIONS = (
    Conversation(
        RESOLVED,
        _COUPON,
        (_asks(_COUPON, "My coupon does not work."), _replies("It does now: please try again.")),
        is_resolved=True,
    ),
    Conversation(
        "COP5R8S2T6V9W3X7YZ",
        _NORWAY,
        (_asks(_NORWAY, "Do you ship to Norway?"), _replies("Yes! It takes five days.")),
    ),
    Conversation(
        EXAMPLE,
        VISITOR,
        (
            _asks(VISITOR, "Hello, where is my order?", id_="first-message"),
            _notes("The carrier lost it. I send a new one."),
        ),
    ),
    Conversation("COA4B7C1D9E5F2G8HJ", _INVOICE, (_asks(_INVOICE, "The invoice has my old address."),)),
)


async def open_conversations(call: Call) -> None:
    """Open those that are not there; raises what the call raises."""
    await call(json.loads(seed.SAMPLE.read_text()))
    for conversation in CONVERSATIONS:
        body = {
            "conversationId": conversation.id,
            "visitorId": conversation.visitor,
            "defaultTimelineItems": conversation.items,
        }
        opened = await call(_event("/v1/conversations", body))
        is_new = opened["statusCode"] == 200 and "idempotent-replayed" not in map(str.lower, opened["headers"])
        if conversation.is_resolved and is_new:
            await call(_event("/v1/conversations/{conversationId}/resolve", {}, conversation.id))


def _event(route: str, body: Mapping[str, Any], conversation_id: str = "") -> dict[str, Any]:
    """Build the event of a POST by the team, with the private key."""
    sample = json.loads(seed.SAMPLE.read_text())
    path, key = route.replace("{conversationId}", conversation_id), f"POST {route}"
    http = {**sample["requestContext"]["http"], "path": path}
    return {
        **sample,
        "routeKey": key,
        "rawPath": path,
        "headers": {**sample["headers"], "x-actor-user-id": TEAM_MEMBER},
        "pathParameters": {"conversationId": conversation_id} if conversation_id else {},
        "requestContext": {**sample["requestContext"], "routeKey": key, "http": http},
        "body": json.dumps(body),
    }
