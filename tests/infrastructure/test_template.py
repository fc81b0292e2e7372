"""What the template deploys in each stage, as CloudFormation gets it."""

import json
import re
import tomllib
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

import pytest
from api.routes import all_routes
from support.dynamodb.table import INBOX, TIMELINE, VISITOR
from support.values.timeline_item import INDEXED, TimelineItem

from local import ROOT
from local.stages import stages
from local.template import TEMPLATE, resolve
from tests.infrastructure.conftest import OPTIONS


@pytest.fixture
def function(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["ConversationsFunction"]
    return found


# The HTTP API ---------------------------------------------------------------------------------------------------------


def test_the_routes_are_the_code_s_and_outside_prod_their_description(resources: dict[str, Any], stage: str) -> None:
    docs = set() if stage == "prod" else {("get", "/v1/docs"), ("get", "/v1/openapi.json")}

    paths = resources["HttpApi"]["Body"]["paths"]
    routes = {(method, path) for path, methods in paths.items() for method in methods}
    file = ("get", "/v1/files/{websiteId}/{mode}/{conversationId}/{fileId}")
    assert routes == {(route.method.lower(), route.path) for route in all_routes()} | docs | {file}
    assert [name for name in resources if "OpenApi" in name] == [] or stage != "prod"


def test_the_function_gets_payload_format_2_at_its_alias(resources: dict[str, Any]) -> None:
    integration = resources["HttpApi"]["Body"]["paths"]["/v1/conversations"]["post"]["x-amazon-apigateway-integration"]

    assert integration["payloadFormatVersion"] == "2.0"
    assert "${ConversationsFunctionAliaslive}" in integration["uri"]["Fn::Sub"]


def test_a_browser_on_any_site_may_ask_and_read_the_answer(resources: dict[str, Any]) -> None:
    cors = resources["HttpApi"]["Body"]["x-amazon-apigateway-cors"]

    assert set(cors["allowOrigins"]) == {"*"}
    assert set(cors["allowMethods"]) == {"OPTIONS", *(route.method for route in all_routes())}
    assert set(cors["allowHeaders"]) == {"*", "authorization"}
    assert set(cors["exposeHeaders"]) == {"idempotent-replayed", "retry-after", "ratelimit", "ratelimit-policy"}
    assert cors["maxAge"] == 24 * 60 * 60
    assert not cors.get("allowCredentials")


def test_files_are_private_over_tls_alone_and_kept_when_the_stack_goes(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["Files"]
    properties = bucket["Properties"]
    [refusal] = template["Resources"]["FilesBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", "s3:*")
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(refusal["Resource"]) == 2


def test_any_page_may_put_a_file_and_no_more(resources: dict[str, Any]) -> None:
    [rule] = resources["Files"]["CorsConfiguration"]["CorsRules"]

    assert (rule["AllowedOrigins"], rule["AllowedMethods"], rule["AllowedHeaders"]) == (
        ["*"],
        ["PUT"],
        ["content-type"],
    )


def test_uploads_are_told_of_and_gone_after_a_day_and_nothing_else_is(resources: dict[str, Any]) -> None:
    properties = resources["Files"]
    [told] = properties["NotificationConfiguration"]["QueueConfigurations"]
    rules = properties["LifecycleConfiguration"]["Rules"]

    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "uploads/"}]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {"uploads/": 1}


def test_a_message_about_a_file_is_tried_five_times_and_kept(resources: dict[str, Any]) -> None:
    queue = resources["FilesQueue"]
    mapping = resources["FilesFunctionQueue"]

    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["VisibilityTimeout"] == 6 * 25  # the longest timeout
    # Without it, one that fails would bring back those that were handled.
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_gateway_throttles(resources: dict[str, Any]) -> None:
    settings = resources["HttpApiApiGatewayDefaultStage"]["DefaultRouteSettings"]

    assert 0 < float(settings["ThrottlingRateLimit"]) < float(settings["ThrottlingBurstLimit"])


