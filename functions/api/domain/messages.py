"""Messages: adding an item to an existing conversation."""

from typing import NamedTuple

from support.caller import Caller, find
from support.errors import Refusal, visitor_blocked
from support.store.conversations import ItemTooLarge, Stored
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from api.domain.drafts import (
    Draft,
    conversation_closed,
    reject_conflicting_items,
    reject_foreign_files,
    require_private_key,
    too_large,
)
from api.domain.ids import new_ulid
from api.domain.writing import Done, Update, change, find_again
from api.http.requests.messages import MessageRequest


class Sent(NamedTuple):
    """A stored item and its conversation; `replayed` is true if an earlier call wrote it."""

    conversation: Conversation
    item: TimelineItem
    replayed: bool


def send_message(caller: Caller, request: MessageRequest, actor: str | None, stores: Stores) -> Sent:
    """Add an item to a conversation, or find it if an earlier call added it.

    `actor` is the team member who acts, and who is the author if the item names none.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED, HTTP_404, VISITOR_BLOCKED, CONVERSATION_CLOSED, ITEM_ID_CONFLICT,
    PAYLOAD_TOO_LARGE, VALIDATION_FAILED (a time in the future) or UNAVAILABLE. Nothing is written then; but if the
    database did not respond, the item may have been written.
    """
    key, sent = caller.key, request.item
    is_public = key.type == "public"
    draft = Draft(sent.id or new_ulid(), "item", sent)
    if is_public:
        if sent.visibility == "private":
            require_private_key(key)
        draft.require_addable()
    reject_foreign_files(key, request.conversation_id, [draft])

    # Without an id, each call adds a new item.
    item_ids = [sent.id] if sent.id else []

    def refusal(conversation: Conversation) -> Refusal | None:
        if is_public and found.visitor_blocked:
            return visitor_blocked()
        return conversation_closed() if is_public and conversation.status != "open" else None

    def decide(stored: Stored) -> Update[Sent] | Done[Sent]:
        if draft.id in stored.not_returned or (
            refusal(stored.conversation) is not None and draft.id not in stored.items
        ):
            # A lost write may not have returned every existing item, and an existing item is returned in any case.
            stored = find_again(caller, stored.conversation, stores, *item_ids)
        before = stored.conversation
        reject_conflicting_items(key, before, [draft], stored.items)
        if (existing := stored.items.get(draft.id)) is not None:
            return Done(Sent(before, existing, replayed=True))
        if (refused := refusal(before)) is not None:
            raise refused
        item = draft.to_added_item(key, before, before.item_count, timestamps.now(), actor)
        # The response does not show the conversation, so concurrent messages do not conflict.
        unchanged = ("status",) if is_public else ()
        after = before.after_update([item], acted_by=actor)
        return Update(before, after, Sent(before, item, replayed=False), [item], unchanged)

    # Access is checked before the item is read: the time of a read reveals the item's size.
    found = find(caller, request.conversation_id, stores, *([] if is_public else item_ids), looks_at_gate=True)
    try:
        return change(caller, found, stores, decide)
    except ItemTooLarge as error:
        raise too_large([draft], error) from None
