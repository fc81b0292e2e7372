"""Erases all that is stored of a visitor, a step at a time.

A visitor's gate stays closed from the first step to the last one, and names the erasure: while it does, nothing of the
visitor is created, and every step is conditioned on it. So a step of a run that was late does nothing to what comes
after the erasure.
"""

import secrets
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, Check, ConditionFailed, Delete, Insert
from support.dynamodb.items import Item, Key, key_of
from support.dynamodb.table import VISITOR, KeyRange, Table
from support.values import timestamps
from support.values.api_key import Mode
from support.values.conversation import erasing, is_erased, new_incarnation, visitor_pk
from support.values.visitor import GATE_SK, OF_ERASURE, VISITOR_SK, Gate, Visitor, visitor_row

#: How many entries of the index, and how many of the visitor's rows, are read at a time. A transaction deletes the
#: latter with those that find the contact, and takes 100 actions (DynamoDB API Reference, TransactWriteItems).
_ENTRIES = 100
_ROWS = 50

#: What of a visitor's row stays in the gate until the erasure ends, for those who are told of its end.
_TOLD = ("websiteId", "organizationId", "mode", "visitorKey")


class ErasureOver(Exception):
    """The erasure has ended: another run has finished it."""


class Found(NamedTuple):
    """What a step found: whether the conversation is this visitor's, and whether it is gone for everybody since."""

    is_there: bool
    is_new: bool


class VisitorErasure:
    """The erasure of one visitor of a website and mode.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline; every one but `begin`
    and `end` raises `ErasureOver`.
    """

    def __init__(self, table: Table, website_id: str, mode: Mode, visitor_id: str) -> None:
        self._table = table
        self._pk = visitor_pk(website_id, mode, visitor_id)
        self._gate = visitor_row(website_id, mode, visitor_id, GATE_SK)
        self._name = ""

    def begin(self, deadline: Deadline) -> int | None:
        """Close the gate, or take up the erasure for which it is closed.

        Returns since when nothing was found, in epoch seconds, as `note_nothing_found` noted it; None if it has not.
        """
        for attempt in count():
            row = self._table.get(self._gate, deadline)
            gate = None if row is None else Gate.from_item(row)
            if gate is not None and gate.erasing is not None:
                self._name = gate.erasing
                return gate.nothing_found_at
            name, now = secrets.token_urlsafe(8), timestamps.now()
            try:
                if gate is None:
                    self._table.transact([Insert(Gate(now, now, erasing=name).to_item(self._gate))], deadline)
                else:
                    self._table.update(Change(self._gate, {"erasing": name}, expected={"erasing": None}), deadline)
            except ConditionFailed:
                # Somebody has changed the gate meanwhile, or an earlier attempt has closed it.
                deadline.back_off(attempt)
            else:
                self._name = name
                return None
        raise AssertionError("count() does not end")

    def note_nothing_found(self, at: int | None, deadline: Deadline) -> None:
        """Note since when nothing was found, in epoch seconds, or with None that this no longer counts."""
        try:
            self._table.update(Change(self._gate, {"nothingFoundAt": at}, expected=self._as_closed), deadline)
        except ConditionFailed:
            raise ErasureOver from None

    def conversations(self, deadline: Deadline) -> Iterator[Key]:
        """Give the keys of the conversations that the index has of the visitor; it may be behind the table."""
        keys = KeyRange()
        while True:
            entries = self._table.query(VISITOR, self._pk, keys, deadline, limit=_ENTRIES)
            yield from map(key_of, entries)
            if len(entries) < _ENTRIES:
                return
            keys = keys.after(str(entries[-1]["visitorSK"]))

    def begin_conversation(self, key: Key, deadline: Deadline) -> Found:
        """Let a conversation be gone for everybody, also if it has expired, unless it is another visitor's by now.

        What is stored of it is deleted by those who read the table's stream.
        """
        incarnation = new_incarnation()
        change = Change(
            key,
            erasing(incarnation, with_visitor=True),
            expected={"visitorPK": self._pk, "erasing": None},
            added={"version": 1},
            even_expired=True,
        )
        try:
            self._transact([change], deadline)
        except ConditionFailed as failure:
            row = failure.found[0]
            is_there = row is not None and row.get("visitorPK") == self._pk and is_erased(row)
            # An earlier attempt, whose response was lost, may have done it.
            return Found(is_there, row is not None and row["incarnation"] == incarnation)
        return Found(is_there=True, is_new=True)

    def delete_rows(self, deadline: Deadline) -> int:
        """Delete rows of the visitor, with those by which the contact is found, and return how many; 0 if none is left.

        The gate is left. While it is closed no other contact is written than the one that is read.
        """
        rows = [row for row in self._table.list_stored(self._pk, deadline, _ROWS) if row["SK"] != GATE_SK]
        keys = [*map(key_of, rows), *(key for row in rows for key in lookups_of(row))]
        if keys:
            told = {name: row[name] for row in rows if row["SK"] == VISITOR_SK for name in _TOLD}
            self._transact([Delete(key) for key in keys], deadline, told)
        return len(keys)

    def end(self, deadline: Deadline) -> None:
        """Open the gate. A block stays."""
        for attempt in count():
            row = self._table.get(self._gate, deadline)
            if row is None or row.get("erasing") != self._name:
                return
            try:
                if "blockedAt" in row:
                    self._table.update(
                        Change(self._gate, dict.fromkeys((*OF_ERASURE, *_TOLD)), expected=self._as_closed), deadline
                    )
                else:
                    self._table.transact([Delete(self._gate, {**self._as_closed, "blockedAt": None})], deadline)
            except ConditionFailed:
                deadline.back_off(attempt)
            else:
                return

    @property
    def _as_closed(self) -> Mapping[str, str]:
        return {"erasing": self._name}

    def _transact(self, actions: list[Action], deadline: Deadline, told: Item | None = None) -> None:
        """Carry out actions while the gate is closed for this erasure, and let it have what is told of its end."""
        gate = Change(self._gate, told, expected=self._as_closed) if told else Check(self._gate, self._as_closed)
        try:
            self._table.transact([*actions, gate], deadline)
        except ConditionFailed as failure:
            if failure.found[-1] is not None or self._gate in failure.not_returned:
                raise ErasureOver from None
            raise


def lookups_of(row: Item) -> list[Key]:
    """Return the keys of the rows that find the contact of a visitor's row; none for another row."""
    return Visitor.from_item(row).lookups if row["SK"] == VISITOR_SK else []
