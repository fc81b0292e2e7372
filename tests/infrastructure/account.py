"""What account.yaml makes for a stage, and the calls that CloudFormation makes for the resources of template.yaml.

The calls of a type are those that its own schema names for its handlers (CloudFormation's registry; cfn-lint carries
it), so a type that template.yaml gets is asked for at once, and a new version of cfn-lint brings what has changed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.template import PARTITION, REGION, resolve
from tests.iam import ACCOUNT, Call, resource_types

BOUNDARY = f"arn:{PARTITION}:iam::{ACCOUNT}:policy/account/boundary-"
PROVIDER = f"arn:{PARTITION}:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
ARTIFACTS = f"arn:{PARTITION}:s3:::artifacts"
RELEASES = f"arn:{PARTITION}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"
_GATEWAYS_ROLE = "aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"

_HERE = f"{REGION}:{ACCOUNT}"
#: By type: what IAM calls such a resource, and its ARN, of its name.
_ARNS = {
    "AWS::CloudWatch::Alarm": ("cloudwatch:alarm", f"cloudwatch:{_HERE}:alarm:NAME"),
    "AWS::CloudWatch::CompositeAlarm": ("cloudwatch:alarm", f"cloudwatch:{_HERE}:alarm:NAME"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:dashboard", f"cloudwatch::{ACCOUNT}:dashboard/NAME"),
    "AWS::CodeDeploy::Application": ("codedeploy:application", f"codedeploy:{_HERE}:application:NAME"),
    "AWS::CodeDeploy::DeploymentGroup": ("codedeploy:deploymentgroup", f"codedeploy:{_HERE}:deploymentgroup:NAME/NAME"),
    "AWS::DynamoDB::Table": ("dynamodb:table", f"dynamodb:{_HERE}:table/NAME"),
    "AWS::IAM::Role": ("iam:role", f"iam::{ACCOUNT}:role/NAME"),
    "AWS::Lambda::Function": ("lambda:function", f"lambda:{_HERE}:function:NAME"),
    "AWS::Lambda::LayerVersion": ("lambda:layerVersion", f"lambda:{_HERE}:layer:NAME:1"),
    "AWS::Logs::LogGroup": ("logs:log-group", f"logs:{_HERE}:log-group:NAME"),
    "AWS::S3::Bucket": ("s3:bucket", "s3:::NAME"),
    "AWS::SNS::Topic": ("sns:topic", f"sns:{_HERE}:NAME"),
    "AWS::SQS::Queue": ("sqs:queue", f"sqs:{_HERE}:NAME"),
    "AWS::Scheduler::Schedule": ("scheduler:schedule", f"scheduler:{_HERE}:schedule/default/NAME"),
    "AWS::SSM::Parameter": ("ssm:parameter", f"ssm:{_HERE}:parameter/NAME"),
}
#: Types that have no name, but belong to one of the others.
_BELONGING = {
    *("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::DomainName"),
    *("AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse"),
    *("AWS::ApiGatewayV2::Stage", "AWS::IAM::RolePolicy", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig"),
    *("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::Logs::MetricFilter"),
    *("AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SQS::QueuePolicy"),
}
_NAMES = (
    *("AlarmName", "BucketName", "DashboardName", "FunctionName", "LayerName", "LogGroupName", "Name", "QueueName"),
    *("RoleName", "TableName", "TopicName"),
)

#: Calls that a type's schema names for what template.yaml does not ask of it (type and call), and why.
_NOT_MADE = {
    "* kms:*": "keys are AWS's own, whose policies let in whoever may use the service",
    "* ec2:*": "no network of our own",
    "* elasticfilesystem:*": "no file system",
    "* s3files:*": "no file system",
    "* firehose:*": "no stream of Firehose",
    "* s3tables:*": "no table of metadata",
    "* lambda:*CodeSigningConfig": "code is not signed",
    "* lambda:PassCapacityProvider": "Lambda's own capacity",
    "AWS::DynamoDB::Table kinesis:*": "no stream of Kinesis",
    "AWS::DynamoDB::Table dynamodb:*ableKinesisStreamingDestination": "no stream of Kinesis",
    "AWS::DynamoDB::Table dynamodb:UpdateKinesisStreamingDestination": "no stream of Kinesis",
    "AWS::DynamoDB::Table dynamodb:*Import*": "nothing is imported",
    "AWS::DynamoDB::Table logs:*": "nothing is imported",
    "AWS::DynamoDB::Table s3:*": "nothing is imported",
    "AWS::DynamoDB::Table dynamodb:*TableReplica": "no replicas",
    "AWS::DynamoDB::Table dynamodb:*Item": "no replicas",
    "AWS::DynamoDB::Table dynamodb:Query": "no replicas",
    "AWS::DynamoDB::Table dynamodb:Scan": "no replicas",
    "AWS::DynamoDB::Table iam:*": "no replicas",
    "AWS::DynamoDB::Table dynamodb:PutResourcePolicy": "no policy on the table",
    "AWS::DynamoDB::Table dynamodb:DeleteResourcePolicy": "no policy on the table",
    "AWS::ApiGatewayV2::* s3:*": "no body and no trust store in a bucket",
    "AWS::ApiGatewayV2::* iam:PassRole": "functions are called by their own permissions",
    "AWS::CodeDeploy::* codedeploy:RegisterOnPremisesInstance": "no machines",
    "AWS::IAM::Role iam:DeleteRolePermissionsBoundary": "a boundary stays",
    "AWS::Lambda::* lambda:*ProvisionedConcurrency*": "none is provisioned",
    "AWS::Logs::LogGroup logs:PutIndexPolicy": "no index",
    "AWS::Logs::LogGroup logs:DeleteIndexPolicy": "no index",
    "AWS::Logs::LogGroup logs:*eteResourcePolicy": "no policy on the group",
    "AWS::SNS::* iam:*": "no log of deliveries",
    "AWS::S3::* s3:*Object": "what is in a bucket is not CloudFormation's",
    "AWS::S3::* s3:*ObjectAcl": "no access lists",
    "AWS::S3::* s3:*MetadataTableConfiguration": "no table of metadata",
    "AWS::S3::* s3:*MetadataAnnotationTableConfiguration": "no table of metadata",
    "AWS::S3::* s3:*MetadataInventoryTableConfiguration": "no table of metadata",
    "AWS::S3::* s3:*MetadataJournalTableConfiguration": "no table of metadata",
    "AWS::S3::* iam:PassRole": "no replication",
}

#: Calls that are made by others in the name of whoever changes such a resource.
_ALSO = {
    # API Gateway Developer Guide, "Configure logging for HTTP APIs".
    "AWS::ApiGatewayV2::Stage": [
        *("logs:CreateLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery"),
        *(
            "logs:ListLogDeliveries",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:PutResourcePolicy",
        ),
    ],
    # API Gateway Developer Guide, "Using service-linked roles for API Gateway".
    "AWS::ApiGatewayV2::Api": ["iam:CreateServiceLinkedRole"],
}


class UnknownTypeError(Exception):
    """account.yaml was not compared with a type of template.yaml; the text tells where to say more."""


@dataclass(frozen=True)
class Resource:
    """A resource of a deployed stack: its type, its name, and whether CloudFormation is to keep it."""

    type: str
    name: str
    is_kept: bool

    @property
    def arn(self) -> str:
        return _arn(self.type, self.name)


def account(stage: str) -> dict[str, dict[str, Any]]:
    """Return the properties of what account.yaml makes, by logical id, as deployed.

    The logical ids are without the stage.
    """
    document = yaml_parse((ROOT / "account.yaml").read_text())
    resources = document["Resources"]
    [_, _, body] = resources.pop("Fn::ForEach::EachStage")
    # What AWS::LanguageExtensions makes of it. Names without variables are plain names then.
    text = re.sub(r'\{"Fn::Sub": "([^"$]*)"\}', r'"\1"', json.dumps(body).replace("${Stage}", stage))
    resources |= {name.removesuffix(stage): entry for name, entry in json.loads(text).items()}
    values = {
        "SubjectPrefix": "repo:owner@1/name@2",
        "BudgetEmail": "on-call@example.com",
        "Provider": PROVIDER,
        f"Boundary{stage}": BOUNDARY + stage,
        "Artifacts": "artifacts",
        "Artifacts.Arn": ARTIFACTS,
        "AWS::AccountId": ACCOUNT,
        "AWS::Region": REGION,
    }
    arns = {f"{name}Role{stage}": _arn("AWS::IAM::Role", f"account/{name}-{stage}") for name in ("Deploy", "Execution")}
    found = resolve(document | {"Outputs": {}}, values)["Resources"]
    return {name: _attributes(entry.get("Properties", {}), arns) for name, entry in found.items()}


def policies(role: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the documents of a role's policies."""
    return [policy["PolicyDocument"] for policy in role["Policies"]]


