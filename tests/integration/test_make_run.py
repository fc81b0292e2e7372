"""`make run`, as a person uses it: start, ask, stop with Ctrl-C, start again."""

import copy
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
import urllib3
from check.loop import CheckFailedError
from public_check import handler as public_check
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket
from websockets.typing import Origin

from local import ROOT, run, s3, seed
from local.dynamodb import connect, create_table
from local.ports import free_port
from local.template import latest
from tests.file_contents import PNG

CONVERSATION = {
    "visitorId": "01JDEM0V1S1T0R000000000000",
    "conversationId": "kept-over-a-restart",
    "defaultTimelineItems": [{"id": "first", "text": "Hello"}],
}


class Api:
    """A running `python -m local.run`."""

    def __init__(self, process: subprocess.Popen[str], data: Path, port: int, dynamodb_port: int) -> None:
        self.process = process
        self.data = data
        self.port = port
        self.dynamodb_port = dynamodb_port
        self.output: list[str] = []

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if "Ctrl-C stops" in line:
                return
        pytest.fail("".join(self.output))

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, {n.lower(): v for n, v in response.getheaders()}, json.loads(response.read())
        finally:
            connection.close()

    def lines_between(self, first: str, last: str) -> list[str]:
        """Read what it prints up to a line with the one text, and return that from the line after the other one on."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            if last in line:
                return lines
            lines = [] if first in line else [*lines, line]
        pytest.fail("it has ended")

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        rest, _ = self.process.communicate(timeout=300)
        self.output.append(rest)
        return self.process.returncode


def an_environment(data: Path, port: int, dynamodb_port: int) -> dict[str, str]:
    return {
        **os.environ,
        "PORT": str(port),
        "DYNAMODB_PORT": str(dynamodb_port),
        "DYNAMODB_DATA": str(data),
        # Each starts an instance of every function.
        "WORKERS": "1",
        # What a developer's machine may have, and what must not be used.
        "AWS_PROFILE": "production",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }


def start(data: Path, port: int | None = None, dynamodb_port: int | None = None) -> Api:
    port, dynamodb_port = port or free_port(), dynamodb_port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=an_environment(data, port, dynamodb_port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Api(process, data, port, dynamodb_port)


@contextmanager
def running(data: Path, port: int | None = None, dynamodb_port: int | None = None) -> Iterator[Api]:
    api = start(data, port, dynamodb_port)
    try:
        api.wait_until_ready()
        yield api
    finally:
        api.process.kill()
        api.process.communicate()


def refusal(environment: dict[str, str], *prefix: str) -> tuple[int, str]:
    """Start where it can't run; return its exit code and what it says of that."""
    result = subprocess.run(
        [*prefix, sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


def database_of(api: Api) -> list[int]:
    """Return the ids of the processes that keep their data in the folder of this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"-dbPath\0{api.data / str(api.dynamodb_port)}\0".encode() in path.read_bytes():
                found.append(int(path.parts[2]))
        except OSError:  # it has ended meanwhile
            continue
    return found


def upload(api: Api, content: bytes) -> str:
    """Upload a picture as a visitor's page does, and return its address."""
    ids = {"websiteId": seed.WEBSITE_A.id, "organizationId": seed.WEBSITE_A.organization_id}
    scope = {"type": "conversation", "conversationId": CONVERSATION["conversationId"], **ids}
    headers = {"X-Public-Key": seed.PUBLIC_KEY, "Origin": seed.ORIGIN, "X-Visitor-Id": str(CONVERSATION["visitorId"])}
    body = {"contentType": "image/png", "websiteId": seed.WEBSITE_A.id, "scope": scope}
    status, _, signed = api.post("/v1/uploads/sign-url", body, **headers)
    assert status == 200, signed
    put = urllib3.request("PUT", signed["uploadUrl"], body=content, headers={"Content-Type": "image/png"})
    assert put.status == 200
    return str(signed["publicUrl"])


def read(address: str) -> tuple[int, str, bytes]:
    """Follow the address of a file as a browser does."""
    response = urllib3.request("GET", address)
    return response.status, response.headers["Content-Type"], response.data


@pytest.fixture(scope="module")
def left_running() -> Iterator[list[Api]]:
    """Give a list for instances that tests have started, and that later ones may use or end: a start takes seconds."""
    left: list[Api] = []
    yield left
    for api in left:
        api.process.kill()
        api.process.communicate()


def test_a_conversation_survives_a_restart_and_no_process_does(tmp_path: Path, left_running: list[Api]) -> None:
    headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}"}
    with running(tmp_path) as api:
        status, response_headers, created = api.post("/v1/conversations", CONVERSATION, **headers)
        assert status == 200, created
        assert "idempotent-replayed" not in response_headers
        file = upload(api, PNG)
        assert len(database_of(api)) == 1
        assert api.stop(signal.SIGINT) == 0
        assert database_of(api) == []
        old_port = api.port

    left_running.append(api := start(tmp_path, dynamodb_port=api.dynamodb_port))
    api.wait_until_ready()
    assert "made anew" not in "".join(api.output)
    status, response_headers, replayed = api.post("/v1/conversations", CONVERSATION, **headers)
    assert (status, replayed) == (200, created)
    assert response_headers["idempotent-replayed"] == "true"
    # The address names the port of before, and the bucket another one by now.
    assert read(file.replace(f":{old_port}/", f":{api.port}/")) == (200, "image/png", PNG)


@pytest.fixture
def api(left_running: list[Api], tmp_path: Path) -> Api:
    """Give one that runs."""
    found = next((one for one in left_running if one.process.poll() is None), None)
    if found is None:
        left_running.append(found := start(tmp_path))
        found.wait_until_ready()
    return found


def test_a_file_that_is_no_picture_is_deleted_by_itself(api: Api) -> None:
    address = upload(api, b"<html>")

    assert read(address)[0] == 404
    [endpoint] = re.findall(r"files +(http\S+)", "".join(api.output))
    bucket = s3.connect(endpoint)
    give_up = time.monotonic() + 120
    while bucket.list_objects_v2(Bucket="files", Prefix="uploads/")["KeyCount"]:
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_the_conversation_of_the_sample_events_is_there(api: Api) -> None:
    sample = json.loads((ROOT / "events" / "replay.json").read_text())
    headers = {"Authorization": sample["headers"]["authorization"]}
    status, response_headers, _ = api.post("/v1/conversations", json.loads(sample["body"]), **headers)

    assert (status, response_headers.get("idempotent-replayed")) == (200, "true")


def test_a_request_is_shown_in_one_line_without_its_secrets(api: Api) -> None:
    headers = {"Authorization": "Bearer sk_test_wrong", "Origin": seed.ORIGIN}
    api.post("/before", {})
    status, response_headers, body = api.post("/v1/conversations?q=1", {"text": "private"}, **headers)
    api.post("/after", {})

    assert (status, body["code"]) == (401, "INVALID_API_KEY")
    assert response_headers["access-control-allow-origin"] == "*"
    [line] = api.lines_between("POST /before 404", "POST /after 404")
    assert "POST /v1/conversations 401 INVALID_API_KEY" in line
    assert response_headers["apigw-requestid"] in line


def test_a_killed_gateway_takes_its_database_along(api: Api) -> None:
    [database] = database_of(api)
    descriptor = os.pidfd_open(database)
    try:
        api.process.kill()
        api.process.wait()  # or the next test may take it for one that runs
        ended, _, _ = select.select([descriptor], [], [], 300)
    finally:
        os.close(descriptor)

    assert ended == [descriptor]


def test_a_second_one_is_told_the_whole_command_that_works_and_shares_nothing(
    api: Api, left_running: list[Api]
) -> None:
    headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}"}
    api.post("/v1/conversations", CONVERSATION, **headers)
    code, said = refusal(an_environment(api.data, api.port, api.dynamodb_port))

    assert code == 1
    assert said.startswith(f"Port {api.port} is taken by process {api.process.pid} (")
    command = re.search(r"make run PORT=(\d+) DYNAMODB_PORT=(\d+)$", said)
    assert command, said
    left_running.append(second := start(api.data, int(command[1]), int(command[2])))
    second.wait_until_ready()
    status, response_headers, _ = second.post("/v1/conversations", CONVERSATION, **headers)
    assert status == 200
    assert "idempotent-replayed" not in response_headers
    assert len(database_of(api)) == len(database_of(second)) == 1


