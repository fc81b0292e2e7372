"""Opening a conversation: the rules, free of HTTP and of AWS."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conversations import timestamps
from conversations.answers import item_answer
from conversations.conversations import (
    Content,
    Conversation,
    TimelineItem,
    new_incarnation,
    reference_id,
    reference_time,
)
from conversations.deadlines import Deadline
from conversations.errors import Code, Detail, Refusal
from conversations.items import MAX_ITEM_BYTES, item_size
from conversations.keys import ApiKey
from conversations.validation import MAX_DETAILS, invalid
from pydantic import BaseModel
from pydantic_core import to_json

from api import idempotency, ids
from api.models import ConversationRequest, TimelineItemRequest
from api.store import ConversationGone, ConversationStore, Stored

DEFAULT_CHANNEL = "widget"

_DAY_SECONDS = 86_400

#: How far a server's clock may be ahead of ours. A visitor's may be as wrong as it likes.
_CLOCK_TOLERANCE_SECONDS = 300

#: Content of fewer characters fits into an item whatever they are: UTF-8 takes four bytes for one at most, and the rest
#: of an item takes less than a thousand.
_SURELY_FITS = (MAX_ITEM_BYTES - 1_000) // 4

#: Lambda answers with 6 MB at most (AWS Lambda quotas), the body as a JSON string; this leaves room for the last item
#: of the conversation, of up to 1.7 MB then.
MAX_ANSWERED_ITEMS_BYTES = 4_500_000


@dataclass(frozen=True, slots=True)
class Call:
    """A valid request, and who makes it.

    `idempotency_key` is None without that header; `retention_days` is how long the conversation is kept, 0 for ever.
    """

    key: ApiKey
    visitor_id: str
    request: ConversationRequest
    idempotency_key: str | None
    retention_days: int
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Opened:
    """What the caller gets to see, and how much of it this call wrote.

    `items` are those of the request, in its order, as they are stored; `last_message` is the newest message of the
    timeline that the caller may see. `is_new` tells a creation from a replay, which writes the items that were missing.
    """

    conversation: Conversation
    items: list[TimelineItem]
    last_message: TimelineItem | None
    is_new: bool
    written: int


def open_conversation(call: Call, store: ConversationStore) -> Opened:
    """Create a conversation with its items, or find it again and add the items that it lacks.

    Raises `Refusal`: VALIDATION_FAILED (an id used twice, a time in the future), PRIVATE_KEY_REQUIRED,
    PAYLOAD_TOO_LARGE, CONVERSATION_ID_CONFLICT, ITEM_ID_CONFLICT, CONVERSATION_CLOSED, IDEMPOTENCY_KEY_REUSED or
    UNAVAILABLE. Nothing is written then, except that after a silence of the database all of it may have been.
    """
    conversation_id, fingerprint = _identify(call)
    drafts = _drafts(call, conversation_id)
    while True:
        conversation = _new_conversation(call, conversation_id, fingerprint)
        items = [draft.to_item(call, conversation) for draft in drafts]
        conversation = _with_items(conversation, items)
        _refuse_oversized(conversation, enumerate(items))
        stored = store.create(conversation, items, call.deadline)
        if stored is None:
            known = {item.id: item for item in items}
            return Opened(conversation, items, _last_message(call.key, conversation, known), True, len(items))
        try:
            return _Replay(call, store, drafts, items, fingerprint, stored).answer()
        except ConversationGone:
            # It expired meanwhile, so this request opens the next one of its id.
            call.deadline.back_off(0)


# What is sent --------------------------------------------------------------------------------------------------------


def _identify(call: Call) -> tuple[str, str | None]:
    """Return the conversation's id, and the request's fingerprint if an Idempotency-Key stands for it."""
    if call.request.conversation_id:
        return call.request.conversation_id, None
    if call.idempotency_key is None:
        return ids.new_conversation_id(), None
    conversation_id = ids.derived_conversation_id(call.key, call.visitor_id, call.idempotency_key)
    said = _said(call.request) | {
        "channel": call.request.channel or DEFAULT_CHANNEL,
        "defaultTimelineItems": [
            {"id": item.id or None, "createdAt": item.created_at, **_said(item)}
            for item in call.request.default_timeline_items or []
        ],
    }
    return conversation_id, idempotency.fingerprint(said)


#: What is not part of what a request or an item says: who and what it is, and when, which clients make anew for each
#: try. All other fields are, those to come included.
_NOT_SAID = {"id", "created_at", "conversation_id", "visitor_id", "default_timeline_items", "channel"}


def _said(sent: BaseModel) -> dict[str, object]:
    """Return what a request or an item of it says: the same for every way of saying it."""
    said = {name: value for name, value in sent if name not in _NOT_SAID and value not in (None, [])}
    if isinstance(sent, TimelineItemRequest):
        said |= {
            "visibility": sent.visibility or "public",
            "type": sent.type or "message",
            "by_visitor": sent.is_by_visitor,
        }
    return said


@dataclass(frozen=True, slots=True)
class _Draft:
    """An item of the request, with its id and its place in the request."""

    id: str
    place: int
    sent: TimelineItemRequest
    content: Content
    stored_content: str

    def to_item(self, call: Call, conversation: Conversation) -> TimelineItem:
        """Return the item as it stands in a new conversation."""
        now = conversation.created_at
        created_at = self.sent.created_at or now
        if created_at > now:
            # No clock puts a message behind all later ones.
            if call.key.type == "private" and created_at > timestamps.from_epoch(
                time.time() + _CLOCK_TOLERANCE_SECONDS
            ):
                raise invalid([Detail(f"{self.path}.createdAt", "must not be over 5 minutes in the future")])
            created_at = now
        return self._item(call, self.place, created_at, call.visitor_id if self.sent.is_by_visitor else None)

    def to_added_item(self, call: Call, conversation: Conversation, position: int) -> TimelineItem:
        """Return the item as it is added to a conversation that exists.

        A public key adds what the visitor writes now: it can neither claim another author nor another time.
        """
        dated, by_visitor = self.sent.created_at, self.sent.is_by_visitor
        if call.key.type == "public":
            if self.sent.user_id or self.sent.ai_agent_id:
                raise Refusal(
                    Code.PRIVATE_KEY_REQUIRED,
                    f"{self.path} is new in a conversation that exists: there, only a private API key can name a "
                    "userId or an aiAgentId.",
                )
            dated, by_visitor = None, True
        now = timestamps.now()
        if dated is None or dated > now:
            # Whatever the clocks of our instances say, it does not come before what is there already.
            dated = max(now, reference_time(conversation.last_item or now))
        return self._item(call, position, dated, call.visitor_id if by_visitor else None)

    @property
    def path(self) -> str:
        """Where the item stands in the request."""
        return f"defaultTimelineItems.{self.place}"

    def _item(self, call: Call, position: int, created_at: str, visitor_id: str | None) -> TimelineItem:
        sent = self.sent
        return TimelineItem(
            id=self.id,
            created_at=created_at,
            position=position,
            visibility=sent.visibility or "public",
            type=sent.type or "message",
            user_id=sent.user_id or None,
            ai_agent_id=sent.ai_agent_id or None,
            visitor_id=visitor_id,
            written_by=call.key.type,
            content=self.content,
            stored_content=self.stored_content,
        )


def _drafts(call: Call, conversation_id: str) -> list[_Draft]:
    drafts, seen, repeated = [], set(), []
    for place, sent in enumerate(call.request.default_timeline_items or []):
        if sent.visibility == "private":
            _require_private(call.key)
        content = _content(sent)
        # A derived id, so that a retry whose answer was lost finds its items.
        id_ = sent.id or ids.derived_item_id(call.key, conversation_id, place, idempotency.canonical(_said(sent)))
        drafts.append(draft := _Draft(id_, place, sent, content, to_json(content).decode()))
        # Derived ones too: a client knows them from an earlier answer.
        if id_ in seen:
            repeated.append(Detail(f"{draft.path}.id", "is used by another item of this request"))
        seen.add(id_)
    if repeated:
        raise invalid(repeated)
    return drafts


def _content(sent: TimelineItemRequest) -> Content:
    content: Content = {}
    if sent.text is not None:
        content["text"] = sent.text
    if sent.tool is not None:
        content["tool"] = sent.tool
    if sent.parts:
        content["parts"] = sent.parts
    return content


def _new_conversation(call: Call, conversation_id: str, fingerprint: str | None) -> Conversation:
    key, request, now = call.key, call.request, timestamps.now()
    return Conversation(
        id=conversation_id,
        website_id=key.website_id,
        organization_id=key.organization_id,
        mode=key.mode,
        visitor_id=call.visitor_id,
        channel=request.channel or DEFAULT_CHANNEL,
        incarnation=new_incarnation(),
        metadata=request.metadata,
        created_at=now,
        updated_at=now,
        public_updated_at=now,
        fingerprint=fingerprint,
        ttl=int(time.time()) + call.retention_days * _DAY_SECONDS if call.retention_days else None,
    )


def _with_items(conversation: Conversation, items: Sequence[TimelineItem]) -> Conversation:
    """Count items in and let the references to the last ones follow."""

    def latest(reference: str | None, private: bool, types: Sequence[str] = ()) -> str | None:
        found = (i.reference for i in items if i.is_private == private and (not types or i.type in types))
        return max([reference or "", *found]) or None

    return replace(
        conversation,
        item_count=conversation.item_count + len(items),
        last_public_item=latest(conversation.last_public_item, private=False),
        last_private_item=latest(conversation.last_private_item, private=True),
        last_public_message=latest(conversation.last_public_message, False, ["message"]),
        last_private_message=latest(conversation.last_private_message, True, ["message"]),
    )


# A conversation that exists -----------------------------------------------------------------------------------------


class _Replay:
    """A request whose conversation exists: what is known to be stored, until all of the request is.

    `wanted` are the items as they would stand in a new conversation.
    """

    def __init__(
        self,
        call: Call,
        store: ConversationStore,
        drafts: Sequence[_Draft],
        wanted: Sequence[TimelineItem],
        fingerprint: str | None,
        stored: Stored,
    ) -> None:
        self._call = call
        self._store = store
        self._drafts = drafts
        self._wanted = wanted
        self._fingerprint = fingerprint
        self._conversation = stored.conversation
        self._known: dict[str, TimelineItem] = {}
        self._learn(stored)

    def answer(self) -> Opened:
        """Add what is missing and return what is stored; raises `ConversationGone` if it expires meanwhile."""
        while True:
            self._refuse_another()
            # All of an Idempotency-Key's items were written together, so none can be missing.
            missing = [] if self._fingerprint else self._missing()
            if not missing:
                return self._answer(written=0)
            added = self._added(missing)
            after = _with_items(self._conversation, added)
            updated_at = timestamps.after(self._conversation.updated_at)
            after = replace(after, version=self._conversation.version + 1, updated_at=updated_at)
            if not all(item.is_private for item in added):
                after = replace(after, public_updated_at=updated_at)
            stored = self._store.append(self._conversation, after, added, self._call.deadline)
            if stored is None:
                self._conversation = after
                self._known |= {item.id: item for item in added}
                return self._answer(written=len(added))
            self._learn(stored)
            # Always the shortest wait: what is known of the conversation goes stale.
            self._call.deadline.back_off(0)

    def _learn(self, stored: Stored) -> None:
        if stored.conversation.incarnation != self._conversation.incarnation:
            self._known = {}
        self._conversation = stored.conversation
        self._known |= stored.items
        self._unread = stored.unread - self._known.keys()

    def _missing(self) -> list[_Draft]:
        """Return what is not stored as far as is known: the next write tells."""
        there = self._known.keys() | self._unread
        missing = [draft for draft in self._drafts if draft.id not in there]
        if missing and self._unread:
            # What these items are decides whether anything may be added.
            self._read(self._unread)
            self._unread = frozenset()
            missing = [draft for draft in self._drafts if draft.id not in self._known]
        return missing

    def _added(self, missing: Sequence[_Draft]) -> list[TimelineItem]:
        self._refuse_what_stands()
        count = self._conversation.item_count
        added = [draft.to_added_item(self._call, self._conversation, count + n) for n, draft in enumerate(missing)]
        if self._call.key.type == "public" and self._conversation.status != "open":
            raise Refusal(
                Code.CONVERSATION_CLOSED, "This conversation is closed. Please open a new one to write a message."
            )
        self._refuse_long_answer([self._known.get(item.id, item) for item in self._wanted])
        _refuse_oversized(self._conversation, zip((draft.place for draft in missing), added, strict=True))
        return added

    def _answer(self, written: int) -> Opened:
        self._read({item.id for item in self._wanted})
        self._refuse_what_stands()
        items = [self._known[item.id] for item in self._wanted if item.id in self._known]
        if not written:
            self._refuse_long_answer(items)
        if len(items) < len(self._wanted):
            raise LookupError("an item of the request is not stored")
        last_message = _last_message(self._call.key, self._conversation, self._known)
        return Opened(self._conversation, items, last_message, is_new=False, written=written)

    def _read(self, wanted: Iterable[str]) -> None:
        """Read those of these items, and the last message, that are not known yet."""
        last = self._conversation.last_message_for(self._call.key.type)
        unknown = {*wanted, *([reference_id(last)] if last else [])} - self._known.keys()
        # Past what one answer holds, the answer is that: the rest need not be read.
        enough = MAX_ANSWERED_ITEMS_BYTES
        self._known |= self._store.read_items(self._conversation, unknown, self._call.deadline, enough)

    def _refuse_another(self) -> None:
        if self._conversation.visitor_id != self._call.visitor_id:
            raise Refusal(Code.CONVERSATION_ID_CONFLICT, "This conversationId is taken. Please use another one.")
        if self._fingerprint is not None and self._conversation.fingerprint != self._fingerprint:
            raise Refusal(
                Code.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used with a different request. Please use a new key for a new request.",
            )

    def _refuse_what_stands(self) -> None:
        """Refuse a request that names what its caller may not see, or that somebody else's item stands for."""
        stored = [
            (place, self._known[item.id], item) for place, item in enumerate(self._wanted) if item.id in self._known
        ]
        if any(item.is_private for _, item, _ in stored):
            _require_private(self._call.key)
        if self._call.key.type != "private":
            return
        details = [
            Detail(f"defaultTimelineItems.{place}.id", "is the id of another item, which was written with a public key")
            for place, item, wanted in stored
            if item.written_by == "public" and not item.says_the_same_as(wanted)
        ]
        if details:
            raise Refusal(
                Code.ITEM_ID_CONFLICT,
                f"{details[0].path} {details[0].message}. Please use another one.",
                details=details[:MAX_DETAILS],
            )

    def _refuse_long_answer(self, items: Sequence[TimelineItem]) -> None:
        body = to_json([item_answer(self._conversation, item) for item in items]).decode()
        if len(to_json(body)) > MAX_ANSWERED_ITEMS_BYTES:
            raise Refusal(
                Code.PAYLOAD_TOO_LARGE,
                "The stored items named in this request are too long for one answer. Please name fewer at once.",
            )


def _last_message(key: ApiKey, conversation: Conversation, known: dict[str, TimelineItem]) -> TimelineItem | None:
    last = conversation.last_message_for(key.type)
    return known.get(reference_id(last)) if last else None


# What is refused ----------------------------------------------------------------------------------------------------


def _require_private(key: ApiKey) -> None:
    if key.type != "private":
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "A private timeline item needs a private API key.")


def _refuse_oversized(conversation: Conversation, items: Iterable[tuple[int, TimelineItem]]) -> None:
    for place, item in items:
        if len(item.stored_content) < _SURELY_FITS:
            continue
        size = item_size(item.to_item(conversation))
        if size > MAX_ITEM_BYTES:
            path = f"defaultTimelineItems.{place}"
            message = f"takes {size:,} bytes in the database, which takes {MAX_ITEM_BYTES:,} at most"
            raise Refusal(Code.PAYLOAD_TOO_LARGE, f"{path} {message}.", details=[Detail(path, message)])
