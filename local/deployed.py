"""The stack that `sam deploy` is about to change, as CloudFormation has it now.

It must be the same one that sam finds: by sam's own options first, then samconfig.toml, then the AWS profile of the
shell. In another region, say, there would be no stack, and its parameters would be lost.
"""

import argparse
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from local import ROOT

#: One that was proposed and never made.
_NOT_YET_MADE = "REVIEW_IN_PROGRESS"


class DeployedError(Exception):
    """What is deployed can't be read; the text tells why, in one line."""


@dataclass(frozen=True)
class Target:
    """A stack by its name; without a region or a profile those of the shell count."""

    stack: str
    region: str | None = None
    profile: str | None = None


def target(stage: str, sam_options: Sequence[str] = ()) -> Target:
    """Return what `sam deploy --config-env STAGE OPTIONS` changes; raises KeyError for an unknown stage."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[stage]
    said = {**config.get("global", {}).get("parameters", {}), **config["deploy"]["parameters"]}
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--stack-name", default=said["stack_name"])
    parser.add_argument("--region", default=said.get("region"))
    parser.add_argument("--profile", default=said.get("profile"))
    options, _ = parser.parse_known_args(sam_options)
    return Target(options.stack_name, options.region, options.profile)


def client(of: Target, service: Literal["cloudformation", "lambda"]) -> Any:
    """Return a client of a service, in the account and region of a stack, that gives up within a minute."""
    session = boto3.Session(profile_name=of.profile, region_name=of.region)
    return session.client(service, config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}))


def stack_resources(of: Target) -> list[dict[str, Any]]:
    """Return the resources of a deployed stack, as CloudFormation lists them; raises botocore's errors."""
    pages = client(of, "cloudformation").get_paginator("list_stack_resources").paginate(StackName=of.stack)
    return [found for page in pages for found in page["StackResourceSummaries"]]


@dataclass(frozen=True)
class MovedAlias:
    """An alias that does not point at the version of the last release alone."""

    function: str
    name: str
    released: str
    version: str

    def __str__(self) -> str:
        return (
            f"{self.name} of {self.function} is at version {self.version}, though {self.released} is the one that was "
            "deployed: it was moved by hand."
        )

    @property
    def command(self) -> str:
        """Return the command that moves it back."""
        return (
            f"aws lambda update-alias --function-name {self.function} --name {self.name} --function-version "
            f"{self.released} --routing-config '{{\"AdditionalVersionWeights\": {{}}}}'"
        )


def moved_aliases(of: Target) -> list[MovedAlias]:
    """Return the aliases of a deployed stack that were moved since; raises `DeployedError` if it can't be told."""
    try:
        by_type: dict[str, list[str]] = {}
        for found in stack_resources(of):
            by_type.setdefault(found["ResourceType"], []).append(found.get("PhysicalResourceId", ""))
        # ARNs of which the last part is the version, or the alias.
        released = dict(arn.rsplit(":", 1) for arn in by_type.get("AWS::Lambda::Version", []))
        functions = client(of, "lambda")
        moved = []
        for arn in by_type.get("AWS::Lambda::Alias", []):
            function, name = arn.rsplit(":", 1)
            version = functions.get_alias(FunctionName=function, Name=name)["FunctionVersion"]
            if version != released[function]:
                moved.append(MovedAlias(function.rsplit(":", 1)[1], name, released[function], version))
    except (BotoCoreError, ClientError) as error:
        raise _unknown(of, error) from None
    return moved


def deployed_parameters(of: Target) -> dict[str, str]:
    """Return the parameters of a deployed stack; there are none where there is no stack yet.

    Raises `DeployedError` if it can't be told.
    """
    try:
        [stack] = client(of, "cloudformation").describe_stacks(StackName=of.stack)["Stacks"]
    except NoRegionError:
        raise DeployedError("Which region? export AWS_DEFAULT_REGION, or AWS_PROFILE with one that names it.") from None
    except ClientError as error:
        if _is_no_stack(error):
            return {}
        raise _unknown(of, error) from None
    except (BotoCoreError, ValueError) as error:  # ValueError: of a region or an endpoint that is not valid
        raise _unknown(of, error) from None
    return {} if stack["StackStatus"] == _NOT_YET_MADE else _parameters(stack)


def _parameters(stack: Any) -> dict[str, str]:
    return {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in stack.get("Parameters", [])}


def _is_no_stack(error: ClientError) -> bool:
    # CloudFormation has no code of its own for that.
    found = error.response["Error"]
    return found["Code"] == "ValidationError" and "does not exist" in found["Message"]


def _unknown(of: Target, error: Exception) -> DeployedError:
    reason = " ".join(str(error).split())
    return DeployedError(f"What {of.stack} is deployed with can't be read, so nothing is deployed: {reason}")
