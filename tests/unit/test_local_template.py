"""local/template.py: what is read of a template, and what is refused."""

from pathlib import Path

import pytest

from local.template import (
    Cors,
    EventSource,
    Function,
    Route,
    SocketApi,
    SocketRoute,
    Template,
    TemplateError,
    latest,
    resolve,
)

ONE_FUNCTION = """
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/
      Handler: hello.handler
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "template.yaml"


def a_template(path: Path, text: str) -> Template:
    path.write_text(text)
    return Template(path)


def with_variable(path: Path, value: str, head: str = "") -> Template:
    body = f"{ONE_FUNCTION}      Environment: {{Variables: {{VALUE: {value}}}}}\n"
    return a_template(path, f"{head}\n{body}")


def test_the_products_own_template_resolves() -> None:
    template = latest()

    assert Route("POST", "/v1/conversations", "ConversationsFunction") in template.routes()
    assert template.function("ConversationsFunction").environment["TABLE_NAME"] == "conversations-local"
    assert template.function("ConversationsFunction").environment["STAGE"] == "local"
    assert template.cors() is not None
    assert template.table()["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]


def test_a_function_has_lambdas_defaults(path: Path) -> None:
    function = a_template(path, ONE_FUNCTION).function("Hello")

    assert function == Function("Hello", "hello.handler", path.parent / "functions", 3, 128, {})


def test_globals_are_the_functions_unless_it_has_its_own(path: Path) -> None:
    head = "Globals: {Function: {Timeout: 7, MemorySize: 512, Environment: {Variables: {VALUE: all, OTHER: all}}}}"
    function = with_variable(path, "own", head).function("Hello")

    assert (function.timeout, function.memory) == (7, 512)
    assert function.environment == {"VALUE": "own", "OTHER": "all"}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("!Ref Count", "3"),
        ("!Ref Stage", "local"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Sub 'a-${Stage}-${!kept}'", "a-local-${kept}"),
        ("!Sub ['${x}-${Count}', {x: !Ref Stage}]", "local-3"),
        ("!If [IsLocal, yes-local, no]", "yes-local"),
        ("!If [IsProd, 'yes', 'no']", "no"),
        ("!If [IsNotProd, 'yes', 'no']", "yes"),
        ("!If [IsLocalAndProd, 'yes', 'no']", "no"),
        ("!If [IsLocalOrProd, 'yes', 'no']", "yes"),
        ("!FindInMap [Hosts, !Ref Stage, Name]", "127.0.0.1"),
        ("!Sub ['${Host}:${Count}', {Host: !FindInMap [Hosts, local, Name]}]", "127.0.0.1:3"),
        ("{'Fn::Sub': '${Stage}'}", "local"),
        ("true", "true"),
    ],
)
def test_an_intrinsic_is_resolved_as_on_one_machine(path: Path, value: str, resolved: str) -> None:
    head = """
Parameters:
  Count: {Type: Number, Default: 3}
  Stage: {Type: String, Default: dev}
Conditions:
  IsLocal: !Equals [!Ref Stage, local]
  IsProd: !Equals [!Ref Stage, prod]
  IsNotProd: !Not [!Equals [!Ref Stage, prod]]
  IsLocalAndProd: !And [!Condition IsLocal, !Condition IsProd]
  IsLocalOrProd: !Or [!Condition IsLocal, !Condition IsProd]
Mappings:
  Hosts: {local: {Name: 127.0.0.1}}
