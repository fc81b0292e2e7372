"""Reads conversations, and writes them in transactions; when a write is lost, reports what is stored."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Action, Change, ConditionFailed, Insert, Lacks
from support.dynamodb.items import MAX_ITEM_BYTES, Item, Key, key_of
from support.dynamodb.table import VISITOR, KeyRange, Table, is_kept
from support.dynamodb.transactions import MAX_ACTIONS
from support.errors import Refusal, visitor_blocked
from support.store.timelines import items_of
from support.values.api_key import KeyType, Mode
from support.values.conversation import CONVERSATION_SK, Conversation, is_erased, visitor_pk
from support.values.file import file_keys
from support.values.timeline_item import (
    PREVIEW_CHARACTERS,
    TimelineItem,
    item_id,
    item_sk,
    stored_size,
)
from support.values.timestamps import DAY_SECONDS, to_epoch
from support.values.visitor import CLOSES_GATE, GATE_SK, Gate, visitor_row

#: Content of fewer characters fits into an item whatever they are: UTF-8 takes four bytes for one at most, the preview
#: is stored in the item and in the index, and the rest takes less than two thousand.
_SURELY_FITS = (MAX_ITEM_BYTES - 2_000) // 4 - 2 * PREVIEW_CHARACTERS

#: How many of a visitor's conversations are listed: as many as one BatchGetItem reads (DynamoDB API Reference).
MAX_LISTED = 100
#: How many more of them are looked at where some have expired. DynamoDB deletes what has expired within days.
_MAX_LOOKED_AT = 4 * MAX_LISTED

#: What grows by itself with each write, and what never goes back.
_COUNTS = frozenset({"version", "itemCount"})
_TIMES = ("updatedAt", "publicUpdatedAt")
_LAST_ITEMS = ("lastPublicItem", "lastPrivateItem")
_LAST_MESSAGES = ("lastPublicMessage", "lastPrivateMessage")
#: What is of one write alone, and so is set with each: another one may have come between the read and the write.
_OF_ONE_WRITE = ("wrote", "actedBy")


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored, by a read or by a write that was lost.

    `not_returned` are the ids of items that may exist but whose content was not returned. Items that are in neither may
    have been written since. `visitor_blocked` tells whether the visitor was found blocked, if that was looked at.
    """

    conversation: Conversation
    items: dict[str, TimelineItem]
    not_returned: frozenset[str] = frozenset()
    visitor_blocked: bool = False

    def merged_with(self, earlier: "Stored | None") -> "Stored":
        """Return this together with what was known before, of which nothing holds for another conversation."""
        if earlier is None:
            return self
        items, not_returned = self.items, self.not_returned | earlier.not_returned
        if earlier.conversation.incarnation == self.conversation.incarnation:
            items = earlier.items | items
        else:
            not_returned |= earlier.items.keys()
        return Stored(
            self.conversation,
            items,
            not_returned - items.keys(),
            visitor_blocked=self.visitor_blocked or earlier.visitor_blocked,
        )


class Removal(NamedTuple):
    """An item whose content is removed, before and after (see `TimelineItem.without_content`)."""

    before: TimelineItem
    after: TimelineItem


class Looked(NamedTuple):
    """A conversation, if there is one, and whether its visitor is blocked, or is being erased."""

    conversation: Conversation | None
    visitor_blocked: bool


class Lost(Exception):
    """A write whose conditions failed: nothing was written. `stored` is what is stored, None where that is nothing."""

    def __init__(self, stored: Stored | None) -> None:
        super().__init__("the conditions of a write failed")
        self.stored = stored


class _Erasing(Exception):
    """A write met a conversation that is being erased."""


class ItemTooLarge(Exception):
    """An item takes `size` bytes in the table, more than the `limit`; nothing is written."""

    limit = MAX_ITEM_BYTES

    def __init__(self, item_id: str, size: int) -> None:
        super().__init__(f"an item takes {size} bytes")
        self.item_id = item_id
        self.size = size


