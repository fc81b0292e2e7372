"""What customers entrust to the service stays out of its logs, its metrics and its errors, on every path.

Whatever a customer sends holds the word canary. It is looked for in all that is logged, by anybody, at DEBUG.
"""

import json
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from api.app import create_handler
from api.routes import contacts
from operators.app import create_handler as create_operators_handler
from operators.operations import Operations
from support.dynamodb.responses import ErrorResponse
from support.dynamodb.table import Table
from support.observability import logger
from support.store.api_keys import KeyRing
from support.values.api_key import hash_secret

from tests.builders import (
    EXPIRED_KEY,
    LIVE_IDENTITY_SECRET,
    ORIGIN,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REVOKED_KEY,
    SETTINGS,
    UNKNOWN_KEY,
    WEBSITE,
    Context,
    a_token,
    an_event,
    private,
    public,
)
from tests.client import Emitted, a_limiter
from tests.scripted import before

Written = Callable[[], str]

VISITOR, OTHER_VISITOR = "01CANARY000000000000000000", "01CANARY000000000000000001"
BODY: dict[str, Any] = {
    "visitorId": VISITOR,
    "conversationId": "canary-conversation",
    "channel": "canary-channel",
    "metadata": {"canary-name": "canary-value"},
    "unknown": "canary",
    "defaultTimelineItems": [
        {"id": "canary-item", "text": "canary-text", "tool": "canary-tool", "userId": "canary-user"},
        {
            "parts": [
                {"type": "text", "text": "canary-part"},
                {"type": "file", "url": "https://canary.example/canary", "mediaType": "text/canary"},
                {
                    "type": "tool-canary",
                    "toolCallId": "canary",
                    "toolName": "canary",
                    "input": {"canary": "canary"},
                    "output": ["canary"],
                    "state": "result",
                    "providerMetadata": {"canary": {"canary": 1}},
                },
            ]
        },
    ],
}
HEADERS = {
    "idempotency-key": "canary-idempotency-key",
    "x-visitor-id": VISITOR,
    "user-agent": "canary",
    "referer": "https://canary.example/canary?canary",
    "cookie": "canary",
    "x-forwarded-for": "canary",
    "traceparent": "canary",
    "tracestate": "canary=canary",
    "x-canary": "canary",
}


def _with_items(*items: dict[str, Any]) -> dict[str, Any]:
    return {**BODY, "defaultTimelineItems": items}


DERIVED = {name: value for name, value in BODY.items() if name != "conversationId"}

CONTACT = {"email": "canary@canary.example", "name": "canary", "image": "canary", "metadata": {"canary": "canary"}}
IDENTIFIED: dict[str, Any] = {
    "route": contacts.IDENTIFY,
    "headers": public(),
    "body": {"visitorId": VISITOR, **CONTACT},
}
TOKEN: dict[str, Any] = {"sub": "canary", "email": "canary@canary.example", "name": "signed canary"}
SIGNED: dict[str, Any] = {**IDENTIFIED, "body": {"visitorId": VISITOR, "identityToken": a_token(**TOKEN)}}
CONTACT_METADATA: dict[str, Any] = {
    "route": contacts.PATCH_METADATA,
    "headers": {**public(), "x-visitor-id": VISITOR},
    "body": {"metadata": {"canary": "canary"}},
    "visitorId": VISITOR,
}