def test_an_access_log_line_joins_ours_and_names_nobody(resources: dict[str, Any]) -> None:
    settings = resources["HttpApiApiGatewayDefaultStage"]["AccessLogSettings"]
    line = json.loads(settings["Format"])

    assert settings["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
    assert line["requestId"] == "$context.requestId"
    assert not re.search("sourceIp|userAgent|identity|authorizer", settings["Format"])


def test_a_host_of_its_own_leads_to_the_api(everything: dict[str, Any]) -> None:
    mapping = everything["Resources"]["DomainMapping"]["Properties"]

    assert mapping["DomainName"] == {"Ref": "Domain"}
    assert mapping["ApiMappingKey"] == {"Fn::Select": [1, {"Fn::Split": ["/", "/support"]}]}


@pytest.mark.parametrize(("front", "host"), [({}, "api.example.com"), ({"FrontHost": "a.example"}, "a.example")])
def test_the_stack_s_address_is_the_one_that_clients_use(
    expanded: dict[str, Any], stage: str, front: dict[str, str], host: str
) -> None:
    parameters = stages()[stage] | {"DomainName": "api.example.com", "BasePath": "/support"} | front

    assert resolve(expanded, parameters)["Outputs"]["Url"]["Value"] == f"https://{host}/support/v1/conversations"


@pytest.mark.parametrize(
    ("parameters", "is_on"),
    [
        ({}, True),
        # DNS may not lead to the new host yet.
        ({"DomainName": "api.example.com"}, True),
        ({"DomainName": "api.example.com", "DefaultHost": "off"}, False),
    ],
)
def test_aws_s_own_host_answers_until_it_is_switched_off_by_name(
    expanded: dict[str, Any], stage: str, parameters: dict[str, str], is_on: bool
) -> None:
    api = resolve(expanded, stages()[stage] | parameters)["Resources"]["HttpApi"]["Properties"]

    [server] = api["Body"]["servers"]
    assert server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"] is not is_on


def test_aws_s_own_host_is_switched_off_only_where_there_is_another_one(expanded: dict[str, Any]) -> None:
    rule = expanded["Rules"]["SomeHostAnswers"]

    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "DefaultHost"}, "off"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]}


def test_it_stands_beside_another_api_under_a_host_that_is_there(expanded: dict[str, Any], stage: str) -> None:
    beside = {"DomainName": "api.example.com", "BasePath": "/support"}
    found = resolve(expanded, stages()[stage] | beside)["Resources"]

    assert "Domain" not in found
    assert found["DomainMapping"]["Properties"]["DomainName"] == "api.example.com"


# The WebSocket API ----------------------------------------------------------------------------------------------------


def test_the_socket_routes_are_one_function_s(resources: dict[str, Any], template: dict[str, Any]) -> None:
    kinds = {name: body["Type"] for name, body in template["Resources"].items()}
    routes = {resources[name]["RouteKey"]: name for name, kind in kinds.items() if kind.endswith("V2::Route")}
    responding = {resources[name]["RouteId"]["Ref"] for name, kind in kinds.items() if kind.endswith("RouteResponse")}

    assert routes.keys() == {"$connect", "$disconnect", "$default", "conversationTyping"}
    assert resources["SocketApi"]["RouteSelectionExpression"] == "$request.body.type"
    assert {str(resources[name]["Target"]) for name in routes.values()} == {
        "{'Fn::Sub': 'integrations/${SocketIntegration}'}"
    }
    assert "${SocketsFunctionAliaslive}" in resources["SocketIntegration"]["IntegrationUri"]["Fn::Sub"]
    # Whose responses are sent to the client.
    assert responding == {routes["$default"], routes["conversationTyping"]}
    assert all(resources[name]["RouteResponseSelectionExpression"] == "$default" for name in responding)


def test_sockets_are_at_ws_and_throttled(resources: dict[str, Any]) -> None:
    stage = resources["SocketStage"]

    assert (stage["StageName"], stage["AutoDeploy"]) == ("ws", True)
    settings = stage["DefaultRouteSettings"]
    assert 0 < float(settings["ThrottlingRateLimit"]) < float(settings["ThrottlingBurstLimit"])


