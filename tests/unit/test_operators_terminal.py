"""The operators' command: from a command line to an event, and from an answer to a terminal; and `make operate`."""

import getpass
import io
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from operators.events import ACTIONS

from local import ROOT, operate
from local.operate import main, show
from local.runtime import FunctionError

SECRET = "sk_live_" + "ab" * 32


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAGE", "DYNAMODB_PORT", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


# `make operate` -----------------------------------------------------------------------------------------------------

HOSTILE = [
    "$(shell touch {file})",
    "$(shell touch {file}) and more",
    "`touch {file}`",
    "$$(touch {file})",
    "$(eval $(shell touch {file}))",
    "'; touch {file}; '",
    '"; touch {file}; "',
    "a#b",
    "a=b",
    "one\ntouch {file}\n",
    "\\",
    "${{HOME}}",
    "",
]


def make(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make on the project's Makefile as if everything were installed, and as if no make ran these tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--old-file", ".venv/bin/.ready", *words],
        cwd=ROOT,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
    )


SPECIAL = ["BIN", "ACTION", "STAGE", "SHELL", "MAKEFLAGS", "MAKEOVERRIDES", "MAKECMDGOALS", ".DEFAULT_GOAL", "a.b"]


@pytest.mark.parametrize(
    ("name", "value"), [*(("name", value) for value in HOSTILE), *((name, HOSTILE[0]) for name in SPECIAL)]
)
def test_make_operate_refuses_every_value_and_reads_none(tmp_path: Path, name: str, value: str) -> None:
    written = value.format(file=tmp_path / "x")

    refused = make("operate", f"{name}={written}")

    assert refused.returncode != 0
    assert refused.stderr.splitlines()[0].endswith("--option=VALUE, or --help.  Stop.")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stdout == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("operate", "lint", "a=b"),
        ("lint", "operate", "a=b"),
        ("-k", "operate", "a:=b"),
        ("MAKEOVERRIDES=", "operate", "a=b"),
    ],
)
def test_make_operate_takes_no_value_however_it_is_called(words: tuple[str, ...]) -> None:
    assert "takes no values" in make(*words).stderr


def test_values_of_other_targets_are_left_alone() -> None:
    assert "SOAK=3" in make("--dry-run", "soak", "SOAK=3").stdout


def test_make_operate_does_not_read_the_environment(tmp_path: Path) -> None:
    listed = make("operate", name=f"$(shell touch {tmp_path / 'x'})")

    assert listed.returncode == 0
    assert not list(tmp_path.iterdir())


def test_make_operate_lists_the_actions_and_the_command() -> None:
    listed = make("operate")

    assert "usage: .venv/bin/python -m local.operate" in listed.stdout
    assert all(f"    {action} " in listed.stdout or f"    {action}\n" in listed.stdout for action in ACTIONS)


# From the command line to an event ----------------------------------------------------------------------------------


def test_values_become_what_the_actions_model_wants(responses: "Answers") -> None:
    events = responses({})

    main(["update_allowed_origins", "--website-id", "12", "--version=3", "--actor=jane", "--replace", "a.com", "b.com"])
    main(["update_allowed_origins", "--website-id=12", "--add", "a.com", "b.com", "--add=c.com", "--remove"])
    main(["delete_website", "--website-id=12", "--force"])
    main(["issue_key", "--name=5", "--expires-at=2036-01-01T00:00:00Z", "--new-id=x"])

    action, me = "update_allowed_origins", getpass.getuser()
    assert events == [
        {"action": action, "actor": "jane", "websiteId": "12", "version": 3, "replace": ["a.com", "b.com"]},
        {"action": action, "actor": me, "websiteId": "12", "add": ["a.com", "b.com", "c.com"], "remove": []},
        {"action": "delete_website", "actor": me, "websiteId": "12", "force": True},
        {"action": "issue_key", "actor": me, "name": "5", "expiresAt": "2036-01-01T00:00:00Z", "newId": "x"},
    ]


@pytest.mark.parametrize(
    "value", [*HOSTILE, "--help", "-x", "@file", "%s %(prog)s", "x" * 10_000, "\x1b[2J", "münchen 📦"]
)
def test_a_value_arrives_as_it_was_typed(responses: "Answers", value: str) -> None:
    [event] = answers_to(responses, ["create_website", f"--name={value}", f"--allowed-origins={value}"])

    assert (event["name"], event["allowedOrigins"]) == (value, [value])


def test_agents_are_typed_as_json(responses: "Answers") -> None:
    jane, robin = {"id": "jane", "name": "Jane"}, {"id": "robin", "name": "Robin", "image": None}

    [event] = answers_to(
        responses,
        [
            *("update_website", "--website-id=12", "--domain=5", "--available-human-agents", json.dumps(jane)),
            *("--available-ai-agents", json.dumps(robin), "Robin", "[" * 100_000),
        ],
    )
    [none] = answers_to(responses, ["update_website", "--website-id=12", "--available-human-agents"])

    assert (event["domain"], event["availableHumanAgents"]) == ("5", [jane])
    assert event["availableAIAgents"] == [robin, "Robin", "[" * 100_000]
    assert none["availableHumanAgents"] == []


