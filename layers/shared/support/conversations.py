"""Conversations and their timeline items: the values and their stored form.

All items of a conversation share its partition, `CONVERSATION#<website>#<mode>#<id>`, so no id that a client chooses
reaches another website's or mode's data: a `#` is in none of the parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict, cast

from pydantic_core import from_json, to_json

from support.items import FORM, Item
from support.origins import Mode

CONVERSATION_SK = "CONVERSATION"
ITEM_PREFIX = "ITEM#"

Visibility = Literal["public", "private"]
ItemType = Literal["message", "event", "identification", "tool"]
Part = Mapping[str, object]


class Content(TypedDict):
    """What a timeline item says, as its sender sent it."""

    visibility: Visibility
    type: ItemType
    text: NotRequired[str]
    tool: NotRequired[str]
    parts: NotRequired[Sequence[Part]]
    userId: NotRequired[str]
    aiAgentId: NotRequired[str]
    visitorId: NotRequired[str]


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """An entry of a conversation's timeline.

    `created_at` is RFC 3339 in UTC with milliseconds; `stored_content` is the content as one JSON text, so that what
    was sent survives exactly.
    """

    id: str
    created_at: str
    position: int
    content: Content
    stored_content: str

    @property
    def is_private(self) -> bool:
        """Whether only the company may see it."""
        return self.content["visibility"] == "private"

    @property
    def reference(self) -> str:
        """Return `<createdAt>#<position>#<id>`: it names the item, and sorts as the timeline does."""
        return f"{self.created_at}#{self.position:09d}#{self.id}"

    def to_item(self, conversation: "Conversation") -> Item:
        """Return the stored form."""
        item: Item = {
            "PK": conversation.pk,
            "SK": item_sk(self.id),
            "form": FORM,
            "createdAt": self.created_at,
            "position": self.position,
            "content": self.stored_content,
        }
        if conversation.ttl is not None:
            item["ttl"] = conversation.ttl
        return item

    @classmethod
    def from_item(cls, item: Item) -> "TimelineItem":
        """Read the stored form."""
        stored_content = cast("str", item["content"])
        return cls(
            id=item_id(cast("str", item["SK"])),
            created_at=cast("str", item["createdAt"]),
            position=cast("int", item["position"]),
            content=from_json(stored_content),
            stored_content=stored_content,
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; times are RFC 3339 in UTC with milliseconds.

    `last_item` and `last_public_item` are references (see `TimelineItem.reference`), so that the conversation's own
    item stays small. `fingerprint` is that of the request which created it under an Idempotency-Key. `ttl` is the epoch
    second after which it is deleted with all its items, if ever.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_id: str
    channel: str
    created_at: str
    updated_at: str
    metadata: dict[str, Any] | None = None
    status: str = "open"
    title: str | None = None
    deleted_at: str | None = None
    version: int = 1
    item_count: int = 0
    last_item: str | None = None
    last_public_item: str | None = None
    fingerprint: str | None = None
    ttl: int | None = None

    @property
    def pk(self) -> str:
        """The partition of the conversation and its items."""
        return conversation_pk(self.website_id, self.mode, self.id)

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
            "metadata": None if self.metadata is None else to_json(self.metadata).decode(),
            "status": self.status,
            "title": self.title,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "deletedAt": self.deleted_at,
            "version": self.version,
            "itemCount": self.item_count,
            "lastItem": self.last_item,
            "lastPublicItem": self.last_public_item,
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
            created_at=cast("str", item["createdAt"]),
            updated_at=cast("str", item["updatedAt"]),
            metadata=None if metadata is None else from_json(metadata),
            status=cast("str", item["status"]),
            title=cast("str | None", item.get("title")),
            deleted_at=cast("str | None", item.get("deletedAt")),
            version=cast("int", item["version"]),
            item_count=cast("int", item["itemCount"]),
            last_item=cast("str | None", item.get("lastItem")),
            last_public_item=cast("str | None", item.get("lastPublicItem")),
            fingerprint=cast("str | None", item.get("fingerprint")),
            ttl=cast("int | None", item.get("ttl")),
        )


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