def test_the_sockets_access_log_holds_no_address(resources: dict[str, Any]) -> None:
    settings = resources["SocketStage"]["AccessLogSettings"]
    line = json.loads(settings["Format"])

    assert settings["DestinationArn"] == {"Fn::GetAtt": ["SocketAccessLogGroup", "Arn"]}
    assert line["requestId"] == "$context.requestId"
    assert not re.search("sourceIp|userAgent|identity|authorizer|query|path|domain", settings["Format"], re.IGNORECASE)


def test_the_gateway_alone_calls_the_sockets_function(resources: dict[str, Any]) -> None:
    permission = resources["SocketsPermission"]

    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["FunctionName"] == {"Ref": "SocketsFunctionAliaslive"}
    assert "${SocketApi}/${SocketStage}/*" in permission["SourceArn"]["Fn::Sub"]


def test_a_welcome_that_comes_late_is_not_sent(resources: dict[str, Any]) -> None:
    config = resources["SocketsFunctionEventInvokeConfig"]

    # The function calls itself by this alias.
    assert (config["Qualifier"], config["MaximumEventAgeInSeconds"]) == ("live", 60)


def test_connections_are_neither_streamed_nor_recovered(resources: dict[str, Any]) -> None:
    table = resources["ConnectionsTable"]

    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert {"StreamSpecification", "PointInTimeRecoverySpecification"}.isdisjoint(table)


def test_the_stack_tells_where_clients_connect(template: dict[str, Any], everything: dict[str, Any]) -> None:
    assert everything["Outputs"]["SocketUrl"]["Value"] == {"Fn::Sub": "wss://front.example.com/${SocketStage}"}

    url = template["Outputs"]["SocketUrl"]["Value"]["Fn::Sub"]

    assert url.startswith("wss://${SocketApi}.execute-api.")
    assert url.endswith("/${SocketStage}")


# The front ------------------------------------------------------------------------------------------------------------

SERVING = {"ConversationsFunction", "SocketsFunction", "OpenApiFunction", "FilesFunction"}


