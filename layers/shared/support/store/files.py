"""The rows of files."""

from dataclasses import replace
from typing import TypedDict

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed, Insert
from support.dynamodb.items import Item
from support.dynamodb.table import Table
from support.values.file import File, FilePlace

#: How long the objects of a file stay after its row, in seconds: for longer than a request that has found the row may
#: still work on them, which is 30 at most.
OBJECTS_STAY_SECONDS = 60


class GoneFile(TypedDict):
    """A message of the queue of files: the key of a row that is gone."""

    PK: str
    SK: str


class FileStore:
    """The rows of files, each in the partition of its conversation.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, file: File, deadline: Deadline) -> None:
        """Store a new file."""
        self._table.transact([Insert(file.to_item())], deadline)

    def read(self, place: FilePlace, deadline: Deadline) -> File | None:
        """Read a file as it is now; None if there is none, or if it has expired or was deleted."""
        return _there(self._table.get(place.key, deadline))

    def serve(self, file: File, etag: str, size: int, deadline: Deadline) -> File | None:
        """Let a content be what is served, unless one is already.

        Returns the file as it is then; None if it is gone.
        """
        change = Change(file.place.key, {"etag": etag, "size": size}, expected={"etag": None, "deletedAt": None})
        try:
            self._table.update(change, deadline)
        except ConditionFailed as failure:
            return _there(failure.found[0])
        return replace(file, etag=etag, size=size)


def _there(row: Item | None) -> File | None:
    return None if row is None or "deletedAt" in row else File.from_item(row)
