"""AWS credentials, and the Region that a machine without Lambda's environment is configured for."""

import os
from typing import TYPE_CHECKING

from botocore.credentials import ContainerProvider, EnvProvider, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError, NoRegionError

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.session import Session


class CredentialSource:
    """Where credentials come from: the environment or, for a snapshot, Lambda's container endpoint.

    On any other machine a session of botocore looks for them, in its profiles and metadata services, too.
    """

    def __init__(self) -> None:
        self._environment = EnvProvider()
        self._refreshed: Credentials | None = None

    def current(self) -> ReadOnlyCredentials:
        """Return the credentials to sign a request with now. To be asked again for each request.

        Those that expire are fetched again in time. Raises `BotoCoreError` if there are none, or if they can't be
        fetched.
        """
        found = self._environment.load() or self._refreshed
        if found is None:
            on_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
            found = self._refreshed = ContainerProvider().load() if on_lambda else _session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()


def configured_region() -> str:
    """Return the Region: of the environment, which Lambda sets, or else of the configuration file's profile.

    Raises botocore's `NoRegionError` if there is none.
    """
    region = os.environ.get("AWS_DEFAULT_REGION") or _session().get_config_variable("region")
    if not region:
        raise NoRegionError
    return str(region)


def _session() -> "Session":
    # Lambda needs none: to import it, and all that it can do, would be a tenth of a cold start.
    from botocore.session import get_session

    return get_session()
