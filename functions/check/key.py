"""The test key of the checks, which an operator has put into SSM."""

import os
from typing import Any

from check.loop import CheckFailedError


def read_key(ssm: Any) -> str:
    """Return the key of the parameter that the environment names, by boto3's client of SSM.

    Raises `CheckFailedError` if it is missing, or another kind of key: what a live one writes may never expire.
    """
    name = os.environ["KEY_PARAMETER"]
    how = f"put a private test key into the SSM parameter {name} (SecureString): docs/deploy.md#the-checks-key"
    try:
        key = str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        raise CheckFailedError(f"there is no key: {how}") from None
    if not key.startswith("sk_test_"):
        raise CheckFailedError(f"the key is not a private test key: {how}")
    return key
