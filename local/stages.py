"""The stages of samconfig.toml, and what the template is in each of them.

Run as a program it writes the latter into a folder, one file a stage.
"""

import json
import logging
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.template import REGION, TEMPLATE, resolve

# It warns of switches that only AWS has.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class _NoManagedPolicies:
    """Stands for the look-up of AWS's managed policies by name, for which SAM would call IAM."""

    def load(self) -> dict[str, str]:
        return {}


def stages() -> dict[str, dict[str, str]]:
    """Return the parameters that samconfig.toml gives to each stage."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return {
        stage: dict(
            override.split("=", 1)
            for override in commands["deploy"]["parameters"]["parameter_overrides"]
            if not override.startswith("file://")  # what `make deploy` adds
        )
        for stage, commands in config.items()
        if stage not in {"version", "default"}
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


if __name__ == "__main__":
    template = expand(TEMPLATE.read_text())
    for stage, parameters in stages().items():
        (Path(sys.argv[1]) / f"{stage}.json").write_text(json.dumps(resolve(template, parameters), indent=1))
