"""A call of every route, with a private key, that succeeds over `stub`: `EVENTS_OF` has the event of each by its id."""

import json
from typing import Any

from api.registrations import REGISTRATIONS

from tests.performance.implementations import (
    CONVERSATION,
    ORGANIZATION,
    RESOLVED,
    STORED_ITEMS,
    VISITOR,
    WEBSITE,
    messages,
    sample,
)

_OF_CONVERSATION = {"conversationId": CONVERSATION}
_OF_VISITOR = {"visitorId": VISITOR}
_UPLOAD_SCOPE = {"type": "conversation", "organizationId": ORGANIZATION, "websiteId": WEBSITE, **_OF_CONVERSATION}
_LAST_ITEM = messages(STORED_ITEMS)[-1]["id"]

Call = tuple[dict[str, str], dict[str, Any] | None]

#: For each route the parameters of its path, those of its query as `?name`, and the body.
_CALLS: dict[str, Call] = {
    "createConversation": ({}, {"visitorId": VISITOR, "defaultTimelineItems": messages(1)}),
    "listConversations": ({"?limit": "6"}, None),
    "listInbox": ({"?limit": "50", "?status": "open"}, None),
    "getConversation": (_OF_CONVERSATION, None),
    "patchConversation": (_OF_CONVERSATION, {"title": "An order", "metadata": {"plan": "free"}}),
    "getTimeline": ({**_OF_CONVERSATION, "?limit": "50"}, None),
    "sendMessage": ({}, {**_OF_CONVERSATION, "item": messages(STORED_ITEMS + 1)[-1]}),
    "markSeen": (_OF_CONVERSATION, {}),
    "getSeen": (_OF_CONVERSATION, None),
    "signalTyping": (_OF_CONVERSATION, {"isTyping": True}),
    "rateConversation": ({"conversationId": RESOLVED}, {"rating": 5, "comment": "Thank you!"}),
    "resolveConversation": (_OF_CONVERSATION, None),
    "reopenConversation": ({"conversationId": RESOLVED}, None),
    "markAsSpam": (_OF_CONVERSATION, None),
    "markAsNotSpam": (_OF_CONVERSATION, None),
    "deleteTimelineItem": ({**_OF_CONVERSATION, "itemId": _LAST_ITEM}, None),
    "deleteConversation": (_OF_CONVERSATION, None),
    "getWebsite": ({}, None),
    "getSupportState": ({}, None),
    "identifyVisitor": ({}, {"visitorId": VISITOR, "externalId": "account-1", "metadata": {"plan": "pro"}}),
    "patchVisitor": (_OF_VISITOR, {"browser": "Chrome", "currentPage": {"url": "https://example.com/orders"}}),
    "recordActivity": (_OF_VISITOR, {"currentPage": {"url": "https://example.com/orders"}}),
    "recordOwnActivity": ({}, {"currentPage": {"url": "https://example.com/orders"}}),
    "patchContactMetadata": (_OF_VISITOR, {"metadata": {"plan": "pro"}}),
    "findVisitors": ({"?email": "visitor@example.com"}, None),
    "getVisitor": (_OF_VISITOR, None),
    "blockVisitor": (_OF_VISITOR, None),
    "unblockVisitor": (_OF_VISITOR, None),
    "giveFeedback": ({}, {"rating": 5, "comment": "Thank you!"}),
    "listFeedback": ({}, None),
    "signUpload": ({}, {"contentType": "image/png", "websiteId": WEBSITE, "scope": _UPLOAD_SCOPE}),
}


def _event(route_id: str, parameters: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
    """Return the event of a route."""
    method, path, _ = REGISTRATIONS[route_id]
    query = {name.removeprefix("?"): value for name, value in parameters.items() if name.startswith("?")}
    event = sample(method, path, query, **{name: value for name, value in parameters.items() if name[0] != "?"})
    headers = event["headers"] | {"x-visitor-id": VISITOR, "x-actor-user-id": "agent_1"}
    return {**event, "headers": headers} | ({} if body is None else {"body": json.dumps(body)})


EVENTS_OF = {route_id: _event(route_id, *call) for route_id, call in _CALLS.items()}