def front_secrets(template: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what each function that has them is told of the secrets of the front."""
    functions = {
        name: body["Properties"]["Environment"]["Variables"]
        for name, body in template["Resources"].items()
        if body["Type"] == "AWS::Lambda::Function"
    }
    found = {
        name: {key: value for key, value in variables.items() if "FRONT" in key}
        for name, variables in functions.items()
    }
    return {name: variables for name, variables in found.items() if variables}


def test_the_functions_that_serve_requests_know_the_front_s_secrets_and_no_other_does(
    everything: dict[str, Any], stage: str
) -> None:
    one, another = (f"{{{{resolve:secretsmanager:{OPTIONS[name]}}}}}" for name in ("FrontSecret", "NextFrontSecret"))
    found = front_secrets(everything)

    # The check of a release comes through no front, and sends what the front would.
    assert found.pop("ReleaseCheckFunction", {"FRONT_SECRET": one}) == {"FRONT_SECRET": one}
    serving = SERVING - ({"OpenApiFunction"} if stage == "prod" else set())
    assert found == {name: {"FRONT_SECRET": one, "NEXT_FRONT_SECRET": another} for name in serving}


def test_without_a_front_nobody_has_to_come_through_it(template: dict[str, Any]) -> None:
    assert {value for variables in front_secrets(template).values() for value in variables.values()} == {""}


def test_the_front_s_secret_is_named_with_its_version(expanded: dict[str, Any]) -> None:
    for name in ("FrontSecret", "NextFrontSecret"):
        pattern = expanded["Parameters"][name]["AllowedPattern"]
        assert re.fullmatch(pattern, OPTIONS[name])
        assert re.fullmatch(pattern, f"arn:aws:secretsmanager:eu-central-1:123456789012:secret:{OPTIONS[name]}")
        assert re.fullmatch(pattern, "")
        for wrong in ("front", "front:SecretString:::", "front:SecretString::AWSCURRENT:", "the secret itself"):
            assert not re.fullmatch(pattern, wrong)


def test_a_release_that_does_not_know_the_front_is_taken_back(resources: dict[str, Any]) -> None:
    alarms = resources["ConversationsFunctionDeploymentGroup"]["AlarmConfiguration"]["Alarms"]

    assert {"Name": {"Ref": "FrontAlarm"}} in alarms
    # Of the tenth of the requests that a canary gets, it would refuse all.
    assert resources["FrontAlarm"]["Threshold"] < 10


# The functions --------------------------------------------------------------------------------------------------------


def test_the_function_gives_up_before_the_gateway_does(expanded: dict[str, Any], function: dict[str, Any]) -> None:
    assert int(function["Timeout"]) <= expanded["Parameters"]["TimeoutSeconds"]["MaxValue"] < 29


def test_functions_and_layers_are_of_one_processor(resources: dict[str, Any], function: dict[str, Any]) -> None:
    layers = [resources[layer["Ref"]] for layer in function["Layers"]]

    assert function["Architectures"] == ["arm64"]
    assert len(layers) == 2
    for layer in layers:
        # A layer of Python alone fits both.
        assert layer.get("CompatibleArchitectures", ["arm64"]) == ["arm64"]


def test_layers_bear_the_stack_s_name_and_go_with_it(template: dict[str, Any]) -> None:
    layers = [body for body in template["Resources"].values() if body["Type"] == "AWS::Lambda::LayerVersion"]

    names = {body["Properties"]["LayerName"]["Fn::Sub"] for body in layers}
    assert names == {"${AWS::StackName}-dependencies", "${AWS::StackName}-shared"}
    assert {body["DeletionPolicy"] for body in layers} == {"Delete"}


def test_every_variable_that_the_code_reads_is_set(resources: dict[str, Any]) -> None:
    # What is read with a default, as the demo keys of `make run` are, need not be set.
    reads = re.compile(r"""environ\[["'](\w+)["']\]""")
    shared = [*ROOT.glob("layers/shared/**/*.py")]
    for function in (body for body in resources.values() if "Handler" in body):
        package = function["Handler"].partition(".")[0]
        packages = [package, "check"] if package.endswith("_check") else [package]
        sources = [*shared, *(path for name in packages for path in ROOT.glob(f"functions/{name}/**/*.py"))]
        read = {name for source in sources for name in reads.findall(source.read_text())}
        # Lambda sets these itself.
        own = {name for name in read if name.startswith(("AWS_", "_"))}

        assert read - own <= function["Environment"]["Variables"].keys()
        assert "DOCS_FILLED_IN" not in function["Environment"]["Variables"]


def test_only_the_local_stage_names_an_endpoint_of_its_own(function: dict[str, Any], expanded: dict[str, Any]) -> None:
    local = resolve(expanded, {"Stage": "local"})["Resources"]["ConversationsFunction"]["Properties"]

    assert "AWS_ENDPOINT_URL_DYNAMODB" not in function["Environment"]["Variables"]
    assert "AWS_ENDPOINT_URL_DYNAMODB" in local["Environment"]["Variables"]


def test_a_snapshot_and_reserved_concurrency_are_had_by_asking(expanded: dict[str, Any], stage: str) -> None:
    def function(**parameters: str) -> dict[str, Any]:
        found = resolve(expanded, stages()[stage] | parameters)["Resources"]["ConversationsFunction"]["Properties"]
        return dict(found)

    assert function()["SnapStart"] == {"ApplyOn": "None"}
    assert "ReservedConcurrentExecutions" not in function()
    assert function(SnapStart="on")["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert function(ReservedConcurrency="50")["ReservedConcurrentExecutions"] == "50"


# The check ------------------------------------------------------------------------------------------------------------


def test_the_checks_have_the_runtime_s_boto3_and_the_hook_a_fitting_name(resources: dict[str, Any], stage: str) -> None:
    checks = {name: body for name, body in resources.items() if name.endswith("CheckFunction")}

    assert checks.keys() == (set() if stage == "dev" else {"ReleaseCheckFunction", "PublicCheckFunction"})
    assert [name for name, check in checks.items() if "Layers" in check] == []
    if checks:
        assert checks["ReleaseCheckFunction"]["FunctionName"]["Fn::Sub"].startswith("CodeDeployHook_")


def test_the_address_that_clients_use_is_checked_every_five_minutes_and_each_check_once(
    expanded: dict[str, Any], everything: dict[str, Any], stage: str
) -> None:
    found = resolve(expanded, stages()[stage])["Resources"]
    if stage == "dev":
        assert "PublicCheckFunctionSchedule" not in found
        return

    schedule = found["PublicCheckFunctionSchedule"]["Properties"]
    # Without a name, which other stages' would have, too.
    assert schedule == {
        "ScheduleExpression": "rate(5 minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": {"Fn::GetAtt": ["PublicCheckFunction", "Arn"]},
            "RoleArn": {"Fn::GetAtt": ["PublicCheckScheduleRole", "Arn"]},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
        },
    }
    assert found["PublicCheckFunctionEventInvokeConfig"]["Properties"]["MaximumRetryAttempts"] == 0
    for resources, url in (
        (found, "https://${HttpApi}."),
        (everything["Resources"], "https://front.example.com/support"),
    ):
        variables = resources["PublicCheckFunction"]["Properties"]["Environment"]["Variables"]
        shown, socket = (
            value if isinstance(value, str) else value["Fn::Sub"]
            for value in (variables["URL"], variables["SOCKET_URL"])
        )
        assert shown.startswith(url)
        assert socket.startswith("wss://${SocketApi}." if resources is found else "wss://front.example.com/")


def test_two_of_three_checks_that_fail_or_are_missing_are_an_alarm(resources: dict[str, Any], stage: str) -> None:
    if stage == "dev":
        assert "CheckAlarm" not in resources
        return

    alarm = resources["CheckAlarm"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["Period"]) == (3, 2, 300)
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Maximum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "PublicCheckFunction"}}]
    assert alarm["TreatMissingData"] == "breaching"


