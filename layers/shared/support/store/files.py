"""The rows of files."""

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed, Insert
from support.dynamodb.items import Key
from support.dynamodb.table import Table
from support.values.file import File, file_sk


class FileStore:
    """The rows of files, each in the partition of its conversation.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, file: File, deadline: Deadline) -> None:
        """Store a new file."""
        self._table.transact([Insert(file.to_item())], deadline)

    def read(self, key: Key, deadline: Deadline) -> File | None:
        """Read a file as it is now; None if there is none, or if it has expired."""
        row = self._table.get(key, deadline)
        return None if row is None else File.from_item(row)

    def serve(self, file: File, etag: str, size: int, deadline: Deadline) -> str | None:
        """Let a content be what is served, unless one is already.

        Returns the ETag of what is served then, which may be another one; None if the file is gone.
        """
        key = file.pk, file_sk(file.id)
        try:
            self._table.update(Change(key, {"etag": etag, "size": size}, expected={"etag": None}), deadline)
        except ConditionFailed as failure:
            row = failure.found[0]
            return None if row is None else File.from_item(row).etag
        return etag
