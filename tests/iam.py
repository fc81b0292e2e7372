"""What IAM would say to a call of DynamoDB: a simulator of IAM evaluates the template's own policies.

The policies are those of a template that `local.template.resolve` has resolved. Names and ARNs, which only a deployed
stack has, are made up alike for policies and calls.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import ROOT
from local.template import PARTITION, REGION

ACCOUNT = "123456789012"
#: What the table of connections is called.
CONNECTIONS = "connections"
#: What the bucket of files is called.
FILES = "files"

_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": PARTITION,
    "AWS::Region": REGION,
    "AWS::StackName": "conversations",
}

#: What DynamoDB asks permission for when an action is part of a transaction (Developer Guide, "IAM and transactions").
_IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
}


@dataclass(frozen=True)
class Call:
    """What IAM is asked: an action on a resource, named by its ARN, and the partition keys that are touched.

    `context` are other condition keys and their values.
    """

    action: str
    resource: str
    leading_keys: tuple[str, ...] = ()
    context: tuple[tuple[str, str], ...] = ()


def table_arn(name: str) -> str:
    """Return the ARN of a table."""
    return f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def bucket_arn(name: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:{PARTITION}:s3:::{name}"


def calls(operation: str, body: dict[str, Any]) -> Iterator[Call]:
    """Give what IAM is asked for a request to DynamoDB, whose body is as botocore sends it."""
    if operation == "TransactWriteItems":
        for entry in body["TransactItems"]:
            [(kind, item)] = entry.items()
            key = (item.get("Key") or item["Item"])["PK"]["S"]
            yield _call(_IN_TRANSACTION[kind], item["TableName"], key)
    elif operation == "BatchGetItem":
        for table, request in body["RequestItems"].items():
            yield _call(operation, table, *sorted({key["PK"]["S"] for key in request["Keys"]}))
    elif operation == "BatchWriteItem":
        for table, requests in body["RequestItems"].items():
            keys = {request["DeleteRequest"]["Key"]["PK"]["S"] for request in requests}
            yield _call(operation, table, *sorted(keys))
    elif operation == "Query":
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield _call(operation, body["TableName"] + index, body["ExpressionAttributeValues"][":pk"]["S"])
    else:
        yield _call(operation, body["TableName"], body["Key"]["PK"]["S"])


def _call(operation: str, table: str, *leading_keys: str) -> Call:
    return Call(f"dynamodb:{operation}", table_arn(table), leading_keys)


def role_of(resources: dict[str, Any], name: str) -> str:
    """Return the logical id of the role of a function."""
    properties = resources[name]["Properties"]
    [role, _] = properties["Role"]["Fn::GetAtt"]
    return str(role)


def table_policies(resources: dict[str, Any], role: str) -> dict[str, Any]:
    """Return the policies that stand beside a role as resources of their own, by logical id."""
    return {
        name: body["Properties"]
        for name, body in resources.items()
        if body["Type"] == "AWS::IAM::RolePolicy" and body["Properties"]["RoleName"] == {"Ref": role}
    }


def policies(resources: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Return all policy documents of a role: those inside of it, and those beside it."""
    inside = resources[role]["Properties"].get("Policies", [])
    return [policy["PolicyDocument"] for policy in (*inside, *table_policies(resources, role).values())]


def deployed(value: Any, table: str) -> Any:
    """Return a part of the template with names and ARNs as if it were deployed; `table` is the stack's own one."""
    if isinstance(value, list):
        return [deployed(entry, table) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"}:
        return _attribute(value["Ref"], "Ref", table)
    if value.keys() == {"Fn::GetAtt"}:
        name, attribute = value["Fn::GetAtt"]
        return _attribute(name, attribute, table)
    if value.keys() == {"Fn::Sub"}:
        return re.sub(
            r"\$\{([\w:]+)(?:\.(\w+))?\}",
            lambda found: _attribute(found[1], found[2] or "Ref", table),
            value["Fn::Sub"],
        )
    return {name: deployed(entry, table) for name, entry in value.items()}


def _attribute(name: str, attribute: str, table: str) -> str:
    if name in _PSEUDO_PARAMETERS:
        return _PSEUDO_PARAMETERS[name]
    if name == "Table":
        return {"Ref": table, "Arn": table_arn(table), "StreamArn": f"{table_arn(table)}/stream/2026"}[attribute]
    if name == "Files":
        return FILES if attribute == "Ref" else bucket_arn(FILES)
    if name == "ConnectionsTable":
        return CONNECTIONS if attribute == "Ref" else table_arn(CONNECTIONS)
    if name.endswith("Queue") and attribute == "Arn":
        return f"arn:{PARTITION}:sqs:{REGION}:{ACCOUNT}:{name}"
    if name.endswith("Function") and attribute == "Arn":
        return f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{name}"
    return name if attribute == "Ref" else f"arn:{PARTITION}:service:{REGION}:{ACCOUNT}:{name}"


def allowed(
    documents: Sequence[dict[str, Any]], asked: Sequence[Call], boundary: dict[str, Any] | None = None
) -> list[bool]:
    """Return for each call whether a role with these policies and boundary may make it; all are as deployed."""
    found: list[bool] = _simulator(
        account=ACCOUNT,
        policies=documents,
        boundary=boundary,
        calls=[
            {
                "action": call.action,
                "resource": call.resource,
                "leadingKeys": call.leading_keys,
                "context": dict(call.context),
            }
            for call in asked
        ],
    )
    return found


def resource_types(actions: Sequence[str]) -> dict[str, list[str] | None]:
    """Return for each action the kinds of resources it is asked of, such as `sqs:queue`.

    Of an action that knows no resource there are none, and None stands for one that does not exist.
    """
    return dict(zip(actions, _simulator(actions=actions), strict=True))


def _simulator(**question: Any) -> Any:
    response = subprocess.run(
        ["node", Path(__file__).with_suffix(".cjs")],
        input=json.dumps(question),
        env=os.environ | {"NODE_PATH": str(ROOT / ".local" / "npm" / "node_modules")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert response.returncode == 0, response.stderr
    return json.loads(response.stdout)
