"""The least that Python can do: the same bytes in and out, one signed HTTP call on a kept connection, no checks."""

import hashlib
import hmac
import http.client
import json
import os
import secrets
import time
import uuid
from typing import Any

_HOST = os.environ["AWS_ENDPOINT_URL_DYNAMODB"].removeprefix("http://")
_REGION = os.environ["AWS_REGION"]
_STAGE = os.environ["STAGE"]
_TABLE = os.environ["TABLE_NAME"]

_connection = http.client.HTTPConnection(_HOST)
_keys: dict[str, dict[str, dict[str, str]]] = {}


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    started = time.perf_counter()
    secret = event["headers"]["authorization"].removeprefix("Bearer ")
    key_hash = hashlib.sha256(secret.encode()).hexdigest()
    if key_hash not in _keys:
        wanted = {"PK": {"S": f"APIKEY#{key_hash}"}, "SK": {"S": "APIKEY"}}
        _keys[key_hash] = _call("GetItem", {"TableName": _TABLE, "Key": wanted, "ConsistentRead": True})["Item"]
    key = _keys[key_hash]
    answer, counted = _ROUTES[event["routeKey"]](event, key)
    line = {
        "level": "INFO",
        "message": "request",
        "timestamp": _now(),
        "request_id": event["requestContext"]["requestId"],
        "route": event["routeKey"],
        "website_id": key["websiteId"]["S"],
        "key_id": key["id"]["S"],
        "mode": key["mode"]["S"],
        **counted,
        "status": 200,
        "milliseconds": round((time.perf_counter() - started) * 1000, 1),
    }
    described = {
        "Namespace": "Conversations",
        "Dimensions": [["stage"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counted],
    }
    metrics = {
        "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [described]},
        "stage": _STAGE,
        **{name: [float(count)] for name, count in counted.items()},
    }
    print(json.dumps(line), json.dumps(metrics), sep="\n", flush=True)
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer),
        "isBase64Encoded": False,
    }


