"""The OpenAPI document, and answers held against it."""

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from local.openapi import COMMITTED

DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text())
#: What is said of each route, by its id.
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}

#: The codes that each status comes with, by the examples of all routes.
CODES: dict[int, set[str]] = defaultdict(set)
for operation in OPERATIONS.values():
    for status, response in operation["responses"].items():
        CODES[int(status)] |= response["content"]["application/json"]["examples"].keys()

#: Headers that say nothing of this API.
_OF_HTTP = {
    *("apigw-requestid", "cache-control", "connection", "content-length", "content-type", "date"),
    *("access-control-allow-origin", "access-control-expose-headers"),
}


def require_documented(
    status: int, headers: Mapping[str, str], body: Mapping[str, object], route_id: str = "createConversation"
) -> None:
    """Fail if the document does not say that the route answers like this, field by field."""
    response = OPERATIONS[route_id]["responses"].get(str(status))
    assert response is not None, f"status {status} is not documented"
    assert headers["content-type"] in response["content"], headers["content-type"]
    documented = {name.lower(): header for name, header in response["headers"].items()}
    assert headers.keys() - _OF_HTTP <= documented.keys(), headers
    for name in headers.keys() & documented.keys():
        is_integer = documented[name]["schema"]["type"] == "integer"
        _header(route_id, status, name).validate(int(headers[name]) if is_integer else headers[name])
    if status >= 300 and body.keys() != {"message"}:  # an error, and not of the gateway
        assert body["code"] in CODES[status], f"code {body['code']} is not documented for {status}"
    try:
        _body(route_id, status).validate(body)
    except ValidationError as error:
        raise AssertionError(f"not as documented for {status}: {error}") from None


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of a schema of the document; formats count, and so do fields that it does not name."""
    components = {
        name: {"additionalProperties": False, **component} if "properties" in component else component
        for name, component in DOCUMENT["components"]["schemas"].items()
    }
    return Draft202012Validator({**schema, "components": {"schemas": components}}, validate_formats=True)


@cache
def _header(route_id: str, status: int, name: str) -> Draft202012Validator:
    headers = OPERATIONS[route_id]["responses"][str(status)]["headers"]
    [schema] = [header["schema"] for documented, header in headers.items() if documented.lower() == name]
    return validator(schema)


@cache
def _body(route_id: str, status: int) -> Draft202012Validator:
    return validator(OPERATIONS[route_id]["responses"][str(status)]["content"]["application/json"]["schema"])
