"""Reads conversations, and writes them in transactions; when a write is lost, reports what is stored."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change, Check, ConditionFailed, Insert
from support.dynamodb.items import MAX_ITEM_BYTES, Item, Key
from support.dynamodb.table import INBOX, TABLE, TIMELINE, VISITOR, KeyRange, Table, is_kept
from support.values.api_key import KeyType, Mode
from support.values.conversation import CONVERSATION_SK, Conversation, Status, inbox_pk, is_erased, visitor_pk
from support.values.parts import Visibility
from support.values.seen import SEEN_PREFIX, Seen, seen_sk
from support.values.timeline_item import (
    INDEXED,
    PREVIEW_CHARACTERS,
    TimelineItem,
    is_preview,
    is_taken_away,
    item_id,
    item_sk,
    reference_id,
    stored_size,
    timeline_prefix,
)
from support.values.timestamps import to_epoch

#: Content of fewer characters fits into an item whatever they are: UTF-8 takes four bytes for one at most, the preview
#: is stored in the item and in the index, and the rest takes less than two thousand.
_SURELY_FITS = (MAX_ITEM_BYTES - 2_000) // 4 - 2 * PREVIEW_CHARACTERS

#: How many of a visitor's conversations are listed: as many as one BatchGetItem reads (DynamoDB API Reference).
MAX_LISTED = 100
#: How many more of them are looked at where some have expired. DynamoDB deletes what has expired within days.
_MAX_LOOKED_AT = 4 * MAX_LISTED

#: Lambda answers with 6 MB at most (AWS Lambda quotas), the body as a JSON string.
MAX_PAGE_BYTES = 5_000_000
#: What an item takes in an answer beside its content, at most.
_ENVELOPE_BYTES = 1_000

#: So many fit into an answer.
_MAX_SEEN = 1_000

_DAY_SECONDS = 86_400

#: What grows by itself with each write, and what never goes back.
_COUNTS = frozenset({"version", "itemCount"})
_TIMES = ("updatedAt", "publicUpdatedAt")
_LAST_ITEMS = ("lastPublicItem", "lastPrivateItem")
#: What is of one write alone, and so is set with each: another one may have come between the read and the write.
_OF_ONE_WRITE = ("wrote", "actedBy")

_VISIBLE: dict[KeyType, Sequence[Visibility]] = {"public": ("public",), "private": ("public", "private")}


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored, by a read or by a write that was lost.

    `not_returned` are the ids of items that may exist but whose content was not returned. Items that are in neither may
    have been written since.
    """

    conversation: Conversation
    items: dict[str, TimelineItem]
    not_returned: frozenset[str] = frozenset()

    def merged_with(self, earlier: "Stored | None") -> "Stored":
        """Return this together with what was known before, of which nothing holds for another conversation."""
        if earlier is None:
            return self
        if earlier.conversation.incarnation != self.conversation.incarnation:
            return replace(self, not_returned=self.not_returned | earlier.items.keys() | earlier.not_returned)
        items = earlier.items | self.items
        return replace(self, items=items, not_returned=(self.not_returned | earlier.not_returned) - items.keys())


class Lost(Exception):
    """A write whose conditions failed: nothing was written. `stored` is what is stored, None where that is nothing."""

    def __init__(self, stored: Stored | None) -> None:
        super().__init__("the conditions of a write failed")
        self.stored = stored


class Page(NamedTuple):
    """Items of a timeline, the oldest one first; `has_more` tells whether there are more in that direction."""

    items: list[TimelineItem]
    has_more: bool


class Inbox(NamedTuple):
    """A page of the inbox, and the key after which the next one begins, if there is one."""

    conversations: list[Conversation]
    next_key: str | None


