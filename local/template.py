"""template.yaml: what CloudFormation's functions make of it, and what `make run` and the tests need of it."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from local import ROOT

TEMPLATE = ROOT / "template.yaml"
PARTITION = "aws"
REGION = "us-east-1"

#: Stands for what a template leaves out, until that is left out.
_NO_VALUE = {"Ref": "AWS::NoValue"}
#: What CloudFormation calls otherwise than S3 does.
_CORS_NAMES = {"MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"}

#: What `Ref` gives on one machine; the parameters not named here have their defaults.
LOCAL: dict[str, Any] = {
    "Stage": "local",
    "Table": "conversations-local",
    "ConnectionsTable": "connections-local",
    "SocketApi": "sockets",
    "UnpublishedQueue": f"https://sqs.{REGION}.amazonaws.com/000000000000/UnpublishedQueue",
    "ErasureQueue": f"https://sqs.{REGION}.amazonaws.com/000000000000/ErasureQueue",
    "FilesQueue": f"https://sqs.{REGION}.amazonaws.com/000000000000/FilesQueue",
    "Files": "files",
    # A bus is named, so that there is something that publishes to it.
    "EventBusName": "local",
    "RateLimitPerMinute": os.environ.get("RATE_LIMIT_PER_MINUTE", "0"),
    "AWS::AccountId": "000000000000",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}


class TemplateError(Exception):
    """The template says something that can't be resolved."""


