"""What several routes say in the OpenAPI document."""

from typing import Any

from api.requests.fields import ID, ULID

VISITOR_HEADER: dict[str, Any] = {
    "name": "X-Visitor-Id",
    "in": "header",
    "description": "The visitor, where nothing else names one; not looked at otherwise.",
    "schema": {"type": "string", "pattern": f"^({ULID})?$"},
}
ORIGIN_HEADER: dict[str, Any] = {
    "name": "Origin",
    "in": "header",
    "description": "The page that calls with a public key. Browsers send it by themselves.",
    "schema": {"type": "string"},
}
CONVERSATION_ID: dict[str, Any] = {
    "name": "conversationId",
    "in": "path",
    "required": True,
    "description": "The conversation's id.",
    "schema": {"type": "string", "pattern": f"^{ID}$"},
}

#: Of every route.
_REFUSALS = {
    401: "No key was sent, or it is not valid: malformed, unknown, revoked and expired keys are not told apart.",
    500: "A defect of ours. Retrying is safe.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again.",
}
#: Of a route that reads.
READING = {
    **_REFUSALS,
    400: "A parameter or a header is not valid, or no visitor is named: `details` says where and what is expected.",
    403: "The public key may not be used from this Origin, or with this key's mode.",
}
NO_SUCH_CONVERSATION = (
    "There is no such conversation for this caller. One that does not exist, or no longer, and one of another visitor, "
    "website or mode are not told apart."
)
