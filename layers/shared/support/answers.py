"""Conversations and timeline items as they are shown, from how they are stored."""

from collections.abc import Sequence
from typing import Any

from support.conversations import Content, Conversation, Part, TimelineItem


def answer(conversation: Conversation, items: list[TimelineItem], last_item: TimelineItem | None) -> dict[str, Any]:
    """Build the body of a 200; `last_item` is the last of the timeline that the caller may see."""
    return {
        "initialTimelineItems": [item_answer(conversation, item) for item in items],
        "conversation": conversation_answer(conversation, last_item),
    }


def conversation_answer(conversation: Conversation, last_item: TimelineItem | None) -> dict[str, Any]:
    """Build a conversation of an answer.

    `title` and `lastTimelineItem` are left out when there is none: strict clients reject a null there.
    """
    body: dict[str, Any] = {
        "id": conversation.id,
        "createdAt": conversation.created_at,
        "updatedAt": conversation.updated_at,
        "visitorId": conversation.visitor_id,
        "websiteId": conversation.website_id,
        "channel": conversation.channel,
        "status": conversation.status,
        "metadata": conversation.metadata,
        "deletedAt": conversation.deleted_at,
    }
    if conversation.title is not None:
        body["title"] = conversation.title
    if last_item is not None:
        body["lastTimelineItem"] = item_answer(conversation, last_item)
    return body


def item_answer(conversation: Conversation, item: TimelineItem) -> dict[str, Any]:
    """Build a timeline item of an answer."""
    content = item.content
    text, parts = _in_agreement(content)
    return {
        "id": item.id,
        "conversationId": conversation.id,
        "organizationId": conversation.organization_id,
        "visibility": content["visibility"],
        "type": content["type"],
        "text": text,
        "tool": content.get("tool"),
        "parts": parts,
        "userId": content.get("userId"),
        "aiAgentId": content.get("aiAgentId"),
        "visitorId": content.get("visitorId"),
        "createdAt": item.created_at,
        "deletedAt": None,
    }


def _in_agreement(content: Content) -> tuple[str | None, Sequence[Part]]:
    """Give a message both text and text part if it was sent with one of them.

    It is done here and not when it is stored, so that no text is stored, and paid for, twice.
    """
    text, parts = content.get("text"), content.get("parts", [])
    if content["type"] != "message":
        return text, parts
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    if text is not None and not texts:
        return text, [{"type": "text", "text": text}, *parts]
    if text is None and texts:
        return "\n".join(texts), parts
    return text, parts
