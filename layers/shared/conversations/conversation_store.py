"""Writes conversations in transactions; when a write loses, reports what is stored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from conversations.actions import Change, ConditionFailed, Insert
from conversations.conversation import CONVERSATION_SK, Conversation
from conversations.deadlines import Deadline
from conversations.items import MAX_ITEM_BYTES, Item, item_size
from conversations.table import Table
from conversations.timeline_item import ITEM_PREFIX, TimelineItem, item_id, item_sk

#: Content of fewer characters fits into an item whatever they are: UTF-8 takes four bytes for one at most, and the rest
#: of an item takes less than a thousand.
_SURELY_FITS = (MAX_ITEM_BYTES - 1_000) // 4


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored when a write lost.

    `unread` are the ids of items that may exist but whose content was not returned. Items that are in neither may have
    come since.
    """

    conversation: Conversation
    items: dict[str, TimelineItem]
    unread: frozenset[str]


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

    def append(
        self, before: Conversation, after: Conversation, items: Sequence[TimelineItem], deadline: Deadline
    ) -> Stored | None:
        """Write more items, and what they change in their conversation, in one transaction.

        Returns None when written, and what is stored when an item exists or `before` no longer stands as it was read.
        Raises `ConversationGone` if the conversation has expired, or `ItemTooLarge`.
        """
        was, becomes = before.to_item(), after.to_item()
        change = Change(
            (before.pk, CONVERSATION_SK),
            {name: value for name, value in becomes.items() if was.get(name) != value},
            {name: was[name] for name in ("incarnation", "version")},
        )
        try:
            self._table.transact([change, *_inserts(before, items, within="incarnation")], deadline)
        except ConditionFailed as failure:
            stored = self._stored(before, failure, deadline, unchanged=before)
            if stored is None:
                raise ConversationGone from None
            return stored
        return None

    def read(self, pk: str, deadline: Deadline) -> Conversation | None:
        """Read the conversation of a partition as it is now, or None."""
        item = self._table.get((pk, CONVERSATION_SK), deadline)
        return None if item is None else Conversation.from_item(item)

    def read_timeline(self, conversation: Conversation, deadline: Deadline) -> list[TimelineItem]:
        """Read all items of a conversation as they are now, in the order of its timeline."""
        found = _items_of(conversation, self._table.query(conversation.pk, ITEM_PREFIX, deadline))
        return sorted(found.values(), key=lambda item: item.reference)

    def read_items(
        self, conversation: Conversation, ids: Iterable[str], deadline: Deadline, stop_after_bytes: int
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


def _inserts(conversation: Conversation, items: Iterable[TimelineItem], within: str | None) -> Iterator[Insert]:
    pk = conversation.pk
    for place, item in enumerate(items):
        stored = item.to_item(pk, conversation.incarnation, conversation.ttl)
        if len(str(stored["content"])) > _SURELY_FITS and (size := item_size(stored)) > MAX_ITEM_BYTES:
            raise ItemTooLarge(place, size)
        yield Insert(stored, within)