class ConversationGone(Exception):
    """A conversation has expired, or another one has its id by now."""


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
        0 is for ever. Who only reads needs none.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int] = MappingProxyType({})) -> None:
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
        returns_existing: bool = True,
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
        returns_existing
            Whether items that are in the way are returned, nine at most, when the write is lost. How long that takes
            tells how large they are, so it is for those alone who may see them.

        Raises `Lost` if something that is stored does not allow it, `Conflicted` if another transaction was in
        progress, or `ItemTooLarge`.
        """
        after = after.expiring(self._expiry(before, after), items)
        if before is None:
            self._create(after, items, deadline, returns_existing=returns_existing)
            return
        inserts = _inserts(after, items, within="incarnation")
        actions: list[Action] = [_change(before, after, items, unchanged), *inserts]
        try:
            self._table.transact(actions, deadline, raises_conflicts=True)
        except ConditionFailed as failure:
            raise self._lost(before, items, failure, deadline, unchanged=before, told_of_items=False) from None

    def _create(
        self, conversation: Conversation, items: Sequence[TimelineItem], deadline: Deadline, *, returns_existing: bool
    ) -> None:
        # At first no item is overwritten, so that a replay is told the items that it repeats.
        within = None
        while True:
            inserts = _inserts(conversation, items, within, returns_existing=returns_existing)
            try:
                actions: list[Action] = [Insert(conversation.to_item()), *inserts]
                self._table.transact(actions, deadline)
            except ConditionFailed as failure:
                lost = self._lost(conversation, items, failure, deadline, told_of_items=within is None)
                if lost.stored is not None:
                    raise lost from None
            else:
                return
            # What is left are items of an earlier conversation of this id, which DynamoDB has yet to delete.
            within = "incarnation"
            deadline.back_off(0)

    def _expiry(self, before: Conversation | None, after: Conversation) -> int | None:
        """Return until which epoch second a conversation is kept after a write, and the items of that write with it."""
        days = self._retention_days[after.mode]
        if not days or (before is not None and before.ttl is None):
            # Items that were written for ever would otherwise outlive their conversation.
            return None
        expiry = to_epoch(after.updated_at) + days * _DAY_SECONDS
        # A shorter retention shortens nothing that is written.
        return expiry if before is None or before.ttl is None else max(before.ttl, expiry)

    def see_as_visitor(self, conversation: Conversation, now: str, deadline: Deadline) -> str:
        """Record that the visitor has seen a conversation, and return when they last have.

        It moves neither `updated_at` nor `ttl`. Raises `ConversationGone`.
        """
        change = Change(
            (conversation.pk, CONVERSATION_SK),
            {"visitorLastSeenAt": now},
            added={"version": 1},
            expected={"incarnation": conversation.incarnation},
            above={"visitorLastSeenAt": now},
        )
        try:
            self._table.update(change, deadline)
        except ConditionFailed:
            stored = self.read(conversation.pk, deadline)
            if stored is None or stored.conversation.incarnation != conversation.incarnation:
                raise ConversationGone from None
            return stored.conversation.visitor_last_seen_at or now
        return now

    def see_as_user(self, conversation: Conversation, user_id: str, now: str, deadline: Deadline) -> str:
        """Record that one of the team has seen a conversation, and return when they last have.

        It is kept from then on, whatever becomes of the conversation. Raises `ConversationGone`.
        """
        seen, incarnation = Seen(user_id, last_seen_at=now, created_at=now), conversation.incarnation
        key = conversation.pk, seen_sk(user_id)
        days = self._retention_days[conversation.mode]
        ttl = to_epoch(now) + days * _DAY_SECONDS if days and conversation.ttl is not None else None
        change = Change(
            key,
            {"lastSeenAt": now, "ttl": ttl},
            expected={"incarnation": incarnation},
            above={"lastSeenAt": now},
        )
        # It would be an orphan if the conversation were gone.
        check = Check((conversation.pk, CONVERSATION_SK), {"incarnation": incarnation})
        insert = Insert(seen.to_item(replace(conversation, ttl=ttl).item_attributes()), within="incarnation")
        for attempt in count():
            try:
                self._table.update(change, deadline)
            except ConditionFailed:
                found = self._table.get_many([key], deadline)
                if found and found[0]["incarnation"] == incarnation:
                    if (last_seen_at := Seen.from_item(found[0]).last_seen_at) >= now:
                        return last_seen_at
                    # It was recorded for the first time since, by a call that began before.
                    deadline.back_off(attempt)
                    continue
            else:
                return now
            try:
                self._table.transact([check, insert], deadline)
            except ConditionFailed as failure:
                if check.key in failure.not_returned or failure.found[0] is not None:
                    raise ConversationGone from None
                # Somebody else has recorded it at the same time.
                deadline.back_off(attempt)
            else:
                return now
        raise AssertionError("count() does not end")

    def read_seen(self, conversation: Conversation, deadline: Deadline) -> list[Seen]:
        """Read who of the team has seen a conversation, up to 1,000 of them."""
        found = self._table.query(TABLE, conversation.pk, KeyRange.of_prefix(SEEN_PREFIX), deadline, limit=_MAX_SEEN)
        return [Seen.from_item(item) for item in found if item["incarnation"] == conversation.incarnation]

    def read(
        self, pk: str, deadline: Deadline, item_ids: Iterable[str] = (), stop_after_bytes: float = inf
    ) -> Stored | None:
        """Read the conversation of a partition as it is now, with those of these items that it has, or None.

        Items are left out once there are more than `stop_after_bytes`.
        """
        key = pk, CONVERSATION_SK
        keys = [key, *((pk, item_sk(one)) for one in item_ids)]
        found = self._table.get_many(keys, deadline, stop_after_bytes)
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        if stored is None and found:
            # Among what was left out, or gone.
            stored = next(iter(self._table.get_many([key], deadline)), None)
        if stored is None:
            return None
        conversation = Conversation.from_item(stored)
        return Stored(conversation, _items_of(conversation, (item for item in found if item is not stored)))

    @staticmethod
    def is_kept(conversation: Conversation) -> bool:
        """Tell whether a conversation, as it was read, has not expired since."""
        return is_kept(conversation.ttl)

    def has_outlived_items(self, conversation: Conversation) -> bool:
        """Tell whether items that were written with the opening of a conversation may have expired since."""
        days = self._retention_days[conversation.mode]
        return bool(days) and to_epoch(conversation.created_at) + days * _DAY_SECONDS < time.time()

    def read_page(
        self,
        conversation: Conversation,
        key_type: KeyType,
        limit: int,
        deadline: Deadline,
        *,
        older_than: str | None = None,
        newer_than: str | None = None,
        since: str | None = None,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> Page:
        """Read items of a timeline that a caller with such a key may see: the newest of them, or those next to a place.

        None is newer than the last items that the conversation had when it was read. A private key's page is two
        queries: without this bound an item that is written between them could be on the page though one before it is
        not.

        Parameters
        ----------
        conversation
            As it was read.
        limit, max_bytes
            How many items, and how many bytes in an answer of Lambda, a page has at most; one item is always there.
        older_than
            The reference before which to go on to older items; None begins with the newest one.
        newer_than
            The reference after which to go on to newer items, the oldest of them first; "" begins with the oldest one.
        since
            A time after which all items of the page are dated.
        """
        ascending = newer_than is not None
        last = {"public": conversation.last_public_item, "private": conversation.last_private_item}
        entries: list[tuple[str, Item]] = []
        for visibility in _VISIBLE[key_type]:
            reference = last[visibility]
            if reference is None:
                continue
            prefix = timeline_prefix(conversation.incarnation, visibility)
            keys = KeyRange.of_prefix(prefix).up_to(prefix + reference)
            if older_than:
                keys = keys.before(prefix + older_than)
            if newer_than:
                keys = keys.after(prefix + newer_than)
            if since:
                keys = keys.after(KeyRange.of_prefix(f"{prefix}{since}#").last)
            # One more tells whether there are more.
            found = self._table.query(
                TIMELINE, conversation.pk, keys, deadline, limit=limit + 1, descending=not ascending
            )
            entries += ((str(entry["timelineSK"]).removeprefix(prefix), entry) for entry in found)
        entries.sort(key=lambda entry: entry[0], reverse=not ascending)
        page = [entry for _, entry in entries[:limit]]
        if any(map(is_preview, page)):
            page = page[: _how_many_fit(page, max_bytes)]
        large = [item_id(str(entry["SK"])) for entry in page if is_preview(entry)]
        whole = self.read_items(conversation, large, deadline) if large else {}
        if len(whole) < len(large):
            # One has expired since: the index has it no more, either.
            return self.read_page(
                conversation,
                key_type,
                limit,
                deadline,
                older_than=older_than,
                newer_than=newer_than,
                since=since,
                max_bytes=max_bytes,
            )
        items = [whole.get(item.id, item) for item in map(TimelineItem.from_item, page)]
        return Page(items if ascending else items[::-1], has_more=len(page) < len(entries))

    def read_newest(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> list[Conversation]:
        """Read the conversations of a visitor that were opened last, up to 100, as they are now."""
        pk, keys = visitor_pk(website_id, mode, visitor_id), KeyRange()
        found: dict[str, Conversation] = {}
        looked_at = 0
        while len(found) < MAX_LISTED and looked_at < _MAX_LOOKED_AT:
            entries = self._table.query(VISITOR, pk, keys, deadline, limit=MAX_LISTED, descending=True)
            looked_at += len(entries)
            conversations = map(Conversation.from_item, self._table.get_many(_keys(entries), deadline))
            # The index may be behind: an id may have another visitor's conversation by now.
            found |= {one.pk: one for one in conversations if one.visitor_id == visitor_id}
            if len(entries) < MAX_LISTED:
                break
            keys = keys.before(str(entries[-1]["visitorSK"]))
        newest = sorted(found.values(), key=lambda one: (one.created_at, one.id), reverse=True)
        return newest[:MAX_LISTED]

    def read_inbox(
        self,
        website_id: str,
        mode: Mode,
        statuses: Sequence[Status],
        limit: int,
        deadline: Deadline,
        *,
        after: str | None = None,
        updated_since: str | None = None,
    ) -> Inbox:
        """Read conversations of some statuses as they are now, the last changed first.

        None is on two pages of a walk. One that changes during it moves to the top, and may be missed.

        Parameters
        ----------
        after
            The key of the conversation after which to go on; None begins with the last changed one.
        updated_since
            The time of the change before which the walk ends, itself included.
        """
        keys = KeyRange() if updated_since is None else KeyRange(first=updated_since)
        next_key = after
        found: dict[str, Conversation] = {}
        has_more = True
        while has_more and len(found) < limit:
            wanted = limit - len(found)
            rest = keys if next_key is None else keys.before(next_key)
            entries: list[Item] = []
            for status in statuses:
                pk = inbox_pk(website_id, mode, status)
                # One more tells whether there are more.
                entries += self._table.query(INBOX, pk, rest, deadline, limit=wanted + 1, descending=True)
            entries.sort(key=lambda entry: str(entry["inboxSK"]), reverse=True)
            has_more = len(entries) > wanted
            entries = entries[:wanted]
            if entries:
                next_key = str(entries[-1]["inboxSK"])
            conversations = map(Conversation.from_item, self._table.get_many(_keys(entries), deadline))
            # The index may be behind. What has moved above where the walk went on from was on a page, or is missed.
            found |= {
                one.pk: one
                for one in conversations
                if one.status in statuses and (after is None or one.inbox_sk < after)
            }
        ordered = sorted(found.values(), key=lambda one: one.inbox_sk, reverse=True)
        return Inbox(ordered, next_key if has_more else None)

    def read_last_messages(
        self, conversations: Iterable[Conversation], key_type: KeyType, deadline: Deadline
    ) -> dict[str, TimelineItem]:
        """Read the newest message of each conversation that a caller with such a key may see, by its `pk`.

        One whose content is large is a preview, which its conversation has.
        """
        messages: dict[str, TimelineItem] = {}
        wanted: dict[Key, Conversation] = {}
        for conversation in conversations:
            reference = conversation.last_message_for(key_type)
            if reference is None:
                continue
            preview = conversation.preview_of(reference)
            if preview is None:
                wanted[conversation.pk, item_sk(reference_id(reference))] = conversation
            elif is_kept(preview.ttl):
                messages[conversation.pk] = preview.item
        for stored in self._table.get_many(wanted, deadline, attributes=("PK", "SK", "incarnation", *INDEXED)):
            conversation, item = wanted[str(stored["PK"]), str(stored["SK"])], TimelineItem.from_item(stored)
            if stored["incarnation"] == conversation.incarnation and item.is_at(
                conversation.last_message_for(key_type)
            ):
                messages[conversation.pk] = item
        return messages

    def read_referenced(
        self, conversation: Conversation, reference: str | None, deadline: Deadline
    ) -> TimelineItem | None:
        """Read the item to which a reference leads; None without one, or if the item has expired."""
        if reference is None:
            return None
        item = self.read_items(conversation, [reference_id(reference)], deadline).get(reference_id(reference))
        return item if item is not None and item.is_at(reference) else None

    def read_items(
        self, conversation: Conversation, ids: Iterable[str], deadline: Deadline, stop_after_bytes: float = inf
    ) -> dict[str, TimelineItem]:
        """Read items by id.

        Those that do not exist are left out, and so is the rest once there are more than `stop_after_bytes`.
        """
        keys = [(conversation.pk, item_sk(one)) for one in ids]
        return _items_of(conversation, self._table.get_many(keys, deadline, stop_after_bytes))

    def read_written(
        self, wanted: Iterable[tuple[Conversation, str]], deadline: Deadline
    ) -> dict[tuple[str, str], TimelineItem]:
        """Read items of several conversations, each by its conversation and its id, as they are now.

        They are returned by the incarnation of their conversation and their id. Those that do not exist are left out,
        and so are those whose content was taken away.
        """
        keys = dict.fromkeys((conversation.pk, item_sk(id_)) for conversation, id_ in wanted)
        rows = self._table.get_many(keys, deadline)
        return {
            (str(row["incarnation"]), item_id(str(row["SK"]))): TimelineItem.from_item(row)
            for row in rows
            if not is_taken_away(row)
        }

    def read_many(self, pks: Iterable[str], deadline: Deadline) -> dict[str, Conversation]:
        """Read the conversations of these partitions as they are now; those that do not exist are left out."""
        rows = self._table.get_many(((pk, CONVERSATION_SK) for pk in dict.fromkeys(pks)), deadline)
        return {str(row["PK"]): Conversation.from_item(row) for row in rows if not is_erased(row)}

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
        """
        key = (wanted.pk, CONVERSATION_SK)
        found, not_returned = [item for item in failure.found if item is not None], set(failure.not_returned)
        if key in not_returned:
            not_returned.remove(key)
            # BatchGetItem: of API keys alone the function may read a single item.
            found, unchanged = [*found, *self._table.get_many([key], deadline)], None
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        conversation = unchanged if stored is None else Conversation.from_item(stored)
        if conversation is None:
            return Lost(None)
        known = _items_of(conversation, (item for item in found if item is not stored))
        ids = {item_id(sk) for _, sk in not_returned}
        if not told_of_items and conversation.incarnation != wanted.incarnation:
            ids = {item.id for item in items}
        return Lost(Stored(conversation, known, frozenset(ids - known.keys())))


