"""Conversations: opening one, reading one, changing its title and metadata, and listing a visitor's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from support.dynamodb.items import MAX_ITEM_BYTES
from support.errors import Code, Detail, Refusal
from support.responses import MAX_RESPONSE_ITEMS_BYTES, response_bytes
from support.store.conversations import ItemTooLarge, Stored
from support.store.stores import Stores
from support.validation import invalid
from support.values import timestamps
from support.values.conversation import Conversation, new_incarnation
from support.values.metadata import Metadata, problem_of
from support.values.timeline_item import TimelineItem, reference_id

from api.domain import ids
from api.domain.caller import Caller
from api.domain.drafts import (
    Draft,
    canonical_form,
    conversation_closed,
    draft_items,
    reject_conflicting_items,
    too_large,
)
from api.domain.idempotency import fingerprint
from api.domain.writing import Done, Update, change, find, find_again, write
from api.http.requests.conversations import ConversationPatch, ConversationRequest, ConversationsQuery

DEFAULT_CHANNEL = "widget"

#: Past what one response holds the result is a 413, so the rest need not be read. The last message is not one of the
#: request's items, and an item may take a little more in the table than in the response.
_MAX_READ_BYTES = MAX_RESPONSE_ITEMS_BYTES + 2 * MAX_ITEM_BYTES

_STATUS = {"open": "open", "closed": "resolved"}


@dataclass(frozen=True, slots=True)
class Opened:
    """What the caller gets to see, and how much of it this call wrote.

    `items` are those of the request, in its order, as they are stored, without those that have expired; `last_message`
    is the newest message of the timeline that the caller may see. `is_new` tells a creation from a replay, which writes
    the items that were missing.
    """

    conversation: Conversation
    items: Sequence[TimelineItem]
    last_message: TimelineItem | None
    is_new: bool
    written: int


class Changed(NamedTuple):
    """A conversation after a change; `replayed` says that there was nothing to change."""

    conversation: Conversation
    replayed: bool


class Listed(NamedTuple):
    """A page of a visitor's conversations, and the last messages by their conversations' `pk`; `total` counts all."""

    conversations: Sequence[Conversation]
    last_messages: Mapping[str, TimelineItem]
    total: int


def open_conversation(
    caller: Caller, request: ConversationRequest, idempotency_key: str | None, stores: Stores
) -> Opened:
    """Create a conversation with its items, or find it again and add the items that it lacks.

    `idempotency_key` is None without that header.

    Raises `Refusal`: VALIDATION_FAILED (an id used twice, a time in the future), PRIVATE_KEY_REQUIRED,
    PAYLOAD_TOO_LARGE, CONVERSATION_ID_CONFLICT, ITEM_ID_CONFLICT, CONVERSATION_CLOSED, IDEMPOTENCY_KEY_REUSED or
    UNAVAILABLE. Nothing is written then, except that after a silence of the database the whole transaction may have
    been.
    """
    conversation_id, request_fingerprint = _identify(caller, request, idempotency_key)
    sent = request.default_timeline_items or []
    drafts = draft_items(caller.key, conversation_id, sent, "defaultTimelineItems")
    opening = _Opening(caller, request, conversation_id, request_fingerprint, drafts, stores)
    try:
        return write(stores, None, opening.decide, caller.deadline)
    except ItemTooLarge as error:
        raise too_large(drafts, error) from None


def _identify(caller: Caller, request: ConversationRequest, idempotency_key: str | None) -> tuple[str, str | None]:
    """Return the conversation's id, and the request's fingerprint if an Idempotency-Key stands for it."""
    if request.conversation_id:
        return request.conversation_id, None
    if idempotency_key is None:
        return ids.new_conversation_id(), None
    canonical = canonical_form(request) | {
        "channel": request.channel or DEFAULT_CHANNEL,
        "items": [
            {"id": item.id, "created_at": item.created_at, **canonical_form(item)}
            for item in request.default_timeline_items or []
        ],
    }
    conversation_id = ids.derived_conversation_id(caller.key, caller.visitor, idempotency_key)
    return conversation_id, fingerprint(caller.key, canonical)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A request to open a conversation, as the write loop asks for it; `fingerprint` as in `_identify`."""

    caller: Caller
    request: ConversationRequest
    conversation_id: str
    fingerprint: str | None
    drafts: Sequence[Draft]
    stores: Stores

    def decide(self, stored: Stored | None) -> Update[Opened] | Done[Opened]:
        """Open the conversation if there is none, or else add to it what it lacks."""
        return self._create() if stored is None else self._replay(stored)

    def _create(self) -> Update[Opened]:
        key, request, now = self.caller.key, self.request, timestamps.now()
        empty = Conversation(
            id=self.conversation_id,
            website_id=key.website_id,
            organization_id=key.organization_id,
            mode=key.mode,
            visitor_id=self.caller.visitor,
            visitor_key=ids.visitor_key(key, self.caller.visitor),
            channel=request.channel or DEFAULT_CHANNEL,
            incarnation=new_incarnation(),
            metadata=request.metadata,
            created_at=now,
            updated_at=now,
            public_updated_at=now,
            fingerprint=self.fingerprint,
        )
        items = [draft.to_first_item(key, empty, index) for index, draft in enumerate(self.drafts)]
        conversation = empty.with_items(items)
        last_message = self._last_message(conversation, {item.id: item for item in items})
        opened = Opened(conversation, items, last_message, is_new=True, written=len(items))
        # Whose conversation of this id exists is not known yet.
        return Update(None, conversation, opened, items, returns_existing=key.type == "private")

    def _replay(self, stored: Stored) -> Update[Opened] | Done[Opened]:
        self._check_same_request(stored.conversation)
        found = self._look_up(stored, stored.not_returned)
        if found is not None and (self._refusal(found) is not None or self._leaves_out(found)):
            # A lost write need not tell of each item that exists, and what exists is returned in any case.
            found = self._look_up(found, {draft.id for draft in self.drafts})
        if found is None:
            return self._create()
        # First of all: what is missing may only not have been read any more.
        self._reject_long_response(found.conversation, found.items)
        if (refusal := self._refusal(found)) is not None:
            raise refusal
        return self._append(found) if self._missing(found) else Done(self._opened(found.conversation, found.items))

    def _append(self, stored: Stored) -> Update[Opened]:
        key, before, now = self.caller.key, stored.conversation, timestamps.now()
        items = [
            draft.to_added_item(key, before, before.item_count + n, now)
            for n, draft in enumerate(self._missing(stored))
        ]
        after, known = before.after_update(items), stored.items | {item.id: item for item in items}
        self._reject_long_response(after, known)
        return Update(before, after, self._opened(after, known, written=len(items)), items)

    def _opened(self, conversation: Conversation, known: Mapping[str, TimelineItem], written: int = 0) -> Opened:
        return Opened(
            conversation,
            self._named(known),
            self._last_message(conversation, known),
            is_new=False,
            written=written,
        )

    def _named(self, known: Mapping[str, TimelineItem]) -> Sequence[TimelineItem]:
        return [known[draft.id] for draft in self.drafts if draft.id in known]

    def _reject_long_response(self, conversation: Conversation, known: Mapping[str, TimelineItem]) -> None:
        if response_bytes(conversation, self._named(known)) > MAX_RESPONSE_ITEMS_BYTES:
            raise Refusal(
                Code.PAYLOAD_TOO_LARGE,
                "The stored items named in this request are too long for one response. Please name fewer at once.",
            )

    def _look_up(self, stored: Stored, item_ids: Iterable[str]) -> Stored | None:
        """Read those of these items that are not known yet, with the conversation as it is by then; None if it is gone.

        Raises `Refusal` for a conversation that the request is not about, before its items are read.
        """
        unknown = set(item_ids) - stored.items.keys()
        if unknown and (reference := stored.conversation.last_message_for(self.caller.key.type)) is not None:
            # It will be needed, too.
            unknown |= {reference_id(reference)} - stored.items.keys()
        while unknown:
            pk, deadline = stored.conversation.pk, self.caller.deadline
            found = self.stores.conversations.read(pk, deadline, unknown, _MAX_READ_BYTES)
            if found is None:
                return None
            self._check_same_request(found.conversation)
            if found.conversation.incarnation == stored.conversation.incarnation:
                stored = replace(found, items=stored.items | found.items)
                break
            # Nothing is known of the items of this one.
            stored, unknown = found, {draft.id for draft in self.drafts} - found.items.keys()
        reject_conflicting_items(self.caller.key, stored.conversation, self.drafts, stored.items)
        return stored

    def _missing(self, stored: Stored) -> Sequence[Draft]:
        """Return the items that are to be added, without those that were written once and have expired."""
        if self.fingerprint is not None:
            # An Idempotency-Key's items were written together.
            return []
        missing = [draft for draft in self.drafts if draft.id not in stored.items]
        if self.caller.key.type == "public" and self.stores.conversations.has_outlived_items(stored.conversation):
            return [draft for draft in missing if not draft.opens_only]
        return missing

    def _leaves_out(self, stored: Stored) -> bool:
        """Tell whether an item of the request is neither returned nor added."""
        return len(self._named(stored.items)) + len(self._missing(stored)) < len(self.drafts)

    def _refusal(self, stored: Stored) -> Refusal | None:
        """Return why the caller may not add what is missing, if it may not."""
        missing = self._missing(stored)
        if not missing or self.caller.key.type == "private":
            return None
        try:
            for draft in missing:
                draft.require_addable()
        except Refusal as refusal:
            return refusal
        return None if stored.conversation.status == "open" else conversation_closed()

    def _last_message(self, conversation: Conversation, known: Mapping[str, TimelineItem]) -> TimelineItem | None:
        reference = conversation.last_message_for(self.caller.key.type)
        item = None if reference is None else known.get(reference_id(reference))
        if item is not None:
            return item if item.is_at(reference) else None
        return self.stores.timelines.read_referenced(conversation, reference, self.caller.deadline)

    def _check_same_request(self, conversation: Conversation) -> None:
        if conversation.visitor_id != self.caller.visitor:
            raise Refusal(Code.CONVERSATION_ID_CONFLICT, "This conversationId is taken. Please use another one.")
        if self.fingerprint is not None and conversation.fingerprint != self.fingerprint:
            raise Refusal(
                Code.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used with a different request. Please use a new key for a new request.",
            )


