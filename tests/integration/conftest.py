"""The API as Lambda calls it, over a DynamoDB Local table that holds the demo data and belongs to one test."""

import pytest
from conversations.table import Table

from tests.client import Api, Stored, api_over
from tests.operators import Operate, operators_over
from tests.stored import scan


@pytest.fixture
def database(seeded_table: str) -> Table:
    """The function's own view of the test's table."""
    return Table(seeded_table, timeout_seconds=60)


@pytest.fixture
def api(database: Table) -> Api:
    """Call the function: `api(body, headers)`, `api(raw=...)`, or `api(event=...)` with a whole event."""
    return api_over(database)


@pytest.fixture
def operate(database: Table) -> Operate:
    """Call the operators' function: `operate("issue_key", websiteId=..., ...)`."""
    return operators_over(database)


@pytest.fixture
def stored(dynamodb: str, seeded_table: str) -> Stored:
    """Read all that is stored of conversations, of every tenant."""
    return lambda: scan(dynamodb, seeded_table, "CONVERSATION#")
