"""AWS credentials, and the configured Region."""

import os
from typing import TYPE_CHECKING

from botocore.credentials import ContainerProvider, EnvProvider, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError, NoRegionError

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.session import Session


class CredentialSource:
    """Loads credentials: from the environment or, in a snapshot, from Lambda's container endpoint.

    On any other machine a botocore session finds them, in profiles and metadata services too.
    """

    def __init__(self) -> None:
        self._environment = EnvProvider()
        self._refreshed: Credentials | None = None

    def current(self) -> ReadOnlyCredentials:
        """Return the credentials to sign a request with now. Call it for each request.

        Credentials that expire are refreshed in time. Raises `BotoCoreError` if there are none, or if refreshing fails.
        """
        found = self._environment.load() or self._refreshed
        if found is None:
            on_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
            found = self._refreshed = ContainerProvider().load() if on_lambda else _session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()


def configured_region() -> str:
    """Return the Region of the environment, which Lambda sets, or else of the profile in the configuration file.

    Raises botocore's `NoRegionError` if there is none.
    """
    region = os.environ.get("AWS_DEFAULT_REGION") or _session().get_config_variable("region")
    if not region:
        raise NoRegionError
    return str(region)


def _session() -> "Session":
    # Not needed on Lambda, where importing it would take a tenth of a cold start.
    from botocore.session import get_session

    return get_session()
