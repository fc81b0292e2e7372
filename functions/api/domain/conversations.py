"""Conversations: opening one, reading one, changing its title and metadata, and listing a visitor's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from support.caller import Caller, find
from support.dynamodb.items import MAX_ITEM_BYTES
from support.errors import Code, Detail, Refusal, visitor_blocked
from support.responses import MAX_RESPONSE_ITEMS_BYTES, response_bytes
from support.store.conversations import ItemTooLarge, Stored
from support.store.stores import Stores
from support.validation import invalid
from support.values import timestamps
from support.values.conversation import Conversation, new_incarnation, status_for
from support.values.metadata import Metadata, exceeded_limit
from support.values.timeline_item import TimelineItem, reference_id

from api.domain import ids
from api.domain.drafts import (
    Draft,
    canonical_form,
    conversation_closed,
    draft_items,
    reject_conflicting_items,
    reject_foreign_files,
    too_large,
)
from api.domain.idempotency import fingerprint
from api.domain.writing import Done, Update, change, find_again, write
from api.http.requests.conversations import ConversationPatch, ConversationRequest, ConversationsQuery

DEFAULT_CHANNEL = "widget"

#: A response over its limit is a 413, so no more items need to be read. The margin is for the last message, which is
#: not one of the request's items, and for items that take a little more in the table than in the response.
_MAX_READ_BYTES = MAX_RESPONSE_ITEMS_BYTES + 2 * MAX_ITEM_BYTES

_STATUS = {"open": "open", "closed": "resolved"}


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened conversation as the caller may see it, and how many items this call wrote.

    `items` are the stored items of the request, in its order, without those that have expired; `last_message` is the
    newest message of the timeline that the caller may see. `is_new` tells a creation from a replay, which writes the
    missing items.
    """

    conversation: Conversation
    items: Sequence[TimelineItem]
    last_message: TimelineItem | None
    is_new: bool
    written: int


class Changed(NamedTuple):
    """A conversation after a change; `replayed` is true if nothing changed."""

    conversation: Conversation
    replayed: bool


class Listed(NamedTuple):
    """A page of a visitor's conversations, their last messages by `pk`, and the `total` of all pages."""

    conversations: Sequence[Conversation]
    last_messages: Mapping[str, TimelineItem]
    total: int


def open_conversation(
    caller: Caller, request: ConversationRequest, idempotency_key: str | None, stores: Stores
) -> Opened:
    """Create a conversation with its items, or find the existing one and add the missing items.

    `idempotency_key` is None without that header.

    Raises `Refusal`: VALIDATION_FAILED (an id used twice, a time in the future), PRIVATE_KEY_REQUIRED,
    PAYLOAD_TOO_LARGE, CONVERSATION_ID_CONFLICT, ITEM_ID_CONFLICT, CONVERSATION_CLOSED, IDEMPOTENCY_KEY_REUSED or
    UNAVAILABLE. Nothing is written then; but if the database did not respond, the whole transaction may have been
    written.
    """
    conversation_id, request_fingerprint = _identify(caller, request, idempotency_key)
    sent = request.default_timeline_items or []
    drafts = draft_items(caller.key, conversation_id, sent, "defaultTimelineItems")
    reject_foreign_files(caller.key, conversation_id, drafts)
    opening = _Opening(caller, request, conversation_id, request_fingerprint, drafts, stores)
    try:
        return write(stores, None, opening.decide, caller.deadline)
    except ItemTooLarge as error:
        raise too_large(drafts, error) from None


