"""Changing a conversation itself: its status, its rating, its title and metadata. The rules, free of HTTP and AWS."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from conversations import timestamps
from conversations.conversation import Conversation, Status
from conversations.conversation_store import Continued, ConversationGone, ConversationStore
from conversations.errors import Code, Detail, Refusal, not_found
from conversations.metadata import Metadata, problem_of
from conversations.parts import EventType, Part
from conversations.timeline_item import TimelineItem
from conversations.validation import invalid

from api.callers import Caller
from api.idempotency import fingerprint
from api.ids import new_ulid
from api.reading import find
from api.requests.conversations import ConversationPatch
from api.requests.ratings import RatingRequest

Verb = Literal["resolve", "reopen", "spam", "not-spam"]


class _Way(NamedTuple):
    """From which statuses a verb leads to which one, and what its event is called."""

    before: frozenset[Status]
    after: Status
    event: EventType


WAYS: dict[Verb, _Way] = {
    "resolve": _Way(frozenset({"open"}), "resolved", "resolved"),
    "reopen": _Way(frozenset({"resolved"}), "open", "reopened"),
    "spam": _Way(frozenset({"open", "resolved"}), "spam", "status_changed"),
    "not-spam": _Way(frozenset({"spam"}), "open", "status_changed"),
}


class Changed(NamedTuple):
    """A conversation after a change; `replayed` says that it was so already."""

    conversation: Conversation
    replayed: bool


def change_status(
    caller: Caller, conversation_id: str, verb: Verb, actor: str | None, store: ConversationStore
) -> Changed:
    """Change the status of a conversation, with an event that says who did so.

    `actor` is who of the team did so; None is nobody who is named.

    Raises `Refusal`: HTTP_404, STATUS_CONFLICT or UNAVAILABLE.
    """
    way = WAYS[verb]
    event: Part = {
        "type": "event",
        "eventType": way.event,
        "actorUserId": actor,
        "actorAiAgentId": None,
        "targetUserId": None,
        "targetAiAgentId": None,
    }

    def go_on(conversation: Conversation) -> Continued:
        item = _event(caller, conversation, [event], user_id=actor)
        after = replace(conversation, status=way.after)
        return Continued(after.continued([item], is_seen=True), [item])

    conversation = find(caller, conversation_id, store).conversation
    while conversation.status != way.after:
        if conversation.status not in way.before:
            raise Refusal(
                Code.STATUS_CONFLICT,
                f"This conversation has the status '{conversation.status}', from which '{verb}' does not lead.",
            )
        conversation, is_written = _write(caller, store, conversation, go_on, ("status",))
        if is_written:
            return Changed(conversation, replayed=False)
    return Changed(conversation, replayed=True)


def rate(caller: Caller, conversation_id: str, request: RatingRequest, store: ConversationStore) -> Changed:
    """Keep the visitor's rating of a resolved conversation, with an event that has their comment.

    Raises `Refusal`: HTTP_404, CONVERSATION_NOT_RESOLVED or UNAVAILABLE.
    """
    # With the kind of key: nobody can ask by a public one whether a server sent the comment that they guess.
    rating = fingerprint({"rating": request.rating, "comment": request.comment, "key": caller.key.type})

    def go_on(conversation: Conversation) -> Continued:
        feedback: Part = {
            "type": "feedback",
            "feedbackId": new_ulid(),
            "rating": request.rating,
            "source": "widget" if caller.key.type == "public" else "api",
        }
        item = _event(caller, conversation, [feedback], visitor_id=conversation.visitor_id, text=request.comment)
        after = replace(
            conversation,
            visitor_rating=request.rating,
            visitor_rating_at=timestamps.after(conversation.visitor_rating_at or conversation.created_at),
            rating_fingerprint=rating,
        )
        return Continued(after.continued([item], is_seen=True), [item])

    conversation = find(caller, conversation_id, store).conversation
    # A retry finds it as it is, whatever has become of the conversation since.
    while conversation.rating_fingerprint != rating:
        if conversation.status != "resolved":
            raise Refusal(Code.CONVERSATION_NOT_RESOLVED, "Only a resolved conversation can be rated.")
        conversation, is_written = _write(caller, store, conversation, go_on, ("status", "visitorRatingAt"))
        if is_written:
            return Changed(conversation, replayed=False)
    return Changed(conversation, replayed=True)


def patch(caller: Caller, conversation_id: str, request: ConversationPatch, store: ConversationStore) -> Changed:
    """Change title and metadata of a conversation, as far as they are sent.

    Raises `Refusal`: HTTP_404, VALIDATION_FAILED for metadata that is too much then, or UNAVAILABLE.
    """

    def wanted(conversation: Conversation) -> Conversation:
        title = request.title if "title" in request.model_fields_set else conversation.title
        return replace(conversation, title=title, metadata=_merged(conversation.metadata, request))

    def go_on(conversation: Conversation) -> Continued:
        return Continued(wanted(conversation).continued(is_seen=True))

    conversation = find(caller, conversation_id, store).conversation
    while wanted(conversation).to_item() != conversation.to_item():
        conversation, is_written = _write(caller, store, conversation, go_on, ("metadata",))
        if is_written:
            return Changed(conversation, replayed=False)
    return Changed(conversation, replayed=True)


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
    # Nothing that is taken from nothing is a change: it may stand as {}, as it was sent.
    return merged or (None if metadata else metadata)


def _event(
    caller: Caller,
    conversation: Conversation,
    parts: Sequence[Part],
    *,
    text: str | None = None,
    user_id: str | None = None,
    visitor_id: str | None = None,
) -> TimelineItem:
    """Return what the company can read of a change, dated now."""
    return TimelineItem(
        id=new_ulid(),
        created_at=conversation.time_of_next_item(timestamps.now()),
        position=conversation.item_count,
        visibility="private",
        type="event",
        written_by=caller.key.type,
        content={"parts": parts} if text is None else {"text": text, "parts": parts},
        user_id=user_id,
        visitor_id=visitor_id,
    )


def _write(
    caller: Caller,
    store: ConversationStore,
    before: Conversation,
    go_on: Callable[[Conversation], Continued],
    unchanged: Sequence[str],
) -> tuple[Conversation, bool]:
    """Write a change; return the conversation, and whether it is written or lost to what is to be decided anew.

    `unchanged` are attributes that must still be as `before` has them. Raises `Refusal` (HTTP_404 or UNAVAILABLE).
    """
    try:
        found = store.write(before, go_on, caller.deadline, unchanged)
    except ConversationGone:
        raise not_found() from None
    if isinstance(found, Continued):
        return found.conversation, True
    if not caller.reaches(found.conversation):
        raise not_found()
    caller.deadline.back_off(0)
    return found.conversation, False