def test_one_that_lacks_its_databases_port_is_told_to_change_that_alone(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dynamodb_port = taken.getsockname()[1]
        code, said = refusal(an_environment(tmp_path, port, dynamodb_port))

    assert code == 1
    assert said.startswith(f"Port {dynamodb_port} is taken by process {os.getpid()} (")
    assert re.search(rf"make run PORT={port} DYNAMODB_PORT=(?!{dynamodb_port}$)\d+$", said), said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("DYNAMODB_PORT", "-1"),
        ("WORKERS", "0"),
        ("WORKERS", "two"),
        ("RATE_LIMIT_PER_MINUTE", "x"),
    ],
)
def test_a_setting_that_can_not_be_used_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("local.run.signal", Mock())  # these are the test runner's

    assert run.main() == 2

    said = capsys.readouterr().err
    assert re.fullmatch(rf"{name}={value} can't be used: it takes a number from \d to \d+, \d+ without.\n", said), said


# What happens, at once ------------------------------------------------------------------------------------------------

VISITOR, OTHER_VISITOR = "01JDEM0V1S1T0R00000000000A", "01JDEM0V1S1T0R00000000000B"
TEAM = {"Authorization": f"Bearer {seed.PRIVATE_KEY}", "X-Actor-User-Id": "jane"}


