"""Reads conversations, and writes them in transactions; when a write loses, reports what is stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from typing import NamedTuple

from conversations.actions import Action, Change, Check, ConditionFailed, Insert
from conversations.api_key import KeyType, Mode
from conversations.conversation import CONVERSATION_SK, Conversation, Status, inbox_pk, visitor_pk
from conversations.deadlines import Deadline
from conversations.items import MAX_ITEM_BYTES, Item, Key
from conversations.parts import Visibility
from conversations.seen import SEEN_PREFIX, Seen, seen_sk
from conversations.table import INBOX, TABLE, TIMELINE, VISITOR, Table, is_there
from conversations.timeline_item import (
    INDEXED,
    PREVIEW_CHARACTERS,
    TimelineItem,
    is_preview,
    item_id,
    item_sk,
    reference_id,
    stored_size,
    timeline_prefix,
)

#: Content of fewer characters fits into an item whatever they are: UTF-8 takes four bytes for one at most, the preview
#: stands in the item and in the index, and the rest takes less than two thousand.
_SURELY_FITS = (MAX_ITEM_BYTES - 2_000) // 4 - 2 * PREVIEW_CHARACTERS

#: How many of a visitor's conversations are listed: as many as one BatchGetItem reads (DynamoDB API Reference).
MAX_LISTED = 100

#: Lambda answers with 6 MB at most (AWS Lambda quotas), the body as a JSON string.
MAX_PAGE_BYTES = 5_000_000
#: What an item takes in an answer beside its content, at most.
_ENVELOPE_BYTES = 1_000

#: So many fit into an answer.
_MAX_SEEN = 1_000

#: What grows by itself with each write, and what never goes back.
_COUNTS = frozenset({"version", "itemCount"})
_TIMES = ("updatedAt", "publicUpdatedAt")
_LAST_ITEMS = ("lastPublicItem", "lastPrivateItem")

_VISIBLE: dict[KeyType, Sequence[Visibility]] = {"public": ("public",), "private": ("public", "private")}


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored, by a reader or when a write lost.

    `unread` are the ids of items that may exist but whose content was not returned. Items that are in neither may have
    come since.
    """

    conversation: Conversation
    items: dict[str, TimelineItem]
    unread: frozenset[str] = frozenset()


class Continued(NamedTuple):
    """A conversation after a write (see `Conversation.continued`), and the items that this adds."""

    conversation: Conversation
    items: Sequence[TimelineItem] = ()


class Page(NamedTuple):
    """Items of a timeline, the oldest one first; `has_more` tells whether there are older ones."""

    items: list[TimelineItem]
    has_more: bool


class Inbox(NamedTuple):
    """A page of the inbox, and the place after which it goes on, if it does."""

    conversations: list[Conversation]
    next_place: str | None


class ConversationGone(Exception):
    """The conversation that was to be continued has expired."""


class ItemTooLarge(Exception):
    """The item at `place` among those to be written takes `size` bytes, more than the `limit`; nothing is written."""

    limit = MAX_ITEM_BYTES

    def __init__(self, place: int, size: int) -> None:
        super().__init__(f"item {place} takes {size} bytes")
        self.place = place
        self.size = size


