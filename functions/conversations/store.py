"""Conversations in the table: what is written together, and what is learnt when a write comes too late."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from support.conversations import CONVERSATION_SK, Conversation, TimelineItem, item_sk
from support.deadlines import Deadline
from support.items import Item
from support.table import Change, ConditionFailed, Insert, Table


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored. That `items` lacks an item does not mean that it is not there."""

    conversation: Conversation
    items: dict[str, TimelineItem]


class ConversationStore:
    """Conversations and their items, written all or none.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, conversation: Conversation, items: Sequence[TimelineItem], deadline: Deadline) -> Stored | None:
        """Write a new conversation and its items in one transaction.

        Returns None when written, and what stands there when the conversation exists.
        """
        try:
            self._table.transact(
                [Insert(conversation.to_item()), *(Insert(item.to_item(conversation)) for item in items)], deadline
            )
        except ConditionFailed as failure:
            found = failure.found[0]
            if found is None:
                # BatchGetItem: of API keys alone the function may read a single item.
                read = self._table.get_many([(conversation.pk, CONVERSATION_SK)], deadline)
                if not read:
                    raise LookupError("timeline items stand without their conversation") from None
                found = read[0]
            return Stored(Conversation.from_item(found), _by_id(failure.found[1:]))
        return None

    def append(
        self, before: Conversation, after: Conversation, items: Sequence[TimelineItem], deadline: Deadline
    ) -> Stored | None:
        """Write more items, and what they change in their conversation, in one transaction.

        Returns None when written, and what stands there when an item exists or `before` is no longer what is stored.
        """
        values: dict[str, str | int | None] = {
            "updatedAt": after.updated_at,
            "itemCount": after.item_count,
            "lastItem": after.last_item,
            "lastPublicItem": after.last_public_item,
        }
        change = Change(
            (before.pk, CONVERSATION_SK),
            {name: value for name, value in values.items() if value is not None},
            before.version,
        )
        try:
            self._table.transact([change, *(Insert(item.to_item(before)) for item in items)], deadline)
        except ConditionFailed as failure:
            found = failure.found[0]
            return Stored(before if found is None else Conversation.from_item(found), _by_id(failure.found[1:]))
        return None

    def read_items(self, conversation: Conversation, ids: Iterable[str], deadline: Deadline) -> dict[str, TimelineItem]:
        """Read up to 100 items by id; those that do not exist are left out."""
        return _by_id(self._table.get_many([(conversation.pk, item_sk(item_id)) for item_id in ids], deadline))


def _by_id(found: Iterable[Item | None]) -> dict[str, TimelineItem]:
    items = [TimelineItem.from_item(item) for item in found if item is not None]
    return {item.id: item for item in items}
