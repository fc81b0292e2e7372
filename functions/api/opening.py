"""Opening a conversation: the rules, free of HTTP and of AWS."""

import time
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from conversations import timestamps
from conversations.answers import MAX_ANSWERED_ITEMS_BYTES, answered_bytes
from conversations.conversation import Conversation, new_incarnation
from conversations.conversation_store import Continued, ConversationGone, ConversationStore, ItemTooLarge, Stored
from conversations.errors import Code, Refusal
from conversations.items import MAX_ITEM_BYTES
from conversations.timeline_item import TimelineItem, reference_id

from api.drafts import DEFAULT_CHANNEL, Call, Draft, closed, draft_items, identify, refuse_what_stands, too_large

_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Opened:
    """What the caller gets to see, and how much of it this call wrote.

    `items` are those of the request, in its order, as they are stored; `last_message` is the newest message of the
    timeline that the caller may see. `is_new` tells a creation from a replay, which writes the items that were missing.
    """

    conversation: Conversation
    items: Sequence[TimelineItem]
    last_message: TimelineItem | None
    is_new: bool
    written: int


def open_conversation(call: Call, store: ConversationStore) -> Opened:
    """Create a conversation with its items, or find it again and add the items that it lacks.

    Raises `Refusal`: VALIDATION_FAILED (an id used twice, a time in the future), PRIVATE_KEY_REQUIRED,
    PAYLOAD_TOO_LARGE, CONVERSATION_ID_CONFLICT, ITEM_ID_CONFLICT, CONVERSATION_CLOSED, IDEMPOTENCY_KEY_REUSED or
    UNAVAILABLE. Nothing is written then, except that after a silence of the database the whole transaction may have
    been.
    """
    conversation_id, fingerprint = identify(call)
    drafts = draft_items(call, conversation_id)
    while True:
        conversation = _new_conversation(call, conversation_id, fingerprint)
        items = [draft.to_first_item(call.key, conversation, place) for place, draft in enumerate(drafts)]
        conversation = conversation.with_items(items)
        try:
            stored = store.create(conversation, items, call.deadline)
            if stored is not None:
                return _Replay(call, store, drafts, items, fingerprint, stored).run()
        except ItemTooLarge as error:
            raise too_large(drafts[error.place], error) from None
        except ConversationGone:
            # It expired meanwhile, so this request opens the next one of its id.
            call.deadline.back_off(0)
            continue
        known = {item.id: item for item in items}
        last_message = _last_message(call, conversation, known)
        return Opened(conversation, items, last_message, is_new=True, written=len(items))


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