#: By what is expected of it: an HTTP status, and what is called one after the other.
REQUESTS: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "created": (200, [{}]),
    "created by a widget": (200, [{"headers": public()}]),
    "created by idempotency key": (200, [{"body": DERIVED}]),
    "replayed": (200, [{}, {}]),
    "appended": (200, [{"body": _with_items()}, {}]),
    "no key": (401, [{"headers": {}}]),
    "malformed key": (401, [{"headers": private("canary")}]),
    "unknown key": (401, [{"headers": private(UNKNOWN_KEY)}]),
    "revoked key": (401, [{"headers": private(REVOKED_KEY)}]),
    "expired key": (401, [{"headers": private(EXPIRED_KEY)}]),
    "public key as a private one": (401, [{"headers": private(PUBLIC_KEY)}]),
    "no origin": (403, [{"headers": {"x-public-key": PUBLIC_KEY}}]),
    "another origin": (403, [{"headers": public(origin="https://canary.example")}]),
    "origin with a path": (403, [{"headers": public(origin=f"{ORIGIN}/canary")}]),
    "private item": (403, [{"headers": public(), "body": _with_items({"text": "canary", "visibility": "private"})}]),
    "another visitor": (409, [{}, {"body": {**BODY, "visitorId": OTHER_VISITOR}}]),
    "another request": (422, [{"body": DERIVED}, {"body": {**DERIVED, "channel": "canary-2"}}]),
    "content type": (415, [{"headers": {**private(), "content-type": "canary/canary"}}]),
    "no JSON": (400, [{"raw": "canary"}]),
    "half of JSON": (400, [{"raw": json.dumps(BODY)[:-1]}]),
    "a long number": (400, [{"raw": '{"canary": 1e999}'}]),
    "no object": (400, [{"body": ["canary"]}]),
    "no visitor": (400, [{"body": {"canary": "canary"}, "headers": {**private(), "x-visitor-id": ""}}]),
    "visitor": (400, [{"body": {**BODY, "visitorId": "canary"}}]),
    "visitor header": (400, [{"body": {}, "headers": {**private(), "x-visitor-id": "canary"}}]),
    "idempotency key": (400, [{"headers": {**private(), "idempotency-key": "canary\t"}}]),
    "metadata": (400, [{"body": {**BODY, "metadata": {"canary": ["canary"]}}}]),
    "item": (400, [{"body": _with_items({"id": "#canary", "type": "canary", "text": ["canary"]})}]),
    "part": (400, [{"body": _with_items({"parts": [{"type": "canary", "canary": "canary"}]})}]),
    "repeated ids": (400, [{"body": _with_items({"id": "canary"}, {"id": "canary"})}]),
    "large body": (413, [{"raw": json.dumps({**BODY, "unknown": "canary" * 200_000})}]),
    "large item": (413, [{"body": _with_items({"text": "canary" * 80_000})}]),
    "over the limit": (429, [{"headers": public()}] * 3),
    "identified": (200, [IDENTIFIED, IDENTIFIED]),
    "identified by a token": (200, [SIGNED]),
    "identified by a wrong token": (400, [{**SIGNED, "body": {"identityToken": a_token("canary", **TOKEN)}}]),
    "identified by a token and otherwise": (400, [{**SIGNED, "body": {**SIGNED["body"], "email": "other-canary"}}]),
    "identified beyond a proof": (409, [SIGNED, IDENTIFIED]),
    "identified at length": (400, [{**IDENTIFIED, "body": {"email": "canary", "image": "canary" * 500}}]),
    "metadata of a contact": (200, [IDENTIFIED, CONTACT_METADATA]),
    "metadata of nobody": (400, [CONTACT_METADATA]),
    "found": (200, [IDENTIFIED, {"route": contacts.FIND, "query": {"email": "canary@canary.example"}}]),
    "found by two": (400, [{"route": contacts.FIND, "query": {"email": "canary", "externalId": "canary"}}]),
}  # fmt: skip

#: A call of the database, what DynamoDB says of it, and what it comes to. Every one of its messages quotes a value.
FAULTS = [
    ("GetItem", "ResourceNotFoundException", 400, 503),
    ("GetItem", "InternalServerError", 500, 503),
    ("TransactWriteItems", "AccessDeniedException", 400, 503),
    ("TransactWriteItems", "UnrecognizedClientException", 400, 503),
    ("TransactWriteItems", "ProvisionedThroughputExceededException", 400, 503),
    ("TransactWriteItems", "InternalServerError", 500, 503),
    ("TransactWriteItems", "ValidationException", 400, 500),
    ("TransactWriteItems", "SerializationException", 400, 500),
    ("TransactWriteItems", "IdempotentParameterMismatchException", 400, 500),
    ("TransactWriteItems", "TransactionCanceledException", 400, 500),
]


