"""The permissions of each function, against what it asks of the table."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import pytest
from support.items import marshal
from support.table import Table

from local.dynamodb import connect
from local.stages import TEMPLATE, expand
from tests.builders import EVENTS, WEBSITE, a_body, a_message, private, public
from tests.client import api_over
from tests.operators import a_key, a_website, operators_over

#: What DynamoDB asks permission for when an action is part of a transaction (Developer Guide, "IAM and transactions").
_IN_TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}


@dataclass(frozen=True)
class Statement:
    """A statement of a function's policy: the actions that it allows on partitions of these patterns."""

    actions: frozenset[str]
    patterns: frozenset[str]

    def allows(self, action: str, partition: str) -> bool:
        return action in self.actions and any(fnmatchcase(partition, pattern) for pattern in self.patterns)


@dataclass
class Watched:
    """A table, and each action on a partition that was asked of it."""

    table: Table
    asked: set[tuple[str, str]] = field(default_factory=set)


@pytest.fixture
def watched(seeded_table: str) -> Watched:
    table = Table(seeded_table, timeout_seconds=10)
    seen = Watched(table)

    def record(request: Any, **_: Any) -> None:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        seen.asked.update(_actions(operation, json.loads(request.body)))

    def keep_to_itself(parsed: dict[str, Any], **_: Any) -> None:
        """Leave out the items that stood in the way, as DynamoDB may."""
        for reason in parsed.get("CancellationReasons", []):
            reason.pop("Item", None)

    events = table._client.meta.events
    events.register("before-send.dynamodb", record)
    events.register("after-call.dynamodb.TransactWriteItems", keep_to_itself)
    return seen


def _actions(operation: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what IAM is asked for a request: actions and leading keys."""
    if operation == "TransactWriteItems":
        for entry in body["TransactItems"]:
            [(kind, item)] = entry.items()
            yield _IN_TRANSACTION[kind], (item.get("Key") or item["Item"])["PK"]["S"]
    elif operation == "BatchGetItem":
        for request in body["RequestItems"].values():
            for key in request["Keys"]:
                yield operation, key["PK"]["S"]
    elif operation == "Query":
        yield operation, body["ExpressionAttributeValues"][":pk"]["S"]
    else:
        yield operation, body["Key"]["PK"]["S"]


def _statements(function: str) -> list[Statement]:
    resources = expand(TEMPLATE.read_text())["Resources"]
    [role_name, _] = resources[function]["Properties"]["Role"]["Fn::GetAtt"]
    return [
        Statement(
            frozenset(action.removeprefix("dynamodb:") for action in _list(statement["Action"])),
            frozenset(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
        )
        for policy in resources[role_name]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if any("dynamodb" in action for action in _list(statement["Action"]))
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def open_conversations(watched: Watched) -> None:
    """Take every way that leads to the table: new, replayed, appended, limited, in the way of what is left over."""
    api = api_over(watched.table, rate_limit=1)
    items = [a_message(id=f"item-{n}") for n in range(2)]
    for sent in (items[:1], items, items[:1]):
        assert api(a_body(conversationId="a", defaultTimelineItems=sent), private()).status == 200
    assert api(a_body(), public()).status == 200
    pk = f"CONVERSATION#{WEBSITE}#test#orphan"
    left_over = marshal({"PK": pk, "SK": "ITEM#item-0", "form": 1, "createdAt": "", "position": 0, "content": "{}"})
    connect_to(watched.table).put_item(TableName=watched.table.name, Item=left_over)
    api(a_body(conversationId="orphan", defaultTimelineItems=items), private())


def operate(watched: Watched) -> None:
    """Take every action, with a change that comes in between and more keys than one transaction holds."""
    operators = operators_over(watched.table)
    for path in sorted((EVENTS / "operators").glob("*.json")):
        operators(event=json.loads(path.read_text()))
    website_id = a_website(operators)
    for _ in range(50):
        a_key(operators, website_id)
    another = operators_over(Table(watched.table.name, timeout_seconds=10))
    changes = iter(["b.com"])

    def come_first(**_: Any) -> None:
        for origin in changes:
            another("update_allowed_origins", websiteId=website_id, add=[origin])

    watched.table._client.meta.events.register("before-send.dynamodb.TransactWriteItems", come_first)
    operators("update_allowed_origins", websiteId=website_id, add=["a.com"])


def connect_to(table: Table) -> Any:
    return connect(table._client.meta.endpoint_url)


@pytest.mark.parametrize(
    ("function", "use"), [("ConversationsFunction", open_conversations), ("ApiKeysFunction", operate)]
)
def test_a_function_may_do_what_it_does_and_nothing_else(
    watched: Watched, function: str, use: Callable[[Watched], None]
) -> None:
    statements = _statements(function)

    use(watched)

    refused = {asked for asked in watched.asked if not any(statement.allows(*asked) for statement in statements)}
    assert refused == set()
    for statement in statements:
        used = {asked for asked in watched.asked if statement.allows(*asked)}
        assert statement.actions == {action for action, _ in used}
        assert statement.patterns == {
            pattern for pattern in statement.patterns for _, partition in used if fnmatchcase(partition, pattern)
        }