class _Replay:
    """A request whose conversation exists: what is known to be stored, until all of the request is.

    Parameters
    ----------
    wanted
        The items of the request as they would stand in a new conversation.
    stored
        What stood in the way of creating it.
    """

    def __init__(
        self,
        call: Call,
        store: ConversationStore,
        drafts: Sequence[Draft],
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
        self._unread: AbstractSet[str] = frozenset()
        self._learn(stored)

    def run(self) -> Opened:
        """Add what is missing and return what is stored; raises `ConversationGone` if it expires meanwhile."""
        while True:
            self._refuse_another()
            missing = self._missing()
            if not missing:
                return self._opened(written=0)
            if self._fingerprint:
                # An Idempotency-Key's items were written together.
                raise LookupError("an item of the request is not stored")
            self._refuse_adding(missing)
            # A visitor's items are only written while it is open.
            unchanged = ("status",) if self._call.key.type == "public" else ()
            try:
                go_on = partial(self._continued, missing)
                stored = self._store.write(self._conversation, go_on, self._call.deadline, unchanged)
            except ItemTooLarge as error:
                raise too_large(missing[error.place], error) from None
            if isinstance(stored, Continued):
                self._conversation = stored.conversation
                self._known |= {item.id: item for item in stored.items}
                return self._opened(written=len(stored.items))
            self._learn(stored)
            if self._conversation.status != "open":
                # What is stored is answered before a status is looked at, and DynamoDB need not tell of every failed
                # condition.
                self._unread = {draft.id for draft in missing} - self._known.keys()
            # Always the shortest wait: what is known goes stale.
            self._call.deadline.back_off(0)

    def _learn(self, stored: Stored) -> None:
        is_another = stored.conversation.incarnation != self._conversation.incarnation
        if is_another:
            self._known = {}
        self._conversation = stored.conversation
        self._known |= stored.items
        # What lost to another conversation was not told of its items, and an Idempotency-Key's are all there.
        any_may_exist = is_another or self._fingerprint is not None
        unread = {draft.id for draft in self._drafts} if any_may_exist else stored.unread
        self._unread = unread - self._known.keys()

    def _missing(self) -> list[Draft]:
        """Return what is not stored as far as is known: the next write tells."""
        unread, self._unread = self._unread, frozenset()
        if unread:
            # These exist or not, and what they are decides whether anything may be added.
            self._read(unread)
            if not unread <= self._known.keys() and not self._store.stands(self._conversation, self._call.deadline):
                raise ConversationGone
        return [draft for draft in self._drafts if draft.id not in self._known]

    def _refuse_adding(self, missing: Sequence[Draft]) -> None:
        self._refuse_what_stands()
        # Before all else: what is missing may only not have been read any more.
        self._refuse_long_answer([self._known.get(item.id, item) for item in self._wanted])
        if self._call.key.type == "public":
            for draft in missing:
                draft.require_own()
            if self._conversation.status != "open":
                raise closed()

    def _continued(self, missing: Sequence[Draft], before: Conversation) -> Continued:
        now, key, count = timestamps.now(), self._call.key, before.item_count
        items = [draft.to_added_item(key, before, count + n, now) for n, draft in enumerate(missing)]
        return Continued(before.continued(items), items)

    def _opened(self, written: int) -> Opened:
        self._refuse_what_stands()
        items = [self._known[item.id] for item in self._wanted]
        if not written:
            self._refuse_long_answer(items)
        self._read()
        last_message = _last_message(self._call, self._conversation, self._known)
        return Opened(self._conversation, items, last_message, is_new=False, written=written)

    def _read(self, wanted: Iterable[str] = ()) -> None:
        """Read those of these items, and the last message, that are not known yet."""
        last = self._conversation.last_message_for(self._call.key.type)
        unknown = {*wanted, *([reference_id(last)] if last else [])} - self._known.keys()
        # Past what one answer holds the result is a 413: the rest need not be read. The last message is not of the
        # request, and an item may take a little more than its answer.
        limit = MAX_ANSWERED_ITEMS_BYTES + 2 * MAX_ITEM_BYTES
        self._known |= self._store.read_items(self._conversation, unknown, self._call.deadline, limit)

    def _refuse_another(self) -> None:
        if self._conversation.visitor_id != self._call.visitor_id:
            raise Refusal(Code.CONVERSATION_ID_CONFLICT, "This conversationId is taken. Please use another one.")
        if self._fingerprint is not None and self._conversation.fingerprint != self._fingerprint:
            raise Refusal(
                Code.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used with a different request. Please use a new key for a new request.",
            )

    def _refuse_what_stands(self) -> None:
        stored = (
            (self._known[draft.id], draft, item)
            for draft, item in zip(self._drafts, self._wanted, strict=True)
            if draft.id in self._known
        )
        refuse_what_stands(self._call.key, stored)

    def _refuse_long_answer(self, items: Sequence[TimelineItem]) -> None:
        if answered_bytes(self._conversation, items) > MAX_ANSWERED_ITEMS_BYTES:
            raise Refusal(
                Code.PAYLOAD_TOO_LARGE,
                "The stored items named in this request are too long for one answer. Please name fewer at once.",
            )


def _last_message(call: Call, conversation: Conversation, known: dict[str, TimelineItem]) -> TimelineItem | None:
    last = conversation.last_message_for(call.key.type)
    return known.get(reference_id(last)) if last else None