def resolve(template: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return a template as CloudFormation reads it where `Ref` gives these values.

    Parameters without a value have their defaults. Conditions are decided and gone, with the resources and outputs that
    they leave out. References to what has no value stay. Raises `TemplateError` for a condition that can't be decided.
    """
    return _Resolution(template, values).template()


class _Resolution:
    def __init__(self, template: dict[str, Any], values: dict[str, Any]) -> None:
        parameters = template.get("Parameters", {})
        defaults = {name: body["Default"] for name, body in parameters.items() if "Default" in body}
        self._template = template
        self._values = {"AWS::Partition": PARTITION, **defaults, **values}

    def template(self) -> dict[str, Any]:
        sections: dict[str, Any] = {
            section: {
                name: self._value({key: value for key, value in body.items() if key != "Condition"})
                for name, body in self._template[section].items()
                if "Condition" not in body or self._holds({"Condition": body["Condition"]})
            }
            for section in ("Globals", "Resources", "Outputs")
            if section in self._template
        }
        return {"AWSTemplateFormatVersion": "2010-09-09", **sections}

    def _holds(self, condition: Any) -> bool:
        match list(condition.items()):
            case [("Condition", name)] if name in self._template.get("Conditions", {}):
                return self._holds(self._template["Conditions"][name])
            case [("Fn::Not", [negated])]:
                return not self._holds(negated)
            case [("Fn::And", conditions)]:
                return all(self._holds(entry) for entry in conditions)
            case [("Fn::Or", conditions)]:
                return any(self._holds(entry) for entry in conditions)
            case [("Fn::Equals", [left, right])]:
                return _text(self._value(left)) == _text(self._value(right))
        raise TemplateError(f"The condition {condition!r} can't be decided")

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [found for entry in value if (found := self._value(entry)) != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        match list(value.items()):
            case [("Ref", name)] if name in self._values:
                return self._values[name]
            case [("Fn::If", [condition, yes, no])]:
                return self._value(yes if self._holds({"Condition": condition}) else no)
            case [("Fn::FindInMap", keys)]:
                mapping, first, second = self._value(keys)
                return self._template["Mappings"][mapping][first][second]
            case [("Fn::Sub", [str(text), dict(own)])]:
                return self._substituted(text, own)
            case [("Fn::Sub", str(text))]:
                return self._substituted(text, {})
        return {key: found for key, entry in value.items() if (found := self._value(entry)) != _NO_VALUE}

    def _substituted(self, text: str, own: dict[str, Any]) -> Any:
        def replace(match: re.Match[str]) -> str:
            found = self._value(own.get(match[1], {"Ref": match[1]}))
            if isinstance(found, dict):
                return found.get("Fn::Sub") or f"${{{found['Ref']}}}"
            return _text(found)

        text = re.sub(r"\$\{(?!!)([^}]+)\}", replace, text)
        return {"Fn::Sub": text} if re.search(r"\$\{(?!!)", text) else text.replace("${!", "${")


@dataclass(frozen=True)
class Function:
    """A function as Lambda would configure it; `timeout` is in seconds, `memory` in MB."""

    name: str
    handler: str
    code: Path
    timeout: int
    memory: int
    environment: dict[str, str]


@dataclass(frozen=True)
class Route:
    """A method (or `ANY`) and a path (or `$default`), and the logical id of the function that answers it."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class Cors:
    """An HTTP API's CORS configuration; `max_age` is in seconds."""

    allow_origins: tuple[str, ...]
    allow_methods: tuple[str, ...]
    allow_headers: tuple[str, ...]
    expose_headers: tuple[str, ...]
    allow_credentials: bool
    max_age: int | None


@dataclass(frozen=True)
class SocketRoute:
    """The logical id of the function behind a route key, and whether what it returns goes back as a message."""

    function: str
    responds: bool


@dataclass(frozen=True)
class SocketApi:
    """A WebSocket API: the stage's name, the expression that selects a route, and the routes by their keys."""

    stage: str
    selection: str
    routes: dict[str, SocketRoute]


@dataclass(frozen=True)
class EventSource:
    """A mapping of a table's stream to a function.

    `table` is the table's name, `function` a logical id, `max_age` in seconds. `filters` are patterns of which a record
    has to match one, if there are any. `max_age` and `max_retries` are None where there is no such limit.
    """

    name: str
    function: str
    table: str
    starts_at: str
    batch_size: int
    parallel: int
    filters: tuple[dict[str, Any], ...]
    reports_failures: bool
    bisects: bool
    max_age: int | None
    max_retries: int | None


class Template:
    """A SAM template as it is on one machine."""

    def __init__(self, path: Path = TEMPLATE) -> None:
        """Read a template; raises `TemplateError` if it is no YAML, or has a condition that can't be decided."""
        try:
            body = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError as error:
            raise TemplateError(f"{path.name}: {error}") from error
        if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
            raise TemplateError(f"{path.name}: there are no Resources (yet)")
        self._body = resolve(body, LOCAL)
        self._code_root = path.parent

    def routes(self) -> list[Route]:
        """Return the HTTP APIs' routes, the functions' events of type HttpApi."""
        return [
            Route(
                _known(event.get("Properties", {}).get("Method", "ANY")).upper(),
                _known(event.get("Properties", {}).get("Path", "$default")),
                name,
            )
            for name, function in self._resources("AWS::Serverless::Function").items()
            for event in function.get("Events", {}).values()
            if event["Type"] == "HttpApi"
        ]

    def function(self, name: str) -> Function:
        """Return the function with this logical id; raises KeyError if there is none.

        Raises `TemplateError` for a setting that only a deployment knows.
        """
        body = self._resources("AWS::Serverless::Function")[name]
        everyone = self._body.get("Globals", {}).get("Function", {})
        merged = everyone | body
        variables = {
            key: value
            for source in (everyone, body)
            for key, value in source.get("Environment", {}).get("Variables", {}).items()
        }
        return Function(
            name=name,
            handler=_known(merged["Handler"]),
            code=self._code_root / _known(merged["CodeUri"]),
            timeout=int(_known(merged.get("Timeout", 3))),
            memory=int(_known(merged.get("MemorySize", 128))),
            environment={key: _text(value) for key, value in _known(variables).items()},
        )

    def cors(self) -> Cors | None:
        """Return the HTTP API's CORS configuration, None if it has none."""
        globals_ = self._body.get("Globals", {}).get("HttpApi", {})
        apis = list(self._resources("AWS::Serverless::HttpApi").values()) or [{}]
        if len(apis) > 1:
            raise TemplateError("there is more than one AWS::Serverless::HttpApi")
        body = _known((globals_ | apis[0]).get("CorsConfiguration"))
        if body is None:
            return None
        return Cors(
            allow_origins=tuple(body.get("AllowOrigins", ())),
            allow_methods=tuple(body.get("AllowMethods", ())),
            allow_headers=tuple(body.get("AllowHeaders", ())),
            expose_headers=tuple(body.get("ExposeHeaders", ())),
            allow_credentials=body.get("AllowCredentials", False),
            max_age=body.get("MaxAge"),
        )

    def sockets(self) -> SocketApi | None:
        """Return the WebSocket API, None if there is none.

        Raises `TemplateError` if there are several, or a part of it is missing.
        """
        apis = [
            body for body in self._resources("AWS::ApiGatewayV2::Api").values() if body["ProtocolType"] == "WEBSOCKET"
        ]
        if not apis:
            return None
        stages = list(self._resources("AWS::ApiGatewayV2::Stage").values())
        if len(apis) > 1 or len(stages) != 1:
            raise TemplateError("there has to be one WebSocket API with one stage")
        return SocketApi(
            _known(stages[0]["StageName"]), _known(apis[0]["RouteSelectionExpression"]), dict(self._socket_routes())
        )

    def _socket_routes(self) -> Iterable[tuple[str, SocketRoute]]:
        integrations = self._resources("AWS::ApiGatewayV2::Integration")
        functions = self._resources("AWS::Serverless::Function")
        responses = [body["RouteId"] for body in self._resources("AWS::ApiGatewayV2::RouteResponse").values()]
        for name, body in self._resources("AWS::ApiGatewayV2::Route").items():
            integration = _named(body.get("Target"), integrations)
            function = integration and _named(integrations[integration].get("IntegrationUri"), functions)
            if not function:
                raise TemplateError(f"{name}: there is no function behind this route")
            # A response needs both: what selects it, and the response itself.
            responds = "RouteResponseSelectionExpression" in body and any(_named(one, [name]) for one in responses)
            yield _known(body["RouteKey"]), SocketRoute(function, responds)

    def event_sources(self) -> list[EventSource]:
        """Return the mappings of tables' streams to functions that are enabled."""
        functions = self._resources("AWS::Serverless::Function")
        mappings = [
            *self._resources("AWS::Lambda::EventSourceMapping").items(),
            *(
                (f"{function}{name}", {"FunctionName": {"Ref": function}, **event["Properties"]})
                for function, body in functions.items()
                for name, event in body.get("Events", {}).items()
                if event["Type"] == "DynamoDB"
            ),
        ]
        return [
            _event_source(name, function, table, body)
            for name, body in mappings
            if (
                table := _named(body.get("EventSourceArn", body.get("Stream")), self._resources("AWS::DynamoDB::Table"))
            )
            and (function := _named(body["FunctionName"], functions))
            and _text(_known(body.get("Enabled", True))) == "true"
        ]

    def queue_readers(self) -> dict[str, str]:
        """Return the logical ids of the functions that read queues, by those of the queues."""
        queues = self._resources("AWS::SQS::Queue")
        return {
            queue: function
            for function, body in self._resources("AWS::Serverless::Function").items()
            for event in body.get("Events", {}).values()
            if event["Type"] == "SQS" and (queue := _named(event["Properties"]["Queue"], queues))
        }

    def bucket_cors(self, name: str) -> dict[str, Any]:
        """Return the CORS rules of a bucket, in the form in which S3 itself takes them."""
        rules = _known(self._resources("AWS::S3::Bucket")[name]["CorsConfiguration"])["CorsRules"]
        return {"CORSRules": [{_CORS_NAMES.get(key, key): value for key, value in rule.items()} for rule in rules]}

    def table_name(self) -> str:
        """Return what `!Ref Table` gives."""
        return str(LOCAL["Table"])

    def table(self, name: str = "Table") -> dict[str, Any]:
        """Return a table's definition as boto3's `create_table` takes it, by its logical id and without its name.

        Its stream is left out: where nothing reads it, every write would wait for it all the same.
        """
        body = self._resources("AWS::DynamoDB::Table")[name]
        # Left out as well: what DynamoDB Local does not have (backups, encryption, tags, deletion protection).
        known = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")
        return {name: _known(body[name]) for name in known if name in body}

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the definitions of all tables by their names, with their streams."""
        return {
            _known(LOCAL.get(name, {"Ref": name})): self.table(name) | _stream(body)
            for name, body in self._resources("AWS::DynamoDB::Table").items()
        }

    def _resources(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: body.get("Properties", {}) for name, body in self._body["Resources"].items() if body["Type"] == kind
        }


@lru_cache(maxsize=1)
def _read(path: Path, modified: int) -> Template:  # noqa: ARG001 (part of the cache's key)
    return Template(path)


def latest(path: Path = TEMPLATE) -> Template:
    """Return the template as it is now, read again only after a change; raises `TemplateError`."""
    return _read(path, path.stat().st_mtime_ns)


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as its long form: `!Sub x` is `{"Fn::Sub": "x"}`."""


def _long_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in {"Ref", "Condition"} else f"Fn::{tag}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode)
    return {name: loader.construct_scalar(node)}


_Loader.add_multi_constructor("!", _long_form)


def _stream(table: dict[str, Any]) -> dict[str, Any]:
    specification = _known(table.get("StreamSpecification"))
    return {"StreamSpecification": {"StreamEnabled": True, **specification}} if specification else {}


def _event_source(name: str, function: str, table: str, body: dict[str, Any]) -> EventSource:
    body = {
        key: _known(value) for key, value in body.items() if key not in {"FunctionName", "EventSourceArn", "Stream"}
    }
    return EventSource(
        name=name,
        function=function,
        table=LOCAL[table],
        starts_at=body["StartingPosition"],
        batch_size=int(body.get("BatchSize", 100)),
        parallel=int(body.get("ParallelizationFactor", 1)),
        filters=tuple(json.loads(one["Pattern"]) for one in body.get("FilterCriteria", {}).get("Filters", ())),
        reports_failures="ReportBatchItemFailures" in body.get("FunctionResponseTypes", ()),
        bisects=_text(body.get("BisectBatchOnFunctionError", False)) == "true",
        max_age=_limit(body.get("MaximumRecordAgeInSeconds")),
        max_retries=_limit(body.get("MaximumRetryAttempts")),
    )


def _limit(value: Any) -> int | None:
    """Read a limit of a mapping, of which -1 is none."""
    return None if value is None or int(value) == -1 else int(value)


def _named(value: Any, names: Iterable[str]) -> str | None:
    """Return the logical id that a value refers to in any way, None if it is none of these names."""
    words = set(re.findall(r"\w+", json.dumps(value)))
    return next((name for name in names if name in words), None)


def _known(value: Any) -> Any:
    """Return a value of a resolved template; raises `TemplateError` if it refers to what only a deployment knows."""
    if isinstance(value, dict):
        if any(key in {"Ref", "Condition"} or key.startswith("Fn::") for key in value):
            raise TemplateError(f"{value} is not known on one machine, unless local.template.LOCAL names it")
        return {key: _known(entry) for key, entry in value.items()}
    return [_known(entry) for entry in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    """Write a value as CloudFormation does where it wants a string: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)