def _identify(caller: Caller, request: ConversationRequest, idempotency_key: str | None) -> tuple[str, str | None]:
    """Return the conversation's id, and the request's fingerprint if the id comes from an Idempotency-Key."""
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
    """A request to open a conversation, with the decision for the write loop; `fingerprint` as in `_identify`."""

    caller: Caller
    request: ConversationRequest
    conversation_id: str
    fingerprint: str | None
    drafts: Sequence[Draft]
    stores: Stores

    def decide(self, stored: Stored | None) -> Update[Opened] | Done[Opened]:
        """Create the conversation if it does not exist, otherwise add the missing items."""
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
        # If a conversation with this id exists, it may be another visitor's.
        return Update(None, conversation, opened, items, opened_by=key.type)

    def _replay(self, stored: Stored) -> Update[Opened] | Done[Opened]:
        self._check_same_request(stored.conversation)
        found = self._look_up(stored, stored.not_returned)
        if found is not None and (self._append_refusal(found) is not None or self._omits_items(found)):
            # A lost write may not have returned every existing item, and existing items are returned in any case.
            found = self._look_up(found, {draft.id for draft in self.drafts})
        if found is None:
            return self._create()
        # Before the refusal: items may be missing only because reading stopped at the limit.
        self._reject_long_response(found.conversation, found.items)
        if (refusal := self._append_refusal(found)) is not None:
            raise refusal
        return (
            self._append(found) if self._drafts_to_write(found) else Done(self._opened(found.conversation, found.items))
        )

    def _append(self, stored: Stored) -> Update[Opened]:
        key, before, now = self.caller.key, stored.conversation, timestamps.now()
        items = [
            draft.to_added_item(key, before, before.item_count + n, now)
            for n, draft in enumerate(self._drafts_to_write(stored))
        ]
        after, known = before.after_update(items), stored.items | {item.id: item for item in items}
        self._reject_long_response(after, known)
        opened = self._opened(after, known, written=len(items))
        return Update(before, after, opened, items, opened_by=key.type)

    def _opened(self, conversation: Conversation, known: Mapping[str, TimelineItem], written: int = 0) -> Opened:
        return Opened(
            conversation,
            self._requested_items(known),
            self._last_message(conversation, known),
            is_new=False,
            written=written,
        )

    def _requested_items(self, known: Mapping[str, TimelineItem]) -> Sequence[TimelineItem]:
        return [known[draft.id] for draft in self.drafts if draft.id in known]

    def _reject_long_response(self, conversation: Conversation, known: Mapping[str, TimelineItem]) -> None:
        if response_bytes(conversation, self._requested_items(known)) > MAX_RESPONSE_ITEMS_BYTES:
            raise Refusal(
                Code.PAYLOAD_TOO_LARGE,
                "The stored items named in this request are too large for one response. Please name fewer at once.",
            )

    def _look_up(self, stored: Stored, item_ids: Iterable[str]) -> Stored | None:
        """Read the items that are not known yet, and the current conversation; None if it no longer exists.

        Raises `Refusal` if the conversation is not the request's, before its items are used.
        """
        unknown = set(item_ids) - stored.items.keys()
        if unknown and (reference := stored.conversation.last_message_for(self.caller.key.type)) is not None:
            # The response needs the last message too.
            unknown |= {reference_id(reference)} - stored.items.keys()
        while unknown:
            pk, deadline = stored.conversation.pk, self.caller.deadline
            found = self.stores.conversations.read(pk, deadline, unknown, _MAX_READ_BYTES)
            if found is None:
                return None
            self._check_same_request(found.conversation)
            if found.conversation.incarnation == stored.conversation.incarnation:
                stored = replace(found, items=stored.items | found.items, visitor_blocked=stored.visitor_blocked)
                break
            # A new conversation has this id by now: read all of its items.
            stored = replace(found, visitor_blocked=stored.visitor_blocked)
            unknown = {draft.id for draft in self.drafts} - found.items.keys()
        reject_conflicting_items(self.caller.key, stored.conversation, self.drafts, stored.items)
        return stored

    def _drafts_to_write(self, stored: Stored) -> Sequence[Draft]:
        """Return the drafts of items to add, without items that were written before and have expired."""
        if self.fingerprint is not None:
            # The items of an Idempotency-Key were all written with the conversation.
            return []
        missing = [draft for draft in self.drafts if draft.id not in stored.items]
        if self.caller.key.type == "public" and self.stores.conversations.has_outlived_items(stored.conversation):
            return [draft for draft in missing if not draft.is_opening_only]
        return missing

    def _omits_items(self, stored: Stored) -> bool:
        """Tell whether an item of the request is neither returned nor added."""
        return len(self._requested_items(stored.items)) + len(self._drafts_to_write(stored)) < len(self.drafts)

    def _append_refusal(self, stored: Stored) -> Refusal | None:
        """Return the error if the caller may not add the missing items, else None."""
        missing = self._drafts_to_write(stored)
        if not missing or self.caller.key.type == "private":
            return None
        try:
            for draft in missing:
                draft.require_addable()
        except Refusal as refusal:
            return refusal
        if stored.visitor_blocked:
            return visitor_blocked()
        return None if stored.conversation.status == "open" else conversation_closed()

    def _last_message(self, conversation: Conversation, known: Mapping[str, TimelineItem]) -> TimelineItem | None:
        reference = conversation.last_message_for(self.caller.key.type)
        item = None if reference is None else known.get(reference_id(reference))
        if item is not None and not item.is_removed:
            return item if item.is_at(reference) else None
        return read_last_message(self.caller, conversation, self.stores)

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
        reference = conversation.last_message_for(caller.key.type)
        last_message = stores.timelines.read_referenced(conversation, reference, caller.deadline)
        is_removed = last_message is not None and last_message.is_removed
        if stores.conversations.is_kept(conversation) and not is_removed:
            return conversation, last_message
        # When a conversation expires, so do its items: the result may be incomplete. Where the last message was
        # removed, the conversation names another one by now.
        conversation = find_again(caller, conversation, stores).conversation