@contextmanager
def a_socket(api: Api, origin: str | None = seed.ORIGIN, **query: str) -> Iterator[ClientConnection]:
    """Give a socket that is established: of a visitor or, with a `token`, of the team."""
    named = query if "token" in query else {"publicKey": seed.PUBLIC_KEY, **query}
    url = f"ws://127.0.0.1:{api.port}/ws?{urlencode(named)}"
    with connect_socket(url, origin=None if origin is None else Origin(origin), proxy=None) as socket:
        wait_for(socket, "CONNECTION_ESTABLISHED")
        yield socket


def wait_for(socket: ClientConnection, type_: str, conversation: str | None = None) -> dict[str, Any]:
    """Return the payload of the next frame of a type, and of a conversation if one is named."""
    while True:
        frame = json.loads(socket.recv(timeout=300))
        if frame.get("type") == type_ and conversation in {None, frame["payload"].get("conversationId")}:
            payload: dict[str, Any] = frame["payload"]
            return payload


def a_conversation(api: Api, visitor: str = VISITOR) -> str:
    """Open a conversation, and return its id."""
    body = {"visitorId": visitor, "conversationId": str(uuid.uuid4())}
    assert api.post("/v1/conversations", body, **TEAM)[0] == 200
    return body["conversationId"]


def test_an_answer_reaches_its_visitor_s_socket_and_the_team_s_and_a_note_the_team_s_alone(api: Api) -> None:
    with a_socket(api, visitorId=VISITOR) as visitor, a_socket(api, token=seed.PRIVATE_KEY) as team:
        conversation = a_conversation(api)
        for text, visibility in (("A good customer.", "private"), ("It comes tomorrow.", "public")):
            item = {"text": text, "visibility": visibility}
            assert api.post("/v1/messages", {"conversationId": conversation, "item": item}, **TEAM)[0] == 200

        assert wait_for(visitor, "timelineItemCreated")["item"]["text"] == "It comes tomorrow."
        # The team may just be told of the demo's conversations, too.
        texts = [wait_for(team, "timelineItemCreated", conversation)["item"]["text"] for _ in range(2)]
        assert texts == ["A good customer.", "It comes tomorrow."]


def test_another_visitor_s_socket_is_told_nothing_of_it(api: Api) -> None:
    with a_socket(api, visitorId=OTHER_VISITOR) as other, a_socket(api, visitorId=VISITOR) as visitor:
        conversation = a_conversation(api)
        wait_for(visitor, "conversationCreated")
        mine = a_conversation(api, OTHER_VISITOR)

        assert wait_for(other, "conversationCreated")["conversationId"] == mine != conversation


def test_that_somebody_types_reaches_the_other_side(api: Api) -> None:
    with a_socket(api, visitorId=VISITOR) as visitor, a_socket(api, token=seed.PRIVATE_KEY, actorUserId="jane") as team:
        conversation = a_conversation(api)
        payload = {"conversationId": conversation, "isTyping": True}
        team.send(json.dumps({"type": "conversationTyping", "payload": payload}))
        told = wait_for(visitor, "conversationTyping")
        visitor.send(json.dumps({"type": "conversationTyping", "payload": payload}))

        assert (told["conversationId"], told["userId"], told["isTyping"]) == (conversation, "jane", True)
        assert wait_for(team, "conversationTyping")["userId"] is None


def test_a_socket_is_refused_before_the_upgrade_and_shown_in_one_line(api: Api) -> None:
    statuses = []
    api.post("/before", {})
    for origin, query in (
        (seed.ORIGIN, {}),
        ("https://evil.example.com", {"visitorId": VISITOR}),
        (None, {"token": seed.REVOKED_KEY}),
    ):
        with pytest.raises(InvalidStatus) as refused, a_socket(api, origin, **query):
            pass
        statuses.append(refused.value.response.status_code)

    api.post("/after", {})
    assert statuses == [400, 403, 401]
    lines = api.lines_between("POST /before 404", "POST /after 404")
    # Those of the tests before may just be disconnecting.
    shown = [line.split()[1:4] for line in lines if "$disconnect" not in line]
    assert shown == [["WS", "/ws", f"{status}"] for status in statuses]


