"""What is sent to clients over their connections: `{"type": ..., "payload": {...}}`.

A frame is built for a kind of key: visitors are told nothing but what is public, and take a spam conversation for a
resolved one. What it shows of items and conversations is what responses show.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from pydantic_core import to_json

from support.errors import Refusal
from support.responses import conversation_response, item_response, visitor_summary
from support.values.api_key import KeyType
from support.values.connection import Connection
from support.values.conversation import Conversation, Status, status_for
from support.values.metadata import Metadata
from support.values.timeline_item import TimelineItem
from support.values.visitor import Person, Visitor

#: API Gateway takes messages of 128 KB (API Gateway quotas, "WebSocket message payload size"). What would take more
#: than this shows a preview of its message, as lists do.
MAX_WHOLE_BYTES = 100 * 1024

FrameType = Literal[
    "CONNECTION_ESTABLISHED",
    "timelineItemCreated",
    "timelineItemUpdated",
    "conversationCreated",
    "conversationUpdated",
    "conversationSeen",
    "conversationTyping",
    "visitorIdentified",
]


class Frame(TypedDict):
    """A message to a client."""

    type: FrameType
    payload: Mapping[str, Any]


class ErrorFrame(TypedDict):
    """What a client is told of a message of its own that was refused."""

    error: str
    message: str
    code: str


class Updates(TypedDict):
    """What has changed of a conversation."""

    status: NotRequired[Status]
    title: NotRequired[str | None]
    metadata: NotRequired[Metadata | None]
    visitorRating: NotRequired[int | None]
    visitorRatingAt: NotRequired[str | None]


def encode(frame: Frame | ErrorFrame) -> bytes:
    """Return a frame as it is sent."""
    return to_json(frame)


def connection_established(connection: Connection, timestamp: int) -> Frame:
    """Tell a client that it is connected; `timestamp` is in epoch milliseconds."""
    payload = {
        "connectionId": connection.id,
        "websiteId": connection.website_id,
        "organizationId": connection.organization_id,
        "visitorId": connection.visitor_id,
        "userId": connection.user_id,
        "timestamp": timestamp,
    }
    return {"type": "CONNECTION_ESTABLISHED", "payload": payload}


def timeline_item_created(conversation: Conversation, item: TimelineItem, user_id: str | None) -> Frame:
    """Tell of an item of a conversation that existed before.

    `user_id` is here, and in all that follow, the team member who acts, where that is known.
    """

    def build(shown: TimelineItem) -> Frame:
        return _frame("timelineItemCreated", conversation, user_id, {"item": item_response(conversation, shown)})

    frame = build(item)
    return frame if _fits(frame) else build(item.preview or item)


def timeline_item_updated(
    conversation: Conversation, item: TimelineItem, key_type: KeyType, user_id: str | None
) -> Frame:
    """Tell of an item whose content was removed."""
    return _frame("timelineItemUpdated", conversation, user_id, {"item": item_response(conversation, item, key_type)})


def conversation_created(
    conversation: Conversation, last_message: TimelineItem | None, key_type: KeyType, user_id: str | None
) -> Frame:
    """Tell of a conversation as it is; `last_message` is the newest one that clients with such a key may see."""

    def build(shown: TimelineItem | None) -> Frame:
        response = conversation_response(conversation, shown, key_type)
        return _frame("conversationCreated", conversation, user_id, {"conversation": response})

    frame = build(last_message)
    return frame if last_message is None or _fits(frame) else build(last_message.preview or last_message)


def conversation_updated(conversation: Conversation, updates: Updates, user_id: str | None) -> Frame:
    """Tell what has changed of a conversation: `updates` as `changes` returns them for the client's kind of key."""
    return _frame("conversationUpdated", conversation, user_id, {"updates": updates, "aiAgentId": None})


def conversation_seen(conversation: Conversation, user_id: str | None, last_seen_at: str) -> Frame:
    """Tell that a team member has seen a conversation or, where `user_id` is None, its visitor."""
    payload = {
        "actorType": "visitor" if user_id is None else "user",
        "actorId": conversation.visitor_id if user_id is None else user_id,
        "aiAgentId": None,
        "lastSeenAt": last_seen_at,
    }
    return _frame("conversationSeen", conversation, user_id, payload)


def conversation_typing(
    conversation: Conversation, is_typing: bool, visitor_preview: str | None, user_id: str | None
) -> Frame:
    """Tell that a team member types, or has stopped; or, where `user_id` is None, the visitor."""
    payload = {"isTyping": is_typing, "visitorPreview": visitor_preview, "aiAgentId": None}
    return _frame("conversationTyping", conversation, user_id, payload)


def visitor_identified(visitor: Visitor, person: Person, user_id: str | None) -> Frame:
    """Tell the team who a visitor is; `person` is what is known of them now."""
    about = {
        "websiteId": visitor.website_id,
        "organizationId": visitor.organization_id,
        "visitorId": visitor.id,
        "userId": user_id,
    }
    return {"type": "visitorIdentified", "payload": {**about, "visitor": visitor_summary(visitor.id, person)}}


def error_frame(refusal: Refusal) -> ErrorFrame:
    """Tell a client why a message of its own was refused."""
    return {"error": refusal.message, "message": refusal.message, "code": refusal.code}


def changes(before: Conversation, after: Conversation, key_type: KeyType) -> Updates:
    """Return what clients with such a key see changed between two states of a conversation; empty if that is nothing.

    Of a rating both value and time are told when one of them has changed.
    """
    updates: Updates = {}
    if (status := status_for(after.status, key_type)) != status_for(before.status, key_type):
        updates["status"] = status
    if after.title != before.title:
        updates["title"] = after.title
    if to_json(after.metadata) != to_json(before.metadata):  # unlike ==, it tells true from 1
        updates["metadata"] = after.metadata
    rating = after.visitor_rating, after.visitor_rating_at
    if rating != (before.visitor_rating, before.visitor_rating_at):
        updates["visitorRating"], updates["visitorRatingAt"] = rating
    return updates


def _frame(type_: FrameType, conversation: Conversation, user_id: str | None, payload: Mapping[str, Any]) -> Frame:
    """Build a frame with what every payload has: clients drop one that names no website or no organization."""
    about = {
        "websiteId": conversation.website_id,
        "organizationId": conversation.organization_id,
        "visitorId": conversation.visitor_id,
        "userId": user_id,
        "conversationId": conversation.id,
    }
    return {"type": type_, "payload": {**about, **payload}}


def _fits(frame: Frame) -> bool:
    return len(encode(frame)) <= MAX_WHOLE_BYTES
