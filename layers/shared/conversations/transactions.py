"""The body of a TransactWriteItems request, made by hand.

botocore spends most of a large transaction's time on walking through it, so the table hands it this body ready-made
(`before-call.dynamodb.TransactWriteItems`), which it signs and sends as its own. It relies on three things: that
botocore's JSON protocol sends a body of bytes as it is; that botocore, which then checks nothing of it, needs no more
of the parameters than an empty list; and that the table is named, not given by its ARN, from which botocore would
choose the endpoint. Tests over DynamoDB Local show that what is sent is right.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from conversations.actions import Action, Change, Check, Insert
from conversations.items import marshal

#: For how many actions, the first ones, DynamoDB returns the item on which their condition failed. An answer of over
#: 4 MB is refused, though the request would only have failed its conditions, and an item may have 400 KB.
MAX_RETURNED_ITEMS = 10

_RETURN_ITEM = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

Request = dict[str, Any]


def transaction_body(table_name: str, actions: Sequence[Action]) -> bytes:
    """Return the body for up to 100 actions (API Reference, TransactWriteItems).

    One client token stands for all attempts to send it: one whose answer was lost is not carried out again.
    """
    now = marshal({":now": int(time.time())})
    # Made once for all of them, of which there may be a hundred.
    absent = {
        "ConditionExpression": "attribute_not_exists(PK) OR #ttl < :now",
        "ExpressionAttributeNames": {"#ttl": "ttl"},
        "ExpressionAttributeValues": now,
    }
    requests = []
    for position, action in enumerate(actions):
        name, request = _insert(action, absent) if isinstance(action, Insert) else _change_or_check(action, now)
        request["TableName"] = table_name
        if position < MAX_RETURNED_ITEMS:
            request |= _RETURN_ITEM
        requests.append({name: request})
    return to_json(
        {
            "TransactItems": requests,
            "ClientRequestToken": str(uuid.uuid4()),
            "ReturnConsumedCapacity": "TOTAL",
        }
    )


def _insert(action: Insert, absent: Mapping[str, Any]) -> tuple[str, Request]:
    request = {"Item": marshal(action.item), **absent}
    if action.within is not None:
        request["ConditionExpression"] += " OR #within <> :within"
        request["ExpressionAttributeNames"] = {**absent["ExpressionAttributeNames"], "#within": action.within}
        request["ExpressionAttributeValues"] = {
            **absent["ExpressionAttributeValues"],
            **marshal({":within": action.item[action.within]}),
        }
    return "Put", request


def _change_or_check(action: Change | Check, now: Mapping[str, Any]) -> tuple[str, Request]:
    pk, sk = action.key
    # Names by number: some are reserved words (Developer Guide, "Reserved words in DynamoDB").
    conditions = ["attribute_exists(PK)", "(attribute_not_exists(#ttl) OR #ttl >= :now)"]
    names, values = {"#ttl": "ttl"}, {**now}
    for number, (name, expected) in enumerate(action.expected.items()):
        conditions.append(f"#e{number} = :e{number}")
        names[f"#e{number}"] = name
        values |= marshal({f":e{number}": expected})
    request: Request = {
        "Key": marshal({"PK": pk, "SK": sk}),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
    if isinstance(action, Check):
        return "ConditionCheck", request
    assignments = []
    for number, (name, value) in enumerate(action.values.items()):
        assignments.append(f"#v{number} = :v{number}")
        names[f"#v{number}"] = name
        values |= marshal({f":v{number}": value})
    request["UpdateExpression"] = "SET " + ", ".join(assignments)
    return "Update", request
