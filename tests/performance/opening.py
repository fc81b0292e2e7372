"""What `fastapi` and `powertools` share of opening a conversation: the values that are stored and answered.

The request's models are the function's own.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from typing import Any

from api.http.requests.conversations import ConversationRequest
from api.http.requests.timeline_items import TimelineItemRequest
from support.values import timestamps
from ulid import ULID

Item = dict[str, Any]

#: What stands in an item's content; the rest of it has attributes of its own.
_IN_CONTENT = {"text", "tool", "parts"}
#: Larger content stands outside of the index of timelines, with a preview of so many characters in its place.
_INDEXED_BYTES, _PREVIEW_CHARACTERS = 4096, 2000

_BEARER = re.compile(r"bearer +(sk_(?:live|test)_[0-9a-f]{64})", re.ASCII | re.IGNORECASE)


def hash_credentials(authorization: str) -> str | None:
    """Return the hash under which a private key is stored, None for a malformed header."""
    match = _BEARER.fullmatch(authorization)
    return None if match is None else hashlib.sha256(match[1].encode()).hexdigest()


def open_conversation(request: ConversationRequest, key: dict[str, Any]) -> tuple[list[Item], dict[str, Any]]:
    """Return what a new conversation writes, and the body of the answer; `key` is the stored API key."""
    now = timestamps.now()
    conversation: dict[str, Any] = {
        "id": request.conversation_id or "CO" + secrets.token_hex(8).upper(),
        "createdAt": now,
        "updatedAt": now,
        "visitorId": request.visitor_id,
        "websiteId": key["websiteId"],
        "channel": request.channel or "widget",
        "status": "open",
        "metadata": request.metadata,
        "deletedAt": None,
        "organizationId": key["organizationId"],
        "priority": "normal",
    }
    pk = f"CONVERSATION#{key['websiteId']}#{key['mode']}#{conversation['id']}"
    incarnation = secrets.token_urlsafe(8)
    stored: list[Item] = []
    responses, references, previews = [], [], {}
    for position, sent in enumerate(request.default_timeline_items or []):
        item, response = new_item(sent, conversation | {"PK": pk, "incarnation": incarnation}, position, now, key)
        stored.append(item)
        references.append((reference(item), item["visibility"]))
        if "preview" in item:
            previews[reference(item)] = _preview(item)
        responses.append(response)
    root = {
        "PK": pk,
        "SK": "CONVERSATION",
        "visitorPK": f"VISITOR#{key['websiteId']}#{key['mode']}#{request.visitor_id}",
        "visitorSK": f"{now}#{conversation['id']}",
        "inboxPK": f"INBOX#{key['websiteId']}#{key['mode']}#open#0",
        "inboxSK": f"{now}#{conversation['id']}",
        "form": 1,
        "mode": key["mode"],
        "visitorKey": _visitor_key(request.visitor_id or "", key),
        "incarnation": incarnation,
        "publicUpdatedAt": now,
        "version": 1,
        "itemCount": len(stored),
        **{name: value for name, value in conversation.items() if value is not None and name != "priority"},
    }
    if request.metadata is not None:
        root["metadata"] = json.dumps(request.metadata)
    if references:
        last, _ = max(references)
        conversation["lastTimelineItem"] = responses[[one for one, _ in references].index(last)]
    if public := [one for one, visibility in references if visibility == "public"]:
        root["lastPublicItem"] = root["lastPublicMessage"] = max(public)
        if max(public) in previews:
            root["publicPreview"] = previews[max(public)]
    return [root, *stored], {"initialTimelineItems": responses, "conversation": conversation}


def gate_of(table: Any, items: list[Item]) -> list[dict[str, Any]]:
    """Return the check that the visitor is not being erased; it is read where a transaction has no room for it."""
    row = {"PK": items[0]["visitorPK"], "SK": "GATE"}
    if len(items) < 100:
        condition = {"ConditionExpression": "attribute_not_exists(erasing)"}
        return [{"ConditionCheck": {"TableName": table.name, "Key": row, **condition}}]
    if "erasing" in table.get_item(Key=row, ConsistentRead=True).get("Item", {}):
        raise ValueError("the visitor is being erased")
    return []


def _visitor_key(visitor_id: str, key: dict[str, Any]) -> str:
    """Return the name of a visitor for the team."""
    message = f"visitor#{key['websiteId']}#{key['mode']}##{visitor_id}"
    return hmac.digest(key["idSecret"].encode(), message.encode(), "sha256")[:16].hex()


def _preview(item: Item) -> str:
    """Return what the conversation has of a large last message."""
    names = ("id", "createdAt", "position", "visibility", "type", "writtenBy", "userId", "aiAgentId", "visitorId")
    shown = {name: item[name] for name in names if name in item}
    return _json({**shown, "content": {"text": item["preview"]}, "ttl": None})


def new_item(
    sent: TimelineItemRequest, conversation: Item, position: int, now: str, key: dict[str, Any]
) -> tuple[Item, Item]:
    """Return an item of a stored conversation as it is stored, and as it is answered."""
    item_id, created_at = sent.id or str(ULID()), sent.created_at or now
    content: dict[str, Any] = {"visibility": "public", "type": "message"}
    content |= sent.model_dump(by_alias=True, exclude_none=True, exclude={"id", "created_at"})
    if sent.visitor_id:
        content["visitorId"] = conversation["visitorId"]
    parts = content.get("parts") or [{"type": "text", "text": content["text"]}]
    item = {
        "PK": conversation["PK"],
        "SK": f"ITEM#{item_id}",
        "form": 1,
        "id": item_id,
        "createdAt": created_at,
        "position": position,
        "incarnation": conversation["incarnation"],
        "websiteId": key["websiteId"],
        "mode": key["mode"],
        "conversationId": conversation["id"],
        "author": _author(content),
        **{name: value for name, value in content.items() if name not in _IN_CONTENT},
        "writtenBy": key["type"],
        **_stored_content({name: value for name, value in content.items() if name in _IN_CONTENT}, parts),
    }
    item["timelineSK"] = f"{conversation['incarnation']}#{content['visibility']}#{reference(item)}"
    response = {
        "id": item_id,
        "conversationId": conversation["id"],
        "organizationId": key["organizationId"],
        **dict.fromkeys(("text", "tool", "userId", "aiAgentId", "visitorId")),
        **content,
        "parts": parts,
        "createdAt": created_at,
        "deletedAt": None,
    }
    return item, response


def reference(item: Item) -> str:
    """Return what names a stored item, and sorts as the timeline does."""
    return f"{item['createdAt']}#{item['position']:09d}#{item['id']}"


def _author(content: Item) -> str:
    named = (name for name in ("visitor", "user", "aiAgent") if f"{name}Id" in content)
    return next(named, "nobody")


def _stored_content(content: Item, parts: list[Any]) -> Item:
    text = _json(content)
    if len(text.encode()) <= _INDEXED_BYTES:
        return {"content": text}
    shown = _json(_json([content.get("text"), content.get("tool"), parts]))
    return {
        "largeContent": text,
        "preview": content["text"][:_PREVIEW_CHARACTERS],
        "shownBytes": len(shown.encode()),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def not_there(position: int) -> dict[str, Any]:
    """Return the condition of the put at a position of the transaction; the first ten return what stands there."""
    condition: dict[str, Any] = {
        "ConditionExpression": "attribute_not_exists(PK) OR #ttl < :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":now": int(time.time())},
    }
    return condition | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if position < 10 else condition


def log_line(request_id: str, route: str, key: dict[str, Any], started: float, **counted: int) -> dict[str, Any]:
    """Return what the function's own line says of such a request; `started` is of `time.perf_counter()`."""
    return {
        "request_id": request_id,
        "route": route,
        "website_id": key["websiteId"],
        "key_id": key["id"],
        "mode": key["mode"],
        **counted,
        "status": 200,
        "milliseconds": round((time.perf_counter() - started) * 1000, 2),
    }


def embedded_metrics(**counted: int) -> dict[str, Any]:
    """Return metrics in CloudWatch's embedded metric format."""
    names = [{"Name": name, "Unit": "Count"} for name in counted]
    described = {"Namespace": "Conversations", "Dimensions": [["stage"]], "Metrics": names}
    return {
        "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [described]},
        "stage": os.environ["STAGE"],
        **{name: [float(count)] for name, count in counted.items()},
    }
