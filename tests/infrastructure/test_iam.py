"""What roles may do: no more than is named here, in any stage."""

from typing import Any

import pytest

from tests.iam import policies

#: AWS's service authorization reference knows no resource for these.
UNNARROWABLE = {"dynamodb:ListStreams", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}

#: Ends in a wildcard that can't be narrower: log streams and versions that are made later.
OPEN_ENDED = [{"Fn::Sub": f"${{{name}.Arn}}:*"} for name in ("ConversationsFunction", "SocketsFunction")]
#: Each connection has an id of its own.
CONNECTIONS = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${SocketApi}/ws/POST/@connections/*"
#: Each object has a key of its own.
UPLOADS, FILES = OBJECTS = {"Fn::Sub": "${Files.Arn}/uploads/*"}, {"Fn::Sub": "${Files.Arn}/files/*"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.fixture
def roles(everything: dict[str, Any]) -> dict[str, Any]:
    return {
        name: body["Properties"] for name, body in everything["Resources"].items() if body["Type"] == "AWS::IAM::Role"
    }


@pytest.fixture
def statements(everything: dict[str, Any], roles: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, statement)
        for name in roles
        for document in policies(everything["Resources"], name)
        for statement in document["Statement"]
    ]


def test_every_function_has_a_role_of_its_own(everything: dict[str, Any]) -> None:
    roles = [
        body["Properties"]["Role"]["Fn::GetAtt"][0]
        for body in everything["Resources"].values()
        if body["Type"] == "AWS::Lambda::Function"
    ]

    assert len(set(roles)) == len(roles) >= 2


def test_no_action_has_a_wildcard(statements: list[tuple[str, dict[str, Any]]]) -> None:
    assert statements
    for role, statement in statements:
        assert statement["Effect"] == "Allow"
        assert not [action for action in _list(statement["Action"]) if "*" in action], role


def test_no_resource_is_wider_than_it_must_be(statements: list[tuple[str, dict[str, Any]]]) -> None:
    for role, statement in statements:
        for resource in _list(statement["Resource"]):
            if "*" in str(resource) and resource not in (*OPEN_ENDED, {"Fn::Sub": CONNECTIONS}, *OBJECTS):
                assert resource == "*", role
                assert set(_list(statement["Action"])) <= UNNARROWABLE, role


def test_no_managed_policy_but_codedeploy_s_own(roles: dict[str, Any]) -> None:
    managed = {name: role["ManagedPolicyArns"] for name, role in roles.items() if role.get("ManagedPolicyArns")}

    assert managed.keys() == {"ReleaseRole"}
    [policy] = managed["ReleaseRole"]
    assert policy.endswith("/AWSCodeDeployRoleForLambdaLimited")


def test_nobody_can_scan(statements: list[tuple[str, dict[str, Any]]]) -> None:
    assert not [action for _, statement in statements for action in _list(statement["Action"]) if "Scan" in action]


def test_nobody_can_delete_anything_but_connections_files_erased_conversations_and_what_finds_contacts(
    statements: list[tuple[str, dict[str, Any]]],
) -> None:
    """A BatchWriteItem deletes, too, and a queue's reader deletes messages."""
    deleting = {
        (role, action, resource["Fn::GetAtt"][0])
        for role, statement in statements
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if ("Delete" in action or "BatchWrite" in action) and resource not in OBJECTS
    }

    assert {one for one in deleting if one[2] != "ConnectionsTable"} == {
        ("ConversationsRole", "dynamodb:DeleteItem", "Table"),
        ("ErasingRole", "dynamodb:DeleteItem", "Table"),
        ("ErasingRole", "dynamodb:BatchWriteItem", "Table"),
        ("ErasingRole", "sqs:DeleteMessage", "ErasureQueue"),
        ("FilesRole", "sqs:DeleteMessage", "FilesQueue"),
    }
    conditions = {
        (role, action): statement["Condition"]
        for role, statement in statements
        for action in _list(statement["Action"])
        if action in {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
        and statement["Resource"] == {"Fn::GetAtt": ["Table", "Arn"]}
    }
    assert conditions == {
        one: {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
        for one, keys in {
            ("ConversationsRole", "dynamodb:DeleteItem"): ["CONTACT#*"],
            ("ErasingRole", "dynamodb:DeleteItem"): ["CONVERSATION#*", "VISITOR#*", "CONTACT#*"],
            ("ErasingRole", "dynamodb:BatchWriteItem"): ["CONVERSATION#*"],
        }.items()
    }


def test_only_who_signs_uploads_can_write_them_and_few_reach_the_bucket(
    statements: list[tuple[str, dict[str, Any]]],
) -> None:
    """What a signed address can do is what its signer may: no upload is served, and what is served no upload."""
    reached = {
        (role, action, str(resource))
        for role, statement in statements
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
        if action.startswith("s3:")
    }

    assert reached == {
        ("ConversationsRole", "s3:PutObject", str(UPLOADS)),
        *(("FilesRole", f"s3:{action}Object", str(objects)) for action in ("Get", "Delete") for objects in OBJECTS),
        ("FilesRole", "s3:PutObject", str(FILES)),
        # For what is exported.
        ("OperatorsRole", "s3:GetObject", str(FILES)),
        ("FilesRole", "s3:ListBucket", str({"Fn::GetAtt": ["Files", "Arn"]})),
    }


def test_connections_are_posted_to_and_nothing_else(statements: list[tuple[str, dict[str, Any]]]) -> None:
    managed = [statement for _, statement in statements if "execute-api" in str(statement)]

    assert managed
    assert {statement["Action"] for statement in managed} == {"execute-api:ManageConnections"}
    assert all(statement["Resource"] == {"Fn::Sub": CONNECTIONS} for statement in managed)


def test_each_role_has_its_part_of_the_connections_alone(statements: list[tuple[str, dict[str, Any]]]) -> None:
    reached: dict[str, dict[str, set[str]]] = {}
    for role, statement in statements:
        if statement["Resource"] == {"Fn::GetAtt": ["ConnectionsTable", "Arn"]}:
            assert statement["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            reached.setdefault(role, {})[statement["Action"].partition(":")[2]] = set(keys)

    every = {"CONNECTION#*", "TEAM#*", "VISITOR#*"}
    found = {"Query": {"TEAM#*", "VISITOR#*"}, "GetItem": {"CONNECTION#*"}, "DeleteItem": every}
    assert reached == {
        "ConversationsRole": found,
        "FeedRole": found,
        "SocketsRole": {**found, "PutItem": every, "UpdateItem": {"CONNECTION#*"}},
    }


def test_the_sockets_function_calls_itself_alone(statements: list[tuple[str, dict[str, Any]]]) -> None:
    called = [
        statement["Resource"]
        for role, statement in statements
        if role == "SocketsRole" and statement["Action"] == "lambda:InvokeFunction"
    ]

    assert called == [{"Fn::Sub": "${SocketsFunction.Arn}:live"}]


def test_a_function_reaches_named_partitions_alone(statements: list[tuple[str, dict[str, Any]]]) -> None:
    """Those of the table, and of each index by its name."""
    reached: dict[tuple[str, str], set[str]] = {}
    for role, statement in statements:
        resource = statement["Resource"]
        place = "table" if resource == {"Fn::GetAtt": ["Table", "Arn"]} else str(resource).partition("/index/")[2][:-2]
        if place:
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            reached.setdefault((role, place), set()).update(keys)

    assert reached == {
        ("ConversationsRole", "table"): {"APIKEY#*", "CONVERSATION#*", "VISITOR#*", "CONTACT#*", "RATE#*"},
        ("ConversationsRole", "timeline"): {"CONVERSATION#*"},
        ("ConversationsRole", "visitor"): {"VISITOR#*"},
        ("ConversationsRole", "inbox"): {"INBOX#*", "FEEDBACK#*"},
        ("OperatorsRole", "table"): {"WEBSITES", "WEBSITE#*", "APIKEY#*", "CONVERSATION#*", "VISITOR#*", "CONTACT#*"},
        ("OperatorsRole", "timeline"): {"CONVERSATION#*"},
        ("OperatorsRole", "visitor"): {"VISITOR#*"},
        ("FeedRole", "table"): {"APIKEY#*", "CONVERSATION#*", "VISITOR#*"},
        ("ErasingRole", "table"): {"CONVERSATION#*", "VISITOR#*", "CONTACT#*", "WEBSITES"},
        ("ErasingRole", "inbox"): {"INBOX#*", "FEEDBACK#*"},
        ("ErasingRole", "visitor"): {"VISITOR#*"},
        ("FilesRole", "table"): {"CONVERSATION#*"},
        ("SocketsRole", "table"): {"APIKEY#*", "CONVERSATION#*", "VISITOR#*", "RATE#*"},
        ("SocketsRole", "timeline"): {"CONVERSATION#*"},
        ("SocketsRole", "visitor"): {"VISITOR#*"},
    }


def test_an_index_is_queried_and_nothing_else(statements: list[tuple[str, dict[str, Any]]]) -> None:
    actions = {
        action
        for _, statement in statements
        if "/index/" in str(statement["Resource"])
        for action in _list(statement["Action"])
    }

    assert actions == {"dynamodb:Query"}


def test_the_api_can_only_read_keys(statements: list[tuple[str, dict[str, Any]]]) -> None:
    actions = {
        action
        for role, statement in statements
        if role == "ConversationsRole" and "APIKEY#*" in str(statement.get("Condition"))
        for action in _list(statement["Action"])
    }

    assert actions == {"dynamodb:GetItem"}


def test_the_checks_have_a_key_and_no_table(statements: list[tuple[str, dict[str, Any]]], stage: str) -> None:
    found: dict[str, set[str]] = {}
    for role, statement in statements:
        if "Check" in role and statement["Sid"] not in {"WriteLog", "Trace"}:
            found.setdefault(role, set()).update(_list(statement["Action"]))

    # The one that goes through the public address may neither invoke a function nor release a version.
    assert found == (
        {}
        if stage == "dev"
        else {
            "ReleaseCheckRole": {
                "ssm:GetParameter",
                "lambda:InvokeFunction",
                "codedeploy:PutLifecycleEventHookExecutionStatus",
            },
            "PublicCheckRole": {"ssm:GetParameter"},
            "PublicCheckScheduleRole": {"lambda:InvokeFunction"},
        }
    )


def test_the_docs_reach_their_log_alone(statements: list[tuple[str, dict[str, Any]]], stage: str) -> None:
    sids = {statement["Sid"] for role, statement in statements if role == "OpenApiRole"}

    assert sids == (set() if stage == "prod" else {"WriteLog", "Trace"})
