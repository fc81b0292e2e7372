"""The API as Lambda calls it, over the demo data, which belongs to one test (see `storage` in tests/conftest.py)."""

import pytest
from support.dynamodb.table import Table

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
