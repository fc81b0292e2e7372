"""What the functions behind the HTTP API make of what invokes them: other paths, other gateways, no HTTP at all."""

import copy
import json
from typing import Any

import openapi.handler
import pytest
from api.app import create_handler
from hypothesis import given
from hypothesis import strategies as st
from support.errors import Code, Refusal
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from tests import demo
from tests.builders import ORIGIN, PUBLIC_KEY, SETTINGS, UNKNOWN_KEY, Context, a_body, an_event, private, public
from tests.client import Emitted
from tests.fakes import FakeTable

Event = dict[str, Any]

#: A route of each function.
ROUTES = {"conversations": ("POST", "/v1/conversations"), "openapi": ("GET", "/v1/openapi.json")}

#: Called with events of any form.
openapi_handler: Any = openapi.handler.handler


def handler_of(function: str) -> Any:
    if function == "openapi":
        return openapi_handler
    table = FakeTable(demo.items())
    limiter = RateLimiter(table, 1_000_000, trusted_proxies=["0.0.0.0/0", "::/0"])
    return create_handler(table, KeyRing(table, 60), limiter, SETTINGS)


def event_of(function: str, method: str = "", path: str = "", stage: str = "$default") -> Event:
    """Build a widget's request to the route of a function, or to another method and path."""
    own_method, own_path = ROUTES[function]
    event = an_event(a_body(), public())
    event["rawPath"] = event["requestContext"]["http"]["path"] = path or own_path
    event["requestContext"]["http"]["method"] = method or own_method
    event["routeKey"] = event["requestContext"]["routeKey"] = f"{own_method} {own_path}"
    event["requestContext"]["stage"] = stage
    return event


@pytest.fixture(params=ROUTES)
def function(request: pytest.FixtureRequest) -> str:
    """Each function that has routes."""
    name: str = request.param
    return name


# What is none of the routes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/v1/conversations/"), ("GET", "/v1/openapi.json/"), ("GET", "/v1/docs/")),
        *(("POST", "/v1/conversations\n"), ("GET", "/v1/conversations/1\n"), ("GET", "/v1/docs\n")),
        *(("PUT", ""), ("OPTIONS", ""), ("HEAD", "/v1/docs"), ("post ", ""), ("", "/")),
        *(("POST", "/v1"), ("POST", "/v1/conversations/1"), ("POST", "/v2/conversations"), ("GET", "/V1/docs")),
        *(("POST", "//v1/conversations"), ("POST", "/a/b/v1/conversations"), ("GET", "/a/b/v1/openapi.json")),
        *(("POST", "v1/conversations"), ("GET", "/\N{BULLET}"), ("GET", "/" + "x" * 8000)),
    ],
)
def test_what_is_no_route_is_a_404_and_no_defect(function: str, emitted: Emitted, method: str, path: str) -> None:
    response = handler_of(function)(event_of(function, method, path), Context())

    body = json.loads(response["body"])
    assert response["statusCode"] == 404
    assert body == {
        "error": body["message"],
        "message": body["message"],
        "code": "HTTP_404",
        "requestId": "JKJaXmPLvHcESHA=",
    }
    assert response["headers"] == {"Content-Type": "application/json", "Cache-Control": "no-store"}
    [line] = _lines(emitted())
    assert (line["level"], line["message"], line["status"]) == ("INFO", "request", 404)
    assert line["request_id"] == "JKJaXmPLvHcESHA="


#: What Lambda's own and other services send, and what people send by hand.
NO_REQUESTS: list[object] = [
    {"source": "serverless-plugin-warmup"},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": ["canary"], "id": "canary"},
    {"Records": [{"eventSource": "aws:sqs", "body": "canary"}]},
    {"rawPath": "/v1/conversations", "headers": {"canary": "canary"}},
    {"rawPath": "/v1/conversations", "requestContext": {"http": None}},
    {"rawPath": ["/v1/conversations"], "requestContext": {"http": {"method": "POST"}}},
    {"rawPath": "/v1/conversations", "requestContext": {"http": {"method": 1}}},
    # Payload format 1.0, and a load balancer's.
    {"version": "1.0", "path": "/v1/conversations", "httpMethod": "POST", "requestContext": {"stage": "canary"}},
    {"path": "/v1/conversations", "httpMethod": "POST", "requestContext": {"elb": {}}, "headers": {"x": "canary"}},
    # A WebSocket's.
    {"requestContext": {"routeKey": "$connect", "connectionId": "canary"}, "body": "canary"},
    *({}, [], [{"canary": "canary"}], None, "canary", 1, True),
]


@pytest.mark.parametrize("event", NO_REQUESTS)
def test_what_is_no_request_gets_an_answer_and_one_line(function: str, emitted: Emitted, event: object) -> None:
    response = handler_of(function)(event, Context())

    assert (response["statusCode"], json.loads(response["body"])["code"]) == (404, "HTTP_404")
    lines = emitted()
    [line] = _lines(lines)
    assert (line["level"], line["message"], line["route"]) == ("INFO", "request", "none")
    assert line["request_id"] == line["function_request_id"] == Context().aws_request_id
    assert "canary" not in str(lines)


def test_a_warm_environment_serves_as_any(function: str) -> None:
    handler = handler_of(function)
    handler({"source": "serverless-plugin-warmup"}, Context())

    assert handler(event_of(function), Context())["statusCode"] == 200