def stack_resources(template: dict[str, Any], stack: str) -> dict[str, Resource]:
    """Return what a resolved template makes as a stack of that name, by logical id."""
    return {
        logical: Resource(body["Type"], _name(logical, body, stack), body.get("DeletionPolicy") == "Retain")
        for logical, body in template["Resources"].items()
    }


def as_deployed(value: Any, resources: Mapping[str, Resource], stack: str) -> Any:
    """Return a part of a resolved template with the names and ARNs of its deployed stack."""
    values = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::StackName": stack}
    named = {logical: resource.name for logical, resource in resources.items()}
    arns = {logical: resource.arn for logical, resource in resources.items() if resource.type in _ARNS}
    # The Ref of a topic is its ARN.
    named |= {logical: arn for logical, arn in arns.items() if resources[logical].type == "AWS::SNS::Topic"}
    values |= named | {f"{logical}.Arn": arn for logical, arn in arns.items()}
    return _attributes(resolve({"Resources": {"value": {"value": value}}}, values)["Resources"]["value"]["value"], arns)


def calls_for(resource: Resource, stack: str) -> set[Call]:
    """Return what CloudFormation calls to create, update, read and, unless it is kept, delete a resource.

    Raises UnknownTypeError where this is not known of its type.
    """
    if resource.type not in {*_ARNS, *_BELONGING}:
        raise UnknownTypeError(
            f"Does account.yaml let CloudFormation make {resource.type}? Give its ARN to _ARNS in {__name__}, or name "
            "it in _BELONGING if it has none of its own."
        )
    found = set()
    for action in _actions(resource.type, with_deletion=not resource.is_kept):
        kinds = _kinds_of(action)
        arns = _others(stack)
        if resource.type in _ARNS:
            arns[_ARNS[resource.type][0]] = resource.arn
        asked = [arns[kind] for kind in kinds if kind in arns] if kinds else ["*"]
        if not asked:
            raise UnknownTypeError(
                f"{resource.type} calls {action} on {', '.join(kinds)}. Is that so in template.yaml? Then give the ARN "
                f"to _others in {__name__}, else the reason to _NOT_MADE."
            )
        if action == "iam:CreateServiceLinkedRole":
            asked = [_arn("AWS::IAM::Role", _GATEWAYS_ROLE)]
        found |= {Call(action, arn, context=_context(resource, action, stack)) for arn in asked}
    return found