def test_what_the_checks_write_expires(expanded: dict[str, Any], template: dict[str, Any], stage: str) -> None:
    rule = expanded["Rules"]["ChecksExpire"]
    checked = "ReleaseCheckFunction" in template["Resources"]

    assert rule["RuleCondition"]["Fn::Contains"][1] == {"Ref": "Stage"}
    assert (stage in rule["RuleCondition"]["Fn::Contains"][0]) == checked
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "TestRetentionDays"}, "0"]}]}
    assert "TestRetentionDays" in assertion["AssertDescription"]


# Releases -------------------------------------------------------------------------------------------------------------


#: The functions whose versions get traffic by and by: docs/deploy.md says why the others do not.
RELEASED = ("ConversationsFunction", "SocketsFunction")


@pytest.mark.parametrize("name", RELEASED)
def test_a_release_comes_at_once_in_dev_and_by_and_by_elsewhere(
    template: dict[str, Any], stage: str, name: str
) -> None:
    group = template["Resources"][f"{name}DeploymentGroup"]["Properties"]
    update = template["Resources"][f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]

    if stage == "dev":
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
        assert "BeforeAllowTrafficHook" not in update
    else:
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert update["BeforeAllowTrafficHook"] == {"Ref": "ReleaseCheckFunction"}