# What other gateways send -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base_path", ["/help", "/support", "/prod", "/v1", "/%20"])
@pytest.mark.parametrize("stage", ["$default", "prod", ""])
def test_a_route_is_found_behind_any_base_path(function: str, base_path: str, stage: str) -> None:
    event = event_of(function, path=base_path + ROUTES[function][1], stage=stage)

    assert handler_of(function)(event, Context())["statusCode"] == 200


LEAVES = [
    *(("version",), ("routeKey",), ("rawQueryString",), ("isBase64Encoded",), ("cookies",), ("pathParameters",)),
    *(("requestContext", name) for name in ("accountId", "requestId", "routeKey", "stage", "timeEpoch")),
    *(("requestContext", "http", name) for name in ("path", "protocol", "sourceIp", "userAgent")),
]


def _changed(event: Event, place: tuple[str, ...], value: object) -> Event:
    """Return a copy with another value at a place, or with nothing there for `...`."""
    event = copy.deepcopy(event)
    folder = event
    for name in place[:-1]:
        if not isinstance(folder.get(name), dict):
            return event
        folder = folder[name]
    folder.pop(place[-1], None)
    if value is not ...:
        folder[place[-1]] = value
    return event


@pytest.mark.parametrize("place", LEAVES, ids=".".join)
@pytest.mark.parametrize("value", [..., None, 1, [], {}])
def test_what_a_gateway_leaves_out_is_done_without(function: str, place: tuple[str, ...], value: object) -> None:
    event = _changed(event_of(function), place, value)

    assert handler_of(function)(event, Context())["statusCode"] == 200


@pytest.mark.parametrize("headers", [..., None, [], "x", {}, {"x-public-key": None, "origin": 1}])
def test_without_headers_there_is_no_key(headers: object) -> None:
    response = handler_of("conversations")(_changed(event_of("conversations"), ("headers",), headers), Context())

    assert json.loads(response["body"])["code"] == "API_KEY_MISSING"


@pytest.mark.parametrize("body", [..., None, "", {}, [], 1])
def test_without_a_text_there_is_no_body(body: object) -> None:
    response = handler_of("conversations")(_changed(event_of("conversations"), ("body",), body), Context())

    # Which says nothing, not even whose conversation it is.
    assert json.loads(response["body"])["code"] == "VISITOR_ID_REQUIRED"


def test_without_an_id_a_request_has_the_function_s(function: str, emitted: Emitted) -> None:
    event = _changed(event_of(function, path="/"), ("requestContext", "requestId"), ...)

    response = handler_of(function)(event, Context())

    assert json.loads(response["body"])["requestId"] == Context().aws_request_id
    assert _lines(emitted())[0]["request_id"] == Context().aws_request_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([ORIGIN, PUBLIC_KEY, "::1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    *LEAVES,
    *((name,) for name in ("rawPath", "headers", "requestContext", "body")),
    *(("headers", name) for name in ("authorization", "origin", "x-public-key", "content-type", "accept-encoding")),
    *(("headers", name) for name in ("idempotency-key", "x-visitor-id", "x-forwarded-for", "traceparent")),
    *(("requestContext", "http"), ("requestContext", "http", "method")),
]
CONVERSATIONS = handler_of("conversations")


@given(st.sampled_from([*ROUTES]), st.lists(st.tuples(st.sampled_from(PLACES), st.just(...) | JSON), max_size=4))
def test_no_event_is_a_defect(function: str, changes: list[tuple[tuple[str, ...], object]]) -> None:
    event = event_of(function)
    for place, value in changes:
        event = _changed(event, place, value)

    response = (openapi_handler if function == "openapi" else CONVERSATIONS)(event, Context())

    assert response["statusCode"] < 500


@given(JSON)
def test_nothing_that_is_json_is_a_defect(event: object) -> None:
    assert openapi_handler(event, Context())["statusCode"] == CONVERSATIONS(event, Context())["statusCode"] == 404


# What may be kept ---------------------------------------------------------------------------------------------------


def test_no_answer_about_conversations_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    call = handler_of("conversations")
    conversation = a_body(conversationId="c")

    def outcomes(*events: Event) -> list[int]:
        responses = [call(event, Context()) for event in events]
        assert {response["headers"]["Cache-Control"] for response in responses} == {"no-store"}
        return [response["statusCode"] for response in responses]

    assert outcomes(an_event(conversation), an_event(conversation)) == [200, 200]
    assert outcomes(an_event({}), an_event({}, {}), an_event({}, private(UNKNOWN_KEY))) == [400, 401, 401]
    assert outcomes(an_event({}, public(origin="null")), event_of("conversations", path="/")) == [403, 404]
    for error, status in {Refusal(Code.UNAVAILABLE, "", retry_after=1): 503, RuntimeError(): 500}.items():

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr("api.routes.conversations.open_conversation", fail)
        assert outcomes(an_event(conversation)) == [status]


@pytest.mark.parametrize("path", ["/v1/openapi.json", "/v1/docs"])
def test_the_document_and_its_page_may(path: str) -> None:
    response = openapi_handler(event_of("openapi", path=path), Context())

    assert response["statusCode"] == 200
    assert "Cache-Control" not in response["headers"]


def test_each_request_for_them_leaves_one_line(emitted: Emitted) -> None:
    openapi_handler(event_of("openapi"), Context())

    [line] = emitted()
    assert {name: line[name] for name in line.keys() - {"timestamp", "location", "service"}} == {
        "level": "INFO",
        "message": "request",
        "request_id": "JKJaXmPLvHcESHA=",
        "function_request_id": Context().aws_request_id,
        "route": "GET /v1/openapi.json",
        "status": 200,
    }


def _lines(emitted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in emitted if "_aws" not in line]
