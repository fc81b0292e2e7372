"""Reads and writes what is known of visitors: who they are, what their pages tell, and whether they may write."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pydantic_core import to_json

from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, ConditionFailed, Insert, Lacks
from support.dynamodb.items import Item, Key, Value, key_of
from support.dynamodb.table import Table
from support.store.contacts import ContactStore
from support.store.expiry import visitor_expiry
from support.values import timestamps
from support.values.api_key import Mode
from support.values.stored_form import AS_JSON, VERSION, camel_case
from support.values.visitor import (
    GATE_SK,
    METADATA_SK,
    PAGE_SK,
    VISITOR_SK,
    Gate,
    Known,
    Page,
    Person,
    Visitor,
    visitor_row,
)

#: The rows of a visitor that the team sees beside conversations, those that a contact is written with, and all.
PERSON_ROWS = (VISITOR_SK, GATE_SK)
CONTACT_ROWS = (*PERSON_ROWS, METADATA_SK)
ALL_ROWS = (*CONTACT_ROWS, PAGE_SK)

_UNKNOWN_PAGE = Page()


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of a row: `values` are set, None takes one away; `first` is added where there is no row yet."""

    key: Key
    values: Mapping[str, Value | None]
    first: Item = field(default_factory=dict)


class VisitorStore:
    """Visitors.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.

    Parameters
    ----------
    table
        The table of their rows.
    retention_days
        How many days a visitor is kept after the last call that told of them, by mode; 0 is forever. A gate is kept
        until it is opened.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int]) -> None:
        self._table = table
        self._retention_days = retention_days
        self._contacts = ContactStore(table, retention_days)

    def read(
        self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline, rows: Sequence[str] = ALL_ROWS
    ) -> Known:
        """Read what is known of a visitor; `rows` are those that are read."""
        return self.read_all(website_id, mode, [visitor_id], deadline, rows)[visitor_id]

    def read_many(
        self, website_id: str, mode: Mode, visitor_ids: Iterable[str], deadline: Deadline
    ) -> Mapping[str, Person]:
        """Read who visitors are and whether they are blocked, by their ids; of those who are unknown, nothing."""
        return self.read_all(website_id, mode, visitor_ids, deadline, PERSON_ROWS)

    def read_all(
        self,
        website_id: str,
        mode: Mode,
        visitor_ids: Iterable[str],
        deadline: Deadline,
        rows: Sequence[str] = ALL_ROWS,
    ) -> dict[str, Known]:
        """Read what is known of visitors, by their ids; of those who are unknown, nothing. `rows` as for `read`."""
        ids = list(dict.fromkeys(visitor_ids))

        def read(wanted: Iterable[str]) -> dict[str, Known]:
            keys = {id_: [visitor_row(website_id, mode, id_, sk) for sk in rows] for id_ in wanted}
            read = self._table.get_many([key for of_one in keys.values() for key in of_one], deadline)
            found = {key_of(row): row for row in read}
            return {id_: _known({key[1]: found[key] for key in of_one if key in found}) for id_, of_one in keys.items()}

        known = read(ids)
        torn = [id_ for id_, one in known.items() if METADATA_SK in rows and _is_torn(one)]
        while torn:
            # A contact was written while its rows were read, one by one; and again, if its row is another one by now.
            before, again = known, read(torn)
            known = known | again
            torn = [id_ for id_, one in again.items() if _is_torn(one) and one.visitor != before[id_].visitor]
        return known

    def tell(self, known: Visitor | None, told: Visitor, page: Mapping[str, Any], deadline: Deadline) -> None:
        """Store what a page tells of its visitor. Calls that tell of different fields lose neither.

        Parameters
        ----------
        known
            The visitor's row as it was read.
        told
            The row of a visitor who is not known yet.
        page
            Fields of `Page` to set; None takes one away.
        """
        self._contacts.renew(known, deadline)
        self._write(self._rows(None if known is None else known.to_item(), told, page), deadline)

    def see(self, seen: Visitor, page: Mapping[str, Any], deadline: Deadline) -> None:
        """Store that a visitor is there, and on which page.

        It takes one write where the page is the one that is stored. Once a day it takes more, which renew the rows that
        live as long as the visitor's own.

        Parameters
        ----------
        seen
            The row of a visitor who is not known yet, and is seen now.
        page
            Fields of `Page` to set, the same ones in each call.
        """
        ttl, marks = visitor_expiry(self._retention_days[seen.mode], None), _marks(page)
        change = Change(
            visitor_row(seen.website_id, seen.mode, seen.id, VISITOR_SK),
            {"lastSeenAt": seen.last_seen_at, "identified": None, "ttl": ttl},
            expected=marks,
            # A shorter retention shortens nothing that is written.
            at_most={} if ttl is None else {"ttl": ttl},
        )
        try:
            self._table.update(change, deadline)
        except ConditionFailed as failure:
            known = failure.found[0]
            self._contacts.renew(None if known is None else Visitor.from_item(known), deadline)
            rows = self._rows(known, seen, page)
            is_same_page = known is not None and all(known.get(name) == mark for name, mark in marks.items())
            self._write(rows[:1] if is_same_page else rows, deadline)

    def block(self, website_id: str, mode: Mode, visitor_id: str, user_id: str | None, deadline: Deadline) -> bool:
        """Block a visitor, in the name of a team member if one is named; return False if they are blocked already."""
        return self._set_blocked(website_id, mode, visitor_id, (timestamps.now(), user_id), deadline)

    def unblock(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> bool:
        """Let a visitor write again; return False if they are not blocked."""
        return self._set_blocked(website_id, mode, visitor_id, (None, None), deadline)

    def _set_blocked(
        self,
        website_id: str,
        mode: Mode,
        visitor_id: str,
        block: tuple[str | None, str | None],
        deadline: Deadline,
    ) -> bool:
        key, now = visitor_row(website_id, mode, visitor_id, GATE_SK), timestamps.now()
        blocked_at, user_id = block
        for attempt in count():
            found = self._table.get_many([key], deadline)
            gate = Gate.from_item(found[0]) if found else None
            if (gate is not None and gate.blocked_at is not None) == (blocked_at is not None):
                return False
            # Never deleted by a request: it may say that the visitor is being erased.
            after = Gate(gate.created_at if gate else now, now, blocked_at, user_id, gate.erasing if gate else None)
            values = {"blockedAt": blocked_at, "blockedByUserId": user_id, "updatedAt": now}
            try:
                if gate is None:
                    self._table.transact([Insert(after.to_item(key))], deadline)
                else:
                    self._table.update(Change(key, values, expected={"updatedAt": gate.updated_at}), deadline)
            except ConditionFailed:
                deadline.back_off(attempt)
            else:
                return True
        raise AssertionError("count() does not end")

    def _rows(self, known: Item | None, told: Visitor, page: Mapping[str, Any]) -> list[Row]:
        """Return what becomes of a visitor's rows, their own first, when a page tells something."""
        first, ttl = told.to_item(), visitor_expiry(self._retention_days[told.mode], known)
        changed = "updatedAt" if told.last_seen_at is None else "lastSeenAt"
        visitor: dict[str, Value | None] = {changed: first[changed], "identified": None, "ttl": ttl, **_marks(page)}
        attributes: dict[str, Value | None] = dict.fromkeys(map(camel_case, page))
        attributes |= Page(**page).to_attributes()
        key = visitor_row(told.website_id, told.mode, told.id, PAGE_SK)
        return [
            Row(key_of(first), visitor, first),
            Row(key, {**attributes, "ttl": ttl}, {"form": VERSION}),
        ]

    def _write(self, rows: Sequence[Row], deadline: Deadline) -> None:
        """Write rows in one transaction, each whether it exists or not.

        Of a visitor who is being erased no row is created: it would outlive the erasure.
        """
        missing: set[Key] = set()
        gate = rows[0].key[0], GATE_SK
        for attempt in count():
            actions: list[Action] = [
                _insert(row) if row.key in missing else Change(row.key, row.values) for row in rows
            ]
            if missing:
                actions.append(Lacks(gate, ["erasing"]))
            try:
                self._table.transact(actions, deadline)
            except ConditionFailed as failure:
                if gate in failure.not_returned:
                    return
                missing |= set(failure.not_returned)
                missing -= {key_of(item) for item in failure.found if item is not None}
                if attempt:
                    # Others write the same rows.
                    deadline.back_off(attempt)
            else:
                return


