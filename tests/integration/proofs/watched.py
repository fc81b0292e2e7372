"""A table in memory that tells of each of its operations before it is carried out."""

from collections.abc import Callable
from typing import Any, cast

from support.dynamodb.table import Table

from tests.fakes import FakeTable


def watched(table: FakeTable, before: Callable[[], None]) -> Table:
    """Return a table that calls `before` and then does what the given one does, whatever its operations are named."""
    return cast("Table", _Watched(table, before))


class _Watched:
    def __init__(self, table: FakeTable, before: Callable[[], None]) -> None:
        self._table = table
        self._before = before

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._table, name)
        if not callable(value):
            return value

        def operate(*args: Any, **kwargs: Any) -> Any:
            self._before()
            return value(*args, **kwargs)

        return operate
