"""A write of a conversation: what it was before and what it is after, from the stream's record of its row."""

from typing import NamedTuple

from support.dynamodb.stream import Record
from support.values.conversation import CONVERSATION_SK, Conversation, is_erased


class ConversationWrite(NamedTuple):
    """A conversation after a write, and before it; None before it is an opening."""

    before: Conversation | None
    after: Conversation

    @property
    def adds_items(self) -> bool:
        """Whether it added items to a conversation that existed; `after.wrote` are their ids."""
        return self.before is not None and self.after.item_count > self.before.item_count

    @property
    def removes_item(self) -> bool:
        """Whether it removed the content of an item; `after.removed` is its id."""
        return self.has_changed("removed")

    def has_changed(self, *fields: str) -> bool:
        """Tell whether it changed one of these fields of a conversation that existed."""
        before, after = self.before, self.after
        return before is not None and any(getattr(before, field) != getattr(after, field) for field in fields)


def read_write(record: Record) -> ConversationWrite | None:
    """Read the write of a conversation from a record.

    None for another row, and where there is nothing to tell: a deletion, also one by `ttl`, and an erasure. A row of
    another incarnation is that of an earlier conversation of the same id, which had expired.
    """
    _, sk = record.key
    if sk != CONVERSATION_SK or record.after is None or is_erased(record.after):
        return None
    after = Conversation.from_item(record.after)
    before = None if record.before is None else Conversation.from_item(record.before)
    if before is not None and before.incarnation != after.incarnation:
        before = None
    return ConversationWrite(before, after)
