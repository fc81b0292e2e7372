"""Sending a message to a conversation that exists: the rules, free of HTTP and of AWS."""

from typing import NamedTuple

from conversations import timestamps
from conversations.conversation import Conversation
from conversations.conversation_store import Continued, ConversationGone, ConversationStore, ItemTooLarge
from conversations.errors import not_found
from conversations.timeline_item import TimelineItem

from api.callers import Caller
from api.drafts import Draft, closed, refuse_what_stands, require_private_key, too_large
from api.ids import new_ulid
from api.reading import find
from api.requests.messages import MessageRequest


class Sent(NamedTuple):
    """An item as it is stored, in its conversation; `replayed` says that it had been before."""

    conversation: Conversation
    item: TimelineItem
    replayed: bool


def send_message(caller: Caller, request: MessageRequest, actor: str | None, store: ConversationStore) -> Sent:
    """Add an item to a conversation, or find it there.

    `actor` is the team member who writes what names no author.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED, HTTP_404, CONVERSATION_CLOSED, ITEM_ID_CONFLICT, PAYLOAD_TOO_LARGE,
    VALIDATION_FAILED (a time in the future) or UNAVAILABLE. Nothing is written then, except that after a silence of the
    database it may have been.
    """
    key, sent = caller.key, request.item
    draft = Draft(sent.id or new_ulid(), "item", sent)
    if key.type == "public":
        if sent.visibility == "private":
            require_private_key(key)
        draft.require_own()

    def go_on(conversation: Conversation) -> Continued:
        item = draft.to_added_item(key, conversation, conversation.item_count, timestamps.now(), actor)
        return Continued(conversation.continued([item]), [item])

    # One without an id is new with each call.
    ids = [sent.id] if sent.id else []
    stored = find(caller, request.conversation_id, store, *ids)
    while True:
        conversation = stored.conversation
        if (there := stored.items.get(draft.id)) is not None:
            [wanted] = go_on(conversation).items
            refuse_what_stands(key, [(there, draft, wanted)])
            return Sent(conversation, there, replayed=True)
        if key.type == "public" and conversation.status != "open":
            raise closed()
        unchanged = ("status",) if key.type == "public" else ()
        try:
            found = store.write(conversation, go_on, caller.deadline, unchanged)
        except ItemTooLarge as error:
            raise too_large(draft, error) from None
        except ConversationGone:
            raise not_found() from None
        if isinstance(found, Continued):
            [item] = found.items
            return Sent(conversation, item, replayed=False)
        stored = found
        # Always the shortest wait: what is known goes stale.
        caller.deadline.back_off(0)
        if not caller.reaches(stored.conversation):
            raise not_found()
        # What is stored is answered before a status is looked at, and DynamoDB need not tell of every failed condition.
        if stored.unread or stored.conversation.status != "open":
            stored = find(caller, request.conversation_id, store, *ids)
