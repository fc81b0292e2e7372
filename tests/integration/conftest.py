"""The API as Lambda calls it, over the demo data, which belongs to one test (see `storage` in tests/conftest.py)."""

import uuid
from collections.abc import Iterator

import pytest
from support.dynamodb.table import Table

from local.dynamodb import connect, create_table
from local.stages import expand
from local.template import TEMPLATE, latest
from tests import demo
from tests.client import Api, Stored, api_over
from tests.operators import Operate, operators_over
from tests.stored import Storage


@pytest.fixture
def database(storage: Storage) -> Table:
    """The function's own view of what is stored."""
    return storage.table()


@pytest.fixture
def api(database: Table) -> Api:
    """Call the function: `api(body, headers)`, `api(raw=...)`, or `api(event=...)` with a whole event."""
    return api_over(database)


@pytest.fixture
def operate(database: Table) -> Operate:
    """Call the operators' function: `operate("issue_key", websiteId=..., ...)`."""
    return operators_over(database)


@pytest.fixture
def stored(storage: Storage) -> Stored:
    """Read all that is stored of conversations, of every tenant."""
    return lambda: storage.scan("CONVERSATION#")


@pytest.fixture
def streamed(dynamodb: str) -> Iterator[str]:
    """A table with the demo data and its stream."""
    name = f"conversations-{uuid.uuid4()}"
    stream = expand(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]["StreamSpecification"]
    create_table(dynamodb, name, latest().table() | {"StreamSpecification": {"StreamEnabled": True, **stream}})
    demo.write(dynamodb, name)
    yield name
    connect(dynamodb).delete_table(TableName=name)
