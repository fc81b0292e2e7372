"""AWS credentials, and the configured Region. Where the environment has none, botocore finds them."""

import os
from typing import TYPE_CHECKING

from support.aws.signatures import Credentials

if TYPE_CHECKING:
    from botocore.credentials import Credentials as FoundCredentials
    from botocore.session import Session


class NoCredentials(Exception):
    """There are no credentials, or refreshing them failed. The message names botocore's error."""


class CredentialSource:
    """Loads credentials: from the environment or, in a snapshot, from Lambda's container endpoint.

    On any other machine a botocore session finds them, in profiles and metadata services too.
    """

    def __init__(self) -> None:
        self._refreshed: FoundCredentials | None = None

    def current(self) -> Credentials:
        """Return the credentials to sign a request with now. Call it for each request.

        Credentials that expire are refreshed in time. Raises `NoCredentials`.
        """
        environment = os.environ
        access_key, secret_key = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key:
            return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN"))
        return self._elsewhere()

    def _elsewhere(self) -> Credentials:
        from botocore.credentials import ContainerProvider
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            if self._refreshed is None:
                on_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
                self._refreshed = ContainerProvider().load() if on_lambda else _session().get_credentials()
            if self._refreshed is None:
                raise NoCredentialsError
            found = self._refreshed.get_frozen_credentials()
        except BotoCoreError as error:
            raise NoCredentials(type(error).__name__) from None
        return Credentials(str(found.access_key), str(found.secret_key), found.token)


def configured_region() -> str:
    """Return the Region of the environment, which Lambda sets, or else of the profile in the configuration file.

    Raises botocore's `NoRegionError` if there is none.
    """
    region = os.environ.get("AWS_DEFAULT_REGION") or _session().get_config_variable("region")
    if not region:
        from botocore.exceptions import NoRegionError

        raise NoRegionError
    return str(region)


def _session() -> "Session":
    # Not needed on Lambda, where importing it would take a tenth of a cold start.
    from botocore.session import get_session

    return get_session()
