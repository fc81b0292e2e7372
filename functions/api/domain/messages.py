"""Messages: adding an item to a conversation that exists."""

from typing import NamedTuple

from support.store.conversations import ItemTooLarge, Stored
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from api.domain.caller import Caller
from api.domain.drafts import Draft, conversation_closed, reject_conflicting_items, require_private_key, too_large
from api.domain.ids import new_ulid
from api.domain.writing import Done, Update, change, find, find_again
from api.http.requests.messages import MessageRequest


class Sent(NamedTuple):
    """An item as it is stored, in its conversation; `replayed` says that an earlier call wrote it."""

    conversation: Conversation
    item: TimelineItem
    replayed: bool


def send_message(caller: Caller, request: MessageRequest, actor: str | None, stores: Stores) -> Sent:
    """Add an item to a conversation, or find it there.

    `actor` is the team member who acts, and who writes what names no author.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED, HTTP_404, CONVERSATION_CLOSED, ITEM_ID_CONFLICT, PAYLOAD_TOO_LARGE,
    VALIDATION_FAILED (a time in the future) or UNAVAILABLE. Nothing is written then, except that after a silence of the
    database it may have been.
    """
    key, sent = caller.key, request.item
    is_public = key.type == "public"
    draft = Draft(sent.id or new_ulid(), "item", sent)
    if is_public:
        if sent.visibility == "private":
            require_private_key(key)
        draft.require_addable()

    # One without an id is new with each call.
    item_ids = [sent.id] if sent.id else []

    def decide(stored: Stored) -> Update[Sent] | Done[Sent]:
        is_closed = is_public and stored.conversation.status != "open"
        if draft.id in stored.not_returned or (is_closed and draft.id not in stored.items):
            # A lost write need not tell of each item that exists, and what exists is returned whatever the status.
            stored = find_again(caller, stored.conversation, stores, *item_ids)
        before = stored.conversation
        reject_conflicting_items(key, before, [draft], stored.items)
        if (existing := stored.items.get(draft.id)) is not None:
            return Done(Sent(before, existing, replayed=True))
        if is_public and before.status != "open":
            raise conversation_closed()
        item = draft.to_added_item(key, before, before.item_count, timestamps.now(), actor)
        # The response shows nothing of the conversation, so many may send at once.
        unchanged = ("status",) if is_public else ()
        after = before.after_update([item], acted_by=actor)
        return Update(before, after, Sent(before, item, replayed=False), [item], unchanged)

    # How long it takes to read an item tells how large it is: whose conversation it is in comes first.
    stored = find(caller, request.conversation_id, stores, *([] if is_public else item_ids))
    try:
        return change(caller, stored, stores, decide)
    except ItemTooLarge as error:
        raise too_large([draft], error) from None