@pytest.fixture
def written(emitted: Emitted, caplog: pytest.LogCaptureFixture) -> Iterator[Written]:
    """Give a function that reads all that was logged and measured, with every logger at DEBUG."""
    # As Lambda does for `ApplicationLogLevel: DEBUG`, to the root logger, and POWERTOOLS_LOG_LEVEL to ours.
    caplog.set_level(logging.DEBUG)
    level = logger.log_level
    logger.setLevel(logging.DEBUG)
    yield lambda: json.dumps(emitted()) + caplog.text
    logger.setLevel(level)


@pytest.fixture
def database(seeded_table: str) -> Table:
    """The test's table, seen by a function that gives up soon."""
    return Table(seeded_table, timeout_seconds=1)


@pytest.mark.parametrize("path", REQUESTS)
def test_no_request_leaves_what_was_sent(database: Table, written: Written, path: str) -> None:
    status, requests = REQUESTS[path]
    handler = _handler(database, per_minute=2)

    answers = [handler(_event(**request), Context()) for request in requests]

    assert answers[-1]["statusCode"] == status
    _refuse_canaries(written(), answers)


@pytest.mark.parametrize(("operation", "code", "http_status", "status"), FAULTS)
def test_no_fault_of_the_database_leaves_what_was_sent(
    database: Table,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    code: str,
    http_status: int,
    status: int,
) -> None:
    waits: list[float] = []
    # Its time passes by waiting alone, and at once.
    clock = SimpleNamespace(monotonic=lambda: sum(waits), sleep=waits.append)
    monkeypatch.setattr("support.deadlines.time", clock)
    handler = _handler(database)
    if operation != "GetItem":
        handler(_event(raw="{}"), Context())  # the key is known now
    _break(database, operation, code, http_status)

    response = handler(_event(), Context(remaining_ms=900))

    assert response["statusCode"] == status
    _refuse_canaries(text := written(), [response])
    assert (code if status == 503 else "InvalidRequest") in text


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_no_fault_of_the_counter_leaves_what_was_sent(database: Table, written: Written, code: str) -> None:
    handler = _handler(database, per_minute=9)
    _break(database, "UpdateItem", code)

    response = handler(_event(headers=public()), Context())

    assert response["statusCode"] == 200
    _refuse_canaries(text := written(), [response])
    assert "RateLimitFailed" in text


