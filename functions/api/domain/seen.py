"""Seen: marking a conversation as seen, and its read receipts."""

from collections.abc import Sequence
from typing import NamedTuple

from support.caller import Caller, find
from support.errors import not_found
from support.store.seen import ConversationGone
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import Conversation
from support.values.seen import Seen
from support.values.timeline_item import reference_time


class Receipts(NamedTuple):
    """A conversation, which includes its visitor's read receipt, and the receipts of the team."""

    conversation: Conversation
    team: Sequence[Seen]


def mark_seen(caller: Caller, conversation_id: str, user_id: str | None, stores: Stores) -> tuple[Conversation, str]:
    """Mark a conversation as seen now, and return it with the time at which it was last seen.

    `user_id` is the team member who has seen it; None means its visitor. The time never goes back, and is never before
    the newest item that the caller may see.

    Raises `Refusal`: HTTP_404 or UNAVAILABLE.
    """
    conversation = find(caller, conversation_id, stores).conversation
    last = conversation.last_item_for(caller.key.type)
    now = timestamps.now()
    if last is not None:
        now = max(now, reference_time(last))
    try:
        if user_id is None:
            return conversation, stores.seen.mark_by_visitor(conversation, now, caller.deadline)
        return conversation, stores.seen.mark_by_user(conversation, user_id, now, caller.deadline)
    except ConversationGone:
        raise not_found() from None


def list_receipts(caller: Caller, conversation_id: str, stores: Stores) -> Receipts:
    """List the read receipts of a conversation. Raises `Refusal`: HTTP_404 or UNAVAILABLE."""
    conversation = find(caller, conversation_id, stores).conversation
    return Receipts(conversation, stores.seen.read(conversation, caller.deadline))
