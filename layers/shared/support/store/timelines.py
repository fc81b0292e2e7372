"""Reads the items of conversations: pages of a timeline, single items, last messages."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.items import Item, Key
from support.dynamodb.table import TIMELINE, KeyRange, Table, is_kept
from support.values.api_key import KeyType
from support.values.conversation import Conversation
from support.values.parts import Visibility
from support.values.timeline_item import (
    INDEXED,
    ItemType,
    Preview,
    TimelineItem,
    is_preview,
    item_id,
    item_sk,
    reference_id,
    timeline_prefix,
)

#: A response of Lambda has at most 6 MB (AWS Lambda quotas), with the body as a JSON string.
MAX_PAGE_BYTES = 5_000_000
#: The maximum size of an item in a response, without its content.
_ENVELOPE_BYTES = 1_000

#: Among how many items a message is looked for before those that are none are left out.
_NEAR_ITEMS = 100
_MESSAGE: ItemType = "message"
_OF_LAST_MESSAGES = ("PK", "SK", "incarnation", "deletedAt", *INDEXED)

_VISIBLE: dict[KeyType, Sequence[Visibility]] = {"public": ("public",), "private": ("public", "private")}


class Page(NamedTuple):
    """Items of a timeline, the oldest first; `has_more` tells whether there is a next page in the same direction."""

    items: list[TimelineItem]
    has_more: bool


class TimelineStore:
    """Reads the items of conversations.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

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
        """Read the items of a timeline that a caller with such a key may see: the newest, or those next to a reference.

        No item is newer than the last items of the given conversation. A private key's page is two queries: without
        this bound, the page could have an item that was written between them but lack an earlier one.

        Parameters
        ----------
        conversation
            The conversation, as it was read.
        limit, max_bytes
            The maximum number of items, and of their bytes in a response of Lambda; a page has at least one item.
        older_than
            Read older items than this reference, the newest first; None begins with the newest item.
        newer_than
            Read newer items than this reference, the oldest first; "" begins with the oldest item.
        since
            Read items that are dated after this time; None has no such bound.
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
            # One more entry tells whether there is a next page.
            found = self._table.query(
                TIMELINE, conversation.pk, keys, deadline, limit=limit + 1, descending=not ascending
            )
            entries += ((str(entry["timelineSK"]).removeprefix(prefix), entry) for entry in found)
        entries.sort(key=lambda entry: entry[0], reverse=not ascending)
        page = [entry for _, entry in entries[:limit]]
        if any(map(is_preview, page)):
            page = page[: _count_that_fits(page, max_bytes)]
        large = [item_id(str(entry["SK"])) for entry in page if is_preview(entry)]
        whole = self.read_items(conversation, large, deadline) if large else {}
        if len(whole) < len(large) or any(item.is_removed for item in whole.values()):
            # One has expired or was removed since, and is no longer in the index either.
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

    def read_last_messages(
        self, conversations: Iterable[Conversation], key_type: KeyType, deadline: Deadline
    ) -> dict[str, TimelineItem]:
        """Read the newest message of each conversation that a caller with such a key may see, by its `pk`.

        A message with large content is a preview, which is stored in its conversation. One that was removed since the
        conversation was read is returned as such: the conversation must be read again.
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
        for stored in self._table.get_many(wanted, deadline, attributes=_OF_LAST_MESSAGES):
            conversation, item = wanted[str(stored["PK"]), str(stored["SK"])], TimelineItem.from_item(stored)
            if stored["incarnation"] == conversation.incarnation and item.is_at(
                conversation.last_message_for(key_type)
            ):
                messages[conversation.pk] = item
        return messages

    def read_referenced(
        self, conversation: Conversation, reference: str | None, deadline: Deadline
    ) -> TimelineItem | None:
        """Read the item of a reference; None without a reference, or if the item has expired.

        One that was removed since the conversation was read is returned as such.
        """
        if reference is None:
            return None
        item = self.read_items(conversation, [reference_id(reference)], deadline).get(reference_id(reference))
        return item if item is not None and item.is_at(reference) else None

    def read_items(
        self, conversation: Conversation, ids: Iterable[str], deadline: Deadline, stop_after_bytes: float = inf
    ) -> dict[str, TimelineItem]:
        """Read items by id.

        Items that do not exist are left out, and so is the rest after more than `stop_after_bytes`.
        """
        keys = [(conversation.pk, item_sk(one)) for one in ids]
        return items_of(conversation, self._table.get_many(keys, deadline, stop_after_bytes))

    def read_items_of_many(
        self, wanted: Iterable[tuple[Conversation, str]], deadline: Deadline
    ) -> dict[tuple[str, str], TimelineItem]:
        """Read items of several conversations, each by its conversation and its id, as they are now.

        They are returned by the incarnation of their conversation and their id. Those that do not exist are left out.
        """
        keys = dict.fromkeys((conversation.pk, item_sk(id_)) for conversation, id_ in wanted)
        return {
            (str(row["incarnation"]), item_id(str(row["SK"]))): TimelineItem.from_item(row)
            for row in self._table.get_many(keys, deadline)
        }

    def find_newest_message(
        self, conversation: Conversation, older_than: TimelineItem, deadline: Deadline
    ) -> tuple[str | None, Preview | None]:
        """Find the newest message of an item's visibility that is older than the item.

        Returns the reference to it, None if there is none, and its preview if its content is large. Most often it is
        among the next items. Otherwise a call reads a megabyte of what is not a message, some 2,500 events.
        """
        prefix = timeline_prefix(conversation.incarnation, older_than.visibility)
        keys, pk = KeyRange.of_prefix(prefix).before(prefix + older_than.reference), conversation.pk
        near = self._table.query(TIMELINE, pk, keys, deadline, limit=_NEAR_ITEMS, descending=True)
        found = [entry for entry in near if entry["type"] == _MESSAGE]
        if not found and len(near) == _NEAR_ITEMS:
            keys = keys.before(str(near[-1]["timelineSK"]))
            found = self._table.query(TIMELINE, pk, keys, deadline, limit=1, descending=True, only={"type": _MESSAGE})
        if not found:
            return None, None
        newest, ttl = TimelineItem.from_item(found[0]), found[0].get("ttl")
        preview = Preview(newest, ttl if isinstance(ttl, int) else None) if is_preview(found[0]) else None
        return newest.reference, preview


def items_of(conversation: Conversation, found: Iterable[Item]) -> dict[str, TimelineItem]:
    """Return the items by id, without those of an earlier conversation with the same id."""
    items = (TimelineItem.from_item(item) for item in found if item["incarnation"] == conversation.incarnation)
    return {item.id: item for item in items}


def _count_that_fits(entries: Sequence[Item], max_bytes: int) -> int:
    size = 0
    for number, entry in enumerate(entries):
        shown = int(str(entry["shownBytes"])) if is_preview(entry) else TimelineItem.from_item(entry).shown_bytes
        size += _ENVELOPE_BYTES + shown
        if number and size > max_bytes:
            return number
    return len(entries)
