"""What tests share. Nothing here or below reaches AWS, whatever the machine is configured for."""

import io
import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from support.observability import logger

from local import dynamodb as dynamodb_local
from local.offline import go_offline
from local.ports import free_port
from local.template import latest
from tests import demo
from tests.samples import SOAK
from tests.stored import InDynamoDB, InMemory, Storage, reset

go_offline()

# Hypothesis tries a sample, too; all that it tries by default with SOAK.
settings.register_profile("sample", max_examples=25)
if SOAK == 1:
    settings.load_profile("sample")

#: Where the tests have their table that do not ask for DynamoDB Local by name: in `memory`, or in the `engine`.
TABLE = os.environ.get("TABLE") or "memory"


#: In which turn tests of a folder run, all of them together.
_TURNS = {"proofs": 1, "infrastructure": 2, "contract": 3, "integration": 4, "unit": 5}


def pytest_configure() -> None:
    if TABLE not in {"memory", "engine"}:
        raise pytest.UsageError(f"TABLE={TABLE} can't be used: it takes memory or engine, memory without.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest.

    With `--dist loadfile --no-loadscope-reorder`, pytest-xdist gives files out in this order, each to one process:
    their tests share what takes long to start.
    """
    for item in items:
        if item.path.parent.name == "proofs":
            # They run the same lines as others, and count for a third of the time with coverage.
            item.add_marker(pytest.mark.no_cover)
    # The sort is stable: within a file nothing moves.
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Return when the file of a test has its turn: those of half a minute first, those of a second last."""
    if item.path.name in {"test_make_run.py", "test_docs_commands.py", "test_contract.py", "test_schemathesis.py"}:
        return 0
    return _TURNS.get(item.path.parent.name, len(_TURNS) + 1)


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[str]:
    """Give the endpoint URL of a DynamoDB Local that keeps its data in memory."""
    with dynamodb_local.running(free_port()) as engine:
        yield engine.endpoint


@pytest.fixture(scope="session")
def table_of_all_tests(dynamodb: str) -> str:
    """Give the name of a table, as the template defines it. To make one takes longer than most tests do."""
    name = f"conversations-{uuid.uuid4()}"
    dynamodb_local.create_table(dynamodb, name, latest().table())
    return name


@pytest.fixture
def empty_table(dynamodb: str, table_of_all_tests: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of an empty table in DynamoDB Local, to which the function's environment points.

    What the tests before have left is deleted first, so that each has the table for itself.
    """
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    monkeypatch.setenv("TABLE_NAME", table_of_all_tests)
    reset(dynamodb, table_of_all_tests)
    return table_of_all_tests


@pytest.fixture
def seeded_table(dynamodb: str, table_of_all_tests: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of that table with the demo data in it, and nothing else."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    monkeypatch.setenv("TABLE_NAME", table_of_all_tests)
    reset(dynamodb, table_of_all_tests, demo.items())
    return table_of_all_tests


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> Storage:
    """Give what is stored: the demo data, for this test alone.

    It is in memory, but for tests that ask for DynamoDB Local by a fixture of it, and with TABLE=engine.
    """
    if TABLE == "engine" or "dynamodb" in request.fixturenames:
        return InDynamoDB(request.getfixturevalue("dynamodb"), request.getfixturevalue("seeded_table"))
    return InMemory(demo.items())


@pytest.fixture
def emitted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Give a function that reads what has been logged and measured since it was last called: JSON, line by line."""
    log = io.StringIO()
    # The logger keeps to the standard output of the time when it was made.
    monkeypatch.setattr(logger.registered_handler, "stream", log)

    def read() -> list[dict[str, Any]]:
        lines = [*log.getvalue().splitlines(), *capsys.readouterr().out.splitlines()]
        log.seek(0)
        log.truncate()
        return [json.loads(line) for line in lines]

    return read
