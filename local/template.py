"""template.yaml: what CloudFormation's functions make of it, and what `make run` and the tests need of it."""

import os
import re
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

#: What `Ref` gives on one machine; the parameters not named here have their defaults.
LOCAL: dict[str, Any] = {
    "Stage": "local",
    "Table": "conversations-local",
    "ConnectionsTable": "connections-local",
    "SocketApi": "sockets",
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

    def table_name(self) -> str:
        """Return what `!Ref Table` gives."""
        return str(LOCAL["Table"])

    def table(self) -> dict[str, Any]:
        """Return the table's definition as boto3's `create_table` takes it, without its name."""
        body = self._resources("AWS::DynamoDB::Table")["Table"]
        # Left out: what DynamoDB Local does not have (backups, encryption, tags, deletion protection), and the stream,
        # which nothing reads here and every write would wait for.
        known = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")
        return {name: _known(body[name]) for name in known if name in body}

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
