"""Keeps a process away from AWS, whatever the machine is configured for."""

import os

_WORTHLESS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def variables(endpoint: str) -> dict[str, str]:
    """Return the environment in which every AWS client talks to `endpoint`, with credentials that are worth nothing."""
    return {**_WORTHLESS, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_DYNAMODB": endpoint}


def go_offline() -> None:
    """Rid this process's own environment of AWS settings and proxies, and give it credentials worth nothing."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(_WORTHLESS)
