"""Opening a conversation: the rules, free of HTTP and of AWS."""

import time
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from pydantic_core import to_json
from support import timestamps
from support.answers import item_answer
from support.conversations import Content, Conversation, TimelineItem, reference_id
from support.deadlines import Deadline
from support.errors import Code, Detail, Refusal
from support.items import MAX_ITEM_BYTES, item_size
from support.keys import ApiKey
from support.validation import invalid

from conversations import idempotency, ids
from conversations.models import ConversationRequest, TimelineItemRequest
from conversations.store import ConversationStore, Stored

DEFAULT_CHANNEL = "widget"

_DAY_SECONDS = 86_400

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

    `items` are those of the request, in its order, as they are stored; `last_item` is the last one of the timeline
    that the caller may see. `is_new` tells a creation from a replay, which writes the items that were missing.
    """

    conversation: Conversation
    items: list[TimelineItem]
    last_item: TimelineItem | None
    is_new: bool
    written: int


def open_conversation(call: Call, store: ConversationStore) -> Opened:
    """Create a conversation with its items, or find it again and add the items that it lacks.

    Raises `Refusal`: VALIDATION_FAILED (an id used twice), PRIVATE_KEY_REQUIRED, PAYLOAD_TOO_LARGE,
    CONVERSATION_ID_CONFLICT, IDEMPOTENCY_KEY_REUSED or UNAVAILABLE. Nothing is written then, but for an UNAVAILABLE
    after a silence of the database, when either all is or nothing is.
    """
    conversation = _conversation(call)
    items = _items(call, conversation)
    _refuse_repeated_ids(items)
    _refuse_private(call.key, items)
    conversation = _with_items(conversation, items)
    _refuse_oversized(conversation, enumerate(items))
    stored = store.create(conversation, items, call.deadline)
    if stored is not None:
        return _reopen(call, store, conversation, items, stored)
    known = {item.id: item for item in items}
    return Opened(conversation, items, _last(call.key, conversation, known), is_new=True, written=len(items))


def _conversation(call: Call) -> Conversation:
    key, request, now = call.key, call.request, timestamps.now()
    fingerprint = None
    if request.conversation_id:
        conversation_id = request.conversation_id
    elif call.idempotency_key is not None:
        conversation_id = idempotency.conversation_id(key, call.visitor_id, call.idempotency_key)
        fingerprint = idempotency.fingerprint(_said(call))
    else:
        conversation_id = ids.new_conversation_id()
    return Conversation(
        id=conversation_id,
        website_id=key.website_id,
        organization_id=key.organization_id,
        mode=key.mode,
        visitor_id=call.visitor_id,
        channel=request.channel or DEFAULT_CHANNEL,
        metadata=request.metadata,
        created_at=now,
        updated_at=now,
        fingerprint=fingerprint,
        ttl=int(time.time()) + call.retention_days * _DAY_SECONDS if call.retention_days else None,
    )


def _said(call: Call) -> dict[str, object]:
    """Return what a request says: the same for every way of saying it."""
    items = call.request.default_timeline_items or []
    return {
        "channel": call.request.channel or DEFAULT_CHANNEL,
        "metadata": call.request.metadata,
        "items": [[item.id or None, item.created_at, _content(item, call.visitor_id)] for item in items],
    }


def _items(call: Call, conversation: Conversation) -> list[TimelineItem]:
    scope = conversation.pk.encode()
    items = []
    for position, sent in enumerate(call.request.default_timeline_items or []):
        content = _content(sent, call.visitor_id)
        stored_content = to_json(content)
        items.append(
            TimelineItem(
                # A derived id, so that a retry whose answer was lost finds its items. The time is not part of it:
                # clients make a new one for each try.
                id=sent.id or ids.derived_item_id(scope, str(position).encode(), stored_content),
                created_at=sent.created_at or conversation.created_at,
                position=position,
                content=content,
                stored_content=stored_content.decode(),
            )
        )
    return items


def _content(sent: TimelineItemRequest, visitor_id: str) -> Content:
    content: Content = {"visibility": sent.visibility or "public", "type": sent.type or "message"}
    if sent.text is not None:
        content["text"] = sent.text
    if sent.tool is not None:
        content["tool"] = sent.tool
    if sent.parts:
        content["parts"] = sent.parts
    if sent.user_id:
        content["userId"] = sent.user_id
    if sent.ai_agent_id:
        content["aiAgentId"] = sent.ai_agent_id
    if sent.visitor_id is not None and sent.visitor_id != "":
        content["visitorId"] = visitor_id
    return content


def _with_items(conversation: Conversation, items: list[TimelineItem]) -> Conversation:
    """Count items in and let the references to the last ones follow."""
    public = [item for item in items if not item.is_private]
    return replace(
        conversation,
        item_count=conversation.item_count + len(items),
        last_item=_latest(conversation.last_item, items),
        last_public_item=_latest(conversation.last_public_item, public),
    )


def _latest(reference: str | None, items: list[TimelineItem]) -> str | None:
    return max([reference or "", *(item.reference for item in items)]) or None


# A conversation that exists -----------------------------------------------------------------------------------------


def _reopen(
    call: Call, store: ConversationStore, wanted: Conversation, items: list[TimelineItem], stored: Stored
) -> Opened:
    found: dict[str, TimelineItem] = {}
    while True:
        conversation = stored.conversation
        _refuse_another(wanted, conversation)
        found |= stored.items
        there = found.keys() | stored.untold
        missing = [(position, item) for position, item in enumerate(items) if item.id not in there]
        # An idempotency key stands for one request, all of which was written at once: what is not found is untold.
        if not missing or wanted.fingerprint is not None:
            return _reopened(call, store, conversation, items, found, written=0)
        if stored.untold - found.keys():
            found |= _read_untold(call, store, conversation, stored.untold, found)
        _refuse_private(call.key, found.values())
        _refuse_long_answer(conversation, [found.get(item.id, item) for item in items])
        added = [replace(item, position=conversation.item_count + n) for n, (_, item) in enumerate(missing)]
        _refuse_oversized(conversation, zip((position for position, _ in missing), added, strict=True))
        after = replace(_with_items(conversation, added), updated_at=max(conversation.updated_at, timestamps.now()))
        beaten = store.append(conversation, after, added, call.deadline)
        if beaten is None:
            found |= {item.id: item for item in added}
            return _reopened(call, store, after, items, found, written=len(added))
        stored = beaten
        # Always a short wait: another call came through, and what is known of the conversation ages meanwhile.
        call.deadline.back_off(0)


def _reopened(
    call: Call,
    store: ConversationStore,
    conversation: Conversation,
    items: list[TimelineItem],
    found: dict[str, TimelineItem],
    written: int,
) -> Opened:
    found = found | _read_untold(call, store, conversation, {item.id for item in items}, found)
    _refuse_private(call.key, found.values())
    # Items that expire go one by one, so the last of an old conversation may be there without the first.
    present = [found[item.id] for item in items if item.id in found]
    if not written:
        _refuse_long_answer(conversation, present)
    return Opened(conversation, present, _last(call.key, conversation, found), is_new=False, written=written)


def _read_untold(
    call: Call,
    store: ConversationStore,
    conversation: Conversation,
    ids: AbstractSet[str],
    found: Mapping[str, TimelineItem],
) -> dict[str, TimelineItem]:
    """Read those of these items, and the last one, that are not found yet."""
    last = _last_reference(call.key, conversation)
    untold = (ids | {reference_id(last)} if last else ids) - found.keys()
    # With more than an answer holds, the answer is that: the rest need not be read.
    return store.read_items(conversation, untold, call.deadline, MAX_ANSWERED_ITEMS_BYTES)


def _last(key: ApiKey, conversation: Conversation, known: dict[str, TimelineItem]) -> TimelineItem | None:
    last = _last_reference(key, conversation)
    return known.get(reference_id(last)) if last else None


def _last_reference(key: ApiKey, conversation: Conversation) -> str | None:
    return conversation.last_item if key.type == "private" else conversation.last_public_item


# What is refused ----------------------------------------------------------------------------------------------------


def _refuse_repeated_ids(items: list[TimelineItem]) -> None:
    # Derived ones too: a client knows them from an earlier answer.
    if len({item.id for item in items}) == len(items):
        return
    seen: set[str] = set()
    details = []
    for position, item in enumerate(items):
        if item.id in seen:
            details.append(Detail(f"defaultTimelineItems.{position}.id", "is used by another item of this request"))
        seen.add(item.id)
    raise invalid(details)


def _refuse_private(key: ApiKey, items: Iterable[TimelineItem]) -> None:
    if key.type != "private" and any(item.is_private for item in items):
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "A private timeline item needs a private API key.")


def _refuse_oversized(conversation: Conversation, items: Iterable[tuple[int, TimelineItem]]) -> None:
    for position, item in items:
        if len(item.stored_content) < _SURELY_FITS:
            continue
        size = item_size(item.to_item(conversation))
        if size > MAX_ITEM_BYTES:
            path = f"defaultTimelineItems.{position}"
            message = f"takes {size:,} bytes in the database, which takes {MAX_ITEM_BYTES:,} at most"
            raise Refusal(Code.PAYLOAD_TOO_LARGE, f"{path} {message}.", details=[Detail(path, message)])


def _refuse_another(wanted: Conversation, stored: Conversation) -> None:
    if stored.visitor_id != wanted.visitor_id:
        raise Refusal(Code.CONVERSATION_ID_CONFLICT, "This conversationId is taken. Please use another one.")
    if wanted.fingerprint is not None and stored.fingerprint != wanted.fingerprint:
        raise Refusal(
            Code.IDEMPOTENCY_KEY_REUSED,
            "This Idempotency-Key was used with a different request. Please use a new key for a new request.",
        )


def _refuse_long_answer(conversation: Conversation, items: list[TimelineItem]) -> None:
    body = to_json([item_answer(conversation, item) for item in items]).decode()
    if len(to_json(body)) > MAX_ANSWERED_ITEMS_BYTES:
        raise Refusal(
            Code.PAYLOAD_TOO_LARGE,
            "The stored items named in this request are too long for one answer. Please name fewer at once.",
        )
