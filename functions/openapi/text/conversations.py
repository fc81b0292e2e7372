"""Texts: conversations."""

from typing import Any

from openapi.description import Description
from openapi.text.common import (
    ACTOR_HEADER,
    ADDING,
    CONVERSATION_ID,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    PREVIEWS,
    PRIVATE,
    RATE_LIMITED,
    READING,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)

_VISITOR = "01JDEM0V1S1T0R000000000000"

_DESCRIPTION = (
    """\
Opens a conversation with its first timeline items, all or none; or returns the one that an earlier call opened.

A call that names a stored `conversationId` of the same visitor returns that conversation. Items that are not stored yet
are appended, stored ones are returned as they are, and `channel` and `metadata` stay unchanged. A stored item with the
same `id` and different content is a 409, and nothing is written. The response to a call that wrote nothing has
`Idempotent-Replayed: true`. Where messages expire, a repeated call leaves out items sent with an `Idempotency-Key` that
have expired, and items that a public key may send only when it opens the conversation.

"""
    + ADDING
    + """

With a private key, an appended item keeps a `createdAt` that is over five minutes old, as an import; a later one is
replaced by the server's time.

Limits: 1,048,576 bytes of body, 99 items, 100 parts in an item, 409,600 bytes for an item as it is stored, and 16,384
bytes of metadata. Ids of items are unique within a request. Text, whole numbers and the nesting of JSON inside parts
are returned exactly as sent, other numbers as doubles; a number outside a double's range is a 400.
"""
)

_IDEMPOTENCY_KEY = r"^([!#-~]([ -~]{0,253}[!-~])?|\x22([ !#-\x5b\x5d-~]|\x5c[\x22\x5c]){1,255}\x22)$"

_HEADERS = (
    VISITOR_HEADER,
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a call without a `conversationId` safe to repeat: the same key of the same visitor "
        "returns the same conversation, and with a different body is a 422. 1 to 255 characters of printable ASCII, "
        "bare or in double quotes as a structured field. With a `conversationId` only its form is checked.",
        "schema": {"type": "string", "pattern": _IDEMPOTENCY_KEY},
    },
    ORIGIN_HEADER,
)

_REQUESTS: dict[str, Any] = {
    "An empty conversation": {"visitorId": _VISITOR},
    "A widget's first message": {
        "visitorId": _VISITOR,
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "channel": "widget",
        "defaultTimelineItems": [{"id": "first-message", "text": "Hello, where is my order?", "visitorId": _VISITOR}],
        "metadata": {"page": "/orders", "plan": "pro", "seats": 3},
    },
    "A greeting of an AI agent, from a server": {
        "visitorId": _VISITOR,
        "defaultTimelineItems": [
            {
                "aiAgentId": "agent-1",
                "createdAt": "2026-01-31T12:00:00.000Z",
                "parts": [
                    {"type": "text", "text": "This is how to return a parcel:", "state": "done"},
                    {"type": "source-url", "sourceId": "s1", "url": "https://example.com/returns", "title": "Returns"},
                ],
            },
            {"visibility": "private", "userId": "user-1", "text": "A regular customer."},
        ],
    },
    "A call of a tool": {
        "visitorId": _VISITOR,
        "defaultTimelineItems": [
            {
                "type": "tool",
                "tool": "find-order",
                "aiAgentId": "agent-1",
                "parts": [
                    {
                        "type": "tool-find-order",
                        "toolCallId": "call-1",
                        "toolName": "find-order",
                        "input": {"order": 42},
                        "state": "result",
                        "output": {"shipped": True},
                    }
                ],
            }
        ],
    },
}

_REFUSALS = {
    400: "The body is not JSON, or the body or a header is not valid: `details` says where and what is expected. Also "
    "NaN, Infinity, numbers outside a double's range, lone surrogates and bytes that are not UTF-8.",
    401: WRITING[401],
    403: "The public key may not be used like this: the Origin is missing or not allowed for the website and the key's "
    "mode, an item is private, or a visitor can't add it to an existing conversation.",
    409: "The website already has a conversation with this id, for another visitor; or a stored item has the same id "
    "and different content; or a public key adds an item to a conversation that is not open; or the team has blocked "
    "the visitor. The `code` says which; for the first two, choose another id.",
    413: "The body, an item as it would be stored, or the stored items of the response are too large; nothing is "
    "written.",
    415: WRITING[415],
    422: "The Idempotency-Key was used with a different request. Use a new key for a new request.",
    **RATE_LIMITED,
    500: "An internal error. Retrying with the same ids is safe.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again; with the same ids nothing is "
    "written twice.",
}

TEXTS = {
    "createConversation": Description(
        summary="Create a conversation (optionally with initial timeline items)",
        text=_DESCRIPTION,
        parameters=_HEADERS,
        requests=_REQUESTS,
        response="The conversation, whether new or existing.",
        response_headers={
            "Idempotent-Replayed": {
                "description": "`true` if nothing was written, because an earlier call had stored all of it.",
                "schema": {"type": "string", "const": "true"},
            }
        },
        links={
            "replay": {
                "operationId": "createConversation",
                "description": "A retry: with a `conversationId`, it returns the same conversation.",
                "parameters": {"header.X-Visitor-Id": "$response.body#/conversation/visitorId"},
                "requestBody": "$request.body",
            },
            **{
                name: {
                    "operationId": operation,
                    "description": description,
                    "parameters": {
                        "path.conversationId": "$response.body#/conversation/id",
                        "header.X-Visitor-Id": "$response.body#/conversation/visitorId",
                    },
                }
                for name, operation, description in (
                    ("conversation", "getConversation", "The current state of the conversation."),
                    ("timeline", "getTimeline", "All of its items."),
                )
            },
            "conversations": {
                "operationId": "listConversations",
                "description": "All conversations of the visitor.",
                "parameters": {"header.X-Visitor-Id": "$response.body#/conversation/visitorId"},
            },
        },
        refusals=_REFUSALS,
    ),
    "listConversations": Description(
        summary="List a visitor's conversations",
        text="A page of a visitor's conversations, in their current state. For a visitor with more than 100, only the "
        "100 that were opened last are listed, and `total` is 100. A new conversation is normally listed within a "
        "second.\n\n"
        "Each call pages through the current list. With `orderBy=updatedAt`, a conversation that changes between two "
        "calls moves to the front: it may be on two pages, and another one on none. To read each of them once, use "
        "`orderBy=createdAt`, or one page of `limit=100`.\n\n" + PREVIEWS,
        parameters=(VISITOR_HEADER, ORIGIN_HEADER),
        response="A page of conversations, and the number of all of them.",
        refusals=READING,
    ),
    "getConversation": Description(
        summary="Get a conversation",
        text="The current state of a conversation. A public key can access those of the visitor named in the request, "
        "a private key all of the website's.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        response="The conversation.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
    "patchConversation": Description(
        summary="Change a conversation's title and metadata",
        text="Changes the fields that are sent, and no others. The visitor sees both title and metadata.",
        parameters=(CONVERSATION_ID, ACTOR_HEADER),
        requests={
            "A title": {"title": "Order 42"},
            "Metadata": {"metadata": {"plan": "enterprise", "seats": None}},
            "No title": {"title": None},
        },
        response="The conversation.",
        response_headers=REPLAYED,
        refusals={**WRITING, **PRIVATE, 404: NO_SUCH_CONVERSATION},
    ),
}