def test_the_functions_with_an_alias_are_those_of_the_page_and_the_hook_checks_each(
    template: dict[str, Any], resources: dict[str, Any], stage: str
) -> None:
    aliases = [name for name, body in template["Resources"].items() if body["Type"] == "AWS::Lambda::Alias"]
    rows = re.findall(r"^\| `(\w+Function)` \| (yes|no) \|", (ROOT / "docs/deploy.md").read_text(), re.MULTILINE)

    assert sorted(aliases) == sorted(f"{name}Aliaslive" for name in RELEASED)
    assert [name for name, has_alias in rows if has_alias == "yes"] == list(RELEASED)
    every = re.findall(r"^  (\w+Function):\n    Type: AWS::Serverless", TEMPLATE.read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(every)
    if stage != "dev":
        variables = resources["ReleaseCheckFunction"]["Environment"]["Variables"].values()
        checked = {value.get("Ref") for value in variables if isinstance(value, dict)}
        assert checked >= {f"{name}Versionunreleased" for name in RELEASED}


def test_nothing_waits_for_itself(everything: dict[str, Any]) -> None:
    """cfn-lint does not look at what an alias waits for when it moves, its hook."""
    resources = everything["Resources"]

    def named(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(named, value))
        match value:
            case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
                return {name}
            case {"Fn::Sub": str(text)}:
                return set(re.findall(r"\$\{(\w+)", text))
            case dict():
                return set().union(*map(named, value.values()))
        return set()

    waits = {name: named(body) & resources.keys() for name, body in resources.items()}
    for name, body in resources.items():
        after = body.get("DependsOn", [])
        waits[name] |= {after} if isinstance(after, str) else set(after)
    assert len(list(TopologicalSorter(waits).static_order())) == len(resources)


@pytest.mark.parametrize("name", RELEASED)
def test_an_alarm_takes_a_release_back(template: dict[str, Any], name: str) -> None:
    group = template["Resources"][f"{name}DeploymentGroup"]["Properties"]

    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["AlarmConfiguration"]["Alarms"]
    for alarm in group["AlarmConfiguration"]["Alarms"]:
        resource = template["Resources"][alarm["Name"]["Ref"]]
        body = resource["Properties"]
        # CodeDeploy looks at alarms of a metric alone (User Guide, "Monitoring deployments with CloudWatch alarms").
        assert resource["Type"] == "AWS::CloudWatch::Alarm"
        period = body.get("Period") or body["Metrics"][1]["MetricStat"]["Period"]
        # The canary's five minutes are enough for it.
        assert period * body.get("DatapointsToAlarm", body["EvaluationPeriods"]) <= 5 * 60


@pytest.mark.parametrize("name", RELEASED)
def test_a_release_that_is_to_end_an_alarm_is_not_stopped_by_it(
    expanded: dict[str, Any], stage: str, name: str
) -> None:
    found = resolve(expanded, stages()[stage] | {"ReleaseAlarms": "off"})["Resources"]

    assert found[f"{name}DeploymentGroup"]["Properties"]["AlarmConfiguration"] == {}


@pytest.mark.parametrize("name", RELEASED)
def test_a_release_that_fails_tells_somebody(resources: dict[str, Any], name: str) -> None:
    [trigger] = resources[f"{name}DeploymentGroup"]["TriggerConfigurations"]
    [policy] = resources["ReleaseRole"]["Policies"]

    assert trigger["TriggerEvents"] == ["DeploymentFailure", "DeploymentRollback"]
    assert trigger["TriggerTargetArn"] == {"Ref": "AlarmTopic"}
    assert policy["PolicyDocument"]["Statement"] == [
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": "AlarmTopic"}}
    ]


# The table ------------------------------------------------------------------------------------------------------------


def test_the_table_has_the_two_keys_and_the_time_to_live(resources: dict[str, Any]) -> None:
    table = resources["Table"]

    assert {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]} == {"HASH": "PK", "RANGE": "SK"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_table_outlives_its_stack_and_can_be_taken_back_in_time(template: dict[str, Any], stage: str) -> None:
    table = template["Resources"]["Table"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["DeletionProtectionEnabled"] is (stage != "dev")


def test_a_first_deployment_that_fails_can_be_rolled_back(everything: dict[str, Any]) -> None:
    """With every other policy, CloudFormation would have to delete what is protected against just that."""
    protected = [
        body for body in everything["Resources"].values() if body.get("Properties", {}).get("DeletionProtectionEnabled")
    ]

    assert {body["DeletionPolicy"] for body in protected} <= {"Retain"}


def test_the_table_s_cost_has_a_bound(resources: dict[str, Any], expanded: dict[str, Any]) -> None:
    unbound = resolve(expanded, {"Stage": "prod"})["Resources"]["Table"]["Properties"]

    for bound in (resources["Table"], *resources["Table"]["GlobalSecondaryIndexes"]):
        assert set(bound["OnDemandThroughput"]) == {"MaxReadRequestUnits", "MaxWriteRequestUnits"}
    assert "OnDemandThroughput" not in str(unbound)


def test_the_indexes_have_the_keys_that_the_code_asks_for(resources: dict[str, Any]) -> None:
    table = resources["Table"]
    local, others = table["LocalSecondaryIndexes"], table["GlobalSecondaryIndexes"]

    keys = {index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]] for index in (*local, *others)}
    assert keys == {index.name: [index.pk, index.sk] for index in (TIMELINE, VISITOR, INBOX)}
    # A global index can't be read consistently.
    assert [index["IndexName"] for index in others] == [i.name for i in (VISITOR, INBOX) if not i.is_consistent]
    assert TIMELINE.is_consistent