def _items_of(conversation: Conversation, found: Iterable[Item]) -> dict[str, TimelineItem]:
    """Return the items by id, without those of an earlier conversation of the same id."""
    items = (TimelineItem.from_item(item) for item in found if item["incarnation"] == conversation.incarnation)
    return {item.id: item for item in items}


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
            expected["itemCount"] = was["itemCount"]
    return Change(
        (before.pk, CONVERSATION_SK),
        changed,
        expected=expected,
        added={"version": 1, "itemCount": len(items)},
        above=above,
        at_most={"ttl": becomes["ttl"]} if changed.get("ttl") is not None else {},
    )


def _keys(entries: Iterable[Item]) -> Iterable[Key]:
    """Return the keys of the items behind entries of an index, each once: one that moves may have two entries."""
    return dict.fromkeys((str(entry["PK"]), str(entry["SK"])) for entry in entries)


def _how_many_fit(entries: Sequence[Item], max_bytes: int) -> int:
    size = 0
    for number, entry in enumerate(entries):
        shown = int(str(entry["shownBytes"])) if is_preview(entry) else TimelineItem.from_item(entry).shown_bytes
        size += _ENVELOPE_BYTES + shown
        if number and size > max_bytes:
            return number
    return len(entries)


def _inserts(
    conversation: Conversation, items: Iterable[TimelineItem], within: str | None, *, returns_existing: bool = True
) -> Iterator[Insert]:
    shared = conversation.item_attributes()
    for item in items:
        stored = item.to_item(shared)
        if len(str(stored.get("largeContent", ""))) > _SURELY_FITS and (size := stored_size(stored)) > MAX_ITEM_BYTES:
            raise ItemTooLarge(item.id, size)
        yield Insert(stored, within, returns_existing)