"""
    assert with_variable(path, value, head).function("Hello").environment["VALUE"] == resolved


@pytest.mark.parametrize("value", ["!GetAtt Hello.Arn", "!Ref Hello", "!Sub '${Hello}'", "!ImportValue x"])
def test_what_only_a_deployment_knows_is_an_error(path: Path, value: str) -> None:
    template = with_variable(path, value)

    with pytest.raises(TemplateError):
        template.function("Hello")


def test_no_value_is_no_variable(path: Path) -> None:
    assert with_variable(path, "!Ref AWS::NoValue").function("Hello").environment == {}


def test_cors_of_what_only_a_deployment_knows_is_an_error(path: Path) -> None:
    api = "  Api: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: {AllowOrigins: [!Ref Hello]}}}\n"

    with pytest.raises(TemplateError):
        a_template(path, ONE_FUNCTION + api).cors()


@pytest.mark.parametrize("condition", ["Unknown", "Undecidable"])
def test_a_condition_that_can_not_be_decided_is_an_error(path: Path, condition: str) -> None:
    head = "Conditions: {Undecidable: !Contains [[a], a]}"

    with pytest.raises(TemplateError):
        with_variable(path, f"!If [{condition}, a, b]", head)


def test_what_a_stage_leaves_out_is_gone_and_what_refers_to_a_resource_stays() -> None:
    by_stage = {"Fn::If": ["IsProd", {"Ref": "Topic"}, {"Ref": "AWS::NoValue"}]}
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Condition": "IsProd"},
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "AlarmActions": [by_stage],
                    "OKActions": by_stage,
                    "AlarmDescription": {
                        "Fn::Sub": ["${Stage}: ${!kept}, ${Topic.Name}, ${To}", {"To": {"Ref": "To"}}]
                    },
                },
            },
        },
        "Outputs": {"Topic": {"Condition": "IsProd", "Value": {"Ref": "Topic"}}},
    }

    prod, dev = (resolve(template, values) for values in ({"Stage": "prod"}, {}))

    assert (prod["Resources"].keys(), prod["Outputs"].keys()) == ({"Topic", "Alarm"}, {"Topic"})
    assert (dev["Resources"].keys(), dev["Outputs"].keys()) == ({"Alarm"}, set())
    assert prod["Resources"]["Alarm"]["Properties"] == {
        "AlarmActions": [{"Ref": "Topic"}],
        "OKActions": {"Ref": "Topic"},
        "AlarmDescription": {"Fn::Sub": "prod: ${!kept}, ${Topic.Name}, ${To}"},
    }
    assert dev["Resources"]["Alarm"]["Properties"] == {
        "AlarmActions": [],
        "AlarmDescription": {"Fn::Sub": "dev: ${!kept}, ${Topic.Name}, ${To}"},
    }


def test_what_is_not_asked_for_is_not_resolved(path: Path) -> None:
    assert with_variable(path, "!GetAtt Hello.Arn").routes() == []


def test_every_http_api_event_is_a_route(path: Path) -> None:
    events = """      Events:
        Get: {Type: HttpApi, Properties: {Method: get, Path: '/docs/{page}'}}
        Rest: {Type: HttpApi}
        Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
"""
    routes = a_template(path, ONE_FUNCTION + events).routes()

    assert routes == [Route("GET", "/docs/{page}", "Hello"), Route("ANY", "$default", "Hello")]


def test_cors_is_the_http_apis(path: Path) -> None:
    api = "  Api: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: {AllowOrigins: ['*'], MaxAge: 5}}}\n"

    assert a_template(path, ONE_FUNCTION + api).cors() == Cors(("*",), (), (), (), allow_credentials=False, max_age=5)


def test_an_api_without_cors_has_none(path: Path) -> None:
    assert a_template(path, ONE_FUNCTION).cors() is None


def test_what_is_no_yaml_is_an_error(path: Path) -> None:
    with pytest.raises(TemplateError):
        a_template(path, "Resources: [")


@pytest.mark.parametrize("text", ["", "Resources:", "- a", "Description: half saved"])
def test_what_has_no_resources_is_an_error(path: Path, text: str) -> None:
    with pytest.raises(TemplateError, match="no Resources"):
        a_template(path, text)


def test_the_latest_template_is_the_changed_one(path: Path) -> None:
    path.write_text(ONE_FUNCTION)
    before = latest(path)

    assert latest(path) is before
    path.write_text(ONE_FUNCTION.replace("Hello", "Bye"))
    assert latest(path).function("Bye").name == "Bye"


# What is live ---------------------------------------------------------------------------------------------------------

SOCKETS = """
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: ws}}
  ToHello: {Type: AWS::ApiGatewayV2::Integration, Properties: {IntegrationUri: !Sub "arn:x/${Hello.Alias}/invocations"}}
  One: {Type: AWS::ApiGatewayV2::Route, Properties: {RouteKey: one, Target: !Sub "integrations/${ToHello}"}}
  Two:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      RouteKey: $default
      Target: !Join [/, [integrations, !Ref ToHello]]
      RouteResponseSelectionExpression: $default
  Back: {Type: AWS::ApiGatewayV2::RouteResponse, Properties: {RouteId: !Ref Two, RouteResponseKey: $default}}
