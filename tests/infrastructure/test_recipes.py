"""docs/cloudfront.yaml, against what it is in front of."""

from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse
from support.errors import Code
from support.front import HEADER

from local import ROOT


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The properties of its resources."""
    template = yaml_parse((ROOT / "docs/cloudfront.yaml").read_text())
    return {name: body["Properties"] for name, body in template["Resources"].items()}


@pytest.fixture
def distribution(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resources["Distribution"]["DistributionConfig"]
    return found


def test_it_sends_the_secret_to_both_apis(distribution: dict[str, Any]) -> None:
    headers = {origin["Id"]: origin["OriginCustomHeaders"] for origin in distribution["Origins"]}

    assert headers.keys() == {"api", "sockets"}
    for [header] in headers.values():
        assert header["HeaderName"].lower() == HEADER
        assert header["HeaderValue"] == {"Fn::Sub": "{{resolve:secretsmanager:${FrontSecret}}}"}


def test_the_path_of_sockets_is_their_stage_and_all_others_are_the_api_s(distribution: dict[str, Any]) -> None:
    product = yaml_parse((ROOT / "template.yaml").read_text())
    [sockets] = distribution["CacheBehaviors"]

    assert sockets["TargetOriginId"] == "sockets"
    assert sockets["PathPattern"] == f"/{product['Resources']['SocketStage']['Properties']['StageName']}"
    # CloudFront would put it before the path.
    assert all("OriginPath" not in origin for origin in distribution["Origins"])
    assert distribution["DefaultCacheBehavior"]["TargetOriginId"] == "api"


def test_it_passes_on_all_that_clients_send_but_the_host_and_keeps_nothing(distribution: dict[str, Any]) -> None:
    for behavior in (distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]):
        assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"  # AllViewerExceptHostHeader
        assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    kept = {found["ErrorCode"]: found["ErrorCachingMinTTL"] for found in distribution["CustomErrorResponses"]}
    # Those that CloudFront keeps by default (Developer Guide, "HTTP 4xx and 5xx status codes that CloudFront caches").
    by_default = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
    assert kept == dict.fromkeys(by_default, 0)
    assert {code.status for code in Code} & by_default  # some are the API's own


def test_what_people_write_is_not_taken_for_an_attack(resources: dict[str, Any]) -> None:
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in resources["Firewall"]["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    counted = {
        override["Name"]
        for group in groups
        for override in group.get("RuleActionOverrides", [])
        if override["ActionToUse"] == {"Count": {}}
    }

    # All rules of these groups that look at a body.
    assert {group["Name"] for group in groups} == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
    }
    assert counted >= {
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
    }


def test_neither_keys_nor_visitors_are_shown_in_samples(resources: dict[str, Any]) -> None:
    firewall = resources["Firewall"]

    assert not any(found["VisibilityConfig"]["SampledRequestsEnabled"] for found in (firewall, *firewall["Rules"]))
