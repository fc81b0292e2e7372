"""What `fastapi` and `powertools` share of reading: the queries, and the models of the answers."""

import json
from math import ceil
from typing import Any, Literal

from boto3.dynamodb.conditions import Key
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from support.values.parts import Part

Item = dict[str, Any]

_ANSWER = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TimelineItem(BaseModel):
    """A timeline item as it is stored."""

    model_config = _ANSWER

    id: str
    conversation_id: str
    organization_id: str
    visibility: Literal["public", "private"]
    type: Literal["message", "event", "identification", "tool"]
    text: str | None
    tool: str | None
    parts: list[Part]
    user_id: str | None
    ai_agent_id: str | None
    visitor_id: str | None
    created_at: str
    deleted_at: str | None


class Timeline(BaseModel):
    """A page of a timeline, the oldest item first."""

    model_config = _ANSWER

    items: list[TimelineItem]
    next_cursor: str | None
    has_next_page: bool


class Contact(BaseModel):
    """Who a visitor says they are."""

    model_config = _ANSWER

    id: str
    external_id: str | None
    name: str | None
    email: str | None
    image: str | None
    contact_organization_id: None = None
    website_id: str
    organization_id: str
    user_id: None = None
    verified: list[str]
    created_at: str
    updated_at: str


class Visitor(BaseModel):
    """The visitor of a conversation, for the team."""

    model_config = _ANSWER

    id: str
    is_blocked: bool
    blocked_at: str | None
    blocked_by_user_id: str | None
    last_seen_at: str | None
    contact: Contact | None


class Conversation(BaseModel):
    """A conversation, for the team."""

    model_config = _ANSWER

    id: str
    created_at: str
    updated_at: str
    visitor_id: str
    website_id: str
    channel: str
    status: str
    metadata: dict[str, Any] | None
    deleted_at: str | None
    last_timeline_item: TimelineItem
    organization_id: str
    priority: Literal["normal"] = "normal"
    visitor: Visitor


class OneConversation(BaseModel):
    """A conversation."""

    conversation: Conversation


class Pagination(BaseModel):
    """The number and size of a page, and the total of all pages."""

    model_config = _ANSWER

    page: int
    limit: int
    total: int
    total_pages: int
    has_more: bool


class Conversations(BaseModel):
    """A page of a visitor's conversations."""

    conversations: list[Conversation]
    pagination: Pagination


class Inbox(BaseModel):
    """A page of the inbox."""

    model_config = _ANSWER

    items: list[Conversation]
    next_cursor: str | None


def list_conversations(table: Any, visitor_id: str, page: int, limit: int, key: Item) -> Conversations:
    """Read a page of a visitor's conversations, the last changed first, for a private key."""
    pk = f"VISITOR#{key['websiteId']}#{key['mode']}#{visitor_id}"
    found = table.query(
        IndexName="visitor", KeyConditionExpression=Key("visitorPK").eq(pk), ScanIndexForward=False, Limit=100
    )
    rows = _rows(table, [(entry["PK"], entry["SK"]) for entry in found["Items"]])
    rows.sort(key=lambda row: (row["updatedAt"], row["id"]), reverse=True)
    pages = ceil(len(rows) / limit)
    return Conversations(
        conversations=_conversations(table, rows[(page - 1) * limit : page * limit]),
        pagination=Pagination(page=page, limit=limit, total=len(rows), total_pages=pages, has_more=page < pages),
    )


def get_conversation(table: Any, conversation_id: str, key: Item) -> OneConversation | None:
    """Read a conversation, for a private key; None if there is none."""
    pk = f"CONVERSATION#{key['websiteId']}#{key['mode']}#{conversation_id}"
    found = table.get_item(Key={"PK": pk, "SK": "CONVERSATION"}, ConsistentRead=True)
    if "Item" not in found:
        return None
    [conversation] = _conversations(table, [found["Item"]])
    return OneConversation(conversation=conversation)


def list_inbox(table: Any, status: str, limit: int, key: Item) -> Inbox:
    """Read the first page of the inbox, the last changed first."""
    pk = f"INBOX#{key['websiteId']}#{key['mode']}#{status}#0"
    condition = Key("inboxPK").eq(pk)
    found = table.query(IndexName="inbox", KeyConditionExpression=condition, ScanIndexForward=False, Limit=limit + 1)[
        "Items"
    ]
    rows = _rows(table, [(entry["PK"], entry["SK"]) for entry in found[:limit]])
    rows.sort(key=lambda row: row["inboxSK"], reverse=True)
    return Inbox(
        items=_conversations(table, rows), next_cursor=found[limit - 1]["inboxSK"] if len(found) > limit else None
    )


