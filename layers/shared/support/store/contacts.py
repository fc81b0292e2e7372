"""Writes visitors' contacts, and finds them by account or e-mail address.

A contact is part of its visitor's row. Its metadata, and the rows by which it is found, are written and deleted in one
transaction with it. They are kept a day longer than the visitor's row, and so are renewed once a day: what a page tells
renews the visitor's row each time, which must stay cheap.
"""

import uuid
from collections.abc import Mapping

from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, ConditionFailed, Delete, Insert, Lacks
from support.dynamodb.items import Item, Key, Value
from support.dynamodb.table import TABLE, KeyRange, Table
from support.store.expiry import visitor_expiry
from support.values import timestamps
from support.values.api_key import Mode
from support.values.metadata import Metadata
from support.values.stored_form import AS_JSON, VERSION
from support.values.timestamps import DAY_SECONDS
from support.values.visitor import GATE_SK, METADATA_SK, VISITOR_SK, Visitor, visitor_row

#: The attributes of a visitor's row that a write of the contact leaves as they are.
_OF_THE_PAGE = frozenset({"PK", "SK", "lastSeenAt", "pageDigest", "pageRenewedOn"})

#: Tells one write from another: what an earlier one has left is replaced.
_WRITE = "write"


class ContactStore:
    """Contacts.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.

    Parameters
    ----------
    table
        The table of their rows.
    retention_days
        As for `VisitorStore`.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int]) -> None:
        self._table = table
        self._retention_days = retention_days

    def write(
        self, before: Visitor | None, after: Visitor, metadata: Metadata | None, deadline: Deadline, *, replaces: bool
    ) -> None:
        """Write a visitor's contact, with the rows that belong to it.

        Parameters
        ----------
        before
            The visitor's row as it was read; None if there was none.
        after
            The row as it is to be, with a higher `contact_version`.
        metadata
            The contact's metadata; None if it never had any.
        replaces
            Whether they are others than those that are stored.

        Raises `ConditionFailed` if the row is not as it was read, or if the visitor is being erased since.
        """
        known = None if before is None else before.to_item()
        ttl = visitor_expiry(self._retention_days[after.mode], known)
        row: Item = {**after.to_item(), "contactRenewedOn": _today()}
        if ttl is None:
            row.pop("ttl", None)
        else:
            row["ttl"] = ttl
        rest_ttl = _longer(ttl)
        renews = before is None or (before.ttl is not None and not _is_renewed(before))

        def put(key: Key, **values: Value | None) -> Insert:
            item = {"PK": key[0], "SK": key[1], "form": VERSION, **values, "ttl": rest_ttl, _WRITE: str(uuid.uuid4())}
            return Insert({name: value for name, value in item.items() if value is not None}, within=_WRITE)

        earlier = [] if before is None else before.lookups
        actions: list[Action] = [Insert(row) if before is None else _change(before, row)]
        actions += [Delete(key) for key in earlier if key not in after.lookups]
        actions += [put(key) for key in dict.fromkeys(after.lookups) if renews or key not in earlier]
        metadata_key = _metadata_key(after)
        if metadata is not None and (replaces or renews):
            content = {"contactId": after.contact_id, "version": after.metadata_version}
            actions.append(put(metadata_key, **content, metadata=AS_JSON[0](metadata)))
        # Whoever erases the contact has read by which rows it is found.
        actions.append(Lacks(visitor_row(after.website_id, after.mode, after.id, GATE_SK), ["erasing"]))
        self._table.transact(actions, deadline)

    def keep(self, known: Visitor, deadline: Deadline) -> None:
        """Keep a contact that was said again, as long as if it had been written."""
        ttl = visitor_expiry(self._retention_days[known.mode], known.to_item())
        if ttl is None and known.ttl is None:
            return
        if not _is_renewed(known):
            self.renew(known, deadline)
            return
        try:
            self._table.update(Change(_row_key(known), {"ttl": ttl, "identified": None}), deadline)
        except ConditionFailed:
            # It has just expired, or is being erased.
            return

    def renew(self, known: Visitor | None, deadline: Deadline) -> None:
        """Let the rows of a contact live as long as its visitor's own, if that was not done today."""
        if known is None or known.contact_id is None or known.ttl is None or _is_renewed(known):
            return
        ttl = visitor_expiry(self._retention_days[known.mode], known.to_item())
        values: dict[str, Value | None] = {"ttl": ttl, "contactRenewedOn": _today(), "identified": None}
        rest = [*dict.fromkeys(known.lookups), *([] if known.metadata_version is None else [_metadata_key(known)])]
        actions: list[Action] = [
            Change(_row_key(known), values, expected=_as_read(known)),
            *(Change(key, {"ttl": _longer(ttl)}) for key in rest),
        ]
        try:
            self._table.transact(actions, deadline)
        except ConditionFailed:
            # Somebody has written the contact since, and with it all of its rows.
            return

    def find(self, pk: str, limit: int, deadline: Deadline, *, older_than: str = "") -> list[str]:
        """Return the visitors that rows of a partition lead to (see `lookup_pk`), those with the newest ids first.

        With `older_than`, an id, those that come after it. What they lead to may have expired.
        """
        keys = KeyRange().before(older_than) if older_than else KeyRange()
        found = self._table.query(TABLE, pk, keys, deadline, limit=limit, descending=True)
        return [str(item["SK"]) for item in found]


def _change(before: Visitor, row: Item) -> Change:
    names = (before.to_item().keys() | row.keys()) - _OF_THE_PAGE
    return Change(_row_key(before), {name: row.get(name) for name in sorted(names)}, expected=_as_read(before))


def _as_read(known: Visitor) -> dict[str, Value | None]:
    return {"contactId": known.contact_id, "contactVersion": known.contact_version}


def _row_key(visitor: Visitor) -> Key:
    return visitor_row(visitor.website_id, visitor.mode, visitor.id, VISITOR_SK)


def _metadata_key(visitor: Visitor) -> Key:
    return visitor_row(visitor.website_id, visitor.mode, visitor.id, METADATA_SK)


def _is_renewed(known: Visitor) -> bool:
    return known.contact_renewed_on == _today()


def _today() -> str:
    return timestamps.now()[:10]


def _longer(ttl: int | None) -> int | None:
    return None if ttl is None else ttl + DAY_SECONDS
