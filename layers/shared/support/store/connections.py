"""Who is connected at the moment."""

from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Delete, Insert
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import Mode
from support.values.connection import Connection, owner_key, team_pk
from support.values.conversation import visitor_pk


class Connections:
    """Connections, in a table of their own.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline. Queries are
    consistent: otherwise somebody who has just connected would miss what they are told next.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, connection: Connection, deadline: Deadline) -> None:
        """Add a connection. One whose id is there already stays as it is."""
        actions = [Insert(connection.to_item()), Insert(connection.to_owner_item())]
        try:
            self._table.transact(actions, deadline)
        except ConditionFailed:
            return

    def remove(self, connection_id: str, deadline: Deadline) -> None:
        """Remove a connection by its id, if it is there."""
        owner_item = self._table.get(owner_key(connection_id), deadline)
        if owner_item is not None:
            actions = [Delete((str(owner_item["owner"]), connection_id)), Delete(owner_key(connection_id))]
            self._table.transact(actions, deadline)

    def of_visitor(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> list[Connection]:
        """Return a visitor's connections."""
        return self._of(visitor_pk(website_id, mode, visitor_id), deadline)

    def of_team(self, website_id: str, mode: Mode, deadline: Deadline) -> list[Connection]:
        """Return the connections of a website's team."""
        return self._of(team_pk(website_id, mode), deadline)

    def _of(self, pk: str, deadline: Deadline) -> list[Connection]:
        return [Connection.from_item(item) for item in self._table.query(TABLE, pk, KeyRange(), deadline)]
