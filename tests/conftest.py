"""What tests share. Nothing here or below reaches AWS, whatever the machine is configured for."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conversations.observability import logger

from local import dynamodb as dynamodb_local
from local.offline import go_offline
from local.ports import free_port
from local.template import latest
from tests import demo

go_offline()


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[str]:
    """Give the endpoint URL of a DynamoDB Local that keeps its data in memory."""
    with dynamodb_local.running(free_port()) as engine:
        yield engine.endpoint


@pytest.fixture
def empty_table(dynamodb: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the name of a new table, as the template defines it, to which the function's environment points."""
    name = f"conversations-{uuid.uuid4()}"
    dynamodb_local.create_table(dynamodb, name, latest().table())
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    monkeypatch.setenv("TABLE_NAME", name)
    yield name
    dynamodb_local.connect(dynamodb).delete_table(TableName=name)


@pytest.fixture
def seeded_table(dynamodb: str, empty_table: str) -> str:
    """Give the name of a new table with the demo data in it."""
    demo.write(dynamodb, empty_table)
    return empty_table


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
