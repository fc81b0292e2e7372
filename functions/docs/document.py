"""The OpenAPI 3.1 document of the API.

Powertools writes the operation and pydantic the schemas, from the models that the API itself validates with; the texts
and what neither of them can say are here.
"""

import json
from typing import Annotated, Any, cast

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, Example, HTTPBearer, Server
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from conversations.models import ULID, ConversationRequest
from support.errors import Code

from docs.answers import Error, GatewayError, OpenedConversation
from docs.examples import ANSWERS, ERRORS, REQUESTS

_ABOUT = """\
Open a customer-support conversation, with its first timeline items if there are any, from a widget in a browser or from
a server.

**Keys.** A private key (`sk_...`) belongs on a server. A public key (`pk_...`) may be read by anybody: it works from
the website's allowed origins only, and neither writes nor reads private items. Test keys and live keys see nothing of
each other's data. If both are sent, the private key decides.

**Retries.** Any call may be repeated when its answer was lost. Send a `conversationId`, and ids for the items, and
nothing is ever written twice, whatever else happens; without a `conversationId`, send an `Idempotency-Key`. Without
either, each call opens another conversation. On 429 and 503, wait for `Retry-After` seconds, or one where there is
none, and send the same again.

**Errors.** Go by the status and the `code`; `message` is for people and may change. Fields may be added to answers, so
ignore those you do not know.
"""

_OPERATION = """\
Opens a conversation with its first timeline items, all or none; or finds the one that an earlier call opened.

A call that names a stored `conversationId` of the same visitor returns that conversation. Items that are not stored yet
are appended, stored ones are returned as they are, and `channel` and `metadata` stay what they were. A call that wrote
nothing is answered with `Idempotent-Replayed: true`.

Limits: 1,048,576 bytes of body, 99 items, 100 parts in an item, 409,600 bytes for an item as it is stored, and 16,384
bytes of metadata. Ids of items are unique within a request. Text, whole numbers and the nesting of JSON inside of parts
come back exactly as they were sent, other numbers as doubles; a number past a double's range is refused with 400.
"""

_PRIVATE_KEY = """\
A private key, `sk_test_` or `sk_live_` and 64 characters of 0-9 and a-f, for servers: `Authorization: Bearer sk_...`.\
"""
_PUBLIC_KEY = """\
A public key, `pk_test_` or `pk_live_` and 64 characters of 0-9 and a-f, for browsers. The browser's own `Origin` must
be one of the website's allowed origins: with a live key over https, with a test key also any `localhost`.\
"""

#: Powertools would write their names in lower case.
_HEADERS = [
    {
        "name": "X-Visitor-Id",
        "in": "header",
        "description": "The visitor, where the body has no `visitorId`; not looked at otherwise.",
        "schema": {"type": "string", "pattern": f"^({ULID})?$"},
    },
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a call without a `conversationId` safe to repeat: the same key of the same visitor leads "
        "to the same conversation, and with a different body to 422. Printable ASCII, bare or in double quotes as a "
        "structured field. With a `conversationId` it is checked for its form and otherwise ignored.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ -~]*[!-~])?$"},
    },
    {
        "name": "Origin",
        "in": "header",
        "description": "The page that calls with a public key. Browsers send it by themselves.",
        "schema": {"type": "string"},
    },
]

_REFUSALS = {
    400: (
        "The body is no JSON, or the body or a header is not valid: `details` says where and what is expected. Also "
        "NaN, Infinity, numbers past a double's range, lone surrogates and bytes that are not UTF-8.",
        (Code.INVALID_JSON, Code.VALIDATION_FAILED, Code.VISITOR_ID_REQUIRED),
    ),
    401: (
        "No key was sent, or it is not valid: malformed, unknown, revoked and expired keys are not told apart.",
        (Code.API_KEY_MISSING, Code.INVALID_API_KEY),
    ),
    403: (
        "The public key may not be used like this: the Origin is missing or not allowed for the website and the key's "
        "mode, or an item is private.",
        (Code.ORIGIN_REQUIRED, Code.ORIGIN_NOT_ALLOWED, Code.PRIVATE_KEY_REQUIRED),
    ),
    409: (
        "The website already has a conversation with this id, for another visitor. Choose another id.",
        (Code.CONVERSATION_ID_CONFLICT,),
    ),
    413: (
        "The body, an item as it would be stored, or the stored items of the answer are too large; nothing is written.",
        (Code.PAYLOAD_TOO_LARGE,),
    ),
    415: ("The body is declared as something else than `application/json`.", (Code.UNSUPPORTED_MEDIA_TYPE,)),
    422: (
        "The Idempotency-Key was used with a different request. Use a new key for a new request.",
        (Code.IDEMPOTENCY_KEY_REUSED,),
    ),
    429: ("Too many calls with public keys from this address. Wait for `Retry-After`.", (Code.RATE_LIMITED,)),
    500: ("A defect of ours. Retrying with the same ids is safe.", (Code.INTERNAL_ERROR,)),
    503: (
        "The database is overloaded. Wait for `Retry-After` and send the same again; with the same ids nothing is "
        "written twice.",
        (Code.UNAVAILABLE,),
    ),
}

#: The gateway in front answers these by itself: bodies over 10 MB, its own throttle, a crash or a timeout.
_OF_THE_GATEWAY = {413, 429, 500, 503}

