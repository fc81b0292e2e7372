"""The inbox: all conversations of a website."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from support.caller import Caller
from support.store.stores import Stores
from support.values.conversation import STATUSES, Conversation
from support.values.timeline_item import TimelineItem

from api.http.requests.inbox import InboxQuery


class InboxPage(NamedTuple):
    """Conversations, the last changed first, their last messages by `pk`, and the key of the next page."""

    conversations: Sequence[Conversation]
    last_messages: Mapping[str, TimelineItem]
    next_key: str | None


def list_inbox(caller: Caller, query: InboxQuery, stores: Stores) -> InboxPage:
    """List a page of the website's conversations. Raises `Refusal` (UNAVAILABLE)."""
    key, deadline = caller.key, caller.deadline
    statuses = STATUSES if query.status == "all" else (query.status,)
    while True:
        page = stores.inbox.read_page(
            key.website_id,
            key.mode,
            statuses,
            query.limit,
            deadline,
            after=query.cursor,
            updated_since=query.updated_since,
        )
        last_messages = stores.timelines.read_last_messages(page.conversations, key.type, deadline)
        # Where a last message was removed meanwhile, its conversation names another one by now.
        if not any(message.is_removed for message in last_messages.values()):
            return InboxPage(page.conversations, last_messages, page.next_key)
