"""Events and responses of the HTTP API, for all functions behind it."""

import re
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import to_json

from support.errors import Refusal

# A path begins with the base path of a custom domain, or with the name of a stage. Any such prefix is removed: while a
# release changes the base path, each version gets paths of both.
_BASE_PATH = re.compile(r"^/[^/]+(?=/v1/)")


def create_router() -> APIGatewayHttpResolver:
    """Return a router of events as `read` returns them."""
    return APIGatewayHttpResolver(strip_prefixes=[_BASE_PATH])


def pattern(path: str) -> str:
    """Convert a path of template.yaml, `/v1/conversations/{conversationId}`, to the syntax of Powertools."""
    return path.replace("{", "<").replace("}", ">")


def read(event: object, context: LambdaContext) -> dict[str, Any]:
    """Return the used parts of an event of payload format 2.0, all present, with header names in lower case.

    Not every invoker sends all of them. An event that is not an HTTP request, such as a warm-up or a schedule, becomes
    one without method and path, which matches no route.
    """
    sent = _object(event)
    request_context = _object(sent.get("requestContext"))
    http = _object(request_context.get("http"))
    headers, query = _object(sent.get("headers")), _object(sent.get("queryStringParameters"))
    path = _text(sent.get("rawPath"))
    return {
        "routeKey": _text(sent.get("routeKey")) or "none",
        # Powertools ends a route's pattern with "$", which a last line feed may follow.
        "rawPath": "" if path.endswith("\n") else path,
        "headers": {name.lower(): value for name, value in headers.items() if isinstance(value, str)},
        "queryStringParameters": {name: value for name, value in query.items() if isinstance(value, str)},
        "requestContext": {
            "requestId": _text(request_context.get("requestId")) or context.aws_request_id,
            "stage": "$default",  # Powertools would strip any other name, even off a path without it
            "http": {"method": _text(http.get("method")), "sourceIp": _text(http.get("sourceIp"))},
        },
        "body": _text(sent.get("body")),
        "isBase64Encoded": sent.get("isBase64Encoded") is True,
    }


def error_response(refusal: Refusal, request_id: str) -> Response[str]:
    """Build the error response to a request."""
    status = refusal.code.status
    body: dict[str, Any] = {
        "error": refusal.message,
        "message": refusal.message,
        "code": refusal.code,
        "requestId": request_id,
    }
    if refusal.details:
        body["details"] = [{"path": detail.path, "message": detail.message} for detail in refusal.details]
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 11.6.1
    return json_response(status, body, headers)


def json_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response[str]:
    """Build a response that must not be cached."""
    return Response(
        status_code=status,
        content_type="application/json",
        body=to_json(body).decode(),
        headers={"Cache-Control": "no-store", **headers},
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