def test_an_index_has_what_is_read_of_it(resources: dict[str, Any]) -> None:
    table = resources["Table"]
    projected = {
        index["IndexName"]: index["Projection"]
        for index in (*table["LocalSecondaryIndexes"], *table["GlobalSecondaryIndexes"])
    }

    assert projected == {
        "timeline": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INDEXED)},
        "visitor": {"ProjectionType": "KEYS_ONLY"},
        "inbox": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["ttl"]},
    }


def test_the_stream_is_on_with_both_images_with_every_option_and_without(
    resources: dict[str, Any], everything: dict[str, Any]
) -> None:
    for found in (resources, {name: body.get("Properties") for name, body in everything["Resources"].items()}):
        assert found["Table"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("text", ["small", "large" * 1000])
def test_a_page_lacks_nothing_of_an_item_but_large_content(text: str) -> None:
    """Its id and its author follow from what there is, and what it bears of its conversation is known."""
    whole = TimelineItem("i", "2026-01-31T12:00:00.000Z", 0, "public", "message", "public", {"text": text}, *"uav")
    of_its_conversation = {"incarnation", "websiteId", "mode", "conversationId"}
    stored = whole.to_item({"PK": "pk", **dict.fromkeys(of_its_conversation, "x"), "ttl": 1_800_000_000})

    missing = stored.keys() - {"PK", "SK", "timelineSK", *INDEXED}
    assert missing <= of_its_conversation | {"form", "id", "author", "largeContent"}
    indexed = {name: value for name, value in stored.items() if name not in missing}
    assert replace(TimelineItem.from_item(indexed), content=whole.content) == whole
    assert ("content" in indexed) == ("largeContent" not in stored)


def test_a_restored_table_takes_the_place_of_the_own_one(expanded: dict[str, Any], stage: str) -> None:
    restored = {"ExistingTableName": "restored", "ExistingTableStream": "2026", "EventBusName": "default"}
    template = resolve(expanded, stages()[stage] | restored)

    assert "Table" not in template["Resources"]
    assert "GetAtt': ['Table'" not in str(template)
    assert "{'Ref': 'Table'}" not in str(template)
    assert "${Table" not in str(template)
    function = template["Resources"]["ConversationsFunction"]["Properties"]
    assert function["Environment"]["Variables"]["TABLE_NAME"] == "restored"
    for mapping in MAPPINGS:
        source = template["Resources"][mapping]["Properties"]["EventSourceArn"]
        assert source["Fn::Sub"].endswith(":table/restored/stream/2026")


def test_a_restored_table_comes_with_its_stream(expanded: dict[str, Any]) -> None:
    rule = expanded["Rules"]["ExistingTableHasStream"]

    assert {"Ref": "ExistingTableStream"} in rule["Assertions"][0]["Assert"]["Fn::Not"][0]["Fn::Equals"]


# The stream -----------------------------------------------------------------------------------------------------------

#: How Lambda reads the table's stream for feed and publisher.
MAPPINGS = ("FeedFunctionStream", "PublisherFunctionStream")


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_loses_no_record_and_repeats_what_fails_alone(everything: dict[str, Any], name: str) -> None:
    mapping = everything["Resources"][name]["Properties"]

    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    # A window would make all that is told late.
    assert "MaximumBatchingWindowInSeconds" not in mapping
    assert "MaximumRetryAttempts" not in mapping


def test_the_feed_gives_up_after_a_minute_and_the_publisher_after_a_day(everything: dict[str, Any]) -> None:
    ages = [everything["Resources"][name]["Properties"]["MaximumRecordAgeInSeconds"] for name in MAPPINGS]

    assert ages == [60, 86_400]


def test_the_stream_has_two_readers_at_most(everything: dict[str, Any]) -> None:
    """Developer Guide, "Reading and processing a stream": more than two of a shard are throttled."""
    readers = [
        name for name, body in everything["Resources"].items() if "StartingPosition" in body.get("Properties", {})
    ]

    assert sorted(readers) == sorted(MAPPINGS)


def test_without_a_bus_erasures_and_files_alone_are_handed_over(expanded: dict[str, Any], stage: str) -> None:
    resources = resolve(expanded, stages()[stage] | {"EventBusName": ""})["Resources"]

    assert not [name for name in resources if name.startswith("Unpublished")]
    assert "PutEvents" not in str(resources["PublisherRole"])
    filters = resources["PublisherFunctionStream"]["Properties"]["FilterCriteria"]["Filters"]
    erasing = {"erasing": {"BOOL": [{"exists": True}]}}
    # A file of a removed message has a row that says so.
    files = {"SK": {"S": [{"prefix": "FILE#"}]}}
    assert [json.loads(one["Pattern"]) for one in filters] == [
        {"eventName": ["MODIFY"], "dynamodb": {"NewImage": erasing}},
        {"eventName": ["MODIFY", "REMOVE"], "dynamodb": {"Keys": files}},
    ]


# Erasures -------------------------------------------------------------------------------------------------------------


def test_an_erasure_is_tried_again_and_then_kept(everything: dict[str, Any]) -> None:
    resources = everything["Resources"]
    queue, dead = (resources[name]["Properties"] for name in ("ErasureQueue", "UnfinishedErasureQueue"))
    function = resources["ErasingFunction"]["Properties"]

    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["UnfinishedErasureQueue", "Arn"]}
    assert dead["MessageRetentionPeriod"] == 1_209_600
    mapping = resources["ErasingFunctionQueue"]["Properties"]
    # A failure is then that of the one message.
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})


