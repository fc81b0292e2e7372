"""The operators' command, as a process of its own, on the table of `make run`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import ROOT
from local.dynamodb import connect, create_table
from local.ports import free_port
from local.template import latest
from tests import demo
from tests.builders import LIVE_PRIVATE_KEY, WEBSITE

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def port(dynamodb: str) -> Iterator[str]:
    """The port of a DynamoDB Local with the demo data in the table of `make run`."""
    name = latest().table_name()
    create_table(dynamodb, name, latest().table())
    demo.write(dynamodb, name)
    yield str(urlsplit(dynamodb).port)
    connect(dynamodb).delete_table(TableName=name)


@pytest.fixture
def run(port: str, tmp_path: Path) -> Run:
    """Run the command in an empty folder, without a shell: `run("get_website", ..., given="standard input")`."""

    def run(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local.operate", *words],
            cwd=tmp_path,
            env={**os.environ, "DYNAMODB_PORT": port, "PYTHONPATH": str(ROOT)},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_real_function_answers(run: Run) -> None:
    response = run("update_allowed_origins", f"--website-id={WEBSITE}", "--json", "--add", "a.com", "b.com")

    assert response.returncode == 0
    assert {"https://a.com", "https://b.com"} < set(json.loads(response.stdout)["website"]["allowedOrigins"])


def test_what_a_customer_calls_a_website_is_read_by_nobody_on_its_way(run: Run, tmp_path: Path) -> None:
    name = "--$(shell touch x) `touch x` $$(touch x) '\"; touch x #\n=%(prog)s\x1b[2J"

    stored = json.loads(run("create_website", f"--name={name}", "--organization-id=acme", "--json").stdout)["website"]
    shown = run("get_website", f"--website-id={stored['id']}")

    assert stored["name"] == name
    assert not list(tmp_path.iterdir())
    assert r"#\n=%(prog)s\x1b[2J" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_key_is_shown_once_and_made_once_however_often_it_is_asked_for(run: Run) -> None:
    fields = ["--type=public", "--mode=live", "--name=Widget", "--new-id=01JDEM0NEW1D00000000000000"]
    issue = ["issue_key", f"--website-id={WEBSITE}", *fields]

    first, second = run(*issue), run(*issue)

    assert "Shown this once:\n\n  pk_live_" in first.stdout
    assert "pk_live_" not in second.stdout
    assert "rotate_key" in second.stdout


def test_a_leaked_key_is_revoked_from_standard_input_and_printed_nowhere(run: Run) -> None:
    response = run("revoke_key", "--event=-", given=json.dumps({"key": LIVE_PRIVATE_KEY}))

    assert response.returncode == 0
    assert "revoked" in response.stdout
    assert LIVE_PRIVATE_KEY not in response.stdout + response.stderr


def test_a_refusal_is_what_to_change(run: Run) -> None:
    response = run("create_website", "--organization-id=acme")

    assert (response.returncode, response.stdout) == (1, "")
    assert response.stderr == "VALIDATION_FAILED\n  name is required\n"


def test_without_a_database_it_says_what_to_start(run: Run) -> None:
    response = run("list_websites", f"--dynamodb-port={free_port()}")

    assert response.returncode == 1
    assert "Start 'make run'" in response.stderr
