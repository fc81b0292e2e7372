"""Seen: the read receipts of a conversation."""

from collections.abc import Sequence
from typing import NamedTuple

from support.errors import not_found
from support.store.seen import ConversationGone
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import Conversation
from support.values.seen import Seen
from support.values.timeline_item import reference_time

from api.domain.caller import Caller
from api.domain.writing import find


class Receipts(NamedTuple):
    """A conversation, which has its visitor's read receipt, and those of the team."""

    conversation: Conversation
    team: Sequence[Seen]


def mark_seen(caller: Caller, conversation_id: str, user_id: str | None, stores: Stores) -> tuple[Conversation, str]:
    """Record that a conversation is seen now, and return it with the time at which it last was.

    `user_id` names the team member who has seen it; None is its visitor. The time never goes back, and is never before
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


def read_receipts(caller: Caller, conversation_id: str, stores: Stores) -> Receipts:
    """Read who has seen a conversation. Raises `Refusal`: HTTP_404 or UNAVAILABLE."""
    conversation = find(caller, conversation_id, stores).conversation
    return Receipts(conversation, stores.seen.read(conversation, caller.deadline))
