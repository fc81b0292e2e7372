"""`make rehearse`: a real `sam deploy` of what `make build` built, into MiniStack, an AWS on this machine.

account.yaml comes first. The stack is created as in prod, from the last release if there is one, asked for a
conversation, updated to what is here, which must still have it, updated with changed code, which moves the alias and
keeps its parameters, protected, and deleted. What MiniStack can't take is left out here, not in the template:
CodeDeploy, alarms that calculate or are made of others, the dashboard, policies beside their roles, responses of
WebSocket routes, and the body of an HTTP API, from which it makes no routes. It enforces no IAM and no limits, so this
proves neither.
"""

import asyncio
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse
from support.dynamodb.table import Table

from local import ROOT, dynamodb, offline, seed
from local.deployed import Target, deployed_parameters, moved_aliases
from local.ports import free_port
from local.protect import protect
from local.release import parameters
from local.runtime import Runtime
from local.template import latest

_STACK = "rehearsal"
_TARGET = Target(_STACK)
_BUILT = ROOT / ".aws-sam" / "build"
_SAM = ROOT / ".local" / "sam" / "bin" / "sam"
_START_SECONDS = 30

#: The role names resources of CodeDeploy, and function and log group go with it; the dashboard names every alarm.
_LEFT_OUT = {"ReleaseCheckFunction", "ReleaseCheckRole", "ReleaseCheckLogGroup", "Dashboard"}

#: What MiniStack refuses.
_UNKNOWN = {"AWS::ApiGatewayV2::RouteResponse", "AWS::CloudWatch::CompositeAlarm", "AWS::IAM::RolePolicy"}

#: MiniStack runs functions on this machine's processor. Parts of prod that are off by default are rehearsed too.
_PARAMETERS = {
    "Architecture": platform.machine().replace("aarch64", "arm64"),
    "EventBusName": "default",
    "AlarmEmail": "on-call@example.com",
    "SilenceMinutes": "60",
}

_REQUEST = {
    "visitorId": "01JDEM0V1S1T0R000000000000",
    "conversationId": "rehearsal",
    "defaultTimelineItems": [{"id": "hello", "text": "Hello"}],
}


def main() -> None:
    """Rehearse; raises the first thing that goes wrong."""
    offline.go_offline()
    with tempfile.TemporaryDirectory() as folder, _ministack(Path(folder)) as endpoint:
        os.environ.update(offline.variables(endpoint))
        account = _make_account()
        _say(f"account prepared: {', '.join(sorted(account))}")
        build = Path(folder) / "build"
        shutil.copytree(_BUILT, build)
        release, first = _last_release(Path(folder) / "released") or ("what is here", build)
        named = {**_PARAMETERS, "PermissionsBoundary": account["Boundaryprod"]}

        _deploy(first, account, release="0" * 64, named=named)
        made, table = _alias(), _output("TableName")
        _say(f"created from {release}: {len(_resources())} resources, alias live at version {made}")
        key = _issue_key()
        host = _add_route()
        status, conversation = _open_conversation(endpoint, host, key)
        assert status == 200, conversation

        _deploy(build, account, release="1" * 64, named=named)
        created, given = _alias(), deployed_parameters(_TARGET)
        assert (created, _output("TableName")) == (made + 1, table)
        assert named.items() <= given.items()
        status, response = _open_conversation(endpoint, host, key)
        assert (status, _item_ids(response)) == (200, _item_ids(conversation))
        assert _open_conversation(endpoint, host, key) == (200, response)
        assert _timeless(response) == _timeless(_answer_of_make_run(endpoint))
        _say(f"updated to what is here: alias live at version {created}; it has the conversation, as `make run` would")

        _deploy(build, account, release="1" * 64)
        assert (_alias(), deployed_parameters(_TARGET)) == (created, given)
        _say(f"deployed again without a change, naming no parameter: all kept, alias live at version {created} still")

        # In the layer, which by itself SAM would not publish.
        (build / "SharedLayer" / "python" / "support" / "__init__.py").write_text('"""Changed."""\n')
        _deploy(build, account, release="2" * 64)
        updated = _alias()
        assert updated == created + 1
        assert deployed_parameters(_TARGET) == given | {"ReleaseHash": "2" * 64}
        assert _open_conversation(endpoint, host, key) == (200, response)
        _say(f"updated with a changed layer: alias live at version {updated}, same answer")

        assert moved_aliases(_TARGET) == []
        boto3.client("lambda").update_alias(
            FunctionName=_output("ConversationsFunction"), Name="live", FunctionVersion=str(created)
        )
        [moved] = moved_aliases(_TARGET)
        assert (moved.released, moved.version) == (str(updated), str(created))
        _say("moved the alias by hand, which the next deploy would say")

        print(*protect(_TARGET), sep="\n", flush=True)
        assert list(protect(_TARGET)) == []
        boto3.client("cloudformation").update_termination_protection(
            StackName=_STACK, EnableTerminationProtection=False
        )
        _sam("delete", "--no-prompts", "--region", "us-east-1")
        stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack for stack in stacks if stack["StackName"] == _STACK] == []
        assert table in boto3.client("dynamodb").list_tables()["TableNames"]
        _say(f"deleted, but for the table {table}, which is kept")