def deletions(resource: Resource) -> set[Call]:
    """Return the calls that delete a resource; there are none for one that has no name of its own."""
    if resource.type not in _ARNS:
        return set()
    deleting = {
        action for action in _handlers(resource.type)["delete"] if action.partition(":")[2].startswith("Delete")
    }
    return {Call(action, resource.arn) for action in deleting}


def unused_reasons(types: set[str]) -> list[str]:
    """Return what `_NOT_MADE` explains though no schema of these types names it."""
    named = {f"{type_} {action}" for type_ in types for actions in _handlers(type_).values() for action in actions}
    return [pattern for pattern in _NOT_MADE if not any(fnmatchcase(one, pattern) for one in named)]


@cache
def _handlers(type_: str) -> dict[str, list[str]]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_).schema
    return {name: body["permissions"] for name, body in schema["handlers"].items() if name != "list"}


def _actions(type_: str, *, with_deletion: bool) -> Iterator[str]:
    for name, actions in _handlers(type_).items():
        if name == "delete" and not with_deletion:
            continue
        for action in (*actions, *_ALSO.get(type_, [])):
            if not any(fnmatchcase(f"{type_} {action}", pattern) for pattern in _NOT_MADE) and (
                action not in _not_existing()
            ):
                yield action


@cache
def _kinds() -> dict[str, list[str] | None]:
    types = {*_ARNS, *_BELONGING}
    named = {action for type_ in types for actions in _handlers(type_).values() for action in actions}
    return resource_types(sorted(named | {action for actions in _ALSO.values() for action in actions}))