def test_what_makes_no_sense_is_left_for_the_function_to_refuse(responses: "Answers") -> None:
    [event] = answers_to(responses, ["list_keys", "--limit=many"])

    assert event["limit"] == "many"


def test_what_is_made_has_an_id_before_it_is_asked_for(responses: "Answers") -> None:
    ids = [answers_to(responses, [action])[0]["newId"] for action in ("create_website", "issue_key", "rotate_key")]

    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", new_id) for new_id in ids)


def test_an_event_may_come_from_a_file_or_standard_input(
    responses: "Answers", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"action": "revoke_key", "key": SECRET, "actor": "jane"}))
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"key": SECRET})))

    [from_file] = answers_to(responses, ["revoke_key", f"--event={file}"])
    [for_joe] = answers_to(responses, ["revoke_key", f"--event={file}", "--actor=joe"])
    [from_input] = answers_to(responses, ["revoke_key", "--event", "-"])

    assert from_file == {"action": "revoke_key", "key": SECRET, "actor": "jane"}
    assert for_joe == {**from_file, "actor": "joe"}
    assert from_input == {"action": "revoke_key", "key": SECRET, "actor": getpass.getuser()}


def test_a_user_without_a_name_acts_without_one(monkeypatch: pytest.MonkeyPatch, responses: "Answers") -> None:
    monkeypatch.setattr(getpass, "getuser", Mock(side_effect=OSError))

    [event] = answers_to(responses, ["get_website", "--website-id=12"])

    assert event["actor"] is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SECRET, "can't be read as JSON"),
        ("[" * 100_000, "can't be read as JSON"),
        (f'["{SECRET}"]', "must hold a JSON object"),
        (f'{{"action": "{SECRET}"}}', "of another action"),
        (None, "can't be read"),
    ],
)
def test_an_event_that_is_none_is_refused_without_a_word_of_it(
    responses: "Answers", tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, problem: str
) -> None:
    file = tmp_path / "event.json"
    if text is not None:
        file.write_text(text)

    assert answers_to(responses, ["revoke_key", f"--event={file}"], code=1) == []
    error = capsys.readouterr().err
    assert problem in error
    assert SECRET not in error


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([SECRET], "argument ACTION"),
        (["revoke_key", SECRET], "a value follows the option it is for"),
        (["revoke_key", f"--{SECRET}"], "a value follows the option it is for"),
        (["revoke_key", f"--keys={SECRET}"], "revoke_key has no --keys"),
        (["revoke_key", "--keyId", SECRET], "a value follows the option it is for"),
        (["delete_website", f"--force={SECRET}"], "argument --force"),
        (["revoke_key", "--key"], "argument --key"),
        (["revoke_key", "--stag=dev"], "revoke_key has no --stag"),
    ],
)
def test_what_is_not_understood_is_refused_before_anything_is_done_and_not_repeated(
    responses: "Answers", capsys: pytest.CaptureFixture[str], words: list[str], named: str
) -> None:
    events = responses({})

    with pytest.raises(SystemExit, match="2"):
        main(words)

    error = capsys.readouterr().err
    assert named in error
    assert len(error.splitlines()) == 1
    assert SECRET not in error
    assert events == []


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_names_every_field(capsys: pytest.CaptureFixture[str], action: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([action, "--help"])

    text = capsys.readouterr().out
    for name in ACTIONS[action].model_fields.keys() - {"action"}:
        assert f"  --{name.replace('_', '-')} " in text or f"  --{name.replace('_', '-')}\n" in text
    if action == "issue_key":
        assert re.search(r"--mode live\|test +required", text)


def test_without_an_action_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "create_website" in capsys.readouterr().out


# From an answer to the terminal -------------------------------------------------------------------------------------


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
def responses(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """Let the local function give an answer, and return the events that it gets."""

    def give(response: dict[str, Any]) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []

        async def invoke(_port: int, event: dict[str, Any]) -> dict[str, Any]:
            events.append(event)
            return response

        monkeypatch.setattr(operate, "_invoke_local", invoke)
        return events

    return give


Answers = Callable[[dict[str, Any]], list[dict[str, Any]]]


def answers_to(responses: Answers, words: list[str], code: int = 0) -> list[dict[str, Any]]:
    """Return the events that a command sends; it is answered with nothing."""
    events = responses({})
    assert main(words) == code
    return events


def test_a_new_secret_is_shown_as_what_it_is(responses: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    responses({"key": {"id": "K1"}, "secret": SECRET})

    assert main(["issue_key", "--website-id=x"]) == 0
    assert f"Shown this once:\n\n  {SECRET}\n" in capsys.readouterr().out


def test_json_is_the_answer_itself(responses: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    responses({"keys": [], "nextCursor": None})

    assert main(["list_keys", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"keys": [], "nextCursor": None}


def test_a_refusal_is_a_list_of_what_to_change(responses: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    details = [{"path": "name", "message": "is required"}, {"path": "", "message": "must have either"}]
    responses({"error": {"code": "VALIDATION_FAILED", "message": "name is required.", "details": details}})

    assert main(["issue_key"]) == 1
    output = capsys.readouterr()
    assert output.err == "VALIDATION_FAILED\n  name is required\n  The event must have either\n"
    assert output.out == ""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A deployed stack whose function gives `answer`; `invoked` holds what it was invoked with."""
    state: dict[str, Any] = {"answer": {"Payload": io.BytesIO(b'{"keys": []}')}, "invoked": []}

    class Client:
        def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 (CloudFormation's own name)
            outputs = [{"OutputKey": "OperatorsFunction", "OutputValue": f"{StackName}-Operators"}]
            return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}

        def invoke(self, **request: Any) -> dict[str, Any]:
            state["invoked"].append(request)
            if isinstance(state["answer"], Exception):
                raise state["answer"]
            response: dict[str, Any] = state["answer"]
            return response

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Client())
    return state


def test_a_stage_of_the_environment_counts(cloud: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "prod")

    assert main(["list_keys", "--website-id=x"]) == 0

    [request] = cloud["invoked"]
    assert request["FunctionName"] == "conversations-prod-Operators"


def test_a_stage_is_the_function_of_its_stack(cloud: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list_keys", "--stage=staging", "--website-id=x"]) == 0

    [request] = cloud["invoked"]
    assert request["FunctionName"] == "conversations-staging-Operators"
    assert json.loads(request["Payload"])["action"] == "list_keys"
    assert capsys.readouterr().out == "keys: none\n"


def test_a_crash_of_the_deployed_function_is_an_error(
    cloud: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud["answer"] = {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "timed out"}')}

    assert main(["list_keys", "--stage=dev"]) == 1
    assert "timed out" in capsys.readouterr().err


def lambda_error(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Invoke")  # type: ignore[typeddict-item]


def test_a_change_that_lambda_refuses_is_not_in_doubt(
    cloud: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cloud["answer"] = lambda_error(403, "AccessDeniedException")

    assert main(["create_website", "--stage=dev", "--name=Shop"]) == 1

    told = capsys.readouterr().err
    assert "AccessDenied" in told
    assert "not known" not in told


@pytest.mark.parametrize(
    "failure",
    [
        ReadTimeoutError(endpoint_url="https://lambda"),
        ConnectionClosedError(endpoint_url="https://lambda"),
        lambda_error(500, "ServiceException"),
        {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "timed out"}')},
        {"Payload": io.BytesIO(b'{"web')},
    ],
)
def test_a_change_that_is_not_answered_says_how_to_send_it_again(
    cloud: dict[str, Any], capsys: pytest.CaptureFixture[str], failure: Any
) -> None:
    cloud["answer"] = failure

    assert main(["create_website", "--stage=dev", "--name=Shop"]) == 1

    new_id = json.loads(cloud["invoked"][0]["Payload"])["newId"]
    told = capsys.readouterr().err
    assert "It is not known whether this was carried out" in told
    assert told.endswith(f"please send the same action again, with --new-id={new_id}.\n")


@pytest.mark.parametrize(
    ("action", "told"), [("revoke_key", True), ("update_allowed_origins", True), ("list_keys", False)]
)
def test_only_what_changes_something_is_in_doubt_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str, told: bool
) -> None:
    async def die(*_: Any) -> None:
        raise FunctionError("OperatorsFunction ended during an event \x1b[2J")

    monkeypatch.setattr(operate, "_invoke_local", die)

    assert main([action]) == 1
    error = capsys.readouterr().err
    assert error.startswith(r"OperatorsFunction ended during an event \x1b[2J")
    assert ("please send the same action again" in error) == told


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "Which region?"),
        ({"AWS_DEFAULT_REGION": "b@d"}, "b@d"),
        ({"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": "nowhere"}, "nowhere"),
        ({"AWS_PROFILE": "none-such"}, "none-such"),
    ],
)
def test_aws_settings_that_do_not_do_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], environment: dict[str, str], sentence: str
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert main(["list_websites", "--stage=foo"]) == 1

    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1


# The bucket of `make run` ---------------------------------------------------------------------------------------------


def test_an_action_signs_for_the_bucket_that_make_run_has_noted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DYNAMODB_DATA", str(tmp_path))
    (tmp_path / "8000").mkdir()
    (tmp_path / "8000" / "files.url").write_text("http://127.0.0.1:9000")

    assert operate._bucket_of(8000) == {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}
    assert operate._bucket_of(8001) == {}
