"""Reading what was written: the rules, free of HTTP and of AWS."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from conversations.conversation import Conversation, conversation_pk
from conversations.conversation_store import ConversationGone, ConversationStore, Inbox, Page, Stored
from conversations.errors import Detail, not_found
from conversations.timeline_item import TimelineItem, reference_id
from conversations.validation import invalid

from api.callers import Caller
from api.requests.fields import ID
from api.requests.queries import ConversationsQuery, InboxQuery, TimelineQuery

_STATUS = {"open": "open", "closed": "resolved"}


class Listed(NamedTuple):
    """A page of a visitor's conversations, and the last messages by their conversations' `pk`; `total` counts all."""

    conversations: Sequence[Conversation]
    last_messages: dict[str, TimelineItem]
    total: int


def find(caller: Caller, conversation_id: str, store: ConversationStore, *item_ids: str) -> Stored:
    """Find a conversation that the caller reaches, with those of these items that it has.

    Raises `Refusal`: HTTP_404, the same whatever the reason, or UNAVAILABLE.
    """
    if re.fullmatch(ID, conversation_id) is None:
        raise not_found()
    key = caller.key
    pk = conversation_pk(key.website_id, key.mode, conversation_id)
    stored = store.read(pk, caller.deadline, item_ids)
    if stored is None or not caller.reaches(stored.conversation):
        raise not_found()
    return stored


def read_last_message(caller: Caller, conversation: Conversation, store: ConversationStore) -> TimelineItem | None:
    """Read the newest message of a conversation that the caller may see, whole, or None.

    Raises `Refusal`: HTTP_404 if the conversation has expired meanwhile, and its items with it, or UNAVAILABLE.
    """
    reference = conversation.last_message_for(caller.key.type)
    if reference is None:
        return None
    found = store.read_items(conversation, [reference_id(reference)], caller.deadline)
    if not found:
        raise not_found()
    return found[reference_id(reference)]


def read_timeline(
    caller: Caller, conversation_id: str, query: TimelineQuery, store: ConversationStore
) -> tuple[Conversation, Page]:
    """Read a page of a conversation's timeline.

    A cursor is the id of the item that the page before it began with: it tells nothing that the page did not.

    Raises `Refusal`: HTTP_404, VALIDATION_FAILED for a cursor that is none, or UNAVAILABLE.
    """
    key_type, cursor = caller.key.type, query.cursor
    stored = find(caller, conversation_id, store, *([] if cursor is None else [cursor]))
    before = None if cursor is None else stored.items.get(cursor)
    if cursor is not None and (before is None or (before.is_private and key_type != "private")):
        raise invalid([Detail("cursor", "must be the nextCursor of an earlier answer")])
    conversation = stored.conversation
    try:
        return conversation, store.read_page(conversation, key_type, query.limit, caller.deadline, before)
    except ConversationGone:
        raise not_found() from None


def list_inbox(caller: Caller, query: InboxQuery, store: ConversationStore) -> tuple[Inbox, dict[str, TimelineItem]]:
    """List a page of the website's conversations of one status, the last changed first, and their last messages.

    Raises `Refusal` (UNAVAILABLE).
    """
    key, deadline = caller.key, caller.deadline
    page = store.read_inbox(key.website_id, key.mode, query.status, query.limit, deadline, query.cursor)
    return page, store.read_last_messages(page.conversations, key.type, deadline)


def list_conversations(caller: Caller, query: ConversationsQuery, store: ConversationStore) -> Listed:
    """List a page of a visitor's conversations, of the 100 that were opened last. Raises `Refusal` (UNAVAILABLE)."""
    key, deadline = caller.key, caller.deadline

    def place(conversation: Conversation) -> tuple[str, str]:
        by_update = query.order_by == "updatedAt"
        return conversation.updated_at_for(key.type) if by_update else conversation.created_at, conversation.id

    found = [
        conversation
        for conversation in store.read_newest(key.website_id, key.mode, caller.visitor, deadline)
        if query.status is None or conversation.status == _STATUS[query.status]
    ]
    found.sort(key=place, reverse=query.order == "desc")
    start = (query.page - 1) * query.limit
    page = found[start : start + query.limit]
    return Listed(page, store.read_last_messages(page, key.type, deadline), len(found))
