"""What `fastapi` and `powertools` share of sending a message: the read, the transaction, the model of the answer."""

import time
from typing import Any

from api.http.requests.messages import MessageRequest
from pydantic import BaseModel
from support.values import timestamps

from tests.performance.opening import Item, new_item, not_there, reference
from tests.performance.reading import TimelineItem, shown


class Sent(BaseModel):
    """The item that was added, or found."""

    item: TimelineItem


def send_message(table: Any, request: MessageRequest, key: Item) -> tuple[Sent, int] | None:
    """Add an item, for a private key; return it and how many were written, or None if there is no such conversation."""
    pk = f"CONVERSATION#{key['websiteId']}#{key['mode']}#{request.conversation_id}"
    sort_keys = ["CONVERSATION", *([f"ITEM#{request.item.id}"] if request.item.id else [])]
    wanted = {"Keys": [{"PK": pk, "SK": sk} for sk in sort_keys], "ConsistentRead": True}
    found = table.meta.client.batch_get_item(RequestItems={table.name: wanted})["Responses"][table.name]
    conversation = next((item for item in found if item["SK"] == "CONVERSATION"), None)
    if conversation is None:
        return None
    for there in found:
        if there is not conversation and there["incarnation"] == conversation["incarnation"]:
            return Sent(item=shown(there, conversation)), 0
    last = max(conversation.get("lastPublicItem", ""), conversation.get("lastPrivateItem", ""))
    now = max(timestamps.now(), last.partition("#")[0])
    item, response = new_item(request.item, conversation, int(conversation["itemCount"]), now, key)
    condition = not_there(1)
    condition["ConditionExpression"] += " OR incarnation <> :incarnation"
    condition["ExpressionAttributeValues"][":incarnation"] = conversation["incarnation"]
    actions = [
        {"Update": {"TableName": table.name, **_change(conversation, item, last)}},
        {"Put": {"TableName": table.name, "Item": item, **condition}},
    ]
    table.meta.client.transact_write_items(TransactItems=actions, ReturnConsumedCapacity="TOTAL")
    return Sent.model_validate({"item": response}), 1


def _change(conversation: Item, item: Item, last: str) -> dict[str, Any]:
    """Return the conversation's update; `last` is the reference to the last of the items that it has had so far."""
    updated_at = timestamps.after(conversation["updatedAt"])
    sets = {"inboxSK": ":inbox", "updatedAt": ":updated"}
    unless_later = {"updatedAt": ":updated"}
    values = {
        ":now": int(time.time()),
        ":incarnation": conversation["incarnation"],
        ":updated": updated_at,
        ":inbox": f"{updated_at}#{conversation['id']}",
        ":one": 1,
    }
    if item["visibility"] == "public":
        sets["publicUpdatedAt"] = unless_later["publicUpdatedAt"] = ":updated"
    for kind in ("Item", "Message") if item["type"] == "message" else ("Item",):
        name = f"last{item['visibility'].capitalize()}{kind}"
        if reference(item) > conversation.get(name, ""):
            sets[name] = ":item"
            values[":item"] = reference(item)
    if reference(item) > last:
        unless_later |= {"lastPublicItem": ":item", "lastPrivateItem": ":item"}
    conditions = [
        "attribute_exists(PK)",
        "(attribute_not_exists(#ttl) OR #ttl >= :now)",
        "incarnation = :incarnation",
        *(f"(attribute_not_exists({name}) OR {name} < {value})" for name, value in unless_later.items()),
    ]
    if reference(item) <= last:
        conditions.append("itemCount = :count")
        values[":count"] = conversation["itemCount"]
    sets["wrote"] = ":wrote"
    values[":wrote"] = [item["id"]]
    return {
        "Key": {name: conversation[name] for name in ("PK", "SK")},
        "UpdateExpression": f"SET {', '.join(f'{name} = {value}' for name, value in sets.items())} "
        "REMOVE actedBy ADD version :one, itemCount :one",
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
