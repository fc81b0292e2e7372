"""Texts that several routes share."""

from typing import Any

from support.ids import ID, ULID

VISITOR_HEADER: dict[str, Any] = {
    "name": "X-Visitor-Id",
    "in": "header",
    "description": "The visitor, if neither query nor body names one; otherwise ignored.",
    "schema": {"type": "string", "pattern": f"^({ULID})?$"},
}
ORIGIN_HEADER: dict[str, Any] = {
    "name": "Origin",
    "in": "header",
    "description": "The origin of the page that calls with a public key. Browsers send it themselves.",
    "schema": {"type": "string"},
}
CONVERSATION_ID: dict[str, Any] = {
    "name": "conversationId",
    "in": "path",
    "required": True,
    "description": "The conversation's id.",
    "schema": {"type": "string", "pattern": f"^{ID}$"},
}

ACTOR_HEADER: dict[str, Any] = {
    "name": "X-Actor-User-Id",
    "in": "header",
    "description": "With a private key: the id of the acting team member in your system.",
    "schema": {"type": "string", "pattern": f"^({ID})?$"},
}
REPLAYED: dict[str, Any] = {
    "Idempotent-Replayed": {
        "description": "`true` if nothing changed.",
        "schema": {"type": "string", "const": "true"},
    }
}

#: For a route that adds items to an existing conversation.
ADDING = (
    "With a public key the visitor is the author of what is added, the server dates it, and the conversation must be "
    "open. A visitor can add a message, an identification, or an event whose parts are all of type "
    "`visitor_identified` and name nobody. Items of type `tool`, parts of type `tool-...` or `feedback`, other events, "
    "and items in the name of a team member or an AI agent are a 403: they would be shown as actions of the team or "
    "the system."
)

#: For every route.
_REFUSALS = {
    401: "No key was sent, or it is not valid. Malformed, unknown, revoked and expired keys get the same response.",
    500: "An internal error. Retrying is safe.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again.",
}
#: For a route that reads.
READING = {
    **_REFUSALS,
    400: "A parameter or a header is not valid, or no visitor is named: `details` says which and what is expected.",
    403: "The public key may not be used from this Origin, or with this key's mode.",
}
#: For a route that writes.
WRITING = {
    **_REFUSALS,
    400: "The body is not JSON, or the body or a header is not valid: `details` says where and what is expected.",
    403: READING[403],
    413: "The body is too large, or the conversation has reached the maximum size.",
    415: "The `Content-Type` is not `application/json`.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again.",
}
#: For a route that writes in the name of a visitor.
BLOCKED = {409: "The team has blocked the visitor."}
#: For a rate-limited route.
RATE_LIMITED = {429: "Too many calls with public keys from this address. Wait for `Retry-After`."}
#: For a route that accepts private keys only.
PRIVATE = {403: "The key is public, and this route needs a private one."}

#: For a route that lists conversations.
PREVIEWS = (
    "A `lastTimelineItem` whose content takes more than 4 KB is a preview here: the first 2,000 characters of its "
    "text, without other parts."
)

NO_SUCH_CONVERSATION = (
    "The caller can access no such conversation. One that never existed, one that has expired, and one of another "
    "visitor, website or mode get the same response."
)
