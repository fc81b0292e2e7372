"""The OpenAPI 3.1 document of the API.

Powertools generates the operations and pydantic the schemas, from the same route entries that the API runs; this module
adds what all routes have in common. Client generators read the document, so it uses only constructs that all of them
support (tests/contract/test_openapi.py, `make clients`).
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, cast

from api.route import AnyRoute
from api.routes import all_routes
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, Example, HTTPBearer, Server
from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse

from openapi.errors import AnyError, ApiError
from openapi.text import TEXTS

_API_DESCRIPTION = """\
The backend of customer-support conversations, for a widget in a visitor's browser and for a company's server: a
conversation is opened with its first timeline items, continued, read, listed and resolved.

**Keys.** A private key (`sk_...`) belongs on a server, and can access every conversation of its website. A public key
(`pk_...`) may be read by anybody: it works from the website's allowed origins only, can access the conversations of the
visitor named in the request (`visitorId`, or else `X-Visitor-Id`), and neither writes nor reads private items. Test
keys and live keys can't access each other's data. If a request has both kinds, the private key decides.

**Retries.** Any call may be repeated when its response was lost. With a `conversationId`, and ids for the items,
nothing is ever written twice; without a `conversationId`, send an `Idempotency-Key`. Without either, each call opens
another conversation, and each message without an id is a new one. On 429 and 503, wait for `Retry-After` seconds, or
one second if the header is missing, and send the same request again.

**Times** have the form `2026-01-31T23:59:59.999Z`, of fixed width, and can be compared as text.

**Errors.** Rely on the status and the `code`; `message` is for people and may change. Fields may be added to responses,
and codes to errors, so ignore those you do not know.
"""

_PRIVATE_KEY = """\
A private key, `sk_test_` or `sk_live_` and 64 characters of 0-9 and a-f, for servers: `Authorization: Bearer sk_...`.\
"""
_PUBLIC_KEY = """\
A public key, `pk_test_` or `pk_live_` and 64 characters of 0-9 and a-f, for browsers. The browser's own `Origin` must
be one of the website's allowed origins: with a live key over https, with a test key also any `localhost`.\
"""

#: API Gateway responds with these by itself: to bodies over 10 MB, on its own throttling, on a crash or a timeout.
_GATEWAY_STATUSES = {413, 429, 500, 503}

_EVERY_RESPONSE = {
    "Cache-Control": {
        "description": "Responses must not be cached.",
        "schema": {"type": "string", "const": "no-store"},
    },
}
#: Of rate-limited routes.
_QUOTA = {
    "RateLimit-Policy": {
        "description": "With a public key: the limit per IP address, `q` calls in `w` seconds.",
        "schema": {"type": "string", "examples": ['"address";q=60;w=60']},
    },
    "RateLimit": {
        "description": "With a public key: `r` calls are left for the next `t` seconds.",
        "schema": {"type": "string", "examples": ['"address";r=59;t=60']},
    },
}
#: The security schemes of a route, by the keys that it accepts.
_SCHEMES: dict[str, tuple[str, ...]] = {"any": ("privateKey", "publicKey"), "private": ("privateKey",)}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "The authentication scheme (RFC 9110 section 11.6.1).",
        "schema": {"type": "string", "const": "Bearer"},
    }
}
_STATUS_HEADERS = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}

#: Responses of the API, by operation, status and name, as `make openapi` recorded them.
_EXAMPLES = json.loads(files("openapi").joinpath("examples.json").read_text())


def build() -> dict[str, Any]:
    """Build the document, for an API at the root of its host."""
    api = APIGatewayHttpResolver()
    for route in all_routes():
        _describe(api, route)
    document = _name_schemas(
        api.get_openapi_json_schema(
            title="Conversations",
            version="1",
            description=_API_DESCRIPTION,
            servers=[Server(url="/")],
            security_schemes={
                "privateKey": HTTPBearer(description=_PRIVATE_KEY),
                "publicKey": APIKey(name="X-Public-Key", in_=APIKeyIn.header, description=_PUBLIC_KEY),
            },
        )
    )
    for route in all_routes():
        described = document["paths"][route.path][route.method.lower()]
        described["parameters"] = [*TEXTS[route.id].parameters, *_query_parameters(route)]
        if route.body is not None:
            # An empty body is treated as `{}`.
            required = any(field.is_required() for field in route.body.model_fields.values())
            described["requestBody"]["required"] = required
            described["requestBody"]["description"] = f"At most {route.max_body_bytes:,} bytes."
    schemas = document["components"]["schemas"]
    for unused in ("ValidationError", "HTTPValidationError", "ResponseValidationError"):
        del schemas[unused]  # Powertools' own, which this API never returns
    _name_parts(schemas)
    _tidy(schemas)
    _tidy(document["paths"])
    return document


