"""Conversations in the table: what is written together, and what is learnt when a write comes too late."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from support.conversations import CONVERSATION_SK, Conversation, TimelineItem, item_id, item_sk
from support.deadlines import Deadline
from support.items import Item
from support.table import Change, ConditionFailed, Insert, Key, Table


@dataclass(frozen=True, slots=True)
class Stored:
    """What was found stored.

    `untold` are the ids of items that are there, but were not read. That an item is in neither does not mean that it
    is not there.
    """

    conversation: Conversation
    items: dict[str, TimelineItem]
    untold: frozenset[str]


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
            found, untold = failure.found, failure.untold
            if found[0] is None:
                # DynamoDB did not tell. BatchGetItem: of API keys alone the function may read a single item.
                keys = {(conversation.pk, CONVERSATION_SK), *untold}
                found, untold = [*found, *self._table.get_many(keys, deadline)], ()
            return _stored(found, untold)
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
            return _stored([before.to_item(), *failure.found], failure.untold)
        return None

    def read_items(
        self, conversation: Conversation, ids: Iterable[str], deadline: Deadline, enough_bytes: int
    ) -> dict[str, TimelineItem]:
        """Read up to 100 items by id.

        Those that do not exist are left out, and so is the rest once there are more than `enough_bytes`.
        """
        keys = [(conversation.pk, item_sk(one)) for one in ids]
        return _by_id(self._table.get_many(keys, deadline, enough_bytes))


def _stored(found: Iterable[Item | None], untold: Iterable[Key]) -> Stored:
    """Tell a conversation, of which the last one found counts, from its items."""
    items = {str(item["SK"]): item for item in found if item is not None}
    if CONVERSATION_SK not in items:
        raise LookupError("timeline items stand without their conversation")
    conversation = items.pop(CONVERSATION_SK)
    ids = frozenset(item_id(sk) for _, sk in untold if sk != CONVERSATION_SK)
    return Stored(Conversation.from_item(conversation), _by_id(items.values()), ids)


def _by_id(found: Iterable[Item]) -> dict[str, TimelineItem]:
    return {item.id: item for item in map(TimelineItem.from_item, found)}
