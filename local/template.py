"""What the local gateway, the tests and DynamoDB Local need of template.yaml, read from template.yaml.

Only what is asked for is resolved, and only with the intrinsics below: another one is an error, never a guess.
"""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from local import ROOT

#: Takes the place of what a template leaves out, until that is left out.
_NO_VALUE = object()

#: What `Ref` gives on one machine; the parameters not named here have their defaults.
LOCAL: dict[str, Any] = {
    "Stage": "local",
    "Table": "conversations-local",
    "RateLimitPerMinute": os.environ.get("RATE_LIMIT_PER_MINUTE", "0"),
    "AWS::AccountId": "000000000000",
    "AWS::NoValue": _NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}


class TemplateError(Exception):
    """The template says something that can't be resolved on one machine."""


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

    def __init__(self, path: Path = ROOT / "template.yaml") -> None:
        """Read a template; raises `TemplateError` if it is no YAML."""
        try:
            self._body: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError as error:
            raise TemplateError(f"{path.name}: {error}") from error
        if not isinstance(self._body, dict) or not isinstance(self._body.get("Resources"), dict):
            raise TemplateError(f"{path.name}: there are no Resources (yet)")
        self._code_root = path.parent
        parameters = self._body.get("Parameters", {})
        self._refs = {name: body["Default"] for name, body in parameters.items() if "Default" in body} | LOCAL

    def routes(self) -> list[Route]:
        """Return the HTTP APIs' routes, the functions' events of type HttpApi."""
        return [
            Route(
                self._resolve(event.get("Properties", {}).get("Method", "ANY")).upper(),
                self._resolve(event.get("Properties", {}).get("Path", "$default")),
                name,
            )
            for name, function in self._resources("AWS::Serverless::Function").items()
            for event in function.get("Events", {}).values()
            if event["Type"] == "HttpApi"
        ]

    def function(self, name: str) -> Function:
        """Return the function with this logical id; raises KeyError if there is none."""
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
            handler=self._resolve(merged["Handler"]),
            code=self._code_root / self._resolve(merged["CodeUri"]),
            timeout=int(self._resolve(merged.get("Timeout", 3))),
            memory=int(self._resolve(merged.get("MemorySize", 128))),
            environment={key: _text(value) for key, value in self._resolve(variables).items()},
        )

    def cors(self) -> Cors | None:
        """Return the HTTP API's CORS configuration, None if it has none."""
        globals_ = self._body.get("Globals", {}).get("HttpApi", {})
        apis = list(self._resources("AWS::Serverless::HttpApi").values()) or [{}]
        if len(apis) > 1:
            raise TemplateError("there is more than one AWS::Serverless::HttpApi")
        body = self._resolve((globals_ | apis[0]).get("CorsConfiguration"))
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
        return str(self._refs["Table"])

    def table(self) -> dict[str, Any]:
        """Return the table's definition as boto3's `create_table` takes it, without its name."""
        body = self._resources("AWS::DynamoDB::Table")["Table"]
        # What DynamoDB Local has no part of (backups, encryption, tags, deletion protection) is left out.
        known = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes")
        return {name: self._resolve(body[name]) for name in known if name in body}

    def _resources(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            name: body.get("Properties", {}) for name, body in self._body["Resources"].items() if body["Type"] == kind
        }

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [resolved for entry in value if (resolved := self._resolve(entry)) is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(key, argument)] = value.items()
            if key == "Ref":
                return self._ref(argument)
            if key == "Fn::Sub":
                return self._sub(argument)
            if key == "Fn::If":
                condition, yes, no = argument
                return self._resolve(yes if self._resolve(self._body["Conditions"][condition]) else no)
            if key == "Fn::Equals":
                left, right = argument
                return _text(self._resolve(left)) == _text(self._resolve(right))
            if key == "Fn::Not":
                return not self._resolve(argument[0])
            if key == "Condition" or key.startswith("Fn::"):
                raise TemplateError(f"{key} {argument!r} can't be resolved on one machine")
        return {key: resolved for key, entry in value.items() if (resolved := self._resolve(entry)) is not _NO_VALUE}

    def _ref(self, name: str) -> Any:
        try:
            return self._refs[name]
        except KeyError:
            raise TemplateError(
                f"Ref {name!r} is neither a parameter with a default nor in local.template.LOCAL"
            ) from None

    def _sub(self, argument: str | list[Any]) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            return _text(self._resolve(own[name]) if name in own else self._ref(name))

        return re.sub(r"\$\{(?!!)([^}]+)\}", replace, text).replace("${!", "${")


@lru_cache(maxsize=1)
def _read(path: Path, modified: int) -> Template:  # noqa: ARG001 (part of the cache's key)
    return Template(path)


def latest(path: Path = ROOT / "template.yaml") -> Template:
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


def _text(value: Any) -> str:
    """Write a value as CloudFormation does where it wants a string: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)
