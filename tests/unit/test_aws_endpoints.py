"""support/aws/endpoints.py: the same URLs as botocore's clients have."""

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from support.aws.endpoints import dynamodb_url, events_url, s3_url

_DATA = Path(botocore.__file__).with_name("data")
PARTITIONS: list[dict[str, Any]] = json.loads((_DATA / "partitions.json").read_bytes())["partitions"]
REGIONS = sorted(region for one in PARTITIONS for region in one["regions"] if not region.endswith("-global"))


@pytest.fixture(autouse=True)
def _unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("", "_DYNAMODB", "_EVENTBRIDGE", "_S3"):
        monkeypatch.delenv(f"AWS_ENDPOINT_URL{name}", raising=False)


def rules_of(service: str) -> EndpointProvider:
    """Return what botocore's clients ask for the URL of a service, by its folder."""
    ruleset = json.loads(gzip.decompress((_DATA / service / "endpoint-rule-set-1.json.gz").read_bytes()))
    return EndpointProvider(ruleset, {"partitions": PARTITIONS})


@pytest.fixture(scope="module")
def rules() -> EndpointProvider:
    """What botocore's clients ask for the URL of DynamoDB."""
    return rules_of("dynamodb/2012-08-10")


def use(monkeypatch: pytest.MonkeyPatch, *, fips: bool = False, dual_stack: bool = False) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", str(fips).lower())
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", str(dual_stack).lower())


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual_stack", [False, True])
def test_each_region_has_botocore_s_url(
    monkeypatch: pytest.MonkeyPatch, rules: EndpointProvider, fips: bool, dual_stack: bool
) -> None:
    use(monkeypatch, fips=fips, dual_stack=dual_stack)
    regions = [*REGIONS, "eu-nowhere-7", "cn-nowhere-7", "us-gov-nowhere-7", "unheard-of"]

    found = {region: dynamodb_url(region) for region in regions}

    expected = {
        region: rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url for region in regions
    }
    assert found == expected


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual_stack", [False, True])
def test_each_region_has_botocore_s_url_of_eventbridge(
    monkeypatch: pytest.MonkeyPatch, fips: bool, dual_stack: bool
) -> None:
    use(monkeypatch, fips=fips, dual_stack=dual_stack)
    rules = rules_of("events/2015-10-07")

    assert {region: events_url(region) for region in REGIONS} == {
        region: rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url for region in REGIONS
    }


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("dual_stack", [False, True])
def test_each_region_has_botocore_s_url_of_a_bucket(
    monkeypatch: pytest.MonkeyPatch, fips: bool, dual_stack: bool
) -> None:
    use(monkeypatch, fips=fips, dual_stack=dual_stack)
    rules = rules_of("s3/2006-03-01")

    for region in REGIONS:
        try:
            expected = rules.resolve_endpoint(
                Region=region, UseFIPS=fips, UseDualStack=dual_stack, Bucket="a-bucket-1"
            ).url
        except EndpointProviderError:
            with pytest.raises(ValueError, match="no FIPS endpoint"):
                s3_url("a-bucket-1", region)
        else:
            assert s3_url("a-bucket-1", region) == expected


def test_a_bucket_is_a_folder_of_a_configured_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://files:2/")

    assert s3_url("a-bucket-1", "eu-west-1") == "http://files:2/a-bucket-1"


def test_eventbridge_has_a_configured_url_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://database:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://bus:2/")

    assert events_url("eu-west-1") == "http://bus:2"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"AWS_ENDPOINT_URL": "http://any:1"}, "http://any:1"),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://own:2/"}, "http://own:2"),
        ({"AWS_ENDPOINT_URL": "http://any:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://own:2"}, "http://own:2"),
        ({"AWS_ENDPOINT_URL": "http://any:1", "AWS_ENDPOINT_URL_DYNAMODB": ""}, "http://any:1"),
        ({"AWS_ENDPOINT_URL_SQS": "http://other:3"}, "https://dynamodb.eu-west-1.amazonaws.com"),
        (
            {"AWS_ENDPOINT_URL_DYNAMODB": "http://own:2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
            "https://dynamodb.eu-west-1.amazonaws.com",
        ),
        ({"AWS_ENDPOINT_URL": "http://any:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, "http://any:1"),
    ],
)
def test_a_configured_url_comes_first(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert dynamodb_url("eu-west-1") == url


@pytest.mark.parametrize("choice", ["fips", "dual_stack"])
def test_a_configured_url_excludes_a_choice_among_aws_s_own(monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    """As botocore has it: the choice would be ignored in silence."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://any:1")
    use(monkeypatch, **{choice: True})

    with pytest.raises(ValueError, match="AWS_ENDPOINT_URL excludes"):
        dynamodb_url("eu-west-1")
