"""Timelines: reading the items of a conversation."""

from typing import NamedTuple

from support.caller import Caller, find
from support.store.stores import Stores
from support.store.timelines import Page
from support.values.conversation import Conversation
from support.values.timeline_item import reference_id

from api.domain.cursors import open_cursor, seal_cursor
from api.domain.writing import find_again
from api.http.requests.timelines import TimelineQuery


class TimelinePage(NamedTuple):
    """A page of a conversation's timeline, and the cursor to the next older page, if there is one."""

    conversation: Conversation
    page: Page
    next_cursor: str | None


def read_timeline(caller: Caller, conversation_id: str, query: TimelineQuery, stores: Stores) -> TimelinePage:
    """Read a page of a conversation's timeline: the newest items, those before a cursor, or those after an item.

    Raises `Refusal`: HTTP_404, VALIDATION_FAILED for a malformed cursor, or UNAVAILABLE.
    """
    # Access is checked before items are read: the time of a read reveals an item's size.
    conversation = find(caller, conversation_id, stores).conversation
    while True:
        found = _read(caller, conversation, query, stores)
        if stores.conversations.is_kept(conversation):
            return found
        # When a conversation expires, so do its items: the result may be incomplete.
        conversation = find_again(caller, conversation, stores).conversation


def _read(caller: Caller, conversation: Conversation, query: TimelineQuery, stores: Stores) -> TimelinePage:
    key, deadline = caller.key, caller.deadline
    if query.after:
        return TimelinePage(conversation, _read_after(caller, conversation, query.after, query.limit, stores), None)
    older_than = open_cursor(key, conversation, query.cursor) if query.cursor else None
    page = stores.timelines.read_page(conversation, key.type, query.limit, deadline, older_than=older_than)
    next_cursor = seal_cursor(key, conversation, page.items[0]) if page.has_more else None
    return TimelinePage(conversation, page, next_cursor)


def _read_after(caller: Caller, conversation: Conversation, item_id: str, limit: int, stores: Stores) -> Page:
    """Read the items after an item, the oldest first; all items if the caller can see no such item."""
    key, deadline = caller.key, caller.deadline
    last = conversation.last_item_for(key.type)
    if last is None or reference_id(last) == item_id:
        return Page([], has_more=False)
    item = stores.timelines.read_items(conversation, [item_id], deadline).get(item_id)
    is_visible = item is not None and not (item.is_private and key.type == "public")
    newer_than = item.reference if item is not None and is_visible else ""
    return stores.timelines.read_page(conversation, key.type, limit, deadline, newer_than=newer_than)