def _not_existing() -> set[str]:
    """Return the actions that schemas name though IAM has none of that name."""
    return {action for action, kinds in _kinds().items() if kinds is None}


def _kinds_of(action: str) -> list[str]:
    return _kinds()[action] or []


def _others(stack: str) -> dict[str, str]:
    """Return what a stack has of each kind, and what it uses of others'."""
    function = _arn("AWS::Lambda::Function", f"{stack}-Function-1")
    gateway = f"arn:{PARTITION}:apigateway:{REGION}::"
    own = {kind: f"arn:{PARTITION}:{arn.replace('NAME', f'{stack}-Another-1')}" for kind, arn in _ARNS.values()}
    return own | {
        "apigateway:DomainName": f"{gateway}/domainnames/api.example.com",
        "apigateway:DomainNames": f"{gateway}/domainnames",
        "apigateway:RestApi": f"{gateway}/apis/a1b2c3",
        "apigateway:RestApis": f"{gateway}/apis",
        "apigateway:Resource": f"{gateway}/apis/a1b2c3/resources/1",
        "apigateway:Resources": f"{gateway}/apis/a1b2c3/resources",
        "apigateway:Tags": f"{gateway}/tags/arn",
        "cloudwatch:dashboard": _arn("AWS::CloudWatch::Dashboard", stack),
        "codedeploy:deploymentconfig": (
            f"arn:{PARTITION}:codedeploy:{_HERE}:deploymentconfig:CodeDeployDefault.LambdaAllAtOnce"
        ),
        "lambda:alias": f"{function}:live",
        "lambda:function alias": f"{function}:live",
        "lambda:function version": f"{function}:1",
        "lambda:eventSourceMapping": f"arn:{PARTITION}:lambda:{_HERE}:event-source-mapping:1",
        "lambda:layer": f"arn:{PARTITION}:lambda:{_HERE}:layer:{stack}-dependencies",
        "logs:log-group": _arn("AWS::Logs::LogGroup", f"/aws/lambda/{stack}-another"),
        "s3:object": f"{ARTIFACTS}/{stack}/code",
        "ssm:parameter": _arn("AWS::SSM::Parameter", f"{stack}/another"),
    }


def _context(resource: Resource, action: str, stack: str) -> tuple[tuple[str, str], ...]:
    service = resource.type.split("::")[1].lower()
    match action:
        case "iam:CreateRole" | "iam:PutRolePermissionsBoundary" | "iam:PutRolePolicy":
            return (("iam:PermissionsBoundary", BOUNDARY + stack.removeprefix("conversations-")),)
        case "iam:AttachRolePolicy" | "iam:DetachRolePolicy":
            return (("iam:PolicyARN", RELEASES),)
        case "iam:PassRole":
            return (("iam:PassedToService", f"{service}.amazonaws.com"),)
        case "iam:CreateServiceLinkedRole":
            return (("iam:AWSServiceName", "ops.apigateway.amazonaws.com"),)
    if action.endswith("EventSourceMapping"):
        return (("lambda:FunctionArn", _arn("AWS::Lambda::Function", f"{stack}-Function-1")),)
    return ()


def _arn(type_: str, name: str) -> str:
    return f"arn:{PARTITION}:{_ARNS[type_][1].replace('NAME', name)}"


def _name(logical: str, body: dict[str, Any], stack: str) -> str:
    properties = body.get("Properties", {})
    given = next((properties[name] for name in _NAMES if isinstance(properties.get(name), str | dict)), None)
    if given is None:
        # The stack's name comes first in what CloudFormation makes up.
        name = f"{stack}-{logical}-1A2B3C4D"
        return name.lower() if body["Type"] == "AWS::S3::Bucket" else name
    text = given if isinstance(given, str) else given.get("Fn::Sub") or f"${{{given.get('Ref')}}}"
    return text.replace("${AWS::StackName}", stack)


def _attributes(value: Any, arns: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_attributes(entry, arns) for entry in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("Fn::GetAtt", [str(name), attribute])] if name in arns:
            return arns[name] + {"Arn": "", "StreamArn": "/stream/2026"}[attribute]
    return {key: _attributes(entry, arns) for key, entry in value.items()}