class ConversationStore:
    """Conversations and their items, written all or none.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline.

    Parameters
    ----------
    table
        Where they are stored.
    retention_days
        For how many days conversations of a mode are kept after their last change, and items after they were written;
        0 is for ever.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int]) -> None:
        self._table = table
        self._retention_days = retention_days

    def write(
        self,
        before: Conversation | None,
        after: Conversation,
        items: Sequence[TimelineItem],
        deadline: Deadline,
        *,
        unchanged: Iterable[str] = (),
        opened_by: KeyType | None = None,
        removed: Removal | None = None,
    ) -> None:
        """Write what becomes of a conversation, with more items, in one transaction.

        Others may write at the same time, but nothing goes back: neither a time, nor the order in which items are
        written.

        Parameters
        ----------
        before, after
            The conversation as it was read, None if it is new; and as it becomes (see `Conversation.after_update`).
        items
            What is added to its timeline.
        unchanged
            Attributes that must still be as they were read.
        opened_by
            The type of the key of a call that opens a conversation, or adds to one by opening it again; None for other
            calls. For a private one, items that are in the way are returned, nine at most, when the write is lost; how
            long that takes tells how large they are, which a visitor is not told. A visitor who is blocked or being
            erased opens nothing, and for one who is being erased nobody does.
        removed
            The item whose content is removed.

        Files that the items name are kept as long as the items, and those of the removed item go with it.

        Raises `Lost` if something that is stored does not allow it, `Conflicted` if another transaction was in
        progress, `ItemTooLarge`, or `Refusal`: VISITOR_BLOCKED, or UNAVAILABLE while an earlier conversation of a new
        one's id is being erased.
        """
        after = after.expiring(self._expiry(before, after), items)
        gate = visitor_row(after.website_id, after.mode, after.visitor_id, GATE_SK)
        checks = [] if opened_by is None else [Lacks(gate, CLOSES_GATE[opened_by])]
        # Also if they have expired and are still stored: their objects are there.
        files = [
            Change(key, {"ttl": after.ttl}, expected={"deletedAt": None}, even_expired=True)
            for key in file_keys(after.pk, items)
        ]
        if len(items) + len(files) + 1 + len(checks) > MAX_ACTIONS:
            if any(name in row for row in self._table.get_many([gate], deadline) for name in checks[0].attributes):
                raise self._blocked(after, items, deadline)
            checks = []
        if before is None:
            self._create(after, items, checks, files, deadline, returns_existing=opened_by == "private")
            return
        inserts = _inserts(after, items, within="incarnation")
        actions: list[Action] = [_change(before, after, items, unchanged), *inserts, *checks]
        if removed is not None:
            expected = {"incarnation": before.incarnation, "deletedAt": None}
            actions.append(Change((before.pk, item_sk(removed.after.id)), removed.after.removal(), expected=expected))
            gone = {"deletedAt": removed.after.deleted_at, "ttl": int(time.time()), "name": None}
            files = [Change(key, gone, even_expired=True) for key in file_keys(before.pk, [removed.before])]
        try:
            self._transact(actions, files, deadline, raises_conflicts=True)
        except ConditionFailed as failure:
            if gate in failure.not_returned:
                raise self._blocked(after, items, deadline) from None
            try:
                lost = self._lost(before, items, failure, deadline, unchanged=before, told_of_items=False)
            except _Erasing:
                lost = Lost(None)
            raise lost from None

    def _create(
        self,
        conversation: Conversation,
        items: Sequence[TimelineItem],
        checks: Sequence[Lacks],
        files: Sequence[Change],
        deadline: Deadline,
        *,
        returns_existing: bool,
    ) -> None:
        # At first no item is overwritten, so that a replay is told the items that it repeats.
        within = None
        while True:
            inserts = _inserts(conversation, items, within, returns_existing=returns_existing)
            try:
                # The checks come last: what is in the way of the first actions is returned.
                self._transact([Insert(conversation.to_item()), *inserts, *checks], files, deadline)
            except ConditionFailed as failure:
                if any(check.key in failure.not_returned for check in checks):
                    raise self._blocked(conversation, items, deadline) from None
                try:
                    lost = self._lost(conversation, items, failure, deadline, told_of_items=within is None)
                except _Erasing:
                    raise unavailable() from None
                if lost.stored is not None:
                    raise lost from None
            else:
                return
            # What is left are items of an earlier conversation of this id, which DynamoDB has yet to delete.
            within = "incarnation"
            deadline.back_off(0)

    def _transact(
        self, actions: Sequence[Action], files: Sequence[Change], deadline: Deadline, *, raises_conflicts: bool = False
    ) -> None:
        """Carry out actions and changes of files, of which those that are gone are left out: nobody asks for them.

        Raises as `Table.transact` does.
        """
        while True:
            try:
                self._table.transact([*actions, *files], deadline, raises_conflicts=raises_conflicts)
            except ConditionFailed as failure:
                refused = {*failure.not_returned, *(key_of(row) for row in failure.found if row is not None)}
                there = [change for change in files if change.key not in refused]
                if len(there) == len(files):
                    raise
                files = there
            else:
                return

    def _blocked(self, wanted: Conversation, items: Sequence[TimelineItem], deadline: Deadline) -> Lost | Refusal:
        """Return why a visitor who is blocked writes nothing: what is stored, which may be all that was sent."""
        stored = self.read(wanted.pk, deadline)
        if stored is None:
            return visitor_blocked()
        return Lost(replace(stored, not_returned=frozenset(item.id for item in items), visitor_blocked=True))

    def _expiry(self, before: Conversation | None, after: Conversation) -> int | None:
        """Return until which epoch second a conversation is kept after a write, and the items of that write with it."""
        days = self._retention_days[after.mode]
        if not days or (before is not None and before.ttl is None):
            # Items that were written for ever would otherwise outlive their conversation.
            return None
        expiry = to_epoch(after.updated_at) + days * DAY_SECONDS
        # A shorter retention shortens nothing that is written.
        return expiry if before is None or before.ttl is None else max(before.ttl, expiry)

    def read(
        self,
        pk: str,
        deadline: Deadline,
        item_ids: Iterable[str] = (),
        stop_after_bytes: float = inf,
        gate: Key | None = None,
    ) -> Stored | None:
        """Read the conversation of a partition as it is now, with those of these items that it has, or None.

        Items are left out once there are more than `stop_after_bytes`; with the key of a visitor's `gate`, which tells
        whether that visitor is blocked, none may be.
        """
        key = pk, CONVERSATION_SK
        keys = [key, *((pk, item_sk(one)) for one in item_ids), *([] if gate is None else [gate])]
        found = self._table.get_many(keys, deadline, stop_after_bytes)
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        items = [item for item in found if item["PK"] == pk and item is not stored]
        if stored is None and items:
            # Among what was left out, or gone.
            stored = next(iter(self._table.get_many([key], deadline)), None)
        if stored is None or is_erased(stored):
            return None
        conversation = Conversation.from_item(stored)
        blocked = any(Gate.from_item(item).is_blocked for item in found if item["SK"] == GATE_SK)
        return Stored(conversation, items_of(conversation, items), visitor_blocked=blocked)

    def look(self, pk: str, gate: Key | None, deadline: Deadline) -> Looked:
        """Read the conversation of a partition, if there is one, and by the key of a gate whether it is closed."""
        found = self._table.get_many([(pk, CONVERSATION_SK), *([] if gate is None else [gate])], deadline)
        conversation = next(conversations_of(row for row in found if row["SK"] == CONVERSATION_SK), None)
        blocked = any(name in row for row in found if row["SK"] == GATE_SK for name in CLOSES_GATE["public"])
        return Looked(conversation, blocked)

    @staticmethod
    def is_kept(conversation: Conversation) -> bool:
        """Tell whether a conversation, as it was read, has not expired since."""
        return is_kept(conversation.ttl)

    def has_outlived_items(self, conversation: Conversation) -> bool:
        """Tell whether items that were written with the opening of a conversation may have expired since."""
        days = self._retention_days[conversation.mode]
        return bool(days) and to_epoch(conversation.created_at) + days * DAY_SECONDS < time.time()

    def read_newest(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> list[Conversation]:
        """Read the conversations of a visitor that were opened last, up to 100, as they are now."""
        pk, keys = visitor_pk(website_id, mode, visitor_id), KeyRange()
        found: dict[str, Conversation] = {}
        looked_at = 0
        while len(found) < MAX_LISTED and looked_at < _MAX_LOOKED_AT:
            entries = self._table.query(VISITOR, pk, keys, deadline, limit=MAX_LISTED, descending=True)
            looked_at += len(entries)
            conversations = conversations_of(self._table.get_many(keys_of(entries), deadline))
            # The index may be behind: an id may have another visitor's conversation by now.
            found |= {one.pk: one for one in conversations if one.visitor_id == visitor_id}
            if len(entries) < MAX_LISTED:
                break
            keys = keys.before(str(entries[-1]["visitorSK"]))
        newest = sorted(found.values(), key=lambda one: (one.created_at, one.id), reverse=True)
        return newest[:MAX_LISTED]

    def read_many(self, pks: Iterable[str], deadline: Deadline) -> dict[str, Conversation]:
        """Read the conversations of these partitions as they are now; those that do not exist are left out."""
        rows = self._table.get_many(((pk, CONVERSATION_SK) for pk in dict.fromkeys(pks)), deadline)
        return {one.pk: one for one in conversations_of(rows)}

    def _lost(
        self,
        wanted: Conversation,
        items: Sequence[TimelineItem],
        failure: ConditionFailed,
        deadline: Deadline,
        *,
        unchanged: Conversation | None = None,
        told_of_items: bool,
    ) -> Lost:
        """Return what is stored under the keys of a transaction whose conditions failed.

        `unchanged` is the conversation if the condition on it held. `told_of_items` says that the items were in the way
        of the transaction whatever conversation they are of, and not only if they are of the wanted one.

        Raises `_Erasing` if the conversation under that key is being erased.
        """
        key = (wanted.pk, CONVERSATION_SK)
        found, not_returned = [item for item in failure.found if item is not None], set(failure.not_returned)
        if key in not_returned:
            not_returned.remove(key)
            # BatchGetItem: of API keys alone the function may read a single item.
            found, unchanged = [*found, *self._table.get_many([key], deadline)], None
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        if stored is not None and is_erased(stored):
            raise _Erasing
        conversation = unchanged if stored is None else Conversation.from_item(stored)
        if conversation is None:
            return Lost(None)
        known = items_of(conversation, (item for item in found if item is not stored))
        ids = {item_id(sk) for _, sk in not_returned}
        if not told_of_items and conversation.incarnation != wanted.incarnation:
            ids = {item.id for item in items}
        return Lost(Stored(conversation, known, frozenset(ids - known.keys())))


def _change(
    before: Conversation, after: Conversation, items: Sequence[TimelineItem], unchanged: Iterable[str]
) -> Change:
    was, becomes = before.to_item(), after.to_item()
    changed = {
        name: becomes.get(name)
        for name in {**was, **becomes}
        if was.get(name) != becomes.get(name) and name not in _COUNTS
    }
    changed |= {name: becomes.get(name) for name in _OF_ONE_WRITE}
    expected = {name: was.get(name) for name in ("incarnation", *unchanged)}
    above: Item = {name: becomes[name] for name in _TIMES if name in changed}
    if items:
        first = min(item.reference for item in items)
        if first > (before.last_item or ""):
            # Of items that come at the end it matters alone that they do.
            above |= dict.fromkeys(_LAST_ITEMS, first)
        else:
            # It may become a last message, unless another one has come or the last one was removed since.
            expected |= {name: was.get(name) for name in ("itemCount", *_LAST_MESSAGES)}
    return Change(
        (before.pk, CONVERSATION_SK),
        changed,
        expected=expected,
        added={"version": 1, "itemCount": len(items)},
        above=above,
        at_most={"ttl": becomes["ttl"]} if changed.get("ttl") is not None else {},
    )


def _inserts(
    conversation: Conversation, items: Iterable[TimelineItem], within: str | None, *, returns_existing: bool = True
) -> Iterator[Insert]:
    shared = conversation.item_attributes()
    for item in items:
        stored = item.to_item(shared)
        if len(str(stored.get("largeContent", ""))) > _SURELY_FITS and (size := stored_size(stored)) > MAX_ITEM_BYTES:
            raise ItemTooLarge(item.id, size)
        yield Insert(stored, within, returns_existing)


def conversations_of(rows: Iterable[Item]) -> Iterator[Conversation]:
    """Read the rows of conversations, without those that are being erased."""
    return (Conversation.from_item(row) for row in rows if not is_erased(row))


def keys_of(entries: Iterable[Item]) -> Iterable[Key]:
    """Return the keys of the items behind entries of an index, each once: one that moves may have two entries."""
    return dict.fromkeys(map(key_of, entries))
