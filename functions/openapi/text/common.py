"""Texts that several routes share."""

from typing import Any

from support.ids import ID, ULID

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

ACTOR_HEADER: dict[str, Any] = {
    "name": "X-Actor-User-Id",
    "in": "header",
    "description": "With a private key: the team member who acts, as your system knows them.",
    "schema": {"type": "string", "pattern": f"^({ID})?$"},
}
REPLAYED: dict[str, Any] = {
    "Idempotent-Replayed": {
        "description": "`true` if nothing was written: nothing changed.",
        "schema": {"type": "string", "const": "true"},
    }
}

#: Of a route that adds items to a conversation that exists.
ADDING = (
    "With a public key the visitor is the author of what is added, the server dates it, and the conversation must be "
    "open. A visitor can add a message, an identification, or an event whose parts are all of type "
    "`visitor_identified` and name nobody. Items of type `tool`, parts of type `tool-...` or `feedback`, other events, "
    "and items in the name of a team member or an AI agent are a 403: they would be shown as what the team or the "
    "system has done."
)

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
#: Of a route that writes.
WRITING = {
    **_REFUSALS,
    400: "The body is no JSON, or the body or a header is not valid: `details` says where and what is expected.",
    403: READING[403],
    413: "The body is too large, or the conversation has reached the size that the database takes.",
    415: "The body is declared as something else than `application/json`.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again.",
}
#: Of a route whose calls count for the limit by address.
COUNTED = {429: "Too many calls with public keys from this address. Wait for `Retry-After`."}
#: Of a route that takes private keys alone.
PRIVATE = {403: "The key is a public one, and this needs a private key."}

#: Of a route that lists conversations.
PREVIEWS = (
    "A `lastTimelineItem` whose content takes more than 4 KB is a preview here: the first 2,000 characters of its "
    "text, without other parts."
)

NO_SUCH_CONVERSATION = (
    "There is no such conversation for this caller. One that does not exist, or no longer, and one of another visitor, "
    "website or mode are not told apart."
)
