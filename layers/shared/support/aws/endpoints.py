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


def s3_url(bucket: str, region: str) -> str:
    """Return the URL of an S3 bucket in a Region, whose name has no dots.

    With `AWS_ENDPOINT_URL_S3`, or `AWS_ENDPOINT_URL`, the bucket is a folder under that URL: stand-ins for S3 have no
    host for each. Raises ValueError as `dynamodb_url`, and where S3 has no FIPS endpoint.
    """
    if (configured := _configured_url("AWS_ENDPOINT_URL_S3")) is not None:
        return f"{configured}/{bucket}"
    fips, dual_stack = _is_set("AWS_USE_FIPS_ENDPOINT"), _is_set("AWS_USE_DUALSTACK_ENDPOINT")
    partition = _partition(region)
    if fips and partition["name"] == "aws-cn":
        raise ValueError("AWS_USE_FIPS_ENDPOINT: S3 has no FIPS endpoint in this Region")
    # Unlike other services', its dual-stack names are under the common domain.
    name = f"s3{'-fips' if fips else ''}{'.dualstack' if dual_stack else ''}"
    return f"https://{bucket}.{name}.{region}.{partition['dnsSuffix']}"


def _url(service: str, variable: str, region: str) -> str:
    if (configured := _configured_url(variable)) is not None:
        return configured
    fips, dual_stack = _is_set("AWS_USE_FIPS_ENDPOINT"), _is_set("AWS_USE_DUALSTACK_ENDPOINT")
    partition = _partition(region)
    # In GovCloud the standard endpoint is the FIPS one, and has no separate name, but for DynamoDB's dual-stack one.
    is_standard = partition["name"] == "aws-us-gov" and not (dual_stack and service == "dynamodb")
    has_fips_name = fips and not is_standard
    name = f"{service}-fips" if has_fips_name else service
    return f"https://{name}.{region}.{partition['dualStackDnsSuffix' if dual_stack else 'dnsSuffix']}"


def _configured_url(variable: str) -> str | None:
    configured = os.environ.get(variable) or os.environ.get("AWS_ENDPOINT_URL")
    if not configured or _is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None
    if _is_set("AWS_USE_FIPS_ENDPOINT") or _is_set("AWS_USE_DUALSTACK_ENDPOINT"):
        raise ValueError("AWS_ENDPOINT_URL excludes AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT")
    return configured.rstrip("/")


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
