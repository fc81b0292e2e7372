"""Requests of DynamoDB that write: each action in the words of its expressions."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from support.dynamodb.actions import Action, Change, Check, Delete, Insert, Lacks
from support.dynamodb.items import Value, marshal, marshal_key

#: The maximum number of actions of a transaction (API Reference, TransactWriteItems).
MAX_ACTIONS = 100
#: For how many actions, the first ones, DynamoDB returns the item on which their condition failed. An answer of over
#: 4 MB is refused, though the request would only have failed its conditions, and an item may have 400 KB.
MAX_RETURNED_ITEMS = 10

_RETURN_ITEM = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

Request = dict[str, Any]


def transaction_request(table_name: str, actions: Sequence[Action]) -> Request:
    """Return the request for up to 100 actions (API Reference, TransactWriteItems).

    Its client token makes it safe to repeat: what was carried out is not carried out again.
    """
    # Made once for all of them, of which there may be a hundred.
    absent = {
        "ConditionExpression": "attribute_not_exists(PK) OR #ttl < :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": marshal({":now": int(time.time())}),
    }
    requests = []
    for position, action in enumerate(actions):
        name, request = _request(action, absent)
        request["TableName"] = table_name
        if position < MAX_RETURNED_ITEMS and _returns_item(action):
            request |= _RETURN_ITEM
        requests.append({name: request})
    return {
        "TransactItems": requests,
        "ClientRequestToken": str(uuid.uuid4()),
        "ReturnConsumedCapacity": "TOTAL",
    }


def _request(action: Action, absent: Mapping[str, Any]) -> tuple[str, Request]:
    """Return the name of an action, and what it says but for the table's name."""
    match action:
        case Insert():
            return "Put", _insert(action, absent)
        case Change():
            return "Update", change_request(action)
        case Check():
            return "ConditionCheck", change_request(action)
        case Lacks():
            names = {f"#{number}": name for number, name in enumerate(action.attributes)}
            condition = " AND ".join(f"attribute_not_exists({name})" for name in names)
            return "ConditionCheck", {
                **_key_of(action),
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
            }
        case Delete():
            return "Delete", change_request(action) if action.expected else _key_of(action)


def _key_of(action: Change | Check | Lacks | Delete) -> Request:
    return {"Key": marshal_key(action.key)}


def _returns_item(action: Action) -> bool:
    """Tell whether the item on which the condition of an action fails is returned."""
    return action.returns_existing if isinstance(action, Insert) else not isinstance(action, Lacks | Delete)


def _insert(action: Insert, absent: Mapping[str, Any]) -> Request:
    request = {"Item": marshal(action.item), **absent}
    if action.within is not None:
        request["ConditionExpression"] += " OR #within <> :within"
        request["ExpressionAttributeNames"] = {**absent["ExpressionAttributeNames"], "#within": action.within}
        request["ExpressionAttributeValues"] = {
            **absent["ExpressionAttributeValues"],
            **marshal({":within": action.item[action.within]}),
        }
    return request


def change_request(action: Change | Check | Delete) -> Request:
    """Return what an UpdateItem, a ConditionCheck or a conditional Delete says, but for the table's name."""
    # Names by number: some are reserved words (Developer Guide, "Reserved words in DynamoDB").
    conditions = ["attribute_exists(PK)"]
    names: dict[str, str] = {}
    values: dict[str, Value] = {}
    if not (isinstance(action, Change) and action.even_expired):
        conditions.append("(attribute_not_exists(#ttl) OR #ttl >= :now)")
        names["#ttl"], values[":now"] = "ttl", int(time.time())

    def use(kind: str, number: int, name: str, value: Value | None) -> tuple[str, str]:
        placeholder = f"{kind}{number}"
        names[f"#{placeholder}"] = name
        if value is not None:
            values[f":{placeholder}"] = value
        return f"#{placeholder}", f":{placeholder}"

    for number, (name, expected) in enumerate(action.expected.items()):
        attribute, value = use("e", number, name, expected)
        conditions.append(f"attribute_not_exists({attribute})" if expected is None else f"{attribute} = {value}")
    update: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": []}
    if isinstance(action, Change):
        for number, (name, bound) in enumerate(action.above.items()):
            attribute, value = use("a", number, name, bound)
            conditions.append(f"(attribute_not_exists({attribute}) OR {attribute} < {value})")
        for number, (name, bound) in enumerate(action.at_most.items()):
            attribute, value = use("m", number, name, bound)
            conditions.append(f"{attribute} <= {value}")
        for number, (name, new) in enumerate(action.values.items()):
            attribute, value = use("v", number, name, new)
            update["REMOVE" if new is None else "SET"].append(attribute if new is None else f"{attribute} = {value}")
        for number, (name, more) in enumerate(action.added.items()):
            update["ADD"].append(" ".join(use("n", number, name, more)))
    request: Request = {
        **_key_of(action),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
    }
    # DynamoDB refuses an empty map of them.
    if values:
        request["ExpressionAttributeValues"] = marshal(values)
    if isinstance(action, Change):
        clauses = (f"{clause} {', '.join(parts)}" for clause, parts in update.items() if parts)
        request["UpdateExpression"] = " ".join(clauses)
    return request