def _make_account() -> dict[str, str]:
    """Deploy account.yaml for prod, and return its outputs."""
    cloudformation, stack = boto3.client("cloudformation"), "conversations-account"
    parameters = {
        "SubjectPrefix": "repo:owner@1/name@2",
        "BudgetEmail": "on-call@example.com",
        "Stages": "prod",
        "ExistingProviderArn": "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com",
    }
    template = yaml_parse((ROOT / "account.yaml").read_text())
    for name in ("Budget", "Provider"):  # MiniStack does not know them
        del template["Resources"][name]
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    [made] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


def _last_release(folder: Path) -> tuple[str, Path] | None:
    """Build the release before this commit in a folder, and return its tag and the build; None before the first."""
    describe = ["git", "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "HEAD^"]
    found = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        return None
    tag = found.stdout.strip()
    archive = subprocess.run(["git", "archive", tag], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    architecture = _PARAMETERS["Architecture"]
    subprocess.run(
        [_SAM, "build", "--no-cached", "--parameter-overrides", f"Architecture={architecture}"],
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "ARCHITECTURE": architecture},
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return tag, folder / ".aws-sam" / "build"


@contextmanager
def _ministack(folder: Path) -> Iterator[str]:
    """Run MiniStack while the context lasts, and give its endpoint URL."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "ERROR",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
    }
    process = subprocess.Popen(
        [ROOT / ".local" / "ministack" / "bin" / "ministack"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        give_up = time.monotonic() + _START_SECONDS
        while not _answers(f"{endpoint}/_ministack/health"):
            try:
                sys.exit(f"MiniStack ended with {process.wait(0.1)}.")
            except subprocess.TimeoutExpired:
                assert time.monotonic() < give_up, "MiniStack did not start."
        yield endpoint
    finally:
        # With the processes in which it runs functions.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (ours)
            return True
    except OSError:
        return False


def _deploy(build: Path, account: Mapping[str, str], release: str, named: Mapping[str, str] | None = None) -> None:
    template = yaml_parse((build / "template.yaml").read_text())
    unknown = {
        name
        for name, body in template["Resources"].items()
        if body["Type"] in _UNKNOWN or "Metrics" in body.get("Properties", {})
    }
    for name in _LEFT_OUT | unknown:
        template["Resources"].pop(name, None)
    for body in template["Resources"].values():
        if body.get("DependsOn") in unknown:
            del body["DependsOn"]
    template["Outputs"].pop("DashboardUrl", None)
    for body in template["Resources"].values():
        body.get("Properties", {}).pop("DeploymentPreference", None)
    # MiniStack expands SAM with the parameters' defaults.
    template["Parameters"]["ReleaseHash"]["Default"] = release
    (build / "rehearsed.json").write_text(json.dumps(template))
    told = parameters("prod", named or {}, deployed_parameters(_TARGET)) | {"ReleaseHash": release}
    # An older template does not have them all.
    told = {name: value for name, value in told.items() if name in template["Parameters"]}
    (build / "release.yaml").write_text(json.dumps(told))
    _sam(
        "deploy",
        *("--template-file", str(build / "rehearsed.json"), "--region", "us-east-1"),
        *("--s3-bucket", account["ArtifactBucket"], "--s3-prefix", _STACK, "--role-arn", account["ExecutionRoleprod"]),
        *("--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"),
        *("--parameter-overrides", f"file://{build / 'release.yaml'}"),
    )


def _sam(command: str, *arguments: str) -> None:
    result = subprocess.run(
        [_SAM, command, "--stack-name", _STACK, *arguments],
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"},
        cwd=_BUILT,  # where no samconfig.toml is
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(f"sam {command} failed:\n{result.stdout}\n{result.stderr}")


def _resources() -> dict[str, Any]:
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=_STACK)
    return {found["LogicalResourceId"]: found for page in pages for found in page["StackResourceSummaries"]}


def _output(name: str) -> str:
    [stack] = boto3.client("cloudformation").describe_stacks(StackName=_STACK)["Stacks"]
    return str(next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == name))


def _alias() -> int:
    function = _output("ConversationsFunction")
    return int(boto3.client("lambda").get_alias(FunctionName=function, Name="live")["FunctionVersion"])


def _issue_key() -> str:
    website = _operate(action="create_website", name="Rehearsal", organizationId="rehearsal")["website"]
    issued = _operate(action="issue_key", websiteId=website["id"], type="private", mode="test", name="Rehearsal")
    return str(issued["secret"])


def _operate(**event: str) -> dict[str, Any]:
    response = boto3.client("lambda").invoke(FunctionName=_output("OperatorsFunction"), Payload=json.dumps(event))
    result: dict[str, Any] = json.loads(response["Payload"].read())
    assert not {"error", "errorType"} & result.keys(), result
    return result


def _add_route() -> str:
    """Add the route that the API's body says, to the alias, and return the API's host."""
    gateway, function = boto3.client("apigatewayv2"), _output("ConversationsFunction")
    alias = boto3.client("lambda").get_alias(FunctionName=function, Name="live")["AliasArn"]
    api = _resources()["HttpApi"]["PhysicalResourceId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
    )
    target = f"integrations/{integration['IntegrationId']}"
    gateway.create_route(ApiId=api, RouteKey="POST /v1/conversations", Target=target)
    return f"{api}.execute-api.localhost"


def _answer_of_make_run(endpoint: str) -> dict[str, Any]:
    """Return what `make run` answers to the same request, over a table of its own."""
    template = latest()
    dynamodb.create_table(endpoint, template.table_name(), template.table())
    seed.seed(Table(template.table_name(), timeout_seconds=10))
    event = json.loads((ROOT / "events" / "private-key.json").read_text()) | {"body": json.dumps(_REQUEST)}

    async def invoke() -> Any:
        runtime = Runtime(1, endpoint, log=lambda _: None)
        try:
            return await runtime.invoke(template.function("ConversationsFunction"), event)
        finally:
            await runtime.stop()

    response: dict[str, Any] = json.loads(asyncio.run(invoke())["body"])
    return response


def _item_ids(response: dict[str, Any]) -> list[str]:
    return [item["id"] for item in response["initialTimelineItems"]]


def _timeless(response: dict[str, Any]) -> Any:
    """Leave out what depends on the time and on the key."""
    names = "createdAt|updatedAt|websiteId|organizationId"
    return json.loads(re.sub(rf'"({names})": "[^"]*"', r'"\1": ""', json.dumps(response)))


def _open_conversation(endpoint: str, host: str, key: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310 (ours)
        f"{endpoint}/v1/conversations",
        json.dumps(_REQUEST).encode(),
        {"Host": host, "Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