class ConversationStore:
    """Conversations and their items, written all or none.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, conversation: Conversation, items: Sequence[TimelineItem], deadline: Deadline) -> Stored | None:
        """Write a new conversation and its items in one transaction.

        Returns None when written, and what is stored when the conversation exists. Raises `ItemTooLarge`.
        """
        # At first no item is overwritten, so that a replay is told the items that it repeats.
        within = None
        while True:
            inserts = [Insert(conversation.to_item()), *_inserts(conversation, items, within)]
            try:
                self._table.transact(inserts, deadline)
            except ConditionFailed as failure:
                stored = self._stored(conversation, failure, deadline)
                if stored is not None:
                    # With `within`, the items of the conversation that stands here were not in the way.
                    return stored if within is None else replace(stored, unread=frozenset(item.id for item in items))
            else:
                return None
            # What is left are items of an earlier conversation of this id, which DynamoDB has yet to delete.
            within = "incarnation"
            deadline.back_off(0)

    def write(
        self,
        before: Conversation,
        go_on: Callable[[Conversation], Continued],
        deadline: Deadline,
        unchanged: Iterable[str] = (),
    ) -> Continued | Stored:
        """Write what changes in a conversation, with more items, in one transaction.

        Others may write meanwhile, but nothing goes back: neither a time, nor the order in which items are written.

        Parameters
        ----------
        before
            The conversation as it was read.
        go_on
            Gives what becomes of it now. It is asked again when another write was in the way.
        unchanged
            Attributes that must still be as they were read.

        Returns what was written, or what is stored when an item exists or `before` no longer stands as is needed.
        Raises `ConversationGone` if the conversation has expired, or `ItemTooLarge`.
        """
        written = go_on(before)

        def actions() -> Sequence[Action]:
            return [_change(before, written, unchanged), *_inserts(before, written.items, within="incarnation")]

        def remade() -> Sequence[Action]:
            nonlocal written
            written = go_on(before)
            return actions()

        try:
            self._table.transact(actions(), deadline, remade)
        except ConditionFailed as failure:
            stored = self._stored(before, failure, deadline, unchanged=before)
            if stored is None:
                raise ConversationGone from None
            return stored
        return written

    def see_as_visitor(self, conversation: Conversation, now: str, deadline: Deadline) -> str:
        """Note that the visitor has seen a conversation, and return when they last have.

        Raises `ConversationGone`.
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
        """Note that one of the team has seen a conversation, and return when they last have.

        Raises `ConversationGone`.
        """
        seen, incarnation = Seen(user_id, last_seen_at=now, created_at=now), conversation.incarnation
        key = conversation.pk, seen_sk(user_id)
        change = Change(key, {"lastSeenAt": now}, expected={"incarnation": incarnation}, above={"lastSeenAt": now})
        # It is orphaned where there is no such conversation any more.
        check = Check((conversation.pk, CONVERSATION_SK), {"incarnation": incarnation})
        insert = Insert(seen.to_item(conversation.of_each_item()), within="incarnation")
        for attempt in count():
            try:
                self._table.update(change, deadline)
            except ConditionFailed:
                found = self._table.get_many([key], deadline)
                if found and found[0]["incarnation"] == incarnation:
                    return Seen.from_item(found[0]).last_seen_at
            else:
                return now
            try:
                self._table.transact([check, insert], deadline)
            except ConditionFailed as failure:
                if check.key in failure.unread or failure.found[0] is not None:
                    raise ConversationGone from None
                # Somebody else has noted it meanwhile.
                deadline.back_off(attempt)
            else:
                return now
        raise AssertionError("count() does not end")

    def read_seen(self, conversation: Conversation, deadline: Deadline) -> list[Seen]:
        """Read who of the team has seen a conversation, up to 1,000 of them."""
        found = self._table.query(TABLE, conversation.pk, SEEN_PREFIX, deadline, limit=_MAX_SEEN)
        return [Seen.from_item(item) for item in found if item["incarnation"] == conversation.incarnation]

    def read(self, pk: str, deadline: Deadline, item_ids: Iterable[str] = ()) -> Stored | None:
        """Read the conversation of a partition as it is now, with those of these items that it has, or None."""
        keys = [(pk, CONVERSATION_SK), *((pk, item_sk(one)) for one in item_ids)]
        found = self._table.get_many(keys, deadline)
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        if stored is None:
            return None
        conversation = Conversation.from_item(stored)
        return Stored(conversation, _items_of(conversation, (item for item in found if item is not stored)))

    def read_page(
        self,
        conversation: Conversation,
        key_type: KeyType,
        limit: int,
        deadline: Deadline,
        before: TimelineItem | None = None,
        max_bytes: int = MAX_PAGE_BYTES,
    ) -> Page:
        """Read the newest items of a timeline that a caller with such a key may see, or the newest before one of them.

        They are up to `limit`, and take up to `max_bytes` in an answer of Lambda, but for one, which is always there.
        Raises `ConversationGone`.
        """
        entries: list[tuple[str, Item]] = []
        last = {"public": conversation.last_public_item, "private": conversation.last_private_item}
        for visibility in _VISIBLE[key_type]:
            if last[visibility] is None:
                continue
            prefix = timeline_prefix(conversation.incarnation, visibility)
            after = "" if before is None else prefix + before.reference
            # One more tells whether there are more.
            found = self._table.query(
                TIMELINE, conversation.pk, prefix, deadline, after=after, limit=limit + 1, descending=True
            )
            entries += ((str(entry["timelineSK"]).removeprefix(prefix), entry) for entry in found)
        entries.sort(reverse=True, key=lambda entry: entry[0])
        newest = [entry for _, entry in entries[:limit]]
        if any(map(is_preview, newest)):
            newest = newest[: _how_many_fit(newest, max_bytes)]
        large = [item_id(str(entry["SK"])) for entry in newest if is_preview(entry)]
        whole = self.read_items(conversation, large, deadline) if large else {}
        # What expired between two of these reads is only in the first.
        if len(whole) < len(large) or not is_there({} if conversation.ttl is None else {"ttl": conversation.ttl}):
            raise ConversationGone
        items = [TimelineItem.from_item(entry) for entry in reversed(newest)]
        return Page([whole.get(item.id, item) for item in items], has_more=len(newest) < len(entries))

    def read_newest(self, website_id: str, mode: Mode, visitor_id: str, deadline: Deadline) -> list[Conversation]:
        """Read the conversations of a visitor that were opened last, up to 100, as they are now."""
        pk = visitor_pk(website_id, mode, visitor_id)
        entries = self._table.query(VISITOR, pk, "", deadline, limit=MAX_LISTED, descending=True)
        found = self._table.get_many(_keys(entries), deadline)
        conversations = map(Conversation.from_item, found)
        # The index may be behind: an id may have another visitor's conversation by now.
        return [conversation for conversation in conversations if conversation.visitor_id == visitor_id]

    def read_inbox(
        self, website_id: str, mode: Mode, status: Status, limit: int, deadline: Deadline, after: str | None = None
    ) -> Inbox:
        """Read conversations of one status as they are now, the last changed first, after a place in the inbox.

        None stands on two pages of a walk. One that changes during it moves to the top, and may be missed.
        """
        pk, place = inbox_pk(website_id, mode, status), after or ""
        found: dict[str, Conversation] = {}
        has_more = True
        while has_more and len(found) < limit:
            wanted = limit - len(found)
            # One more tells whether there are more.
            entries = self._table.query(INBOX, pk, "", deadline, after=place, limit=wanted + 1, descending=True)
            has_more = len(entries) > wanted
            entries = entries[:wanted]
            if entries:
                place = str(entries[-1]["inboxSK"])
            conversations = map(Conversation.from_item, self._table.get_many(_keys(entries), deadline))
            # The index may be behind. What has moved above where the walk went on from was seen, or is missed.
            found |= {
                conversation.pk: conversation
                for conversation in conversations
                if conversation.status == status and (after is None or conversation.inbox_sk < after)
            }
        ordered = sorted(found.values(), key=lambda conversation: conversation.inbox_sk, reverse=True)
        return Inbox(ordered, place if has_more else None)

    def read_last_messages(
        self, conversations: Iterable[Conversation], key_type: KeyType, deadline: Deadline
    ) -> dict[str, TimelineItem]:
        """Read the newest message of each conversation that a caller with such a key may see, by its `pk`.

        One whose content is large is a preview.
        """
        wanted = {
            (conversation.pk, item_sk(reference_id(reference))): conversation.incarnation
            for conversation in conversations
            if (reference := conversation.last_message_for(key_type)) is not None
        }
        found = self._table.get_many(wanted, deadline, attributes=("PK", "SK", "incarnation", *INDEXED))
        return {
            str(item["PK"]): TimelineItem.from_item(item)
            for item in found
            if item["incarnation"] == wanted[str(item["PK"]), str(item["SK"])]
        }

    def read_items(
        self, conversation: Conversation, ids: Iterable[str], deadline: Deadline, stop_after_bytes: float = inf
    ) -> dict[str, TimelineItem]:
        """Read up to 100 items by id.

        Those that do not exist are left out, and so is the rest once there are more than `stop_after_bytes`.
        """
        keys = [(conversation.pk, item_sk(one)) for one in ids]
        return _items_of(conversation, self._table.get_many(keys, deadline, stop_after_bytes))

    def stands(self, conversation: Conversation, deadline: Deadline) -> bool:
        """Tell whether a conversation is still there: neither expired nor followed by another one of its id."""
        found = self._table.get_many([(conversation.pk, CONVERSATION_SK)], deadline)
        return any(item["incarnation"] == conversation.incarnation for item in found)

    def _stored(
        self,
        wanted: Conversation,
        failure: ConditionFailed,
        deadline: Deadline,
        unchanged: Conversation | None = None,
    ) -> Stored | None:
        """Tell what stands where a transaction wanted to write, or None if no conversation does.

        `unchanged` is the conversation if the transaction's condition on it held.
        """
        key = (wanted.pk, CONVERSATION_SK)
        found, unread = [item for item in failure.found if item is not None], failure.unread
        if key in unread:
            # BatchGetItem: of API keys alone the function may read a single item.
            found, unread, unchanged = [*found, *self._table.get_many(unread, deadline)], (), None
        stored = next((item for item in found if item["SK"] == CONVERSATION_SK), None)
        conversation = unchanged if stored is None else Conversation.from_item(stored)
        if conversation is None:
            return None
        items = _items_of(conversation, (item for item in found if item is not stored))
        return Stored(conversation, items, frozenset(item_id(sk) for _, sk in unread))


def _items_of(conversation: Conversation, found: Iterable[Item]) -> dict[str, TimelineItem]:
    """Return the items by id, without those of an earlier conversation of the same id."""
    items = (TimelineItem.from_item(item) for item in found if item["incarnation"] == conversation.incarnation)
    return {item.id: item for item in items}


def _change(before: Conversation, continued: Continued, unchanged: Iterable[str]) -> Change:
    was, becomes, items = before.to_item(), continued.conversation.to_item(), continued.items
    changed = {
        name: becomes.get(name)
        for name in {**was, **becomes}
        if was.get(name) != becomes.get(name) and name not in _COUNTS
    }
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


def _inserts(conversation: Conversation, items: Iterable[TimelineItem], within: str | None) -> Iterator[Insert]:
    shared = conversation.of_each_item()
    for place, item in enumerate(items):
        stored = item.to_item(shared)
        if len(str(stored.get("largeContent", ""))) > _SURELY_FITS and (size := stored_size(stored)) > MAX_ITEM_BYTES:
            raise ItemTooLarge(place, size)
        yield Insert(stored, within)
