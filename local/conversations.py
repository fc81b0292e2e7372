"""Demo conversations and their visitors: `make run` makes them by the API's function, for its page and for /v1/docs.

Each conversation is opened once. What people do with it afterwards stays as it is; one that was deleted comes again.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from local import seed

#: Calls the API's function with an event of API Gateway's, and returns its response.
Call = Callable[[dict[str, Any]], Awaitable[Any]]

#: The visitor, and the conversation, of the OpenAPI document's examples.
VISITOR, EXAMPLE = "01JDEM0V1S1T0R000000000000", "COH5D2N8KX3PQ7RZ1M"
#: One that is resolved, and can be rated; and one whose loss changes nothing for others.
RESOLVED, DELETABLE = "COT3W7C2D8F5G6H9KM", "COA4B7C1D9E5F2G8HJ"
TEAM_MEMBER = "jane"
#: An address that a visitor has given.
EMAIL = "kari@example.com"


@dataclass(frozen=True)
class Conversation:
    """A conversation with its first items; with `is_resolved` the team has resolved it.

    `proven` is what the team says of its visitor, `claimed` what they say themselves, `told` what their page tells.
    """

    id: str
    visitor: str
    items: Sequence[Mapping[str, str]]
    is_resolved: bool = False
    proven: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


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
        claimed={"name": "Tom Meyer", "email": "tom@example.com"},
    ),
    Conversation(
        "COP5R8S2T6V9W3X7YZ",
        _NORWAY,
        (_asks(_NORWAY, "Do you ship to Norway?"), _replies("Yes! It takes five days.")),
        claimed={"name": "Kari Hansen", "email": EMAIL},
    ),
    Conversation(
        EXAMPLE,
        VISITOR,
        (
            _asks(VISITOR, "Hello, where is my order?", id_="first-message"),
            _notes("The carrier lost it. I send a new one."),
        ),
        proven={"externalId": "customer-1017", "name": "Ana Lopes", "email": "ana@example.com"},
        told={
            "language": "pt-PT",
            "timezone": "Europe/Lisbon",
            "currentPage": {"url": "https://app.example.com/orders", "path": "/orders", "title": "Your orders"},
        },
    ),
    Conversation(
        DELETABLE,
        _INVOICE,
        (_asks(_INVOICE, "The invoice has my old address."),),
        claimed={"name": "Priya Nair", "email": "priya@example.com"},
    ),
)


async def open_conversations(call: Call) -> None:
    """Open those that are not there, and say who their visitors are; raises what the call raises."""
    await call(json.loads(seed.SAMPLE.read_text()))
    for conversation in CONVERSATIONS:
        visitor = conversation.visitor
        body = {
            "conversationId": conversation.id,
            "visitorId": visitor,
            "defaultTimelineItems": conversation.items,
        }
        opened = await call(_event("POST", "/v1/conversations", body))
        if opened["statusCode"] != 200 or "idempotent-replayed" in map(str.lower, opened["headers"]):
            continue
        if conversation.is_resolved:
            route = "/v1/conversations/{conversationId}/resolve"
            await call(_event("POST", route, {}, conversationId=conversation.id))
        if conversation.proven:
            await call(_event("POST", "/v1/contacts/identify", {**conversation.proven, "visitorId": visitor}))
        if conversation.claimed:
            claim = {**conversation.claimed, "visitorId": visitor}
            await call(_event("POST", "/v1/contacts/identify", claim, key="public"))
        if conversation.told:
            await call(_event("PATCH", "/v1/visitors/{visitorId}", conversation.told, visitorId=visitor))
            await call(_event("POST", "/v1/visitors/{visitorId}/activity", {}, visitorId=visitor))


def _event(
    method: str, route: str, body: Mapping[str, Any], *, key: Literal["private", "public"] = "private", **in_path: str
) -> dict[str, Any]:
    """Build the event of a call by the team, or by a page with the public key."""
    sample = json.loads(seed.SAMPLE.read_text())
    http = {**sample["requestContext"]["http"], "method": method, "path": route.format(**in_path)}
    by_team = {"authorization": f"Bearer {seed.PRIVATE_KEY}", "x-actor-user-id": TEAM_MEMBER}
    by_page = {"x-public-key": seed.PUBLIC_KEY, "origin": seed.ORIGIN}
    others = {name: value for name, value in sample["headers"].items() if name != "authorization"}
    return {
        **sample,
        "routeKey": f"{method} {route}",
        "rawPath": http["path"],
        "headers": {**others, **(by_team if key == "private" else by_page)},
        "pathParameters": in_path,
        "requestContext": {**sample["requestContext"], "routeKey": f"{method} {route}", "http": http},
        "body": json.dumps(body),
    }
