"""conversations/aws/credentials.py: whose credentials sign a request, and for how long."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from botocore.exceptions import NoRegionError
from support.aws.credentials import CredentialSource, NoCredentials, configured_region

from local import ROOT
from local.offline import variables

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lambda starts a function that becomes a snapshot: its credentials come from an endpoint."""
    for name in _KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "conversations")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let Lambda's endpoint give credentials, each for so many minutes; the keys that it gave are returned."""

    def gives(*minutes: int) -> list[str]:
        rest = list(minutes)
        given: list[str] = []

        def retrieve(_: object, full_url: str, headers: dict[str, str]) -> dict[str, Any]:
            assert (full_url, headers) == ("http://127.0.0.1/credentials", {"Authorization": "token"})
            given.append(f"AKIA{len(given)}")
            expiration = datetime.now(UTC) + timedelta(minutes=rest.pop(0))
            return {
                "AccessKeyId": given[-1],
                "SecretAccessKey": "secret",
                "Token": "session",
                "Expiration": expiration.isoformat(),
            }

        monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.retrieve_full_uri", retrieve)
        return given

    return gives


def test_the_environment_is_asked_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    source, found = CredentialSource(), []
    for number in range(2):
        for name in _KEYS:
            monkeypatch.setenv(name, f"{name}-{number}")
        found.append(tuple(source.current()[:3]))

    assert found == [tuple(f"{name}-{number}" for name in _KEYS) for number in range(2)]


@pytest.mark.usefixtures("on_lambda")
def test_a_restored_snapshot_fetches_credentials_in_place_of_those_that_have_expired(
    endpoint: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = endpoint(60, 60 * 24 * 8)
    source = CredentialSource()
    assert source.current().access_key == "AKIA0"

    class AWeekLater(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(days=7)

    monkeypatch.setattr("botocore.credentials.datetime", SimpleNamespace(datetime=AWeekLater))

    assert [source.current().access_key for _ in range(3)] == ["AKIA1"] * 3
    assert given == ["AKIA0", "AKIA1"]


@pytest.mark.usefixtures("on_lambda")
def test_credentials_of_the_endpoint_are_kept_while_they_are_valid(endpoint: Callable[..., list[str]]) -> None:
    given = endpoint(60)
    source = CredentialSource()

    assert [source.current().access_key for _ in range(3)] == ["AKIA0"] * 3
    assert given == ["AKIA0"]


@pytest.mark.usefixtures("on_lambda")
def test_an_endpoint_out_of_reach_gives_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)

    with pytest.raises(NoCredentials):
        CredentialSource().current()


@pytest.mark.usefixtures("on_lambda")
def test_lambda_without_credentials_looks_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_profile(monkeypatch, tmp_path)
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")

    with pytest.raises(NoCredentials, match="NoCredentialsError"):
        CredentialSource().current()


def test_another_machine_s_profile_has_credentials_and_a_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_profile(monkeypatch, tmp_path)
    for name in (*_KEYS, "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    assert (CredentialSource().current().access_key, configured_region()) == ("AKIAPROFILE", "eu-central-1")


def test_no_credentials_and_no_region_are_errors_that_name_botocore_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_KEYS, "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(NoCredentials, match="NoCredentialsError"):
        CredentialSource().current()
    with pytest.raises(NoRegionError):
        configured_region()


_ON_LAMBDA = """
import sys
from support.aws.credentials import CredentialSource
from support.dynamodb.table import Table

Table("t", timeout_seconds=10)
CredentialSource().current()
print(*sys.modules)
"""


def test_lambda_imports_no_module_of_botocore_s() -> None:
    """They are a fifth of a cold start, and the layer has no data for its clients."""
    environment = {**os.environ, **variables("http://localhost"), "AWS_LAMBDA_FUNCTION_NAME": "conversations"}
    environment["PYTHONPATH"] = str(ROOT / "layers" / "shared")

    ended = subprocess.run(
        [sys.executable, "-c", _ON_LAMBDA], env=environment, capture_output=True, text=True, check=True
    )

    modules = set(ended.stdout.split())
    assert {name for name in modules if name.startswith(("botocore", "boto3"))} == {"botocore"}


def a_profile(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    credentials, config = folder / "credentials", folder / "config"
    credentials.write_text("[default]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n")
    config.write_text("[default]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
