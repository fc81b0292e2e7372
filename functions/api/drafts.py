"""The items of a request, before they are written: their ids, their authors and their times."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conversations import timestamps
from conversations.api_key import ApiKey
from conversations.conversation import Conversation
from conversations.conversation_store import ItemTooLarge
from conversations.deadlines import Deadline
from conversations.errors import Code, Detail, Refusal
from conversations.timeline_item import Content, TimelineItem
from conversations.validation import MAX_DETAILS, invalid
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
    """An item of a request, with its id; `path` is where it stands in the request."""

    id: str
    path: str
    sent: TimelineItemRequest

    def to_first_item(self, key: ApiKey, conversation: Conversation, position: int) -> TimelineItem:
        """Return the item as it stands in a new conversation.

        Raises `Refusal` (VALIDATION_FAILED) if a server sent a time that is over five minutes in the future.
        """
        created_at = self._created_at(key, conversation.created_at, conversation.created_at)
        return self._item(key, conversation, position, created_at, by_visitor=self.sent.is_by_visitor)

    def to_added_item(
        self, key: ApiKey, conversation: Conversation, position: int, now: str, actor: str | None = None
    ) -> TimelineItem:
        """Return the item as it is added to a conversation that exists; `now` is our clock's.

        A public key adds what the visitor writes now: another time is not looked at. With a private key, `actor` is the
        team member who writes what names no author. Raises `Refusal` (VALIDATION_FAILED) as for a first one.
        """
        sent, server_time = self.sent, conversation.time_of_next_item(now)
        if key.type == "public":
            return self._item(key, conversation, position, server_time, by_visitor=True)
        created_at = self._created_at(key, now, server_time)
        is_nameless = sent.user_id is None and sent.ai_agent_id is None and not sent.is_by_visitor
        item = self._item(key, conversation, position, created_at, by_visitor=sent.is_by_visitor)
        return replace(item, user_id=actor) if is_nameless else item

    def require_own(self) -> None:
        """Raise `Refusal` (PRIVATE_KEY_REQUIRED) if a visitor's item claims to be by somebody else."""
        if self.sent.user_id or self.sent.ai_agent_id:
            raise Refusal(
                Code.PRIVATE_KEY_REQUIRED,
                f"{self.path} is new in a conversation that exists: there, only a private API key can name a userId or "
                "an aiAgentId.",
            )

    def _created_at(self, key: ApiKey, now: str, server_time: str) -> str:
        sent_at = self.sent.created_at
        if sent_at is None:
            return server_time
        if key.type == "private" and sent_at > timestamps.from_epoch(time.time() + _CLOCK_TOLERANCE_SECONDS):
            raise invalid([Detail(f"{self.path}.createdAt", "must not be over 5 minutes in the future")])
        # No clock puts a message behind all later ones.
        return server_time if sent_at > now else sent_at

    def _item(
        self, key: ApiKey, conversation: Conversation, position: int, created_at: str, *, by_visitor: bool
    ) -> TimelineItem:
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
            visitor_id=conversation.visitor_id if by_visitor else None,
            written_by=key.type,
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
        drafts.append(draft := Draft(str(id_), f"defaultTimelineItems.{place}", sent))
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


def refuse_what_stands(key: ApiKey, stored: Iterable[tuple[TimelineItem, Draft, TimelineItem]]) -> None:
    """Refuse a request that names what its caller may not see, or that somebody else's item stands for.

    Parameters
    ----------
    stored
        What is stored under an id, the draft that has this id, and the item that it would be.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED or ITEM_ID_CONFLICT.
    """
    details = []
    for item, draft, wanted in stored:
        if item.is_private:
            require_private_key(key)
        if key.type == "private" and item.written_by == "public" and not item.says_the_same_as(wanted):
            details.append(Detail(f"{draft.path}.id", "is the id of another item, which was written with a public key"))
    if details:
        raise Refusal(
            Code.ITEM_ID_CONFLICT,
            f"{details[0].path} {details[0].message}. Please use another one.",
            details=details[:MAX_DETAILS],
        )


def too_large(draft: Draft, error: ItemTooLarge) -> Refusal:
    """Build the answer for an item that the database does not take."""
    message = f"takes {error.size:,} bytes in the database, which takes {error.limit:,} at most"
    return Refusal(Code.PAYLOAD_TOO_LARGE, f"{draft.path} {message}.", details=[Detail(draft.path, message)])


def closed() -> Refusal:
    """Build the answer to a visitor who writes to a conversation that is not open."""
    return Refusal(Code.CONVERSATION_CLOSED, "This conversation is closed. Please open a new one to write a message.")


def require_private_key(key: ApiKey) -> None:
    """Raise `Refusal` (PRIVATE_KEY_REQUIRED) unless the key may see and write private items."""
    if key.type != "private":
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "A private timeline item needs a private API key.")