_QUOTA_HEADERS = {
    "RateLimit-Policy": {
        "description": "With a public key: the limit of an address, as `q` calls in `w` seconds.",
        "schema": {"type": "string", "examples": ['"address";q=60;w=60']},
    },
    "RateLimit": {
        "description": "With a public key: `r` calls are left for the next `t` seconds.",
        "schema": {"type": "string", "examples": ['"address";r=59;t=60']},
    },
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "RFC 9110's.", "schema": {"type": "string", "const": "Bearer"}}}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true` if nothing was written: all of it had been stored by an earlier call.",
        "schema": {"type": "string", "const": "true"},
    }
}
_OWN_HEADERS = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
_REPLAY = {
    "replay": {
        "operationId": "createConversation",
        "description": "The same conversation again, found by its id.",
        "parameters": {"header.X-Visitor-Id": "$response.body#/conversation/visitorId"},
        "requestBody": {
            "conversationId": "$response.body#/conversation/id",
            "visitorId": "$response.body#/conversation/visitorId",
        },
    }
}


def build() -> dict[str, Any]:
    """Build the document, for an API at the root of its host."""
    document: dict[str, Any] = json.loads(
        _api.get_openapi_json_schema(
            title="Conversations",
            version="1",
            description=_ABOUT,
            servers=[Server(url="/")],
            security_schemes={
                "privateKey": HTTPBearer(description=_PRIVATE_KEY),
                "publicKey": APIKey(name="X-Public-Key", in_=APIKeyIn.header, description=_PUBLIC_KEY),
            },
        )
    )
    schemas = document["components"]["schemas"]
    for unused in ("ValidationError", "HTTPValidationError", "ResponseValidationError"):
        del schemas[unused]  # Powertools' own, which this API does not answer with
    _name_parts(schemas)
    _tidy(schemas)
    operation = document["paths"]["/v1/conversations"]["post"]
    operation["parameters"] = _HEADERS
    _name_codes(operation["responses"])
    return document


def _name_codes(responses: dict[str, Any]) -> None:
    """Let each status name the codes it comes with."""
    for status, (_, codes) in _REFUSALS.items():
        content = responses[str(status)]["content"]["application/json"]
        error = {
            "allOf": [{"$ref": "#/components/schemas/Error"}],
            "properties": {"code": {"enum": [code.value for code in codes]}},
        }
        gateway = {"$ref": "#/components/schemas/GatewayError"}
        content["schema"] = {"anyOf": [error, gateway]} if status in _OF_THE_GATEWAY else error


def _name_parts(schemas: dict[str, Any]) -> None:
    """Give the union of parts a name, and a discriminator where a type is one value: that of a tool is not."""
    item = schemas["TimelineItem"]["properties"]["parts"]
    refs = [ref["$ref"] for ref in item["items"]["oneOf"]]
    mapping = {
        schema["properties"]["type"]["const"]: ref
        for ref in refs
        if "const" in (schema := schemas[ref.rsplit("/", 1)[1]])["properties"]["type"]
    }
    schemas["FixedPart"] = {
        "description": "A part, chosen by its `type`.",
        "oneOf": [{"$ref": ref} for ref in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    schemas["Part"] = {
        "description": "A part of a timeline item. An unknown `type` is refused with 400.",
        "oneOf": [{"$ref": "#/components/schemas/FixedPart"}, {"$ref": "#/components/schemas/ToolPart"}],
    }
    item["items"] = {"$ref": "#/components/schemas/Part"}
    schemas["TimelineItemRequest"]["properties"]["parts"]["anyOf"][0]["items"] = item["items"]


def _tidy(schema: Any) -> None:
    """Remove the titles that pydantic makes of names, and order enumerations.

    typing keeps one of `Literal["a", "b"]` and `Literal["b", "a"]` for both: that which happens to be imported first.
    """
    for name, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "enum":
            value.sort()
        elif isinstance(value, dict | list) and name not in {"default", "examples"}:
            _tidy(value)
    if isinstance(schema, dict) and isinstance(schema.get("title"), str):
        del schema["title"]


_api = APIGatewayHttpResolver()


def _values(examples: dict[str, Any]) -> dict[str, Example]:
    return {name: Example(value=value) for name, value in examples.items()}


def _answer(description: str, model: Any, examples: dict[str, Any], **more: Any) -> OpenAPIResponse:
    content = {"model": model, "examples": _values(examples)}
    return cast("OpenAPIResponse", {"description": description, "content": {"application/json": content}, **more})


@_api.post(
    "/v1/conversations",
    operation_id="createConversation",
    tags=["Conversations"],
    summary="Create a conversation (optionally with initial timeline items)",
    description=_OPERATION,
    security=[{"privateKey": []}, {"publicKey": []}],
    responses={
        200: _answer(
            "The conversation, new or found again.",
            OpenedConversation,
            ANSWERS,
            headers=_REPLAYED | _QUOTA_HEADERS,
            links=_REPLAY,
        ),
        **{
            status: _answer(
                description,
                Error | GatewayError if status in _OF_THE_GATEWAY else Error,
                {code.value: ERRORS[code] for code in codes},
                headers=_OWN_HEADERS.get(status, {}) | _QUOTA_HEADERS,
            )
            for status, (description, codes) in _REFUSALS.items()
        },
    },
)
def _create_conversation(body: Annotated[ConversationRequest, Body(openapi_examples=_values(REQUESTS))]) -> None:
    """Exists to be described."""
