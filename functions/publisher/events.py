"""The events that others get, from the stream's records: docs/events.md shows them.

None has a text, metadata, a name, an address or the visitor's id: with a public key, who knows that reads the visitor's
conversations.
"""

from dataclasses import dataclass
from typing import Literal, TypedDict, cast

from support.dynamodb.items import Item
from support.dynamodb.stream import Record
from support.values.api_key import Mode
from support.values.conversation import CONVERSATION_SK, Status
from support.values.conversation_write import ConversationWrite, read_write
from support.values.parts import Visibility
from support.values.timeline_item import ITEM_PREFIX, Author, ItemType, is_removed
from support.values.visitor import GATE_SK, VISITOR_SK, Provable, Visitor

from publisher.handovers import erasure_of

#: The changes of a conversation that others are told of, each with the fields in which it shows.
_CHANGES = {"status": ("status",), "title": ("title",), "rating": ("visitor_rating", "visitor_rating_at")}


class ConversationCreated(TypedDict):
    """The detail of `conversation.created`. The number is a string."""

    id: str
    websiteId: str
    organizationId: str
    mode: Mode
    visitorKey: str
    channel: str
    itemCount: str
    createdAt: str


class ConversationUpdated(TypedDict):
    """The detail of `conversation.updated`: the conversation as it is since, and what of it has changed."""

    id: str
    websiteId: str
    organizationId: str
    mode: Mode
    visitorKey: str
    changed: list[str]
    status: Status
    title: str | None
    rating: int | None
    updatedAt: str


class TimelineItemCreated(TypedDict):
    """The detail of `timeline_item.created`: what every item has, and nothing that it says."""

    id: str
    conversationId: str
    websiteId: str
    mode: Mode
    type: ItemType
    visibility: Visibility
    author: Author
    createdAt: str


class TimelineItemRemoved(TimelineItemCreated):
    """The detail of `timeline_item.removed`."""

    deletedAt: str


class VisitorIdentified(TypedDict):
    """The detail of `visitor.identified`: whose contact it is, and what of it is proven."""

    contactId: str
    websiteId: str
    organizationId: str
    mode: Mode
    visitorKey: str
    verified: list[Provable]
    updatedAt: str


class VisitorErased(TypedDict):
    """The detail of `visitor.erased`: conversations that are gone, one or none at a time."""

    websiteId: str
    organizationId: str
    mode: Mode
    visitorKey: str
    conversationIds: list[str]


@dataclass(frozen=True, slots=True)
class Event:
    """An event for the bus."""

    detail_type: Literal[
        "conversation.created",
        "conversation.updated",
        "timeline_item.created",
        "timeline_item.removed",
        "visitor.identified",
        "visitor.erased",
    ]
    detail: (
        ConversationCreated
        | ConversationUpdated
        | TimelineItemCreated
        | TimelineItemRemoved
        | VisitorIdentified
        | VisitorErased
    )


def event_of(record: Record) -> Event | None:
    """Return the event that a record makes, None if it makes none."""
    write = read_write(record)
    if write is not None:
        return _of_conversation(write)
    make = {CONVERSATION_SK: _of_erasure, VISITOR_SK: _of_visitor, GATE_SK: _of_end_of_erasure}
    return make.get(record.key[1], _of_item)(record)


def _of_conversation(write: ConversationWrite) -> Event | None:
    conversation = write.after
    if write.before is None:
        return Event(
            "conversation.created",
            ConversationCreated(
                id=conversation.id,
                websiteId=conversation.website_id,
                organizationId=conversation.organization_id,
                mode=conversation.mode,
                visitorKey=conversation.visitor_key,
                channel=conversation.channel,
                itemCount=str(conversation.item_count),
                createdAt=conversation.created_at,
            ),
        )
    changed = [name for name, fields in _CHANGES.items() if write.has_changed(*fields)]
    if not changed:
        return None
    return Event(
        "conversation.updated",
        ConversationUpdated(
            id=conversation.id,
            websiteId=conversation.website_id,
            organizationId=conversation.organization_id,
            mode=conversation.mode,
            visitorKey=conversation.visitor_key,
            changed=changed,
            status=conversation.status,
            title=conversation.title,
            rating=conversation.visitor_rating,
            updatedAt=conversation.updated_at,
        ),
    )


def _of_visitor(record: Record) -> Event | None:
    # Every other write of the row takes the mark away.
    if record.after is None or "identified" not in record.after:
        return None
    visitor = Visitor.from_item(record.after)
    return Event(
        "visitor.identified",
        VisitorIdentified(
            contactId=visitor.contact_id or "",
            websiteId=visitor.website_id,
            organizationId=visitor.organization_id,
            mode=visitor.mode,
            visitorKey=visitor.visitor_key,
            verified=list(visitor.verified),
            updatedAt=visitor.contact_updated_at or visitor.updated_at,
        ),
    )


def _of_item(record: Record) -> Event | None:
    """Return the event of an item that is new, or whose content was removed; None for another row and a deletion."""
    row = record.after
    if row is None or not record.key[1].startswith(ITEM_PREFIX):
        return None
    # Its row has all of them under the same names.
    if is_removed(row):
        removed = {name: row[name] for name in TimelineItemRemoved.__annotations__}
        return Event("timeline_item.removed", cast("TimelineItemRemoved", removed))
    created = {name: row[name] for name in TimelineItemCreated.__annotations__}
    return Event("timeline_item.created", cast("TimelineItemCreated", created))


def _of_erasure(record: Record) -> Event | None:
    """Return the event of a conversation that is gone because all of its visitor is being erased."""
    if erasure_of(record) is None or record.after is None or "withVisitor" not in record.after:
        return None
    return _erased(record.after, [str(record.after["id"])])


def _of_end_of_erasure(record: Record) -> Event | None:
    """Return the event of a visitor who was known, and of whom nothing is left: the gate has told who it was."""
    if record.before is None or "visitorKey" not in record.before or "visitorKey" in (record.after or {}):
        return None
    return _erased(record.before, [])


def _erased(row: Item, conversation_ids: list[str]) -> Event:
    named = {name: row[name] for name in ("websiteId", "organizationId", "mode", "visitorKey")}
    return Event("visitor.erased", cast("VisitorErased", {**named, "conversationIds": conversation_ids}))
