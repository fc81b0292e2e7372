"""What GitHub and CloudFormation may do in an account: deploy a stage, and nothing to anything else."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from local.stages import stages
from local.template import PARTITION, REGION, resolve
from tests import iam
from tests.iam import ACCOUNT, Call, allowed
from tests.infrastructure.account import (
    ARTIFACTS,
    BOUNDARY,
    PROVIDER,
    RELEASES,
    Resource,
    UnknownTypeError,
    account,
    as_deployed,
    calls_for,
    deletions,
    policies,
    stack_resources,
    unused_reasons,
)
from tests.infrastructure.conftest import OPTIONS

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

#: These reach beyond the stack: API Gateway's ARNs and those of log deliveries name no stack, nor does IAM let it be
#: said whose deployment is stopped. What describes alarms changes nothing.
UNNARROWABLE = ("apigateway:", "cloudwatch:DescribeAlarms")


#: Those of one stage: the others' differ by its name alone.
STAGE, STACK, ANOTHER = "prod", "conversations-prod", "conversations-staging"


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    """What account.yaml makes for the stage."""
    return account(STAGE)


@pytest.fixture(scope="module")
def template(expanded: dict[str, Any]) -> dict[str, Any]:
    """template.yaml with all that can be switched on."""
    return resolve(expanded, stages()[STAGE] | OPTIONS | {"Docs": "on"})


@pytest.fixture(scope="module")
def stacked(template: dict[str, Any]) -> dict[str, Resource]:
    """What template.yaml makes."""
    return stack_resources(template, STACK)


@pytest.fixture(scope="module")
def needed(stacked: dict[str, Resource]) -> set[Call]:
    """What CloudFormation calls: for one of those that it names alike, since IAM sees no difference."""
    distinct = {
        (one.type, one.is_kept, one.name.startswith(f"{STACK}-") or one.name): one
        for one in stacked.values()
        if one.type != "AWS::DynamoDB::Table"
    }
    tables = [one for one in stacked.values() if one.type == "AWS::DynamoDB::Table"]
    return {call for resource in (*distinct.values(), *tables) for call in calls_for(resource, STACK)}


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_each_stage_has_the_same(made: dict[str, Any], stage: str) -> None:
    assert json.loads(json.dumps(account(stage)).replace(stage, STAGE)) == made


def refused(documents: list[dict[str, Any]], calls: Iterable[Call]) -> list[Call]:
    asked = sorted(calls, key=str)
    return [call for call, answer in zip(asked, allowed(documents, asked), strict=True) if not answer]


def granted(documents: list[dict[str, Any]], calls: Iterable[Call]) -> list[Call]:
    asked = sorted(calls, key=str)
    return [call for call, answer in zip(asked, allowed(documents, asked), strict=True) if answer]


def role(name: str) -> str:
    return f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}"


# CloudFormation's role ------------------------------------------------------------------------------------------------


def test_cloudformation_may_make_change_and_roll_back_each_resource(made: dict[str, Any], needed: set[Call]) -> None:
    assert len(needed) > 200
    assert refused(policies(made["ExecutionRole"]), needed) == []


def test_cloudformation_may_do_nothing_to_another_stack(made: dict[str, Any], needed: set[Call]) -> None:
    def of_another(call: Call) -> Call:
        context = tuple((key, value.replace(STACK, ANOTHER)) for key, value in call.context)
        return replace(call, resource=call.resource.replace(STACK, ANOTHER), context=context)

    others = {of_another(call) for call in needed} - needed

    assert len(others) > 200
    assert granted(policies(made["ExecutionRole"]), [c for c in others if not c.action.startswith(UNNARROWABLE)]) == []


def test_cloudformation_deletes_nothing_that_the_template_keeps(
    made: dict[str, Any], stacked: dict[str, Resource]
) -> None:
    kept = [resource for resource in stacked.values() if resource.is_kept]

    assert "AWS::DynamoDB::Table" in {resource.type for resource in kept}
    assert granted(policies(made["ExecutionRole"]), {call for one in kept for call in deletions(one)}) == []


def test_cloudformation_gives_nobody_more_than_the_boundary(made: dict[str, Any]) -> None:
    own, boundary = role(f"{STACK}-ConversationsRole-1"), BOUNDARY + STAGE
    within, beyond = ((("iam:PermissionsBoundary", arn),) for arn in (boundary, f"{boundary}-2"))
    to_lambda = (("iam:PassedToService", "lambda.amazonaws.com"),)
    administrator = f"arn:{PARTITION}:iam::aws:policy/AdministratorAccess"
    user = f"arn:{PARTITION}:iam::{ACCOUNT}:user/{STACK}-somebody"
    calls = [
        Call("iam:CreateRole", own),
        Call("iam:CreateRole", own, context=beyond),
        Call("iam:CreateRole", role("somebody"), context=within),
        Call("iam:PutRolePolicy", own),
        Call("iam:PutRolePolicy", own, context=beyond),
        Call("iam:PutRolePermissionsBoundary", own, context=beyond),
        Call("iam:DeleteRolePermissionsBoundary", own, context=within),
        Call("iam:AttachRolePolicy", own, context=(*within, ("iam:PolicyARN", administrator))),
        Call("iam:PassRole", own, context=(("iam:PassedToService", "ec2.amazonaws.com"),)),
        Call("iam:PassRole", role("administrator"), context=to_lambda),
        *(Call(f"iam:{verb}", boundary) for verb in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy")),
        *(Call(f"iam:{verb}", user) for verb in ("CreateUser", "CreateAccessKey", "PutUserPolicy")),
        Call("iam:PutRolePolicy", role(f"account/Execution-{STAGE}"), context=within),
        Call("iam:UpdateAssumeRolePolicy", role(f"account/Deploy-{STAGE}"), context=within),
        Call("iam:PassRole", role(f"account/Execution-{STAGE}"), context=to_lambda),
        Call("sts:AssumeRole", own),
    ]

    assert granted(policies(made["ExecutionRole"]), calls) == []


def test_what_the_account_has_is_not_among_what_a_stack_s_name_begins(made: dict[str, Any]) -> None:
    assert {made[name]["Path"] for name in ("DeployRole", "ExecutionRole", "Boundary")} == {"/account/"}


def test_cloudformation_reads_no_data(made: dict[str, Any]) -> None:
    table = f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table/{STACK}-Table-1"
    calls = [
        *(Call(f"dynamodb:{verb}", table) for verb in ("GetItem", "Query", "Scan", "DeleteItem", "PutResourcePolicy")),
        *(Call(f"s3:{verb}", f"arn:{PARTITION}:s3:::{STACK}-files-1/file") for verb in ("GetObject", "DeleteObject")),
        Call("s3:GetObject", f"{ARTIFACTS}/{ANOTHER}/code"),
        Call("s3:PutObject", f"{ARTIFACTS}/{STACK}/code"),
    ]

    assert granted(policies(made["ExecutionRole"]), calls) == []


def test_a_type_that_is_new_to_the_template_asks_for_its_permissions() -> None:
    with pytest.raises(UnknownTypeError, match=r"^Does account\.yaml let CloudFormation make AWS::Events::Rule\?"):
        calls_for(Resource("AWS::Events::Rule", "rule", is_kept=False), STACK)


def test_each_call_that_is_left_out_is_one_that_a_type_names(stacked: dict[str, Resource]) -> None:
    assert unused_reasons({resource.type for resource in stacked.values()} | {"AWS::S3::Bucket"}) == []


def test_what_comes_with_files_and_checks_is_allowed(made: dict[str, Any]) -> None:
    resources = [
        Resource("AWS::S3::Bucket", f"{STACK}-files-1", is_kept=True),
        Resource("AWS::S3::BucketPolicy", "", is_kept=False),
        Resource("AWS::SQS::QueuePolicy", "", is_kept=False),
        Resource("AWS::Scheduler::Schedule", f"{STACK}-check-1", is_kept=False),
        Resource("AWS::CloudWatch::CompositeAlarm", f"{STACK}-burn-1", is_kept=False),
        Resource("AWS::SSM::Parameter", f"{STACK}/parameter", is_kept=False),
    ]

    needed = {call for resource in resources for call in calls_for(resource, STACK)}
    assert refused(policies(made["ExecutionRole"]), needed) == []


# GitHub's role --------------------------------------------------------------------------------------------------------


def test_only_the_repository_s_environment_of_that_name_deploys_a_stage(made: dict[str, Any]) -> None:
    assert made["DeployRole"]["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                    "token.actions.githubusercontent.com:sub": f"repo:owner@1/name@2:environment:{STAGE}",
                }
            },
        }
    ]


def test_only_cloudformation_takes_its_role(made: dict[str, Any]) -> None:
    [statement] = made["ExecutionRole"]["AssumeRolePolicyDocument"]["Statement"]

    assert (statement["Principal"], statement["Action"]) == (
        {"Service": "cloudformation.amazonaws.com"},
        "sts:AssumeRole",
    )


def deploying(stack: str) -> list[Call]:
    """Return the calls of `make deploy`: those of sam 1.170 (samcli/lib/deploy and lib/package), and our own."""
    found = f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/1"
    execution = role(f"account/Execution-{stack.removeprefix('conversations-')}")
    return [
        Call("cloudformation:CreateChangeSet", found, context=(("cloudformation:RoleArn", execution),)),
        *(
            Call(f"cloudformation:{verb}", found)
            for verb in (
                *("DescribeStacks", "DescribeChangeSet", "ExecuteChangeSet", "DescribeStackEvents"),
                *("GetTemplateSummary", "DeleteChangeSet", "ListStackResources", "GetStackPolicy", "SetStackPolicy"),
                "UpdateTerminationProtection",
            )
        ),
        Call("iam:PassRole", execution, context=(("iam:PassedToService", "cloudformation.amazonaws.com"),)),
        Call("s3:PutObject", f"{ARTIFACTS}/{stack}/code"),
        Call("s3:GetObject", f"{ARTIFACTS}/{stack}/code"),
        Call("lambda:GetAlias", f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{stack}-ConversationsFunction-1"),
    ]


def test_github_may_deploy_a_stage(made: dict[str, Any]) -> None:
    assert refused(policies(made["DeployRole"]), deploying(STACK)) == []
    # Not known to the simulator.
    assert {
        "Sid": "ExpandSam",
        "Effect": "Allow",
        "Action": "cloudformation:CreateChangeSet",
        "Resource": f"arn:{PARTITION}:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31",
    } in policies(made["DeployRole"])[0]["Statement"]


def test_github_may_not_deploy_another(made: dict[str, Any]) -> None:
    calls = deploying(ANOTHER)

    assert granted(policies(made["DeployRole"]), calls) == []


def test_github_changes_the_stack_by_cloudformation_s_role_and_deletes_none(
    made: dict[str, Any],
) -> None:
    found = f"arn:{PARTITION}:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1"
    execution, administrator = role(f"account/Execution-{STAGE}"), role("administrator")
    by_cloudformation = (("iam:PassedToService", "cloudformation.amazonaws.com"),)
    calls = [
        Call("cloudformation:CreateChangeSet", found),
        Call("cloudformation:CreateChangeSet", found, context=(("cloudformation:RoleArn", administrator),)),
        *(Call(f"cloudformation:{verb}", found) for verb in ("DeleteStack", "UpdateStack", "CreateStack")),
        Call("iam:PassRole", administrator, context=by_cloudformation),
        Call("iam:PassRole", execution, context=(("iam:PassedToService", "lambda.amazonaws.com"),)),
        Call("sts:AssumeRole", execution),
        Call("lambda:UpdateFunctionCode", f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{STACK}-Function-1"),
        Call("dynamodb:Scan", f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table/{STACK}-Table-1"),
        Call("iam:CreatePolicyVersion", BOUNDARY + STAGE),
    ]

    assert granted(policies(made["DeployRole"]), calls) == []


# The boundary ---------------------------------------------------------------------------------------------------------


def test_every_role_of_the_stack_takes_the_boundary(expanded: dict[str, Any]) -> None:
    def boundaries(value: str) -> set[str]:
        resources = resolve(expanded, {"Stage": STAGE, "PermissionsBoundary": value})["Resources"].values()
        roles = [body["Properties"] for body in resources if body["Type"] == "AWS::IAM::Role"]
        return {properties.get("PermissionsBoundary", "") for properties in roles}

    assert boundaries("arn") == {"arn"}
    assert boundaries("") == {""}


def test_the_boundary_allows_all_that_the_stack_s_roles_may_do(
    made: dict[str, Any], template: dict[str, Any], stacked: dict[str, Resource]
) -> None:
    roles = [name for name, resource in stacked.items() if resource.type == "AWS::IAM::Role"]
    documents = as_deployed(
        [document for name in roles for document in iam.policies(template["Resources"], name)], stacked, STACK
    )
    calls = {
        Call(action, (arn if arn == "*" else arn.replace("*", "1")) + (":log-stream:1" if "logs:" in action else ""))
        for document in documents
        for statement in document["Statement"]
        for action in as_list(statement["Action"])
        for arn in as_list(statement["Resource"])
    } | {
        # What AWSCodeDeployRoleForLambdaLimited lets CodeDeploy do for a Lambda function.
        Call("cloudwatch:DescribeAlarms", stacked["DefectsAlarm"].arn),
        Call("lambda:InvokeFunction", f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:CodeDeployHook_{STACK}"),
        *(Call(f"lambda:{verb}", stacked["ConversationsFunction"].arn) for verb in ("UpdateAlias", "GetAlias")),
    }
    asked = sorted(calls, key=str)

    assert len(asked) > 30
    answers = allowed([ANYTHING], asked, made["Boundary"]["PolicyDocument"])
    assert [call for call, answer in zip(asked, answers, strict=True) if not answer] == []


def test_the_boundary_keeps_a_role_from_more(made: dict[str, Any]) -> None:
    table = f"arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT}:table"
    function = f"arn:{PARTITION}:lambda:{REGION}:{ACCOUNT}:function:{STACK}-Function-1"
    calls = [
        *(Call(f"dynamodb:{verb}", f"{table}/{STACK}-Table-1") for verb in ("DeleteTable", "UpdateTable", "Scan")),
        Call("dynamodb:GetItem", f"{table}/{ANOTHER}-Table-1"),
        *(Call(f"lambda:{verb}", function) for verb in ("UpdateFunctionCode", "AddPermission")),
        Call("s3:GetObject", f"{ARTIFACTS}/{STACK}/code"),
        Call("iam:CreateUser", f"arn:{PARTITION}:iam::{ACCOUNT}:user/somebody"),
        Call("iam:PassRole", role(f"{STACK}-Role-1"), context=(("iam:PassedToService", "lambda.amazonaws.com"),)),
        Call("iam:CreatePolicyVersion", BOUNDARY + STAGE),
        Call("sts:AssumeRole", role("administrator")),
    ]

    assert allowed([ANYTHING], calls) == [True] * len(calls)
    assert allowed([ANYTHING], calls, made["Boundary"]["PolicyDocument"]) == [False] * len(calls)


# Both, and what else is there -----------------------------------------------------------------------------------------


def test_policies_are_no_longer_than_iam_takes(made: dict[str, Any]) -> None:
    """IAM and STS quotas, in characters without white space, with room for a longer partition and Region."""

    def length(document: dict[str, Any]) -> int:
        return len(json.dumps(document, separators=(",", ":")))

    assert length(made["Boundary"]["PolicyDocument"]) < 6144 * 0.8
    for name in ("DeployRole", "ExecutionRole"):
        assert sum(map(length, policies(made[name]))) < 10240 * 0.8


def test_codedeploy_s_policy_is_the_only_one_that_is_attached(template: dict[str, Any]) -> None:
    attached = [
        arn
        for body in template["Resources"].values()
        if body["Type"] == "AWS::IAM::Role"
        for arn in body["Properties"].get("ManagedPolicyArns", [])
    ]

    assert attached == [RELEASES]


def test_artifacts_are_private_and_what_is_current_stays(made: dict[str, Any]) -> None:
    bucket, [statement] = made["Artifacts"], made["ArtifactsPolicy"]["PolicyDocument"]["Statement"]
    [rule] = bucket["LifecycleConfiguration"]["Rules"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert not {"Expiration", "ExpirationInDays", "ExpirationDate"} & rule.keys()
    assert (statement["Effect"], statement["Principal"], statement["Condition"]) == (
        *("Deny", "*"),
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
