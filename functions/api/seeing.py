"""Who has seen a conversation, and when: the rules, free of HTTP and of AWS."""

from collections.abc import Sequence
from typing import NamedTuple

from conversations import timestamps
from conversations.conversation import Conversation
from conversations.conversation_store import ConversationGone, ConversationStore
from conversations.errors import not_found
from conversations.seen import Seen
from conversations.timeline_item import reference_time

from api.callers import Caller
from api.reading import find


class SeenBy(NamedTuple):
    """Who of the team has seen a conversation; when its visitor has, it says itself."""

    conversation: Conversation
    team: Sequence[Seen]


def see(
    caller: Caller, conversation_id: str, user_id: str | None, store: ConversationStore
) -> tuple[Conversation, str]:
    """Note that a conversation is seen now, and return it with the time at which it last was.

    `user_id` names who of the team has seen it; None is its visitor. The time is never before the newest item that the
    caller may see, and never goes back.

    Raises `Refusal`: HTTP_404 or UNAVAILABLE.
    """
    conversation = find(caller, conversation_id, store).conversation
    last = conversation.last_public_item if caller.key.type == "public" else conversation.last_item
    now = timestamps.now()
    if last is not None:
        now = max(now, reference_time(last))
    try:
        if user_id is None:
            return conversation, store.see_as_visitor(conversation, now, caller.deadline)
        return conversation, store.see_as_user(conversation, user_id, now, caller.deadline)
    except ConversationGone:
        raise not_found() from None


def read_seen(caller: Caller, conversation_id: str, store: ConversationStore) -> SeenBy:
    """Read who has seen a conversation. Raises `Refusal`: HTTP_404 or UNAVAILABLE."""
    conversation = find(caller, conversation_id, store).conversation
    return SeenBy(conversation, store.read_seen(conversation, caller.deadline))
