"""The template as CloudFormation gets it, in each stage of samconfig.toml."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.stages import expand, stages
from local.template import TEMPLATE, resolve
from tests.cloudformation import CloudFormation, serving

#: Parts that no stage of samconfig.toml has until somebody names his own.
OPTIONS = {
    "EventBusName": "default",
    "AlarmEmail": "on-call@example.com",
    "SilenceMinutes": "60",
    "DomainName": "api.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "BasePath": "/support",
    "FrontHost": "front.example.com",
    "FrontSecret": "front:SecretString:::01234567-89ab-4cde-8f01-23456789abcd",
    "NextFrontSecret": "front:SecretString:::89abcdef-0123-4567-89ab-cdef01234567",
}


@pytest.fixture(scope="session")
def expanded() -> dict[str, Any]:
    """The template, SAM expanded, with its parameters and conditions."""
    return expand(TEMPLATE.read_text())


@pytest.fixture(params=sorted(stages()))
def stage(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def template(expanded: dict[str, Any], stage: str) -> dict[str, Any]:
    """The template of a stage, as samconfig.toml has it."""
    return resolve(expanded, stages()[stage])


@pytest.fixture
def resources(template: dict[str, Any]) -> dict[str, Any]:
    """The properties of a stage's resources."""
    return {name: resource.get("Properties", {}) for name, resource in template["Resources"].items()}


@pytest.fixture
def everything(expanded: dict[str, Any], stage: str) -> dict[str, Any]:
    """The template of a stage with all options on."""
    return resolve(expanded, stages()[stage] | OPTIONS)


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    """A CloudFormation on this machine, which has one stack under any name."""
    stand_in = CloudFormation()
    with serving(stand_in) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint)
        yield stand_in
