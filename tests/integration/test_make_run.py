"""`make run`, as a person uses it: start, ask, stop with Ctrl-C, start again."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import ROOT, seed
from local.ports import free_port

CONVERSATION = {
    "visitorId": "01JDEM0V1S1T0R000000000000",
    "conversationId": "kept-over-a-restart",
    "defaultTimelineItems": [{"id": "first", "text": "Hello"}],
}


class Api:
    """A running `python -m local.run`."""

    def __init__(self, process: subprocess.Popen[str], port: int, dynamodb_port: int) -> None:
        self.process = process
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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, {n.lower(): v for n, v in response.getheaders()}, json.loads(response.read())
        finally:
            connection.close()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.output.append(rest)
        return self.process.returncode


@contextmanager
def running(data: Path) -> Iterator[Api]:
    port, dynamodb_port = free_port(), free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "DYNAMODB_PORT": str(dynamodb_port),
        "DYNAMODB_DATA": str(data),
        # What a developer's machine may have, and what must not be used.
        "AWS_PROFILE": "production",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    api = Api(process, port, dynamodb_port)
    try:
        api.wait_until_ready()
        yield api
    finally:
        process.kill()
        process.communicate()


def database_of(data: Path) -> list[int]:
    """Return the ids of the processes that keep their data in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"-dbPath\0{data}\0".encode() in path.read_bytes():
                found.append(int(path.parts[2]))
        except OSError:  # it has ended meanwhile
            continue
    return found


def test_a_conversation_survives_a_restart_and_no_process_does(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {seed.PRIVATE_KEY}"}
    with running(tmp_path) as api:
        status, response_headers, created = api.post("/v1/conversations", CONVERSATION, **headers)
        assert status == 200, created
        assert "idempotent-replayed" not in response_headers
        assert len(database_of(tmp_path)) == 1
        assert api.stop(signal.SIGINT) == 0
        assert database_of(tmp_path) == []

    with running(tmp_path) as api:
        status, response_headers, replayed = api.post("/v1/conversations", CONVERSATION, **headers)
        assert (status, replayed) == (200, created)
        assert response_headers["idempotent-replayed"] == "true"
        assert api.stop(signal.SIGTERM) == 0
        assert database_of(tmp_path) == []


def test_the_conversation_of_the_sample_events_is_there(tmp_path: Path) -> None:
    sample = json.loads((ROOT / "events" / "replay.json").read_text())
    headers = {"Authorization": sample["headers"]["authorization"]}
    with running(tmp_path) as api:
        status, response_headers, _ = api.post("/v1/conversations", json.loads(sample["body"]), **headers)

    assert (status, response_headers.get("idempotent-replayed")) == (200, "true")


def test_a_request_is_shown_in_one_line_without_its_secrets(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        greeting = len(api.output)
        headers = {"Authorization": "Bearer sk_test_wrong", "Origin": seed.ORIGIN}
        status, response_headers, body = api.post("/v1/conversations?q=1", {"text": "private"}, **headers)
        api.stop(signal.SIGINT)

    assert (status, body["code"]) == (401, "INVALID_API_KEY")
    assert response_headers["access-control-allow-origin"] == "*"
    [line] = "".join(api.output[greeting:]).strip().splitlines()
    assert "POST /v1/conversations 401 INVALID_API_KEY" in line
    assert response_headers["apigw-requestid"] in line


def test_a_killed_gateway_takes_its_database_along(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        [database] = database_of(tmp_path)
        descriptor = os.pidfd_open(database)
        try:
            api.process.kill()
            ended, _, _ = select.select([descriptor], [], [], 10)
        finally:
            os.close(descriptor)

    assert ended == [descriptor]


def test_a_taken_port_is_named_with_what_to_type(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**os.environ, "PORT": str(port), "DYNAMODB_DATA": str(tmp_path)}
        result = subprocess.run(
            [sys.executable, "-m", "local.run"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    assert result.returncode == 1
    assert result.stderr.startswith(f"Port {port}: Address already in use. ")
    assert f"make run PORT={port + 1}" in result.stderr
