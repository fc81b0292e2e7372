"""Requests and answers as examples; a test holds them against the document."""

from typing import Any

from support.errors import Code

_VISITOR = "01JDEM0V1S1T0R000000000000"
_CONVERSATION = "COH5D2N8KX3PQ7RZ1M"
_TIME = "2026-01-31T12:00:00.000Z"

REQUESTS: dict[str, Any] = {
    "An empty conversation": {"visitorId": _VISITOR},
    "A widget's first message": {
        "visitorId": _VISITOR,
        "conversationId": _CONVERSATION,
        "channel": "widget",
        "defaultTimelineItems": [{"id": "first-message", "text": "Hello, where is my order?", "visitorId": _VISITOR}],
        "metadata": {"page": "/orders", "plan": "pro", "seats": 3},
    },
    "A greeting of an AI agent, from a server": {
        "visitorId": _VISITOR,
        "defaultTimelineItems": [
            {
                "aiAgentId": "agent-1",
                "createdAt": _TIME,
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

_ITEM = {
    "id": "first-message",
    "conversationId": _CONVERSATION,
    "organizationId": "01JDEM00RGAN1SAT10NA000000",
    "visibility": "public",
    "type": "message",
    "text": "Hello, where is my order?",
    "tool": None,
    "parts": [{"type": "text", "text": "Hello, where is my order?"}],
    "userId": None,
    "aiAgentId": None,
    "visitorId": _VISITOR,
    "createdAt": _TIME,
    "deletedAt": None,
}

ANSWERS: dict[str, Any] = {
    "A conversation with its first message": {
        "initialTimelineItems": [_ITEM],
        "conversation": {
            "id": _CONVERSATION,
            "createdAt": _TIME,
            "updatedAt": _TIME,
            "visitorId": _VISITOR,
            "websiteId": "01JDEM0WEBS1TEA00000000000",
            "channel": "widget",
            "status": "open",
            "metadata": {"page": "/orders", "plan": "pro", "seats": 3},
            "deletedAt": None,
            "lastTimelineItem": _ITEM,
        },
    }
}


def _error(code: Code, message: str, **more: Any) -> dict[str, Any]:
    return {"error": message, "message": message, "code": code.value, "requestId": "JKJaXmPLvHcESHA=", **more}


_TOO_LONG = {"path": "defaultTimelineItems.0.id", "message": "must be 1 to 64 letters, digits, '-' or '_'"}

ERRORS: dict[Code, Any] = {
    code: _error(code, message)
    for code, message in {
        Code.INVALID_JSON: "The body is not valid JSON: expected value at line 1 column 15.",
        Code.VISITOR_ID_REQUIRED: "Please send visitorId in the body or X-Visitor-Id as a header.",
        Code.API_KEY_MISSING: "Please send a private key as `Authorization: Bearer sk_...`, or a public one as "
        "`X-Public-Key: pk_...`.",
        Code.INVALID_API_KEY: "The API key is not valid.",
        Code.ORIGIN_REQUIRED: "A public API key works from a web page: the Origin header is missing.",
        Code.ORIGIN_NOT_ALLOWED: "This origin is not among the website's allowed origins, or this key's mode does not "
        "accept it.",
        Code.PRIVATE_KEY_REQUIRED: "A private timeline item needs a private API key.",
        Code.CONVERSATION_ID_CONFLICT: "This conversationId is taken. Please use another one.",
        Code.PAYLOAD_TOO_LARGE: "The body has more than 1,048,576 bytes.",
        Code.UNSUPPORTED_MEDIA_TYPE: "The body must be JSON, sent with `Content-Type: application/json`.",
        Code.IDEMPOTENCY_KEY_REUSED: "This Idempotency-Key was used with a different request. Please use a new key for "
        "a new request.",
        Code.RATE_LIMITED: "Too many requests from this address. Please wait.",
        Code.INTERNAL_ERROR: "Something went wrong on our side. Please quote the requestId to support.",
        Code.UNAVAILABLE: "The service is busy. Please try again in a moment.",
    }.items()
} | {
    Code.VALIDATION_FAILED: _error(
        Code.VALIDATION_FAILED, f"{_TOO_LONG['path']} {_TOO_LONG['message']}.", details=[_TOO_LONG]
    )
}