def test_no_defect_leaves_what_was_sent(database: Table, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        error = RuntimeError(f"canary {PRIVATE_KEY}")
        error.add_note("canary")
        raise error from KeyError("canary")

    monkeypatch.setattr("api.routes.conversations.open_conversation", fail)
    handler = _handler(database)

    response = handler(_event(), Context())

    assert response["statusCode"] == 500
    _refuse_canaries(text := written(), [response])
    assert "RuntimeError" in text


# The operators' function --------------------------------------------------------------------------------------------


def test_the_operators_function_logs_no_key(database: Table, written: Written) -> None:
    handler = _operators_handler(database)

    def call(action: str, **fields: object) -> dict[str, Any]:
        response: dict[str, Any] = handler({"action": action, "actor": "operator", **fields}, Context())
        return response

    issued = call("issue_key", websiteId=WEBSITE, type="private", mode="live", name="canary")
    rotated = call("rotate_key", keyId=issued["key"]["id"])
    secrets = [issued["secret"], rotated["secret"]]
    described = [call("describe_key", key=secret) for secret in secrets]
    revoked = call("revoke_key", key=secrets[1])
    identity = call("rotate_identity_secret", websiteId=WEBSITE, mode="live")
    shown = call("get_website", websiteId=WEBSITE)
    secrets += [identity["secret"], LIVE_IDENTITY_SECRET]

    assert all("error" not in response for response in [*described, revoked, shown])
    text = written()
    assert "audit" in text
    assert not [secret for secret in secrets if secret[8:] in text or hash_secret(secret) in text]
    assert "canary" not in text.lower()


@pytest.mark.parametrize(
    "event",
    [
        {"action": "canary"},
        {"action": "describe_key", "key": "canary"},
        {"action": "describe_key", "key": UNKNOWN_KEY},
        {"action": "describe_key", "keyId": "canary"},
        {"action": "create_website", "name": ["canary"], "organizationId": "#canary", "allowedOrigins": ["canary/"]},
        {"action": "get_conversation", "websiteId": WEBSITE, "mode": "test", "conversationId": "canary"},
        {"action": "get_conversation", "websiteId": WEBSITE, "mode": "canary", "conversationId": "#canary"},
    ],
)  # fmt: skip
def test_operators_are_refused_without_an_echo(database: Table, written: Written, event: dict[str, Any]) -> None:
    response = _operators_handler(database)(event, Context())

    assert "error" in response
    text = written() + json.dumps(response)
    assert "canary" not in text.lower()
    assert UNKNOWN_KEY[8:] not in text


def test_the_operators_function_tells_no_fault_s_message(database: Table, written: Written) -> None:
    _break(database, "GetItem", "ValidationException")

    response = _operators_handler(database)({"action": "get_website", "websiteId": WEBSITE}, Context())

    assert response["error"]["code"] == "INTERNAL_ERROR"
    text = written()
    assert "canary" not in (text + json.dumps(response)).lower()
    assert "InvalidRequest" in text


# The line -----------------------------------------------------------------------------------------------------------


def test_the_line_tells_the_capacity_and_the_time_of_the_database(database: Table, emitted: Emitted) -> None:
    handler = _handler(database)
    for _ in range(2):
        handler(_event(), Context())

    created, replayed = (line for line in emitted() if line.get("message") == "request")
    assert (created["database_calls"], replayed["database_calls"]) == (2, 1)
    # The read of the key, and what was written; DynamoDB Local counts only half of a transaction.
    assert created["capacity_units"] > 1
    assert 0 < created["milliseconds"]["database"] < created["milliseconds"]["total"]


def test_what_the_database_refuses_can_be_traced_to_its_request(database: Table, emitted: Emitted) -> None:
    handler = _handler(database)
    _break(database, "GetItem", "AccessDeniedException")

    handler(_event(request_id="request-1"), Context())

    [refused, line] = [line for line in emitted() if "_aws" not in line]
    assert (refused["level"], refused["database_error"]) == ("ERROR", "AccessDeniedException")
    assert refused["request_id"] == line["request_id"] == "request-1"


def _handler(table: Table, per_minute: int = 0) -> Any:
    return create_handler(table, KeyRing(table, 60), a_limiter(table, per_minute), SETTINGS)


def _operators_handler(table: Table) -> Any:
    return create_operators_handler(Operations(table))


def _event(body: Any = BODY, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    return an_event(body, {**HEADERS, **(private() if headers is None else headers)}, **fields)


def _break(table: Table, operation: str, code: str, http_status: int = 400) -> None:
    """Let an operation fail; what DynamoDB says of it quotes values."""
    message = f"canary {PRIVATE_KEY}"
    reason = {"Code": "ValidationError", "Message": message, "Item": {"canary": {"S": message}}}
    members = {"__type": code, "Message": message, "Item": message, "CancellationReasons": [reason]}

    def fail() -> None:
        raise ErrorResponse(http_status, members)

    before(table, operation, fail)


def _refuse_canaries(text: str, answers: list[dict[str, Any]]) -> None:
    errors = [response["body"] + str(response["headers"]) for response in answers if response["statusCode"] != 200]
    text = " ".join([text, *errors])
    assert "canary" not in text.lower()
    for key in [PRIVATE_KEY, REVOKED_KEY, EXPIRED_KEY, UNKNOWN_KEY, PUBLIC_KEY]:
        assert key[8:] not in text
        assert hash_secret(key) not in text