def _open(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    website_id, organization_id = key["websiteId"]["S"], key["organizationId"]["S"]
    body = json.loads(event["body"])
    now = _now()
    conversation = {
        "id": body.get("conversationId") or "CO" + secrets.token_hex(8).upper(),
        "createdAt": now,
        "updatedAt": now,
        "visitorId": body["visitorId"],
        "websiteId": website_id,
        "channel": body.get("channel", "widget"),
        "status": "open",
        "metadata": body.get("metadata"),
        "deletedAt": None,
        "organizationId": organization_id,
        "priority": "normal",
    }
    pk = f"CONVERSATION#{website_id}#{key['mode']['S']}#{conversation['id']}"
    incarnation = secrets.token_urlsafe(8)
    puts, items, references = [], [], []
    for position, sent in enumerate(body.get("defaultTimelineItems", [])):
        put, item = _item(sent, key, pk, incarnation, conversation["id"], position, now)
        puts.append(put)
        references.append(_reference(put))
        items.append(item)
    names = ("id", "createdAt", "updatedAt", "visitorId", "websiteId", "channel", "status")
    stored = {
        "PK": {"S": pk},
        "SK": {"S": "CONVERSATION"},
        "visitorPK": {"S": f"VISITOR#{website_id}#{key['mode']['S']}#{conversation['visitorId']}"},
        "visitorSK": {"S": f"{now}#{conversation['id']}"},
        "inboxPK": {"S": f"INBOX#{website_id}#{key['mode']['S']}#open#0"},
        "inboxSK": {"S": f"{now}#{conversation['id']}"},
        "form": {"N": "1"},
        "organizationId": {"S": organization_id},
        "mode": key["mode"],
        "incarnation": {"S": incarnation},
        "publicUpdatedAt": {"S": now},
        "visitorKey": {"S": _visitor_key(conversation["visitorId"], key)},
        "version": {"N": "1"},
        "itemCount": {"N": str(len(items))},
        **{name: {"S": conversation[name]} for name in names},
    }
    if conversation["metadata"] is not None:
        stored["metadata"] = {"S": json.dumps(conversation["metadata"])}
    if items:
        last = max(range(len(items)), key=references.__getitem__)
        stored["lastPublicItem"] = stored["lastPublicMessage"] = {"S": references[last]}
        conversation["lastTimelineItem"] = items[last]
        if "preview" in puts[last]:
            stored["publicPreview"] = {"S": _preview(puts[last])}
    absent = _absent()
    actions = [
        {"Put": {"TableName": _TABLE, "Item": item, **absent, **(_RETURNED if position < 10 else {})}}
        for position, item in enumerate([stored, *puts])
    ]
    gate = {"TableName": _TABLE, "Key": {"PK": stored["visitorPK"], "SK": {"S": "GATE"}}}
    if len(actions) < 100:
        actions.append({"ConditionCheck": {**gate, "ConditionExpression": "attribute_not_exists(erasing)"}})
    elif "erasing" in _call("GetItem", {**gate, "ConsistentRead": True}).get("Item", {}):
        raise ValueError("the visitor is being erased")
    _transact(actions)
    return {"initialTimelineItems": items, "conversation": conversation}, {"Created": 1, "Items": len(items)}


def _send(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    body = json.loads(event["body"])
    sent = body["item"]
    pk = f"CONVERSATION#{key['websiteId']['S']}#{key['mode']['S']}#{body['conversationId']}"
    keys = [{"PK": {"S": pk}, "SK": {"S": sk}} for sk in ("CONVERSATION", f"ITEM#{sent['id']}")]
    found = _call("BatchGetItem", {"RequestItems": {_TABLE: {"Keys": keys, "ConsistentRead": True}}})
    [conversation] = found["Responses"][_TABLE]
    position, incarnation = int(conversation["itemCount"]["N"]), conversation["incarnation"]["S"]
    now = _now()
    put, item = _item(sent, key, pk, incarnation, body["conversationId"], position, now)
    absent = _absent()
    absent["ConditionExpression"] += " OR incarnation <> :incarnation"
    absent["ExpressionAttributeValues"][":incarnation"] = {"S": incarnation}
    update = {
        "TableName": _TABLE,
        "Key": keys[0],
        "ConditionExpression": "attribute_exists(PK) AND (attribute_not_exists(#ttl) OR #ttl >= :now) "
        "AND incarnation = :incarnation AND (attribute_not_exists(updatedAt) OR updatedAt < :updated) "
        "AND (attribute_not_exists(publicUpdatedAt) OR publicUpdatedAt < :updated) "
        "AND (attribute_not_exists(lastPublicItem) OR lastPublicItem < :item) "
        "AND (attribute_not_exists(lastPrivateItem) OR lastPrivateItem < :item)",
        "UpdateExpression": "SET inboxSK = :inbox, updatedAt = :updated, publicUpdatedAt = :updated, "
        "lastPublicItem = :item, lastPublicMessage = :item, wrote = :wrote "
        "REMOVE actedBy ADD version :one, itemCount :one",
        "ExpressionAttributeNames": absent["ExpressionAttributeNames"],
        "ExpressionAttributeValues": {
            **absent["ExpressionAttributeValues"],
            ":inbox": {"S": f"{now}#{body['conversationId']}"},
            ":updated": {"S": now},
            ":item": {"S": _reference(put)},
            ":one": {"N": "1"},
            ":wrote": {"L": [put["id"]]},
        },
        **_RETURNED,
    }
    _transact([{"Update": update}, {"Put": {"TableName": _TABLE, "Item": put, **absent, **_RETURNED}}])
    return {"item": item}, {"Appended": 1, "Items": 1}


def _read(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    limit = int(event["queryStringParameters"]["limit"])
    pk = {"S": f"CONVERSATION#{key['websiteId']['S']}#{key['mode']['S']}#{event['pathParameters']['conversationId']}"}
    wanted = {"Key": {"PK": pk, "SK": {"S": "CONVERSATION"}}, "ConsistentRead": True}
    conversation = _call("GetItem", {"TableName": _TABLE, **wanted})["Item"]
    entries = []
    for visibility in ("public", "private"):
        prefix = f"{conversation['incarnation']['S']}#{visibility}#"
        query = {
            "TableName": _TABLE,
            "IndexName": "timeline",
            "KeyConditionExpression": "PK = :pk AND begins_with(timelineSK, :prefix)",
            "ExpressionAttributeValues": {":pk": pk, ":prefix": {"S": prefix}},
            "ScanIndexForward": False,
            "Limit": limit + 1,
            "ConsistentRead": True,
        }
        entries += [(item["timelineSK"]["S"].removeprefix(prefix), item) for item in _call("Query", query)["Items"]]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    items = [_shown(entry, conversation) for _, entry in reversed(entries[:limit])]
    has_more = len(entries) > limit
    answer = {"items": items, "nextCursor": items[0]["id"] if has_more else None, "hasNextPage": has_more}
    return answer, {"Read": 1}


def _shown(entry: dict[str, Any], conversation: dict[str, Any]) -> dict[str, Any]:
    """Return a stored item as it is answered."""
    content = json.loads(entry["content"]["S"])
    return {
        "id": entry["SK"]["S"].removeprefix("ITEM#"),
        "conversationId": conversation["id"]["S"],
        "organizationId": conversation["organizationId"]["S"],
        "text": content.get("text"),
        "tool": content.get("tool"),
        "parts": content.get("parts") or [{"type": "text", "text": content["text"]}],
        **{name: entry[name]["S"] for name in ("visibility", "type", "createdAt")},
        **{name: entry[name]["S"] if name in entry else None for name in ("userId", "aiAgentId", "visitorId")},
        "deletedAt": None,
    }


def _list(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    pk = f"VISITOR#{key['websiteId']['S']}#{key['mode']['S']}#{event['headers']['x-visitor-id']}"
    rows = _rows(_find("visitor", pk, 100))
    rows.sort(key=lambda row: (row["updatedAt"]["S"], row["id"]["S"]), reverse=True)
    pagination = {"page": 1, "limit": 6, "total": len(rows), "totalPages": -(-len(rows) // 6), "hasMore": len(rows) > 6}
    return {"conversations": _conversations(rows[:6]), "pagination": pagination}, {"Read": 1}


def _get(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    pk = f"CONVERSATION#{key['websiteId']['S']}#{key['mode']['S']}#{event['pathParameters']['conversationId']}"
    [shown] = _conversations(_rows([{"PK": {"S": pk}, "SK": {"S": "CONVERSATION"}}]))
    return {"conversation": shown}, {"Read": 1}


def _inbox(event: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    limit = int(event["queryStringParameters"]["limit"])
    entries = _find("inbox", f"INBOX#{key['websiteId']['S']}#{key['mode']['S']}#open#0", limit + 1)
    rows = _rows(entries[:limit])
    rows.sort(key=lambda row: row["inboxSK"]["S"], reverse=True)
    cursor = entries[limit - 1]["inboxSK"]["S"] if len(entries) > limit else None
    return {"items": _conversations(rows), "nextCursor": cursor}, {"Read": 1}


def _find(index: str, pk: str, limit: int) -> list[dict[str, Any]]:
    query = {
        "TableName": _TABLE,
        "IndexName": index,
        "KeyConditionExpression": f"{index}PK = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
        "ScanIndexForward": False,
        "Limit": limit,
    }
    found: list[dict[str, Any]] = _call("Query", query)["Items"]
    return found


def _rows(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted = [{"PK": key["PK"], "SK": key["SK"]} for key in keys]
    request = {"RequestItems": {_TABLE: {"Keys": wanted, "ConsistentRead": True}}}
    rows: list[dict[str, Any]] = _call("BatchGetItem", request)["Responses"][_TABLE]
    return rows


def _conversations(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return stored conversations as they are answered, with their last messages and visitors."""
    last = [f"ITEM#{row['lastPublicMessage']['S'].split('#')[2]}" for row in rows]
    messages = {
        item["PK"]["S"]: item
        for item in _rows([{"PK": row["PK"], "SK": {"S": sk}} for row, sk in zip(rows, last, strict=True)])
    }
    pks = dict.fromkeys(row["visitorPK"]["S"] for row in rows)
    people = {
        (row["PK"]["S"], row["SK"]["S"]): row
        for row in _rows([{"PK": {"S": pk}, "SK": {"S": sk}} for pk in pks for sk in ("VISITOR", "GATE")])
    }
    return [
        {
            **{name: row[name]["S"] for name in ("id", "createdAt", "updatedAt", "visitorId", "websiteId")},
            **{name: row[name]["S"] for name in ("channel", "status", "organizationId")},
            "metadata": json.loads(row["metadata"]["S"]),
            "deletedAt": None,
            "lastTimelineItem": _shown(messages[row["PK"]["S"]], row),
            "priority": "normal",
            "visitor": _visitor(row, people),
        }
        for row in rows
    ]


def _visitor(row: dict[str, Any], people: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    pk = row["visitorPK"]["S"]
    visitor, gate = people[pk, "VISITOR"], people.get((pk, "GATE"), {})
    return {
        "id": row["visitorId"]["S"],
        "isBlocked": "blockedAt" in gate,
        **{name: gate[name]["S"] if name in gate else None for name in ("blockedAt", "blockedByUserId")},
        "lastSeenAt": visitor["lastSeenAt"]["S"],
        "contact": {
            "id": visitor["contactId"]["S"],
            **{
                name: visitor[name]["S"] if name in visitor else None
                for name in ("externalId", "name", "email", "image")
            },
            "contactOrganizationId": None,
            "websiteId": visitor["websiteId"]["S"],
            "organizationId": visitor["organizationId"]["S"],
            "userId": None,
            "verified": [one["S"] for one in visitor["verified"]["L"]],
            "createdAt": visitor["contactCreatedAt"]["S"],
            "updatedAt": visitor["contactUpdatedAt"]["S"],
        },
    }


def _visitor_key(visitor_id: str, key: dict[str, Any]) -> str:
    message = f"visitor#{key['websiteId']['S']}#{key['mode']['S']}##{visitor_id}"
    return hmac.digest(key["idSecret"]["S"].encode(), message.encode(), "sha256")[:16].hex()


def _preview(put: dict[str, Any]) -> str:
    names = ("id", "createdAt", "visibility", "type", "writtenBy", "userId", "aiAgentId", "visitorId")
    shown = {name: put[name]["S"] for name in names if name in put}
    return _json(
        {**shown, "position": int(put["position"]["N"]), "content": {"text": put["preview"]["S"]}, "ttl": None}
    )


def _item(
    sent: dict[str, Any], key: dict[str, Any], pk: str, incarnation: str, conversation_id: str, position: int, now: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an item as it is stored, and as it is answered."""
    content = {"visibility": "public", "type": "message", **sent}
    item_id, created_at = content.pop("id", ""), content.pop("createdAt", now)
    parts = content.get("parts") or [{"type": "text", "text": content["text"]}]
    stored_content = {"content": {"S": _json({name: content[name] for name in ("text", "parts") if name in content})}}
    if len(stored_content["content"]["S"].encode()) > 4096:
        stored_content = {
            "largeContent": stored_content["content"],
            "preview": {"S": content["text"][:2000]},
            "shownBytes": {"N": str(len(_json(_json([content["text"], None, parts])).encode()))},
        }
    put: dict[str, dict[str, str]] = {
        "PK": {"S": pk},
        "SK": {"S": f"ITEM#{item_id}"},
        "form": {"N": "1"},
        "id": {"S": item_id},
        "createdAt": {"S": created_at},
        "position": {"N": str(position)},
        "incarnation": {"S": incarnation},
        "websiteId": key["websiteId"],
        "mode": key["mode"],
        "conversationId": {"S": conversation_id},
        "author": {"S": next((who for who in ("visitor", "user", "aiAgent") if f"{who}Id" in content), "nobody")},
        "visibility": {"S": content["visibility"]},
        "type": {"S": content["type"]},
        "writtenBy": key["type"],
        **{name: {"S": content[name]} for name in ("userId", "aiAgentId", "visitorId") if name in content},
        **stored_content,
    }
    put["timelineSK"] = {"S": f"{incarnation}#{content['visibility']}#{_reference(put)}"}
    answer = {
        "id": item_id,
        "conversationId": conversation_id,
        "organizationId": key["organizationId"]["S"],
        "tool": None,
        "userId": None,
        "aiAgentId": None,
        "visitorId": None,
        **content,
        "parts": parts,
        "createdAt": created_at,
        "deletedAt": None,
    }
    return put, answer


def _reference(put: dict[str, Any]) -> str:
    return f"{put['createdAt']['S']}#{int(put['position']['N']):09d}#{put['id']['S']}"


def _absent() -> dict[str, Any]:
    """Return the condition of a put: that nothing is there, or what has expired."""
    return {
        "ConditionExpression": "attribute_not_exists(PK) OR #ttl < :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": {":now": {"N": str(int(time.time()))}},
    }


def _transact(actions: list[dict[str, Any]]) -> None:
    transaction = {"TransactItems": actions, "ReturnConsumedCapacity": "TOTAL"}
    _call("TransactWriteItems", {**transaction, "ClientRequestToken": str(uuid.uuid4())})


_ROUTES = {
    "POST /v1/conversations": _open,
    "POST /v1/messages": _send,
    "GET /v1/conversations": _list,
    "GET /v1/conversations/{conversationId}": _get,
    "GET /v1/conversations/inbox": _inbox,
    "GET /v1/conversations/{conversationId}/timeline": _read,
}
_RETURNED = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _call(operation: str, request: dict[str, Any]) -> Any:
    """Send a request signed with Signature Version 4 (IAM User Guide, "Create a signed AWS API request")."""
    body = json.dumps(request).encode()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{stamp[:8]}/{_REGION}/dynamodb/aws4_request"
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": _HOST,
        "x-amz-date": stamp,
        "x-amz-target": f"DynamoDB_20120810.{operation}",
    }
    signed = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    _connection.request("POST", "/", body, headers)
    response = _connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise RuntimeError(f"DynamoDB answered {response.status}")
    return answer
