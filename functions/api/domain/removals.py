"""Removals: taking away what an item says, and erasing a conversation."""

import re
from typing import NamedTuple

from support.caller import Caller, find
from support.errors import not_found
from support.ids import ID
from support.store.conversations import Removal, Stored
from support.store.stores import Stores
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from api.domain.writing import Done, Update, change, find_again


class Removed(NamedTuple):
    """An item without its content, and its conversation; `replayed` is true if an earlier call removed it."""

    conversation: Conversation
    item: TimelineItem
    replayed: bool


def remove_item(caller: Caller, conversation_id: str, item_id: str, actor: str | None, stores: Stores) -> Removed:
    """Remove the content of an item for good; its id stays taken.

    `actor` is the team member who removes it, None if the call names nobody.

    Raises `Refusal`: HTTP_404 or UNAVAILABLE.
    """

    if re.fullmatch(ID, item_id) is None:
        raise not_found()
    found = find(caller, conversation_id, stores, item_id)

    def decide(stored: Stored) -> Update[Removed] | Done[Removed]:
        if stored is not found:
            # After a lost write, the item may have expired, or DynamoDB may not have returned it as it is now.
            stored = find_again(caller, stored.conversation, stores, item_id)
        before, item = stored.conversation, stored.items.get(item_id)
        if item is None:
            raise not_found()
        if item.is_removed:
            return Done(Removed(before, item, replayed=True))
        is_last = before.is_last_message(item)
        message, preview = None, None
        if is_last:
            message, preview = stores.timelines.find_newest_message(before, item, caller.deadline)
        after = before.after_removal(item, message, preview, actor)
        removed = item.without_content(after.updated_at, actor)
        # The message that is the last one then must still be that: no other has come, and none was removed.
        unchanged = ("removed", "itemCount") if is_last else ("removed",)
        result = Removed(after, removed, replayed=False)
        return Update(before, after, result, unchanged=unchanged, removed=Removal(item, removed))

    return change(caller, found, stores, decide)


def erase_conversation(caller: Caller, conversation_id: str, stores: Stores) -> Conversation:
    """Let a conversation be gone, and return it as it was; all that is stored of it is deleted soon after.

    Raises `Refusal`: HTTP_404 or UNAVAILABLE.
    """
    conversation = find(caller, conversation_id, stores).conversation
    if not stores.erasures.begin(conversation, caller.deadline):
        raise not_found()
    return conversation
