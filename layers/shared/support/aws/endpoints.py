"""The endpoint URLs of AWS, configured by the variables that all AWS SDKs read."""

import json
import os
import re
from pathlib import Path
from typing import Any

import botocore

#: AWS's partitions: groups of Regions under one domain.
_PARTITIONS = Path(botocore.__file__).with_name("data") / "partitions.json"


def dynamodb_url(region: str) -> str:
    """Return the URL of DynamoDB in a Region, or the one that is configured as `AWS_ENDPOINT_URL_DYNAMODB`.

    `AWS_ENDPOINT_URL_DYNAMODB` takes precedence over `AWS_ENDPOINT_URL`; `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` disables
    both. Raises ValueError for a configured URL with `AWS_USE_FIPS_ENDPOINT` or
    `AWS_USE_DUALSTACK_ENDPOINT`, which choose among AWS's own.
    """
    return _url("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB", region)


def events_url(region: str) -> str:
    """Return the URL of EventBridge in a Region; as `dynamodb_url`, with `AWS_ENDPOINT_URL_EVENTBRIDGE`."""
    return _url("events", "AWS_ENDPOINT_URL_EVENTBRIDGE", region)


def _url(service: str, variable: str, region: str) -> str:
    fips, dual_stack = _is_set("AWS_USE_FIPS_ENDPOINT"), _is_set("AWS_USE_DUALSTACK_ENDPOINT")
    configured = os.environ.get(variable) or os.environ.get("AWS_ENDPOINT_URL")
    if configured and not _is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        if fips or dual_stack:
            raise ValueError("AWS_ENDPOINT_URL excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT")
        return configured.rstrip("/")
    partition = _partition(region)
    # In GovCloud the standard endpoint is the FIPS one, and has no separate name, but for DynamoDB's dual-stack one.
    is_standard = partition["name"] == "aws-us-gov" and not (dual_stack and service == "dynamodb")
    has_fips_name = fips and not is_standard
    name = f"{service}-fips" if has_fips_name else service
    return f"https://{name}.{region}.{partition['dualStackDnsSuffix' if dual_stack else 'dnsSuffix']}"


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() == "true"


def _partition(region: str) -> dict[str, Any]:
    """Return the partition of a Region; an unknown Region belongs to the first one."""
    partitions = json.loads(_PARTITIONS.read_bytes())["partitions"]
    known = (one for one in partitions if region in one["regions"] or re.match(one["regionRegex"], region))
    outputs: dict[str, Any] = next(known, partitions[0])["outputs"]
    return outputs


def lambda_url(region: str) -> str:
    """Return the URL of Lambda in a Region; as `dynamodb_url`, with `AWS_ENDPOINT_URL_LAMBDA`."""
    return _url("lambda", "AWS_ENDPOINT_URL_LAMBDA", region)