"""
STREAM = """
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: PK, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Hello
      EventSourceArn: !GetAtt Table.StreamArn
      StartingPosition: TRIM_HORIZON
"""
ALL_OF_IT = """
      BatchSize: 7
      ParallelizationFactor: 3
      FilterCriteria: {Filters: [{Pattern: '{"eventName": ["INSERT"]}'}]}
      FunctionResponseTypes: [ReportBatchItemFailures]
      BisectBatchOnFunctionError: true
      MaximumRecordAgeInSeconds: 60
      MaximumRetryAttempts: 5
"""


def test_a_websocket_api_has_its_stage_and_its_routes(path: Path) -> None:
    sockets = a_template(path, ONE_FUNCTION + SOCKETS).sockets()

    routes = {"one": SocketRoute("Hello", responds=False), "$default": SocketRoute("Hello", responds=True)}
    assert sockets == SocketApi("ws", "$request.body.a", routes)


def test_a_route_that_selects_a_response_and_has_none_gives_none(path: Path) -> None:
    sockets = a_template(path, ONE_FUNCTION + SOCKETS.replace("RouteId: !Ref Two", "RouteId: !Ref One")).sockets()

    assert sockets is not None
    assert [route.responds for route in sockets.routes.values()] == [False, False]


def test_a_template_without_a_websocket_api_has_none(path: Path) -> None:
    assert a_template(path, ONE_FUNCTION).sockets() is None


@pytest.mark.parametrize(
    "broken",
    [
        SOCKETS.replace("integrations/${ToHello}", "integrations/none"),
        SOCKETS.replace("${Hello.Alias}", "none"),
        SOCKETS.replace("  Stage:", "  Other: {Type: AWS::ApiGatewayV2::Stage, Properties: {StageName: b}}\n  Stage:"),
    ],
    ids=["no integration", "no function", "two stages"],
)
def test_a_websocket_api_that_lacks_a_part_is_an_error(path: Path, broken: str) -> None:
    with pytest.raises(TemplateError):
        a_template(path, ONE_FUNCTION + broken).sockets()


def test_a_mapping_has_lambdas_defaults(path: Path) -> None:
    sources = a_template(path, ONE_FUNCTION + STREAM).event_sources()

    assert sources == [
        EventSource(
            name="Mapping",
            function="Hello",
            table="conversations-local",
            starts_at="TRIM_HORIZON",
            batch_size=100,
            parallel=1,
            filters=(),
            reports_failures=False,
            bisects=False,
            max_age=None,
            max_retries=None,
        )
    ]


def test_a_mapping_has_all_that_it_says(path: Path) -> None:
    [source] = a_template(path, ONE_FUNCTION + STREAM + ALL_OF_IT).event_sources()

    assert (source.batch_size, source.parallel, source.filters) == (7, 3, ({"eventName": ["INSERT"]},))
    assert (source.reports_failures, source.bisects, source.max_age, source.max_retries) == (True, True, 60, 5)


def test_a_function_s_own_event_is_a_mapping(path: Path) -> None:
    table, _, _ = STREAM.partition("  Mapping:")
    event = "{Type: DynamoDB, Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: LATEST}}"
    [source] = a_template(path, f"{ONE_FUNCTION}      Events: {{Feed: {event}}}\n{table}").event_sources()

    assert (source.name, source.function, source.starts_at) == ("HelloFeed", "Hello", "LATEST")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("StartingPosition", "Enabled: false\n      StartingPosition"), ("!GetAtt Table.StreamArn", "!GetAtt Queue.Arn")],
    ids=["disabled", "of a queue"],
)
def test_a_mapping_that_reads_no_stream_is_left_out(path: Path, wanted: str, found: str) -> None:
    assert a_template(path, ONE_FUNCTION + STREAM.replace(wanted, found)).event_sources() == []


def test_tables_have_their_streams_where_they_are_read(path: Path) -> None:
    template = a_template(path, ONE_FUNCTION + STREAM)
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

    assert template.tables()["conversations-local"]["StreamSpecification"] == stream
    assert "StreamSpecification" not in template.table()


def test_a_table_that_nothing_names_here_is_an_error(path: Path) -> None:
    with pytest.raises(TemplateError):
        a_template(path, ONE_FUNCTION + STREAM.replace("  Table:", "  Unheard:")).tables()
