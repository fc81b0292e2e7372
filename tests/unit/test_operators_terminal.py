"""`make operate`: from make's command line to an event, and from an answer to a terminal."""

import getpass
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from api_keys.models import ACTIONS

from local import operate
from local.operate import command_line_variables, main, show, to_event, usage

SECRET = "sk_live_" + "ab" * 32


@pytest.mark.parametrize(
    "words",
    [
        ["ACTION=get_website", "websiteId=x"],
        ["name=two  words", "a=1"],
        ['name=Bob\'s "shop"; echo `id` $$HOME | cat > x', "b=*"],
        ["name=back\\slash \\ and = sign"],
        ["name=münchen 📦"],
        ["name=a -- b=c"],
        ["empty="],
    ],
)
def test_what_is_given_to_make_arrives_as_it_was_written(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@printenv MAKEFLAGS\n")

    flags = subprocess.run(
        ["make", "--silent", "-k", *words], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.rstrip("\n")

    assert sorted(command_line_variables(flags)) == sorted(words)


@pytest.mark.parametrize("flags", ["", "s", "-k", "w --no-print-directory"])
def test_no_variable_is_no_word(flags: str) -> None:
    assert command_line_variables(flags) == []


def test_values_become_what_the_actions_model_wants() -> None:
    update = to_event(
        "update_allowed_origins",
        {"websiteId": "12", "replace": "a.com, https://b.com", "version": "3", "add": "", "actor": "jane"},
    )
    delete = to_event("delete_website", {"websiteId": "12", "force": "true"})
    issue = to_event("issue_key", {"name": "5", "expiresAt": "2036-01-01T00:00:00Z"})

    assert update == {
        "action": "update_allowed_origins",
        "actor": "jane",
        "websiteId": "12",
        "replace": ["a.com", "https://b.com"],
        "version": 3,
        "add": [],
    }
    assert delete["force"] is True
    assert (issue["name"], issue["expiresAt"]) == ("5", "2036-01-01T00:00:00Z")


def test_what_makes_no_sense_is_left_for_the_function_to_refuse() -> None:
    event = to_event("list_keys", {"limit": "many", "typo": "1"})

    assert (event["limit"], event["typo"]) == ("many", "1")
    assert to_event("nonsense", {"limit": "5"})["limit"] == "5"


def test_the_local_user_is_the_actor() -> None:
    assert to_event("list_websites", {})["actor"] == getpass.getuser()


def test_the_usage_lists_every_action_with_its_fields() -> None:
    text = usage()

    assert all(f"  {action}  " in text for action in ACTIONS)
    assert "websiteId type=private|public mode=live|test name [expiresAt]" in text


def test_a_record_and_a_list_are_aligned() -> None:
    text = show(
        {
            "website": {"id": "W1", "allowedOrigins": ["https://a.com", "https://b.com"], "deletedAt": None},
            "keys": [{"id": "K1", "name": "x", "revokedAt": None}, {"id": "K22", "name": "yy", "revokedAt": None}],
            "warnings": ["careful"],
            "nextCursor": None,
        }
    )

    assert text == (
        "website\n  id              W1\n  allowedOrigins  https://a.com, https://b.com\n  deletedAt       -\n\n"
        "keys\nid   name\nK1   x\nK22  yy\n\n"
        "warnings: careful"
    )


def test_a_list_with_nothing_in_it_says_so() -> None:
    assert show({"keys": [], "nextCursor": None}) == "keys: none"


def test_what_a_terminal_would_obey_is_shown_and_not_sent() -> None:
    text = show({"timelineItems": [{"id": "1", "text": "\x1b[2J\u202eevil\r\n"}]})

    assert text.splitlines()[2] == r"1   \x1b[2J\u202eevil\r\n"


# Invoking -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """Let the local function give an answer, and return the events that it gets."""

    def give(answer: dict[str, Any]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []

        async def invoke(_port: int, event: dict[str, Any]) -> dict[str, Any]:
            events.append(event)
            return answer

        monkeypatch.setattr(operate, "_invoke_local", invoke)
        return events

    return give


Answers = Callable[[dict[str, Any]], list[dict[str, Any]]]


def test_a_new_secret_is_shown_as_what_it_is(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers({"key": {"id": "K1"}, "secret": SECRET})

    assert main(["ACTION=issue_key", "websiteId=x"]) == 0
    assert f"The key, shown once and stored nowhere:\n\n  {SECRET}\n" in capsys.readouterr().out


def test_json_is_the_answer_itself(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    answers({"keys": [], "nextCursor": None})

    assert main(["ACTION=list_keys", "JSON=1"]) == 0
    assert json.loads(capsys.readouterr().out) == {"keys": [], "nextCursor": None}


def test_a_refusal_is_a_list_of_what_to_change(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    details = [{"path": "name", "message": "is required"}, {"path": "", "message": "must have either"}]
    answers({"error": {"code": "VALIDATION_FAILED", "message": "name is required.", "details": details}})

    assert main(["ACTION=issue_key"]) == 1
    output = capsys.readouterr()
    assert output.err == "VALIDATION_FAILED\n  name is required\n  The event must have either\n"
    assert output.out == ""


def test_an_unknown_option_is_refused_before_anything_is_done(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    events = answers({})

    assert main(["ACTION=delete_website", "STAG=dev"]) == 1
    assert capsys.readouterr().err.startswith("STAG: not known here")
    assert events == []


def test_without_an_action_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "create_website" in capsys.readouterr().out


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A deployed stack whose function gives `answer`; `invoked` holds what it was invoked with."""
    state: dict[str, Any] = {"answer": {"Payload": io.BytesIO(b'{"keys": []}')}, "invoked": []}

    class Client:
        def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 (CloudFormation's own name)
            outputs = [{"OutputKey": "ApiKeysFunction", "OutputValue": f"{StackName}-ApiKeys"}]
            return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}

        def invoke(self, **request: Any) -> dict[str, Any]:
            state["invoked"].append(request)
            answer: dict[str, Any] = state["answer"]
            return answer

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    return state


def test_a_stage_of_the_environment_counts(cloud: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "prod")

    assert main(["ACTION=list_keys", "websiteId=x"]) == 0

    [request] = cloud["invoked"]
    assert request["FunctionName"] == "conversations-prod-ApiKeys"


def test_a_stage_is_the_function_of_its_stack(cloud: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["STAGE=staging", "ACTION=list_keys", "websiteId=x"]) == 0

    [request] = cloud["invoked"]
    assert request["FunctionName"] == "conversations-staging-ApiKeys"
    assert json.loads(request["Payload"])["action"] == "list_keys"
    assert capsys.readouterr().out == "keys: none\n"


def test_a_crash_of_the_deployed_function_is_an_error(
    cloud: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud["answer"] = {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "timed out"}')}

    assert main(["STAGE=dev", "ACTION=list_keys"]) == 1
    assert "timed out" in capsys.readouterr().err
