"""The API as Lambda calls it, over a DynamoDB Local table that holds the demo data and belongs to one test."""

import pytest
from conversations.items import Item, unmarshal
from conversations.table import Table

from local.dynamodb import connect
from tests.client import Api, Stored, api_over
from tests.operators import Operate, operators_over


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
def conversation_items(dynamodb: str, seeded_table: str) -> Stored:
    """Read all that is stored of conversations, of every tenant."""

    def scan() -> list[Item]:
        pages = connect(dynamodb).get_paginator("scan").paginate(TableName=seeded_table, ConsistentRead=True)
        items = [unmarshal(item) for page in pages for item in page["Items"]]
        return [item for item in items if str(item["PK"]).startswith("CONVERSATION#")]

    return scan
