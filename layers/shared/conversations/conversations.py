"""Conversations and their timeline items: the values and their stored form.

All items of a conversation share its partition, `CONVERSATION#<website>#<mode>#<id>`, so no id that a client chooses
reaches another website's or mode's data: a `#` is in none of the parts.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, cast

from pydantic_core import from_json, to_json

from conversations.items import FORM, Item
from conversations.origins import Mode

if TYPE_CHECKING:
    from conversations.keys import KeyType

CONVERSATION_SK = "CONVERSATION"
ITEM_PREFIX = "ITEM#"

Visibility = Literal["public", "private"]
ItemType = Literal["message", "event", "identification", "tool"]
Part = Mapping[str, object]


Status = Literal["open", "resolved", "spam"]


class Content(TypedDict):
    """What a timeline item says, as its sender sent it."""

    text: NotRequired[str]
    tool: NotRequired[str]
    parts: NotRequired[Sequence[Part]]


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """An entry of a conversation's timeline; it is never changed once it is written.

    `created_at` is RFC 3339 in UTC with milliseconds. `position` counts the items of a conversation from 0 in the order
    in which they were written. `written_by` is the kind of API key that wrote it. `stored_content` is the content as
    one JSON text, so that what was sent survives exactly.
    """

    id: str
    created_at: str
    position: int
    visibility: Visibility
    type: ItemType
    user_id: str | None
    ai_agent_id: str | None
    visitor_id: str | None
    written_by: "KeyType"
    content: Content
    stored_content: str

    @property
    def is_private(self) -> bool:
        """Whether only the company may see it."""
        return self.visibility == "private"

    @property
    def reference(self) -> str:
        """Return `<createdAt>#<position>#<id>`: it names the item, and sorts as the timeline does."""
        return f"{self.created_at}#{self.position:09d}#{self.id}"

    def says_the_same_as(self, other: "TimelineItem") -> bool:
        """Tell whether two items differ in nothing but who wrote them, when and where they stand."""
        return (
            self.visibility == other.visibility
            and self.type == other.type
            and self.user_id == other.user_id
            and self.ai_agent_id == other.ai_agent_id
            and self.visitor_id == other.visitor_id
            and self.content == other.content
        )

    def to_item(self, conversation: "Conversation") -> Item:
        """Return the stored form."""
        item: dict[str, str | int | None] = {
            "PK": conversation.pk,
            "SK": item_sk(self.id),
            "form": FORM,
            "incarnation": conversation.incarnation,
            "createdAt": self.created_at,
            "position": self.position,
            "visibility": self.visibility,
            "type": self.type,
            "userId": self.user_id,
            "aiAgentId": self.ai_agent_id,
            "visitorId": self.visitor_id,
            "writtenBy": self.written_by,
            "content": self.stored_content,
            "ttl": conversation.ttl,
        }
        return {name: value for name, value in item.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "TimelineItem":
        """Read the stored form."""
        stored_content = cast("str", item["content"])
        return cls(
            id=item_id(cast("str", item["SK"])),
            created_at=cast("str", item["createdAt"]),
            position=cast("int", item["position"]),
            visibility=cast("Visibility", item["visibility"]),
            type=cast("ItemType", item["type"]),
            user_id=cast("str | None", item.get("userId")),
            ai_agent_id=cast("str | None", item.get("aiAgentId")),
            visitor_id=cast("str | None", item.get("visitorId")),
            written_by=cast("KeyType", item["writtenBy"]),
            content=from_json(stored_content),
            stored_content=stored_content,
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; times are RFC 3339 in UTC with milliseconds.

    `incarnation` is random and tells this conversation from others that had its id before it, since an id may be used
    again once its conversation has expired. It stands on the timeline's items as well, and an item that bears another
    one counts as none.

    `updated_at` is the last change, `public_updated_at` the last one that the visitor may see. The references to the
    last items (see `TimelineItem.reference`) name the newest of their visibility, of any type or of type `message`.
    `fingerprint` is that of the request which created it under an Idempotency-Key. `ttl` is the epoch second after
    which it is deleted with all its items, if ever.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_id: str
    channel: str
    incarnation: str
    created_at: str
    updated_at: str
    public_updated_at: str
    metadata: dict[str, Any] | None = None
    status: Status = "open"
    title: str | None = None
    version: int = 1
    item_count: int = 0
    last_public_item: str | None = None
    last_private_item: str | None = None
    last_public_message: str | None = None
    last_private_message: str | None = None
    fingerprint: str | None = None
    ttl: int | None = None

    @property
    def pk(self) -> str:
        """The partition of the conversation and its items."""
        return conversation_pk(self.website_id, self.mode, self.id)

    @property
    def last_item(self) -> str | None:
        """The reference to the newest item of all."""
        return _later(self.last_public_item, self.last_private_item)

    def updated_at_for(self, key_type: "KeyType") -> str:
        """Return the time of the last change that a caller with such a key may see."""
        return self.updated_at if key_type == "private" else self.public_updated_at

    def last_message_for(self, key_type: "KeyType") -> str | None:
        """Return the reference to the newest message that a caller with such a key may see."""
        if key_type == "private":
            return _later(self.last_public_message, self.last_private_message)
        return self.last_public_message

    def to_item(self) -> Item:
        """Return the stored form."""
        item: dict[str, str | int | None] = {
            "PK": self.pk,
            "SK": CONVERSATION_SK,
            "form": FORM,
            "id": self.id,
            "websiteId": self.website_id,
            "organizationId": self.organization_id,
            "mode": self.mode,
            "visitorId": self.visitor_id,
            "channel": self.channel,
            "incarnation": self.incarnation,
            "metadata": None if self.metadata is None else to_json(self.metadata).decode(),
            "status": self.status,
            "title": self.title,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "publicUpdatedAt": self.public_updated_at,
            "version": self.version,
            "itemCount": self.item_count,
            "lastPublicItem": self.last_public_item,
            "lastPrivateItem": self.last_private_item,
            "lastPublicMessage": self.last_public_message,
            "lastPrivateMessage": self.last_private_message,
            "fingerprint": self.fingerprint,
            "ttl": self.ttl,
        }
        return {name: value for name, value in item.items() if value is not None}

    @classmethod
    def from_item(cls, item: Item) -> "Conversation":
        """Read the stored form."""
        metadata = cast("str | None", item.get("metadata"))
        return cls(
            id=cast("str", item["id"]),
            website_id=cast("str", item["websiteId"]),
            organization_id=cast("str", item["organizationId"]),
            mode=cast("Mode", item["mode"]),
            visitor_id=cast("str", item["visitorId"]),
            channel=cast("str", item["channel"]),
            incarnation=cast("str", item["incarnation"]),
            created_at=cast("str", item["createdAt"]),
            updated_at=cast("str", item["updatedAt"]),
            public_updated_at=cast("str", item["publicUpdatedAt"]),
            metadata=None if metadata is None else from_json(metadata),
            status=cast("Status", item["status"]),
            title=cast("str | None", item.get("title")),
            version=cast("int", item["version"]),
            item_count=cast("int", item["itemCount"]),
            last_public_item=cast("str | None", item.get("lastPublicItem")),
            last_private_item=cast("str | None", item.get("lastPrivateItem")),
            last_public_message=cast("str | None", item.get("lastPublicMessage")),
            last_private_message=cast("str | None", item.get("lastPrivateMessage")),
            fingerprint=cast("str | None", item.get("fingerprint")),
            ttl=cast("int | None", item.get("ttl")),
        )


def new_incarnation() -> str:
    """Return 64 random bits, in 11 characters: enough to tell the few conversations that ever had one id."""
    return secrets.token_urlsafe(8)


def _later(one: str | None, other: str | None) -> str | None:
    return max(one or "", other or "") or None


def conversation_pk(website_id: str, mode: Mode, conversation_id: str) -> str:
    """Return the partition of a conversation: its tenant first, so that no id leads to another's."""
    return f"CONVERSATION#{website_id}#{mode}#{conversation_id}"


def item_sk(id_: str) -> str:
    """Return the sort key of a timeline item."""
    return ITEM_PREFIX + id_


def item_id(sk: str) -> str:
    """Return the id of a timeline item, from its sort key."""
    return sk.removeprefix(ITEM_PREFIX)


def reference_id(reference: str) -> str:
    """Return the id in a reference (see `TimelineItem.reference`)."""
    return reference.rsplit("#", 1)[1]


def reference_time(reference: str) -> str:
    """Return the time in a reference (see `TimelineItem.reference`)."""
    return reference.split("#", 1)[0]
