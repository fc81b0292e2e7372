"""The items of a request, before they are written: their ids, their authors and their times."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from conversations import timestamps
from conversations.api_key import ApiKey
from conversations.conversation import Conversation
from conversations.deadlines import Deadline
from conversations.errors import Code, Detail, Refusal
from conversations.timeline_item import Content, TimelineItem, reference_time
from conversations.validation import invalid
from pydantic import BaseModel

from api import idempotency, ids
from api.requests.conversations import ConversationRequest
from api.requests.timeline_items import TimelineItemRequest

DEFAULT_CHANNEL = "widget"

#: How far a server's clock may be ahead of ours. A visitor's may be as wrong as it likes.
_CLOCK_TOLERANCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Call:
    """A valid request to open a conversation, and who makes it.

    `idempotency_key` is None without that header; `retention_days` is how long the conversation is kept, 0 for ever.
    """

    key: ApiKey
    visitor_id: str
    request: ConversationRequest
    idempotency_key: str | None
    retention_days: int
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Draft:
    """An item of the request, with its id and its place in the request."""

    id: str
    place: int
    sent: TimelineItemRequest

    @property
    def path(self) -> str:
        """Where the item stands in the request."""
        return f"defaultTimelineItems.{self.place}"

    def to_first_item(self, call: Call, conversation: Conversation) -> TimelineItem:
        """Return the item as it stands in a new conversation.

        Raises `Refusal` (VALIDATION_FAILED) if a server sent a time that is over five minutes in the future.
        """
        now = conversation.created_at
        created_at = self.sent.created_at or now
        if created_at > now:
            # No clock puts a message behind all later ones.
            if call.key.type == "private" and created_at > timestamps.from_epoch(
                time.time() + _CLOCK_TOLERANCE_SECONDS
            ):
                raise invalid([Detail(f"{self.path}.createdAt", "must not be over 5 minutes in the future")])
            created_at = now
        return self._item(call, self.place, created_at, by_visitor=self.sent.is_by_visitor)

    def to_added_item(self, call: Call, conversation: Conversation, position: int) -> TimelineItem:
        """Return the item as it is added to a conversation that exists.

        A public key adds what the visitor writes now: it can neither claim another time, which is not looked at, nor
        another author, for which this raises `Refusal` (PRIVATE_KEY_REQUIRED).
        """
        sent_at, by_visitor = self.sent.created_at, self.sent.is_by_visitor
        if call.key.type == "public":
            if self.sent.user_id or self.sent.ai_agent_id:
                raise Refusal(
                    Code.PRIVATE_KEY_REQUIRED,
                    f"{self.path} is new in a conversation that exists: there, only a private API key can name a "
                    "userId or an aiAgentId.",
                )
            sent_at, by_visitor = None, True
        now = timestamps.now()
        if sent_at is None or sent_at > now:
            # Whatever the clocks of our instances say, it does not come before what is there already.
            sent_at = max(now, reference_time(conversation.last_item or now))
        return self._item(call, position, sent_at, by_visitor=by_visitor)

    def _item(self, call: Call, position: int, created_at: str, *, by_visitor: bool) -> TimelineItem:
        sent = self.sent
        content: Content = {}
        if sent.text is not None:
            content["text"] = sent.text
        if sent.tool is not None:
            content["tool"] = sent.tool
        if sent.parts:
            content["parts"] = sent.parts
        return TimelineItem(
            id=self.id,
            created_at=created_at,
            position=position,
            visibility=sent.visibility or "public",
            type=sent.type or "message",
            user_id=sent.user_id,
            ai_agent_id=sent.ai_agent_id,
            visitor_id=call.visitor_id if by_visitor else None,
            written_by=call.key.type,
            content=content,
        )


def identify(call: Call) -> tuple[str, str | None]:
    """Return the conversation's id, and the request's fingerprint if an Idempotency-Key stands for it."""
    if call.request.conversation_id:
        return call.request.conversation_id, None
    if call.idempotency_key is None:
        return ids.new_conversation_id(), None
    conversation_id = ids.derived_conversation_id(call.key, call.visitor_id, call.idempotency_key)
    request = canonical_form(call.request) | {
        "channel": call.request.channel or DEFAULT_CHANNEL,
        "items": [
            {"id": item.id, "created_at": item.created_at, **canonical_form(item)}
            for item in call.request.default_timeline_items or []
        ],
    }
    return conversation_id, idempotency.fingerprint(request)


def draft_items(call: Call, conversation_id: str) -> Sequence[Draft]:
    """Give each item of the request its id.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED for a private item of a public key, VALIDATION_FAILED for an id used twice.
    """
    drafts, used, repeated = [], set(), []
    for place, sent in enumerate(call.request.default_timeline_items or []):
        if sent.visibility == "private":
            require_private_key(call.key)
        # A derived id, so that a retry whose answer was lost finds its items.
        content = None if sent.id else idempotency.canonical(canonical_form(sent))
        id_ = sent.id if content is None else ids.derived_item_id(call.key, conversation_id, place, content)
        drafts.append(draft := Draft(str(id_), place, sent))
        # Derived ones too: a client knows them from an earlier answer.
        if draft.id in used:
            repeated.append(Detail(f"{draft.path}.id", "is used by another item of this request"))
        used.add(draft.id)
    if repeated:
        raise invalid(repeated)
    return drafts


#: What a request is about and when, which clients make anew for each try, and what has a canonical form of its own.
#: All other fields, those to come included, are part of what a request says.
_NOT_SAID = {"id", "created_at", "conversation_id", "visitor_id", "default_timeline_items", "channel"}


def canonical_form(sent: BaseModel) -> dict[str, object]:
    """Return what a request or an item of it says: the same for every way of saying it."""
    # Not by iterating over the model, which costs a large request a twentieth of its time.
    fields = sent.__dict__.items()
    said = {name: value for name, value in fields if value is not None and name not in _NOT_SAID and value != []}
    if isinstance(sent, TimelineItemRequest):
        said |= {
            "visibility": sent.visibility or "public",
            "type": sent.type or "message",
            "by_visitor": sent.is_by_visitor,
        }
    return said


def require_private_key(key: ApiKey) -> None:
    """Raise `Refusal` (PRIVATE_KEY_REQUIRED) unless the key may see and write private items."""
    if key.type != "private":
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "A private timeline item needs a private API key.")
