"""The check before a new version gets traffic, against the API's own handler."""

import io
import json
from typing import Any

import pytest
from release_check import handler as release_check
from support.front import HEADER

from tests.builders import LIVE_PUBLIC_KEY, PRIVATE_KEY
from tests.client import Api
from tests.fakes import FakeTable

VERSION = "arn:aws:lambda:us-east-1:123456789012:function:conversations:7"
HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}


class NewVersion:
    """Lambda, SSM and CodeDeploy, as far as the check sees them; the version answers with `answers`."""

    class exceptions:  # noqa: N801 (boto3's name)
        class ParameterNotFound(Exception):
            pass

    def __init__(self, response: Any, key: str | None = PRIVATE_KEY) -> None:
        self.response = response
        self.key = key
        self.reported: dict[str, str] = {}

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == VERSION
        result = self.response(json.loads(Payload))
        error = {"FunctionError": "Unhandled"} if "errorType" in result else {}
        return {"Payload": io.BytesIO(json.dumps(result).encode()), **error}

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803
        assert (Name, WithDecryption) == ("/conversations-prod/release-check-key", True)
        if self.key is None:
            raise self.exceptions.ParameterNotFound
        return {"Parameter": {"Value": self.key}}

    def put_lifecycle_event_hook_execution_status(self, **reported: str) -> None:
        self.reported = reported


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the hook for a new version and return what CodeDeploy is told."""
    monkeypatch.setenv("NEW_VERSION", VERSION)
    monkeypatch.setenv("KEY_PARAMETER", "/conversations-prod/release-check-key")

    def run(version: NewVersion) -> str:
        for name in ("_lambda", "_ssm", "_codedeploy"):
            monkeypatch.setattr(release_check, name, version)
        release_check.handler(HOOK, None)
        assert version.reported == {
            "deploymentId": "d-1",
            "lifecycleEventHookExecutionId": "e-1",
            "status": version.reported["status"],
        }
        return version.reported["status"]

    return run


def through(api: Api) -> Any:
    """Answer as the API's handler does."""

    def response(event: dict[str, Any]) -> dict[str, Any]:
        found = api(event=event)
        headers = {"-".join(word.title() for word in name.split("-")): value for name, value in found.headers.items()}
        return {"statusCode": found.status, "headers": headers, "body": json.dumps(found.body)}

    return response


def test_a_version_that_creates_and_replays_gets_traffic(check: Any, api: Api, fake_table: FakeTable) -> None:
    assert check(NewVersion(through(api))) == "Succeeded"

    created = fake_table.conversation_items()
    assert {item["SK"] for item in created} == {"CONVERSATION", "ITEM#hello"}
    assert all("#test#" in str(item["PK"]) for item in created)


def test_the_check_comes_as_through_the_front(check: Any, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []

    def response(event: dict[str, Any]) -> Any:
        sent.append(event["headers"].get(HEADER))
        return through(api)(event)

    for secret in ("", "secret-of-the-front"):
        monkeypatch.setenv("FRONT_SECRET", secret)
        assert check(NewVersion(response)) == "Succeeded"
    assert sent == [None, None, "secret-of-the-front", "secret-of-the-front"]


def test_each_check_opens_a_conversation_of_its_own(check: Any, api: Api, fake_table: FakeTable) -> None:
    assert check(NewVersion(through(api))) == check(NewVersion(through(api))) == "Succeeded"
    assert len(fake_table.conversation_items()) == 4


@pytest.mark.parametrize(
    "result",
    [
        pytest.param({"errorType": "Runtime.ImportModuleError"}, id="does not start"),
        pytest.param({"statusCode": 503, "headers": {}, "body": '{"code": "UNAVAILABLE"}'}, id="reaches no table"),
        pytest.param({"statusCode": 200, "headers": {}, "body": "{}"}, id="does not replay"),
        pytest.param(
            {"statusCode": 200, "headers": {"Idempotent-Replayed": "true"}, "body": "{}"}, id="writes nothing"
        ),
        pytest.param({}, id="answers nonsense"),
    ],
)
def test_any_other_gets_none(check: Any, result: dict[str, Any]) -> None:
    assert check(NewVersion(lambda _: result)) == "Failed"


def test_a_replay_that_differs_gets_none(check: Any) -> None:
    responses = [
        {"statusCode": 200, "headers": {}, "body": '{"n": 1}'},
        {"statusCode": 200, "headers": {"Idempotent-Replayed": "true"}, "body": '{"n": 2}'},
    ]

    assert check(NewVersion(lambda _: responses.pop(0))) == "Failed"


def test_a_key_that_is_refused_or_missing_stops_the_release(check: Any, api: Api) -> None:
    assert check(NewVersion(through(api), key=LIVE_PUBLIC_KEY)) == "Failed"
    assert check(NewVersion(through(api), key=None)) == "Failed"


def test_the_key_is_in_no_log(check: Any, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    check(NewVersion(through(api), key=PRIVATE_KEY[:-1]))

    assert "INVALID_API_KEY" in caplog.text
    assert PRIVATE_KEY[:-1] not in caplog.text