def read_last_message(caller: Caller, conversation: Conversation, stores: Stores) -> TimelineItem | None:
    """Read the newest message that the caller may see, in full; None if there is none or if it has expired.

    Where it was removed since the conversation was read, it is the one that is the newest by now. Raises `Refusal`
    (UNAVAILABLE).
    """
    while True:
        reference = conversation.last_message_for(caller.key.type)
        message = stores.timelines.read_referenced(conversation, reference, caller.deadline)
        if message is None or not message.is_removed:
            return message
        found = stores.conversations.read(conversation.pk, caller.deadline)
        if found is None or found.conversation.incarnation != conversation.incarnation:
            return None
        conversation = found.conversation


def patch(
    caller: Caller, conversation_id: str, request: ConversationPatch, actor: str | None, stores: Stores
) -> Changed:
    """Change the title and the metadata of a conversation, if they are sent.

    `actor` is the team member who changes them, None if the call names nobody.

    Raises `Refusal`: HTTP_404, VALIDATION_FAILED if the merged metadata exceeds a limit, or UNAVAILABLE.
    """

    def decide(stored: Stored) -> Update[Changed] | Done[Changed]:
        before = stored.conversation
        title = request.title if "title" in request.model_fields_set else before.title
        patched = replace(before, title=title, metadata=_merge_metadata(before.metadata, request))
        if patched.to_item() == before.to_item():
            return Done(Changed(before, replayed=True))
        after = patched.after_update(visible_to_visitor=True, acted_by=actor)
        return Update(before, after, Changed(after, replayed=False))

    return change(caller, find(caller, conversation_id, stores), stores, decide)


def _merge_metadata(metadata: Metadata | None, request: ConversationPatch) -> Metadata | None:
    """Merge metadata as RFC 7396 does: a null value removes a name, and null for the metadata removes all of them."""
    if "metadata" not in request.model_fields_set:
        return metadata
    sent = request.metadata
    merged = {} if sent is None else {**(metadata or {}), **sent}
    for name in [name for name, value in (sent or {}).items() if value is None]:
        del merged[name]
    if (problem := exceeded_limit(merged)) is not None:
        raise invalid([Detail("metadata", problem)])
    # Removing names from empty metadata changes nothing: it stays as stored, {} or None.
    return merged or (None if metadata else metadata)


def list_conversations(caller: Caller, query: ConversationsQuery, stores: Stores) -> Listed:
    """List a page of a visitor's conversations, of the 100 that were opened last. Raises `Refusal` (UNAVAILABLE)."""
    while True:
        listed = _read_list(caller, query, stores)
        if not any(message.is_removed for message in listed.last_messages.values()):
            return listed


def _read_list(caller: Caller, query: ConversationsQuery, stores: Stores) -> Listed:
    """Read a page; where a last message was removed meanwhile, its conversation names another one by now."""
    key, deadline = caller.key, caller.deadline

    def sort_key(conversation: Conversation) -> tuple[str, str]:
        by_update = query.order_by == "updatedAt"
        return conversation.updated_at_for(key.type) if by_update else conversation.created_at, conversation.id

    found = [
        conversation
        for conversation in stores.conversations.read_newest(key.website_id, key.mode, caller.visitor, deadline)
        if query.status is None or status_for(conversation.status, key.type) == _STATUS[query.status]
    ]
    found.sort(key=sort_key, reverse=query.order == "desc")
    start = (query.page - 1) * query.limit
    page = found[start : start + query.limit]
    return Listed(page, stores.timelines.read_last_messages(page, key.type, deadline), len(found))
