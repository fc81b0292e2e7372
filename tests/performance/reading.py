"""What `fastapi` and `powertools` share of reading a page of a timeline: the queries, and the models of the answer."""

import json
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
