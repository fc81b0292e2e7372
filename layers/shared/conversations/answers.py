"""Conversations and timeline items as they are shown, from how they are stored."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conversations.conversations import Conversation, Part, TimelineItem

if TYPE_CHECKING:
    from conversations.keys import KeyType


def answer(
    conversation: Conversation, items: list[TimelineItem], last_message: TimelineItem | None, key_type: "KeyType"
) -> dict[str, Any]:
    """Build the body of a 200; `last_message` is the newest of the timeline that the caller may see."""
    return {
        "initialTimelineItems": [item_answer(conversation, item) for item in items],
        "conversation": conversation_answer(conversation, last_message, key_type),
    }


def conversation_answer(
    conversation: Conversation, last_message: TimelineItem | None, key_type: "KeyType"
) -> dict[str, Any]:
    """Build a conversation of an answer, as a caller with such a key may see it.

    `title` and `lastTimelineItem` are left out when there is none: strict clients reject a null there.
    """
    body: dict[str, Any] = {
        "id": conversation.id,
        "createdAt": conversation.created_at,
        "updatedAt": conversation.updated_at_for(key_type),
        "visitorId": conversation.visitor_id,
        "websiteId": conversation.website_id,
        "channel": conversation.channel,
        "status": conversation.status,
        "metadata": conversation.metadata,
        "deletedAt": None,
    }
    if conversation.title is not None:
        body["title"] = conversation.title
    if last_message is not None:
        body["lastTimelineItem"] = item_answer(conversation, last_message)
    return body


def item_answer(conversation: Conversation, item: TimelineItem) -> dict[str, Any]:
    """Build a timeline item of an answer."""
    text, parts = _in_agreement(item)
    return {
        "id": item.id,
        "conversationId": conversation.id,
        "organizationId": conversation.organization_id,
        "visibility": item.visibility,
        "type": item.type,
        "text": text,
        "tool": item.content.get("tool"),
        "parts": parts,
        "userId": item.user_id,
        "aiAgentId": item.ai_agent_id,
        "visitorId": item.visitor_id,
        "createdAt": item.created_at,
        "deletedAt": None,
    }


def _in_agreement(item: TimelineItem) -> tuple[str | None, Sequence[Part]]:
    """Give a message both text and text part if it was sent with one of them.

    It is done here and not when it is stored, so that no text is stored, and paid for, twice.
    """
    text, parts = item.content.get("text"), item.content.get("parts", [])
    if item.type != "message":
        return text, parts
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    if text is not None and not texts:
        return text, [{"type": "text", "text": text}, *parts]
    if text is None and texts:
        return "\n".join(texts), parts
    return text, parts
