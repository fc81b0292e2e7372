"""The demo data in a test's table: made once by the operators' function, then copied."""

from functools import cache
from typing import Any

from support.dynamodb.items import Item, marshal

from local.dynamodb import connect
from local.seed import seed
from tests.fakes import FakeTable


@cache
def items() -> tuple[Item, ...]:
    """Return the demo data as it is stored."""
    table = FakeTable()
    seed(table)
    return tuple(table.items.values())


def write(endpoint: str, table: str) -> None:
    """Write the demo data into a table of DynamoDB Local."""
    puts: list[Any] = [{"PutRequest": {"Item": marshal(item)}} for item in items()]
    connect(endpoint).batch_write_item(RequestItems={table: puts})
