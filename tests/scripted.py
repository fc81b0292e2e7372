"""DynamoDB by a script, for tests of what its responses mean."""

import itertools
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from support.aws.client import NoResponse
from support.dynamodb.responses import ErrorResponse, Members
from support.dynamodb.table import Table


class ScriptedDynamoDB:
    """Gives the responses that it is told, in their order. `requests` are those that came, by operation."""

    def __init__(self, table: Table) -> None:
        self.requests: list[tuple[str, Members]] = []
        self._script: deque[tuple[str, Members | Exception, Mapping[str, Any] | None]] = deque()
        table._database.call = self._call  # type: ignore[method-assign]

    def responds(self, operation: str, members: Members, expected: Mapping[str, Any] | None = None) -> None:
        """Respond to the next call, which must be of that operation and, if it is given, send what is expected."""
        self._script.append((operation, members, expected))

    def fails(self, operation: str, code: str, message: str, status: int = 400, **members: object) -> None:
        """Respond to the next call with an error, which may quote values."""
        self.breaks(operation, ErrorResponse(status, {"__type": code, "Message": message, **members}))

    def breaks(self, operation: str, error: ErrorResponse | NoResponse) -> None:
        """Raise an error for the next call."""
        self._script.append((operation, error, None))

    def require_all_asked(self) -> None:
        """Fail if there are responses for which nobody asked."""
        assert not self._script

    def _call(self, operation: str, request: bytes) -> Members:
        self.requests.append((operation, json.loads(request)))
        assert self._script, f"nothing is said of this {operation}"
        wanted, response, expected = self._script.popleft()
        assert operation == wanted
        assert expected is None or json.loads(request) == expected
        if isinstance(response, Exception):
            raise response
        return response


def overtake(table: Table, method: str, do: Callable[[], object], *, nth: int = 1) -> None:
    """Call a function just before the nth call of one of a table's methods, such as `transact`."""
    call, count = getattr(table, method), itertools.count(1)

    def overtaken(*args: Any, **named: Any) -> Any:
        if next(count) == nth:
            do()
        return call(*args, **named)

    setattr(table, method, overtaken)


def before(table: Table, wanted: str, do: Callable[[], object]) -> None:
    """Call a function with each request of an operation, just before it is sent."""
    send = table._database.call

    def call(operation: str, request: bytes) -> Members:
        if operation == wanted:
            do()
        return send(operation, request)

    table._database.call = call  # type: ignore[method-assign]