def test_the_check_of_every_five_minutes_passes_and_without_its_key_does_not(api: Api) -> None:
    addresses = f"http://127.0.0.1:{api.port}", f"ws://127.0.0.1:{api.port}/ws"

    public_check.check(*addresses, seed.PRIVATE_KEY, seconds=300)

    with pytest.raises(CheckFailedError, match=r"^connect: the response was 401$"):
        public_check.check(*addresses, seed.REVOKED_KEY, seconds=300)


# A database that can't go on -----------------------------------------------------------------------------------------


def test_a_killed_database_ends_it_and_is_named(api: Api) -> None:
    [database] = database_of(api)
    os.kill(database, signal.SIGKILL)

    assert api.ended() == 1
    assert "DynamoDB Local has ended (exit code -9): 'make run' starts it again." in api.output[-1]


def test_data_that_are_removed_meanwhile_end_it_and_are_named(api: Api) -> None:
    data = api.data / str(api.dynamodb_port)
    shutil.rmtree(data)

    assert api.ended() == 1
    assert f"{data}, the folder of DynamoDB Local, is gone: 'make run' makes it again." in api.output[-1]
    assert database_of(api) == []


def _in_a_folder_that_may_not_be_written(data: Path) -> Path:
    data.parent.chmod(0o555)
    return data


def _over_files_that_may_not_be_written(data: Path) -> Path:
    data.mkdir()
    database = data / "shared-local-instance.db"
    database.touch(0o444)
    return database


def _over_a_file(data: Path) -> Path:
    data.touch()
    return data


@pytest.mark.parametrize(
    "prepare", [_in_a_folder_that_may_not_be_written, _over_files_that_may_not_be_written, _over_a_file]
)
def test_data_that_can_not_be_written_are_named_before_the_start(
    tmp_path: Path, prepare: Callable[[Path], Path]
) -> None:
    environment = an_environment(tmp_path, free_port(), free_port())
    culprit = prepare(tmp_path / environment["DYNAMODB_PORT"])
    # Root may write everywhere, unless this is taken from it.
    as_anybody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

    code, said = refusal(environment, *as_anybody)

    assert code == 1
    assert said.startswith(f"DynamoDB Local can't keep its data: {culprit}: ")
    assert "sudo chown -R $(id -u) " in said
    assert "Traceback" not in said


def test_data_that_can_not_be_read_are_named_with_the_engines_own_words(tmp_path: Path) -> None:
    environment = an_environment(tmp_path, free_port(), free_port())
    data = tmp_path / environment["DYNAMODB_PORT"]
    data.mkdir()
    (data / "shared-local-instance.db").write_bytes(b"no database" * 1000)

    code, said = refusal(environment)

    assert code == 1
    assert "file is encrypted or is not a database" in said
    assert said.rstrip().endswith(f"rm -r '{data}'")


def test_a_table_of_an_earlier_form_is_made_anew_and_said_so(dynamodb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An index that is read consistently can only be made with its table."""
    template, client = latest(), connect(dynamodb)
    keys, old = template.table()["KeySchema"], {"PK": {"S": "old"}, "SK": {"S": "old"}}
    client.create_table(
        TableName=template.table_name(),
        KeySchema=keys,
        AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=template.table_name(), Item=old)
    said = []
    for _ in range(2):
        run.make_tables(dynamodb, template)
        said.append("made anew" in capsys.readouterr().out)
    found = client.get_item(TableName=template.table_name(), Key=old)
    for name in template.tables():
        client.delete_table(TableName=name)

    assert said == [True, False]
    assert "Item" not in found


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["GlobalSecondaryIndexes"].pop(),
        lambda table: table["LocalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"].pop(),
        lambda table: table["GlobalSecondaryIndexes"][0]["KeySchema"].reverse(),
        lambda table: table["GlobalSecondaryIndexes"][0].update(
            Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["ttl"]}
        ),
    ],
    ids=["no index", "less in an index", "other keys", "more in an index"],
)
def test_a_table_is_of_the_same_form_only_with_the_same_indexes(
    dynamodb: str, change: Callable[[dict[str, Any]], object]
) -> None:
    definition, other = latest().table(), copy.deepcopy(latest().table())
    change(other)
    for index in other["GlobalSecondaryIndexes"]:
        for key, kind in zip(index["KeySchema"], ("HASH", "RANGE"), strict=True):
            key["KeyType"] = kind
    used = {
        key["AttributeName"]
        for index in [other, *other["GlobalSecondaryIndexes"], *other["LocalSecondaryIndexes"]]
        for key in index["KeySchema"]
    }
    other["AttributeDefinitions"] = [one for one in other["AttributeDefinitions"] if one["AttributeName"] in used]

    name = f"forms-{uuid.uuid4()}"
    made_anew = [create_table(dynamodb, name, form) for form in (other, other, definition, definition)]
    connect(dynamodb).delete_table(TableName=name)

    assert made_anew == [False, False, True, False]
