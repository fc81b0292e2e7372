"""The check before new versions get traffic, against the functions' own handlers."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from api.app import create_handler
from release_check import handler as release_check
from support.front import HEADER
from support.store.api_keys import KeyRing

from tests.builders import LIVE_PRIVATE_KEY, LIVE_PUBLIC_KEY, PRIVATE_KEY, SETTINGS, Context
from tests.client import a_limiter
from tests.fakes import FakeTable, nobody_is_connected
from tests.live import Live

VERSION = "arn:aws:lambda:us-east-1:123456789012:function:conversations:7"
SOCKETS_VERSION = "arn:aws:lambda:us-east-1:123456789012:function:sockets:7"
HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}


class NewVersions:
    """Lambda, SSM and CodeDeploy, as far as the check sees them."""

    class exceptions:  # noqa: N801 (boto3's name)
        class ParameterNotFound(Exception):
            pass

    def __init__(self, table: FakeTable, key: str | None = PRIVATE_KEY) -> None:
        keys = KeyRing(table, 60)
        self.live = Live(table)
        self.functions: dict[str, Callable[..., Any]] = {
            VERSION: create_handler(table, keys, a_limiter(table, 0), SETTINGS, nobody_is_connected),
            SOCKETS_VERSION: self.live.handler,
        }
        self.key = key
        self.reported: dict[str, str] = {}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        result = self.functions[FunctionName](json.loads(Payload), Context())
        error = {"FunctionError": "Unhandled"} if "errorType" in result else {}
        return {"Payload": io.BytesIO(json.dumps(result).encode()), **error}

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        assert (Name, WithDecryption) == ("/conversations-prod/check-key", True)
        if self.key is None:
            raise self.exceptions.ParameterNotFound
        return {"Parameter": {"Value": self.key}}

    def put_lifecycle_event_hook_execution_status(self, **reported: str) -> None:
        self.reported = reported


@pytest.fixture
def versions(fake_table: FakeTable) -> NewVersions:
    """New versions that work."""
    return NewVersions(fake_table)


Check = Callable[..., str]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run the hook for new versions and return what CodeDeploy is told."""
    monkeypatch.setenv("NEW_VERSION", VERSION)
    monkeypatch.setenv("NEW_SOCKETS_VERSION", SOCKETS_VERSION)
    monkeypatch.setenv("KEY_PARAMETER", "/conversations-prod/check-key")

    def run(versions: NewVersions, remaining_ms: int = 180_000) -> str:
        for name in ("_lambda", "_ssm", "_codedeploy"):
            monkeypatch.setattr(release_check, name, versions)
        release_check.handler(HOOK, Context(remaining_ms))
        assert versions.reported == {
            "deploymentId": "d-1",
            "lifecycleEventHookExecutionId": "e-1",
            "status": versions.reported["status"],
        }
        return versions.reported["status"]

    return run


def test_versions_that_work_get_traffic_as_often_as_they_are_checked(
    check: Check, versions: NewVersions, fake_table: FakeTable
) -> None:
    assert [check(versions), check(versions)] == ["Succeeded", "Succeeded"]

    assert len([item for item in fake_table.conversation_items() if item["SK"] == "CONVERSATION"]) == 2


def test_no_connection_is_left_behind(check: Check, versions: NewVersions) -> None:
    check(versions)
    assert versions.live.waiting  # so there was one
    assert versions.live.records() == []

    works = versions.functions[SOCKETS_VERSION]
    versions.functions[SOCKETS_VERSION] = lambda event, context: (
        {"errorType": "canary"} if "body" in event else works(event, context)
    )
    assert check(versions) == "Failed"
    assert versions.live.records() == []


def test_the_check_comes_as_through_the_front(
    check: Check, versions: NewVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: set[str | None] = set()
    for version, handler in versions.functions.items():

        def record(event: dict[str, Any], context: Any, handler: Any = handler) -> Any:
            if "headers" in event:
                sent.add(event["headers"].get(HEADER))
            elif "multiValueHeaders" in event:
                sent.update(event["multiValueHeaders"].get(HEADER, [None]))
            return handler(event, context)

        versions.functions[version] = record

    assert check(versions) == "Succeeded"
    assert sent == {None}
    sent.clear()
    monkeypatch.setenv("FRONT_SECRET", "secret-of-the-front")
    assert check(versions) == "Succeeded"
    assert sent == {"secret-of-the-front"}


@pytest.mark.parametrize("version", [VERSION, SOCKETS_VERSION])
@pytest.mark.parametrize(
    "result",
    [
        pytest.param({"errorType": "Runtime.ImportModuleError"}, id="does not start"),
        pytest.param({"statusCode": 503, "headers": {}, "body": '{"code": "UNAVAILABLE"}'}, id="reaches no table"),
        pytest.param({"statusCode": 200, "headers": {}, "body": "{}"}, id="does nothing"),
        pytest.param({}, id="answers nonsense"),
    ],
)
def test_any_other_gets_none(check: Check, versions: NewVersions, version: str, result: dict[str, Any]) -> None:
    versions.functions[version] = lambda *_: result

    assert check(versions) == "Failed"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "key: there is no key: put a private test key into the SSM parameter /conversations-prod/check-key"),
        (LIVE_PUBLIC_KEY, "key: the key is not a private test key"),
        # What it would write may be kept for ever.
        (LIVE_PRIVATE_KEY, "key: the key is not a private test key"),
        (PRIVATE_KEY[:-1], "connect: the response was 401"),
    ],
    ids=["missing", "public", "live", "invalid"],
)
def test_without_its_key_nothing_is_released_and_the_log_says_why(
    check: Check, fake_table: FakeTable, caplog: pytest.LogCaptureFixture, key: str | None, said: str
) -> None:
    assert check(NewVersions(fake_table, key)) == "Failed"

    assert said in caplog.text
    assert key is None or key not in caplog.text
    assert fake_table.conversation_items() == []


def test_codedeploy_is_told_in_time(check: Check, versions: NewVersions, caplog: pytest.LogCaptureFixture) -> None:
    assert check(versions, remaining_ms=74_000) == "Failed"

    assert "it takes too long" in caplog.text
