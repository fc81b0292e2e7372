"""The stages of samconfig.toml, and what the template is in each of them.

Run as a program it writes the latter into a folder, one file a stage.
"""

import json
import logging
import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local import ROOT

TEMPLATE = ROOT / "template.yaml"
REGION = "us-east-1"
PARTITION = "aws"

# It warns of switches that only AWS has.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

#: Takes the place of what a template leaves out, until that is left out.
_NO_VALUE = {"Ref": "AWS::NoValue"}


class _NoManagedPolicies:
    """Stands for the look-up of AWS's managed policies by name, for which SAM would call IAM."""

    def load(self) -> dict[str, str]:
        return {}


def stages() -> dict[str, dict[str, str]]:
    """Return the parameters that samconfig.toml gives to each stage."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return {
        stage: dict(override.split("=", 1) for override in commands["deploy"]["parameters"]["parameter_overrides"])
        for stage, commands in config.items()
        if stage != "version"
    }


def expand(template: str) -> dict[str, Any]:
    """Expand a SAM template, given as YAML, into CloudFormation's resources, with the parameters unresolved.

    The expansion is the one that CloudFormation runs on a deploy: no account and no network are needed. Raises
    samtranslator's InvalidDocumentException for what SAM refuses.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM wants to know the partition
    document = yaml_parse(template)
    for resource in document["Resources"].values():
        for code in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][code] = "s3://artifacts/code.zip"  # where `sam package` would have put it
    expanded: dict[str, Any] = transform(document, {}, _NoManagedPolicies())
    return expanded


def resolve(expanded: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """Return an expanded template as CloudFormation reads it under these parameters.

    Conditions are decided and gone, with the resources and outputs that they leave out; parameters and mappings have
    their values. What refers to a resource stays.
    """
    return _Resolution(expanded, parameters).template()


@dataclass
class _Resolution:
    expanded: dict[str, Any]
    parameters: dict[str, str]

    def template(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            part: {
                name: self.value({key: value for key, value in body.items() if key != "Condition"})
                for name, body in self.expanded[part].items()
                if "Condition" not in body or self.holds({"Condition": body["Condition"]})
            }
            for part in ("Resources", "Outputs")
            if part in self.expanded
        }
        return {"AWSTemplateFormatVersion": "2010-09-09", **parts}

    def holds(self, condition: Any) -> bool:
        [(function, argument)] = condition.items()
        if function == "Condition":
            return self.holds(self.expanded["Conditions"][argument])
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function in {"Fn::And", "Fn::Or"}:
            return (all if function == "Fn::And" else any)(self.holds(entry) for entry in argument)
        assert function == "Fn::Equals", function
        left, right = (str(self.value(side)) for side in argument)
        return left == right

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [found for entry in value if (found := self.value(entry)) != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref" and argument == "AWS::Partition":
                return PARTITION
            if function == "Ref" and argument in self.expanded["Parameters"]:
                return self.parameters.get(argument, self.expanded["Parameters"][argument]["Default"])
            if function == "Fn::If":
                condition, yes, no = argument
                return self.value(yes if self.holds({"Condition": condition}) else no)
            if function == "Fn::FindInMap":
                name, first, second = (self.value(step) for step in argument)
                return self.expanded["Mappings"][name][first][second]
            if function == "Fn::Sub":
                return self._substituted(argument)
        return {key: found for key, entry in value.items() if (found := self.value(entry)) != _NO_VALUE}

    def _substituted(self, argument: Any) -> Any:
        text, own = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.value({"Ref": name}) for name in self.expanded["Parameters"] if f"${{{name}}}" in text} | {
            name: self.value(entry) for name, entry in own.items()
        }
        for name, found in values.items():
            inlined = found if isinstance(found, str) else found.get("Fn::Sub") or f"${{{found['Ref']}}}"
            text = text.replace(f"${{{name}}}", inlined)
        return {"Fn::Sub": text} if "${" in text else text


if __name__ == "__main__":
    template = expand(TEMPLATE.read_text())
    for stage, parameters in stages().items():
        (Path(sys.argv[1]) / f"{stage}.json").write_text(json.dumps(resolve(template, parameters), indent=1))
