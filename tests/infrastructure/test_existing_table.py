"""Another table takes the place of the one in use: who reaches which, by IAM, as long as traffic moves.

CloudFormation creates and changes before it deletes. What has to be replaced is there twice in the meantime, through
all of the canary, and in a rollback it is the new one that is deleted last.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from local.stages import stages
from local.template import REGION, resolve
from tests.iam import Call, allowed, deployed, policies, role_of, table_policies

#: The stack's own table, by the name that it was given.
OWN = "conversations-Table-1"

USERS = ("ConversationsFunction", "OperatorsFunction", "FeedFunction", "PublisherFunction", "ErasingFunction")

Resources = dict[str, Any]


def _resources(expanded: dict[str, Any], table: str) -> Resources:
    """Return the stack's resources with its own table, or with another one."""
    existing = (
        {} if table == OWN else {"ExistingTableName": table.removeprefix("named "), "ExistingTableStream": "2026"}
    )
    found: Resources = resolve(expanded, stages()["prod"] | {"EventBusName": "default"} | existing)["Resources"]
    return found


def _calls(resources: Resources, user: str) -> Iterator[Call]:
    """Give a call of each kind that a role allows on the table."""
    for document in deployed(policies(resources, role_of(resources, user)), OWN):
        for statement in document["Statement"]:
            if ":table/" in str(statement["Resource"]):
                keys = (
                    statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [""])
                )
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                for action in actions:
                    for key in keys:
                        yield Call(action, statement["Resource"], (key.replace("*", "1"),) if key else ())


def _replaced(before: Resources, after: Resources, role: str) -> Iterator[dict[str, Any]]:
    """Give the documents of a role that an update deletes, at its end."""
    new = table_policies(after, role)
    for name, policy in table_policies(before, role).items():
        if name not in new or _identity(policy) != _identity(new[name]):
            yield policy["PolicyDocument"]


def _identity(policy: dict[str, Any]) -> list[Any]:
    """Return what of a policy can't be changed, by AWS's own schema: with another one of it, it is another policy."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::IAM::RolePolicy").schema
    return [deployed(policy[path.removeprefix("/properties/")], OWN) for path in schema["createOnlyProperties"]]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(OWN, "restored", id="to a restored table"),
        pytest.param("restored", f"named {OWN}", id="and back, by the own one's name"),
        pytest.param("restored", "restored-2", id="from one restored table to another"),
        pytest.param(OWN, f"named {OWN}", id="to itself, out of the stack"),
    ],
)
def test_old_and_new_version_reach_their_own_tables(expanded: dict[str, Any], user: str, old: str, new: str) -> None:
    before, after = _resources(expanded, old), _resources(expanded, new)
    role = role_of(after, user)
    at_last = policies(after, role)
    meanwhile = [*at_last, *_replaced(before, after, role)]
    of_the_old, of_the_new = list(_calls(before, user)), list(_calls(after, user))

    assert of_the_old
    assert all(allowed(deployed(meanwhile, OWN), [*of_the_old, *of_the_new]))
    assert allowed(deployed(at_last, OWN), of_the_old) == [call in of_the_new for call in of_the_old]


@pytest.mark.parametrize("user", USERS)
def test_what_uses_the_table_waits_for_its_policy(expanded: dict[str, Any], user: str) -> None:
    resources = _resources(expanded, OWN)

    assert list(table_policies(resources, role_of(resources, user))) == [resources[user]["DependsOn"]]


def test_a_table_s_name_is_one_that_a_policy_can_have(expanded: dict[str, Any]) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::IAM::RolePolicy").schema
    name = schema["properties"]["PolicyName"]
    pattern = expanded["Parameters"]["ExistingTableName"]["AllowedPattern"]

    for table in ("a-table_of.3", "t" * name["maxLength"]):
        assert re.fullmatch(pattern, table)
        assert re.fullmatch(name["pattern"], table)
    assert not re.fullmatch(pattern, "t" * (name["maxLength"] + 1))