# The dashboard --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-eusc", "console.amazonaws-eusc.eu"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_dashboard_s_url_is_that_of_the_partition_s_console(
    expanded: dict[str, Any], partition: str, host: str
) -> None:
    url = resolve(expanded, {"Stage": "prod", "AWS::Partition": partition})["Outputs"]["DashboardUrl"]["Value"][
        "Fn::Sub"
    ]

    assert url.startswith(f"https://${{AWS::Region}}.{host}/cloudwatch/home?region=${{AWS::Region}}#dashboards/")


# The logs -------------------------------------------------------------------------------------------------------------


def test_every_function_writes_to_a_log_group_that_is_there_before_it(everything: dict[str, Any]) -> None:
    resources = everything["Resources"]
    for function in (body["Properties"] for body in resources.values() if body["Type"] == "AWS::Lambda::Function"):
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in resources


def test_logs_are_kept_for_a_while_and_can_have_a_key(expanded: dict[str, Any], stage: str) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    with_key = resolve(expanded, stages()[stage] | {"LogKeyArn": key, "EventBusName": "default"})
    groups = [body["Properties"] for body in with_key["Resources"].values() if body["Type"] == "AWS::Logs::LogGroup"]

    assert len(groups) >= 5
    for group in groups:
        assert group["RetentionInDays"] == {"dev": 7, "staging": 30, "prod": 90}[stage]
        assert group["KmsKeyId"] == key


# The stages -----------------------------------------------------------------------------------------------------------


def test_each_stage_is_a_stack_of_its_own_and_prod_asks_first() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    deploys = {stage: config[stage]["deploy"]["parameters"] for stage in stages()}

    assert {stage: body["stack_name"] for stage, body in deploys.items()} == {
        stage: f"conversations-{stage}" for stage in ("dev", "staging", "prod")
    }
    assert [stage for stage, body in deploys.items() if body.get("confirm_changeset")] == ["prod"]
    assert all(stages()[stage]["Stage"] == stage for stage in deploys)


def test_a_stage_sets_only_parameters_that_there_are(expanded: dict[str, Any], stage: str) -> None:
    assert stages()[stage].keys() <= expanded["Parameters"].keys()


def test_every_parameter_says_what_it_is_for(expanded: dict[str, Any]) -> None:
    assert [name for name, body in expanded["Parameters"].items() if not body.get("Description")] == []