def get_conversation(caller: Caller, conversation_id: str, stores: Stores) -> tuple[Conversation, TimelineItem | None]:
    """Read a conversation and its newest message that the caller may see. Raises `Refusal`: HTTP_404 or UNAVAILABLE."""
    conversation = find(caller, conversation_id, stores).conversation
    while True:
        last_message = read_last_message(caller, conversation, stores)
        if stores.conversations.is_kept(conversation):
            return conversation, last_message
        # When a conversation ends, so do its items: what was found may be half of it.
        conversation = find_again(caller, conversation, stores).conversation


def read_last_message(caller: Caller, conversation: Conversation, stores: Stores) -> TimelineItem | None:
    """Read the newest message of a conversation that the caller may see, whole; None if it has none or it has expired.

    Raises `Refusal` (UNAVAILABLE).
    """
    reference = conversation.last_message_for(caller.key.type)
    return stores.timelines.read_referenced(conversation, reference, caller.deadline)


def patch(
    caller: Caller, conversation_id: str, request: ConversationPatch, actor: str | None, stores: Stores
) -> Changed:
    """Change title and metadata of a conversation, as far as they are sent.

    `actor` is the team member who does so; None if nobody is named.

    Raises `Refusal`: HTTP_404, VALIDATION_FAILED for metadata that is too much then, or UNAVAILABLE.
    """

    def decide(stored: Stored) -> Update[Changed] | Done[Changed]:
        before = stored.conversation
        title = request.title if "title" in request.model_fields_set else before.title
        wanted = replace(before, title=title, metadata=_merged(before.metadata, request))
        if wanted.to_item() == before.to_item():
            return Done(Changed(before, replayed=True))
        after = wanted.after_update(visible_to_visitor=True, acted_by=actor)
        return Update(before, after, Changed(after, replayed=False))

    return change(caller, find(caller, conversation_id, stores), stores, decide)