def _rows(table: Any, keys: list[tuple[str, str]]) -> list[Item]:
    wanted = {"Keys": [{"PK": pk, "SK": sk} for pk, sk in keys], "ConsistentRead": True}
    found = table.meta.client.batch_get_item(RequestItems={table.name: wanted})
    rows: list[Item] = found["Responses"][table.name]
    return rows


def _conversations(table: Any, rows: list[Item]) -> list[Conversation]:
    """Return stored conversations as they are answered, with their last messages and visitors."""
    last = [(row["PK"], f"ITEM#{row['lastPublicMessage'].split('#')[2]}") for row in rows]
    messages = {item["PK"]: item for item in _rows(table, last)}
    pks = dict.fromkeys(row["visitorPK"] for row in rows)
    people = {
        (row["PK"], row["SK"]): row for row in _rows(table, [(pk, sk) for pk in pks for sk in ("VISITOR", "GATE")])
    }
    return [
        Conversation(
            id=row["id"],
            created_at=row["createdAt"],
            updated_at=row["updatedAt"],
            visitor_id=row["visitorId"],
            website_id=row["websiteId"],
            channel=row["channel"],
            status=row["status"],
            metadata=json.loads(row["metadata"]) if "metadata" in row else None,
            deleted_at=None,
            last_timeline_item=shown(messages[row["PK"]], row),
            organization_id=row["organizationId"],
            visitor=_visitor(row, people),
        )
        for row in rows
    ]


def _visitor(row: Item, people: dict[tuple[str, str], Item]) -> Visitor:
    visitor, gate = people[row["visitorPK"], "VISITOR"], people.get((row["visitorPK"], "GATE"), {})
    return Visitor(
        id=row["visitorId"],
        is_blocked="blockedAt" in gate,
        blocked_at=gate.get("blockedAt"),
        blocked_by_user_id=gate.get("blockedByUserId"),
        last_seen_at=visitor.get("lastSeenAt"),
        contact=Contact(
            id=visitor["contactId"],
            external_id=visitor.get("externalId"),
            name=visitor.get("name"),
            email=visitor.get("email"),
            image=visitor.get("image"),
            website_id=visitor["websiteId"],
            organization_id=visitor["organizationId"],
            verified=visitor["verified"],
            created_at=visitor["contactCreatedAt"],
            updated_at=visitor["contactUpdatedAt"],
        ),
    )


def read_timeline(table: Any, conversation_id: str, limit: int, key: Item) -> Timeline | None:
    """Read the newest items, for a private key; None if there is no such conversation."""
    pk = f"CONVERSATION#{key['websiteId']}#{key['mode']}#{conversation_id}"
    conversation = table.get_item(Key={"PK": pk, "SK": "CONVERSATION"}, ConsistentRead=True).get("Item")
    if conversation is None:
        return None
    entries: list[tuple[str, Item]] = []
    for visibility in ("public", "private"):
        prefix = f"{conversation['incarnation']}#{visibility}#"
        found = table.query(
            IndexName="timeline",
            KeyConditionExpression=Key("PK").eq(pk) & Key("timelineSK").begins_with(prefix),
            ScanIndexForward=False,
            Limit=limit + 1,
            ConsistentRead=True,
        )
        entries += [(item["timelineSK"].removeprefix(prefix), item) for item in found["Items"]]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    items = [shown(item, conversation) for _, item in entries[:limit]][::-1]
    has_more = len(entries) > limit
    return Timeline(items=items, next_cursor=items[0].id if has_more else None, has_next_page=has_more)


def shown(item: Item, conversation: Item) -> TimelineItem:
    """Return a stored item as it is answered."""
    content = json.loads(item["content"])
    return TimelineItem(
        id=item["SK"].removeprefix("ITEM#"),
        conversation_id=conversation["id"],
        organization_id=conversation["organizationId"],
        visibility=item["visibility"],
        type=item["type"],
        text=content.get("text"),
        tool=content.get("tool"),
        parts=content.get("parts") or [{"type": "text", "text": content["text"]}],
        user_id=item.get("userId"),
        ai_agent_id=item.get("aiAgentId"),
        visitor_id=item.get("visitorId"),
        created_at=item["createdAt"],
        deleted_at=None,
    )