def _known(rows: Mapping[str, Item]) -> Known:
    """Return what rows of a visitor, by their sort keys, tell."""
    visitor = Visitor.from_item(rows[VISITOR_SK]) if VISITOR_SK in rows else None
    metadata = rows.get(METADATA_SK)
    # What an earlier contact has left counts for nothing.
    is_current = (
        visitor is not None
        and metadata is not None
        and (metadata["contactId"], metadata["version"]) == (visitor.contact_id, visitor.metadata_version)
    )
    return Known(
        visitor,
        Gate.from_item(rows[GATE_SK]) if GATE_SK in rows else None,
        Page.from_item(rows[PAGE_SK]) if PAGE_SK in rows else _UNKNOWN_PAGE,
        AS_JSON[1](metadata["metadata"]) if is_current and metadata is not None else None,
    )


def _is_torn(known: Known) -> bool:
    """Tell whether the metadata that were read are not those of the row that was read."""
    return known.visitor is not None and known.visitor.metadata_version is not None and known.metadata is None


def _insert(row: Row) -> Insert:
    pk, sk = row.key
    values = {name: value for name, value in row.values.items() if value is not None}
    return Insert({**row.first, **values, "PK": pk, "SK": sk})


def _marks(page: Mapping[str, Any]) -> dict[str, Value | None]:
    """Return the attributes that tell whether a visitor's other rows are as a page tells, and were renewed today."""
    marks: dict[str, Value | None] = {"pageRenewedOn": timestamps.now()[:10]}
    if place := {name: page[name] for name in ("current_page", "attribution") if name in page}:
        current = place.get("current_page")
        if current:
            # Widgets date the page anew each time that they tell of it.
            place["current_page"] = {name: value for name, value in current.items() if name != "updatedAt"}
        marks["pageDigest"] = hashlib.sha256(to_json(place)).hexdigest()[:16]
    return marks
