"""Erases all conversations of a website that is deleted, with all that is stored of their visitors.

Nobody writes to such a website any more, so nothing is conditioned on a gate.
"""

from collections.abc import Iterator

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed, Delete
from support.dynamodb.items import Key, key_of
from support.dynamodb.table import INBOX, KeyRange, Table
from support.store.visitor_erasure import lookups_of
from support.values.api_key import MODES, Mode
from support.values.conversation import CONVERSATION_SK, STATUSES, erasing, inbox_pk, new_incarnation, visitor_pk
from support.values.feedback import feedback_pk

#: As for `VisitorErasure`.
_ENTRIES = 100
_ROWS = 50


class WebsiteErasure:
    """The erasure of a website's conversations.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.
    """

    def __init__(self, table: Table, website_id: str) -> None:
        self._table = table
        self._website_id = website_id

    def rows(self, deadline: Deadline) -> Iterator[Key]:
        """Give the keys of the conversations and the feedback that the index has; it may be behind the table."""
        for mode in MODES:
            inboxes = [inbox_pk(self._website_id, mode, status) for status in STATUSES]
            for pk in (*inboxes, feedback_pk(self._website_id, mode)):
                keys = KeyRange()
                while entries := self._table.query(INBOX, pk, keys, deadline, limit=_ENTRIES, even_expired=True):
                    yield from map(key_of, entries)
                    keys = keys.after(str(entries[-1]["inboxSK"]))

    def visitor_of(self, key: Key, deadline: Deadline) -> str | None:
        """Return the partition of the visitor whose conversation or feedback a row is; None if it is not stored."""
        pk, sk = key
        if sk != CONVERSATION_SK:
            return pk
        # It is the first one of its partition, and may have expired.
        for row in self._table.list_stored(pk, deadline, 1, ("SK", "websiteId", "mode", "visitorId")):
            if row["SK"] == CONVERSATION_SK:
                mode: Mode = "live" if row["mode"] == "live" else "test"
                return visitor_pk(str(row["websiteId"]), mode, str(row["visitorId"]))
        return None

    def delete_rows(self, pk: str, deadline: Deadline) -> int:
        """Delete rows of a visitor, with those that find the contact, and return how many; 0 if none is left."""
        rows = self._table.list_stored(pk, deadline, _ROWS)
        keys = [*map(key_of, rows), *(key for row in rows for key in lookups_of(row))]
        if keys:
            self._table.transact([Delete(key) for key in keys], deadline)
        return len(keys)

    def begin_conversation(self, key: Key, deadline: Deadline) -> bool:
        """Let a conversation be gone for everybody, also if it has expired; tell whether this call did so."""
        values = erasing(new_incarnation(), with_visitor=True)
        change = Change(key, values, expected={"erasing": None}, added={"version": 1}, even_expired=True)
        try:
            self._table.update(change, deadline)
        except ConditionFailed:
            return False
        return True
