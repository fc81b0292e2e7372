"""Small builders of what the tests send: keys, messages, events of the HTTP API and a Lambda context."""

import base64
import hmac
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from api.route import AnyRoute
from api.routes.conversations import CREATE
from aws_lambda_powertools.utilities.typing import LambdaContext
from support.dynamodb.items import Item
from support.errors import Code
from support.settings import Settings
from support.values.api_key import ApiKey, hash_secret

from local.seed import (
    EXPIRED_KEY,
    IDENTITY_SECRET,
    LIVE_IDENTITY_SECRET,
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REVOKED_KEY,
    WEBSITE_A,
    WEBSITE_B,
)

__all__ = [
    "EXPIRED_KEY",
    "IDENTITY_SECRET",
    "LIVE_IDENTITY_SECRET",
    "LIVE_PRIVATE_KEY",
    "LIVE_PUBLIC_KEY",
    "ORIGIN",
    "OTHER_PRIVATE_KEY",
    "OTHER_PUBLIC_KEY",
    "PRIVATE_KEY",
    "PUBLIC_KEY",
    "REVOKED_KEY",
]

EVENTS = Path(__file__).parent.parent / "events"

WEBSITE = WEBSITE_A.id
ORGANIZATION = WEBSITE_A.organization_id
OTHER_WEBSITE = WEBSITE_B.id
VISITOR = "01JDEM0V1S1T0R000000000000"
OTHER_VISITOR = "01JDEM0V1S1T0R000000000001"

UNKNOWN_KEY = "sk_test_" + "a" * 64

#: The codes of the HTTP API; operators have two of their own, connections one, and the log one.
API_CODES = {*Code} - {Code.NOT_FOUND, Code.CONFLICT, Code.WEBSITE_MISMATCH, Code.FRONT_REQUIRED}


SETTINGS = Settings(
    stage="local",
    table_name="conversations-local",
    timeout_seconds=10,
    api_key_cache_seconds=60,
    rate_limit_per_minute=0,
    trusted_proxies=(),
    retention_days={"live": 0, "test": 0},
    files_bucket="files",
    public_url="",
)


class Context(LambdaContext):
    """Lambda's context of an invocation that may take so many milliseconds."""

    _function_name = "conversations"
    _function_version = "$LATEST"
    _invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:conversations"
    _memory_limit_in_mb = 1024
    _aws_request_id = "6f7d2b1c-0000-4000-8000-000000000000"

    def __init__(self, remaining_ms: int = 60_000) -> None:
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # static there
        return self._remaining_ms


class Clock:
    """Time in seconds, which stands still until a test moves it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def private(key: str = PRIVATE_KEY) -> dict[str, str]:
    """Headers of a company's server."""
    return {"authorization": f"Bearer {key}"}


def public(key: str = PUBLIC_KEY, origin: str = ORIGIN) -> dict[str, str]:
    """Headers of a widget in a visitor's browser."""
    return {"x-public-key": key, "origin": origin}


def an_event(
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    raw: str | None = None,
    base64: bool = False,
    request_id: str = "JKJaXmPLvHcESHA=",
    route: AnyRoute = CREATE,
    query: Mapping[str, str] | None = None,
    **parameters: str,
) -> dict[str, Any]:
    """An event of the HTTP API, payload format 2.0.

    `raw` is a body as it is, in place of one made from `body`; `parameters` are those of the route's path.
    """
    content = {"body": raw if raw is not None else json.dumps(body)} if route.body is not None else {}
    route_key, path = f"{route.method} {route.path}", route.path.format(**parameters)
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {
            "content-type": "application/json",
            "host": "api.example.com",
            **(private() if headers is None else headers),
        },
        **({"queryStringParameters": dict(query)} if query else {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "api.example.com",
            "http": {
                "method": route.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "tests",
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": "24/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795521600000,
        },
        **content,
        "isBase64Encoded": base64,
    }


def a_body(**fields: object) -> dict[str, object]:
    """A body with a visitor, and whatever else."""
    return {"visitorId": VISITOR, **fields}


def a_message(text: str = "Hello!", **fields: object) -> dict[str, object]:
    """A timeline item with a text, and whatever else."""
    return {"text": text, **fields}


def a_token(secret: str = IDENTITY_SECRET, *, header: Any = None, payload: bytes | None = None, **claims: Any) -> str:
    """An identity token; `payload` is what is signed in place of claims, and a claim of None is left out.

    It is made here and by no library, so that it may be wrong in any way.
    """
    claims = {"sub": "user-1", "exp": int(time.time()) + 3600, **claims}
    said = {name: claim for name, claim in claims.items() if claim is not None}
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"} if header is None else header).encode()]
    parts.append(json.dumps(said).encode() if payload is None else payload)
    signed = b".".join(map(_base64url, parts))
    return f"{signed.decode()}.{_base64url(hmac.digest(secret.encode(), signed, 'sha256')).decode()}"


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def a_key(secret: str = PRIVATE_KEY, **fields: Any) -> Item:
    """The stored form of an API key of the first website; `fields` are those of `ApiKey`."""
    values: dict[str, Any] = {
        "id": f"{WEBSITE}-key",
        "website_id": WEBSITE,
        "organization_id": ORGANIZATION,
        "type": "private" if secret.startswith("sk_") else "public",
        "mode": "live" if "_live_" in secret else "test",
        "allowed_origins": frozenset({ORIGIN}),
        "id_secret": WEBSITE_A.id_secret,
    }
    return ApiKey(**values | fields).to_item(hash_secret(secret))


#: Requests that are refused though no other one came before, by the code of the refusal.
REFUSED: dict[str, dict[str, Any]] = {
    "API_KEY_MISSING": {"headers": {}},
    "INVALID_API_KEY": {"headers": private(REVOKED_KEY)},
    "ORIGIN_REQUIRED": {"headers": {**public(), "origin": ""}},
    "ORIGIN_NOT_ALLOWED": {"headers": public(origin="https://evil.example")},
    "PRIVATE_KEY_REQUIRED": {"headers": public(), "body": a_body(defaultTimelineItems=[{"visibility": "private"}])},
    "UNSUPPORTED_MEDIA_TYPE": {"headers": {**private(), "content-type": "text/plain"}},
    "INVALID_JSON": {"raw": "{"},
    "VALIDATION_FAILED": {"body": {"visitorId": 1}},
    "VISITOR_ID_REQUIRED": {"body": {}},
    "PAYLOAD_TOO_LARGE": {"raw": " " * 1_048_577},
}