def _query_parameters(route: AnyRoute) -> list[dict[str, Any]]:
    """Return the query parameters that the query's model defines."""
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    parameters = []
    for name, described in schema["properties"].items():
        described.pop("title")
        # A query has no null.
        alternatives = described.pop("anyOf", [{}])
        if described.get("default", "") is None:
            del described["default"]
        parameters.append(
            {
                "name": name,
                "in": "query",
                "description": described.pop("description"),
                "schema": {**alternatives[0], **described},
            }
        )
    return parameters


def _name_schemas(document: str) -> dict[str, Any]:
    """Parse the document, and remove `Response` from schema names: clients name their classes after them."""
    named: dict[str, Any] = json.loads(re.sub(r'(?<=#/components/schemas/)(\w+)Response"', r'\1"', document))
    schemas = named["components"]["schemas"]
    named["components"]["schemas"] = {name.removesuffix("Response"): schemas[name] for name in sorted(schemas)}
    return named


def _describe(api: APIGatewayHttpResolver, route: AnyRoute) -> None:
    """Register the route with Powertools, for the document only."""
    description, examples = TEXTS[route.id], _EXAMPLES.get(route.id, {})
    every_response = {**_EVERY_RESPONSE, **(_QUOTA if route.rate_limited else {})}
    success = _response(
        description.response,
        route.response,
        examples.get(str(route.status), {}),
        {**description.response_headers, **every_response},
    )
    if description.links:
        success["links"] = cast("Any", description.links)
    refused = {
        status: _response(
            meaning,
            AnyError if status in _GATEWAY_STATUSES else ApiError,
            examples.get(str(status), {}),
            {**_STATUS_HEADERS.get(status, {}), **every_response},
        )
        for status, meaning in description.refusals.items()
    }

    def with_body(body: Any) -> None: ...

    def without_body() -> None: ...

    with_body.__annotations__["body"] = Annotated[route.body, Body(openapi_examples=_named(description.requests))]
    api.route(
        route.path,
        route.method,
        operation_id=route.id,
        tags=[description.tag],
        summary=description.summary,
        description=description.text,
        security=[{name: []} for name in _SCHEMES[route.keys]],
        responses={route.status: success, **refused},
    )(without_body if route.body is None else with_body)


def _response(description: str, model: Any, examples: Mapping[str, Any], headers: Mapping[str, Any]) -> OpenAPIResponse:
    content = {"model": model, "examples": _named(examples)}
    return cast(
        "OpenAPIResponse",
        {"description": description, "content": {"application/json": content}, "headers": headers},
    )


def _named(examples: Mapping[str, Any]) -> dict[str, Example]:
    return {name: Example(value=value) for name, value in examples.items()}


def _name_parts(schemas: dict[str, Any]) -> None:
    """Give the union of parts a name.

    It is flat and has no discriminator: generators make a class of each of its values, and `tool-<name>` is a pattern.
    """
    item = schemas["TimelineItem"]["properties"]["parts"]
    schemas["Part"] = {
        "description": "A part of a timeline item, identified by its `type`. An unknown type is a 400.",
        "oneOf": item["items"]["oneOf"],
    }
    item["items"] = {"$ref": "#/components/schemas/Part"}
    schemas["TimelineItemRequest"]["properties"]["parts"]["anyOf"][0]["items"] = item["items"]


def _tidy(schema: Any) -> None:
    """Remove the titles that pydantic and Powertools derive from names, and sort enumerations.

    typing caches `Literal["a", "b"]` and `Literal["b", "a"]` as one: the order is that of the first import.
    """
    for name, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "enum":
            value.sort()
        elif isinstance(value, dict | list) and name not in {"default", "examples"}:
            _tidy(value)
    if isinstance(schema, dict) and isinstance(schema.get("title"), str):
        del schema["title"]