def _merged(metadata: Metadata | None, request: ConversationPatch) -> Metadata | None:
    """Merge as RFC 7396 does: null takes a name away, and in place of metadata all of them."""
    if "metadata" not in request.model_fields_set:
        return metadata
    sent = request.metadata
    merged = {} if sent is None else {**(metadata or {}), **sent}
    for name in [name for name, value in (sent or {}).items() if value is None]:
        del merged[name]
    if (problem := problem_of(merged)) is not None:
        raise invalid([Detail("metadata", problem)])
    # Nothing that is taken from nothing is a change: it may be stored as {}, as it was sent.
    return merged or (None if metadata else metadata)


def list_conversations(caller: Caller, query: ConversationsQuery, stores: Stores) -> Listed:
    """List a page of a visitor's conversations, of the 100 that were opened last. Raises `Refusal` (UNAVAILABLE)."""
    key, deadline = caller.key, caller.deadline

    def sort_key(conversation: Conversation) -> tuple[str, str]:
        by_update = query.order_by == "updatedAt"
        return conversation.updated_at_for(key.type) if by_update else conversation.created_at, conversation.id

    found = [
        conversation
        for conversation in stores.conversations.read_newest(key.website_id, key.mode, caller.visitor, deadline)
        if query.status is None or conversation.status == _STATUS[query.status]
    ]
    found.sort(key=sort_key, reverse=query.order == "desc")
    start = (query.page - 1) * query.limit
    page = found[start : start + query.limit]
    return Listed(page, stores.timelines.read_last_messages(page, key.type, deadline), len(found))
