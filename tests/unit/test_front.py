"""Which requests came through the front, and what becomes of the others."""

import importlib.util
import json
from typing import Any, NoReturn

import pytest
from api.app import create_handler
from support.front import HEADER, Front
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from local.template import latest
from tests import demo
from tests.builders import SETTINGS, UNKNOWN_KEY, Context, a_body, an_event, private
from tests.client import Emitted
from tests.fakes import FakeTable, nobody_is_connected
from tests.live import BROWSER, Live, a_handshake

SECRET, NEXT = "secret-of-the-front", "another-one"
SENT = {HEADER: SECRET}


class Unreadable(FakeTable):
    """A table of which nothing may be read."""

    def get(self, *_: object) -> NoReturn:
        raise AssertionError("a key was looked for")


def handler_over(table: FakeTable, front: Front | None) -> Any:
    limiter = RateLimiter(table, 0)
    return create_handler(table, KeyRing(table, 60), limiter, SETTINGS, nobody_is_connected, front)


# The comparison -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "accepted"),
    [
        ({"FRONT_SECRET": SECRET}, {SECRET}),
        ({"FRONT_SECRET": SECRET, "NEXT_FRONT_SECRET": ""}, {SECRET}),
        ({"FRONT_SECRET": SECRET, "NEXT_FRONT_SECRET": NEXT}, {SECRET, NEXT}),
        ({"FRONT_SECRET": "", "NEXT_FRONT_SECRET": NEXT}, {NEXT}),
    ],
)
def test_the_secrets_of_the_environment_are_accepted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], accepted: set[str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    front = Front.from_environment()
    assert front is not None
    assert {value for value in ("", SECRET, NEXT, "other") if front.sent({HEADER: value})} == accepted


def test_without_secrets_there_is_no_front(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Front.from_environment() is None
    monkeypatch.setenv("FRONT_SECRET", "")
    monkeypatch.setenv("NEXT_FRONT_SECRET", "")
    assert Front.from_environment() is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="missing"),
        pytest.param({HEADER: ""}, id="empty"),
        pytest.param({HEADER: SECRET[:-1]}, id="shorter"),
        pytest.param({HEADER: SECRET + "x"}, id="longer"),
        pytest.param({HEADER: SECRET.upper()}, id="another case"),
        pytest.param({HEADER: f"{SECRET},{SECRET}"}, id="sent twice"),
        pytest.param({HEADER: f"x,{SECRET}"}, id="sent before the front's"),
        pytest.param({HEADER: "geheimnisträger-ü"}, id="not ASCII"),
        pytest.param({HEADER: "\udcff\ud800"}, id="no text"),
        pytest.param({"authorization": SECRET}, id="another header"),
    ],
)
def test_all_else_did_not_come_through_it(headers: dict[str, str]) -> None:
    assert not Front([SECRET, NEXT]).sent(headers)


# The HTTP API ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_event(a_body()), id="with a key"),
        pytest.param(an_event(a_body(), private() | {HEADER: "wrong"}), id="with another secret"),
        pytest.param(an_event(a_body(), {}), id="without a key"),
        pytest.param(an_event(raw="{"), id="with a body that is not JSON"),
        pytest.param({**an_event(a_body()), "rawPath": "/"}, id="to no route"),
        pytest.param({}, id="that is none"),
    ],
)
def test_what_goes_round_the_front_is_forbidden_before_its_key_is_looked_for(event: dict[str, Any]) -> None:
    response = handler_over(Unreadable(), Front([SECRET]))(event, Context())

    # As the gateway's own, which has neither a code nor a request's id.
    assert response == {
        "statusCode": 403,
        "headers": {"Content-Type": "application/json"},
        "body": '{"message":"Forbidden"}',
    }


def test_it_is_logged_and_counted_apart_from_guessed_keys_without_the_header(emitted: Emitted) -> None:
    event = an_event(a_body(), private(UNKNOWN_KEY) | {HEADER: "wrong-secret"})
    handler_over(FakeTable(demo.items()), Front([SECRET]))(event, Context())

    lines = emitted()
    [line] = [line for line in lines if line.get("message") == "request"]
    assert (line["code"], line["status"], line["route"]) == ("FRONT_REQUIRED", 403, "POST /v1/conversations")
    assert line["request_id"] == event["requestContext"]["requestId"]
    [metrics] = [line for line in lines if "_aws" in line]
    assert {name for name in metrics if name.startswith("Refused")} == {"Refused.FRONT_REQUIRED"}
    assert "secret" not in json.dumps(lines)


@pytest.mark.parametrize("front", [None, Front([SECRET]), Front([NEXT, SECRET])], ids=["none", "one", "two secrets"])
def test_what_comes_through_it_is_served(front: Front | None) -> None:
    handler = handler_over(FakeTable(demo.items()), front)

    assert handler(an_event(a_body(), private() | SENT), Context())["statusCode"] == 200
    assert handler(an_event(a_body(), private(UNKNOWN_KEY) | SENT), Context())["statusCode"] == 401


def test_the_documentation_is_behind_it_too(monkeypatch: pytest.MonkeyPatch, emitted: Emitted) -> None:
    monkeypatch.setenv("FRONT_SECRET", SECRET)
    monkeypatch.setattr("openapi.document.build", dict)  # takes seconds
    spec = importlib.util.find_spec("openapi.handler")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def status(headers: dict[str, str]) -> int:
        event = {**an_event(headers=headers), "rawPath": "/v1/openapi.json"}
        event["requestContext"]["http"]["method"] = "GET"
        return int(module.handler(event, Context())["statusCode"])

    assert status(SENT) == 200
    emitted()
    assert status({}) == 403
    assert [line["code"] for line in emitted()] == ["FRONT_REQUIRED"]


# The WebSocket API ----------------------------------------------------------------------------------------------------


def test_a_handshake_that_goes_round_it_is_forbidden_before_its_key_is_looked_for(emitted: Emitted) -> None:
    live = Live(Unreadable(), front=Front([SECRET]))

    assert live.connect() == 403
    assert live.records() == []
    assert [line["code"] for line in emitted() if line.get("message") == "socket"] == ["FRONT_REQUIRED"]


def test_a_handshake_that_comes_through_it_connects() -> None:
    live = Live(FakeTable(demo.items()), front=Front([SECRET]))

    assert live.connect(headers=BROWSER | {"X-Origin-Verify": SECRET}) == 200


# As deployed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "event"),
    [("ConversationsFunction", an_event(a_body())), ("SocketsFunction", a_handshake())],
)
def test_the_function_takes_its_front_from_its_environment(
    monkeypatch: pytest.MonkeyPatch, function: str, event: dict[str, Any]
) -> None:
    deployed = latest().function(function)
    for name, value in {**deployed.environment, "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "f"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("FRONT_SECRET", SECRET)

    handler = importlib.import_module(deployed.handler.rpartition(".")[0])._create()
    assert handler(event, Context())["statusCode"] == 403
