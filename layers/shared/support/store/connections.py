"""Who is connected at the moment."""

from contextlib import suppress

from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Delete, Insert
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import Mode
from support.values.connection import Connection, connection_key, team_pk
from support.values.conversation import visitor_pk

#: For how long a count of signals is kept, for clocks that differ.
_COUNTED_SECONDS = 60
#: How many of a visitor's connections are told of something. Anybody may open connections, thousands within the limit
#: of handshakes, and each takes time from those who are told next.
MAX_OF_VISITOR = 100


class Connections:
    """Connections, in a table of their own.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline. Queries are
    consistent: otherwise somebody who has just connected would miss what they are told next.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, connection: Connection, deadline: Deadline) -> None:
        """Add a connection. One whose id is there already stays as it is."""
        with suppress(ConditionFailed):
            self._table.transact([Insert(item) for item in connection.to_items()], deadline)

    def find(self, connection_id: str, deadline: Deadline) -> Connection | None:
        """Return a connection by its id; None if it is not there."""
        item = self._table.get(connection_key(connection_id), deadline)
        return None if item is None else Connection.from_item(item)

    def remove(self, connection_id: str, deadline: Deadline) -> None:
        """Remove a connection by its id, if it is there."""
        connection = self.find(connection_id, deadline)
        if connection is not None:
            self._table.transact([Delete(connection.key), Delete(connection_key(connection_id))], deadline)

    def count_signal(self, connection_id: str, second: int) -> int:
        """Count one more signal that a connection sends in an epoch second, and return the count.

        Raises `Refusal` (UNAVAILABLE) if the table does not answer at once.
        """
        pk, _ = connection_key(connection_id)
        return self._table.increment((pk, f"SIGNALS#{second}"), second + _COUNTED_SECONDS)

    def of_visitor(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> list[Connection]:
        """Return a visitor's connections, those that were opened last, up to 100."""
        found = self._of(visitor_pk(website_id, mode, visitor_id), deadline)
        return sorted(found, key=lambda one: one.connected_at)[-MAX_OF_VISITOR:]

    def of_team(self, website_id: str, mode: Mode, deadline: Deadline) -> list[Connection]:
        """Return the connections of a website's team."""
        return self._of(team_pk(website_id, mode), deadline)

    def _of(self, pk: str, deadline: Deadline) -> list[Connection]:
        return [Connection.from_item(item) for item in self._table.query(TABLE, pk, KeyRange(), deadline)]
