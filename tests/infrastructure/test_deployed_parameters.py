"""`make deploy` and a stage that is deployed already: what nobody names stays, and nothing of it is emptied unseen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.deployed import Target, target
from local.ports import free_port
from local.release import ReleaseError, main, parameters
from local.stages import stages
from tests.cloudformation import CloudFormation

TEMPLATE_PARAMETERS: dict[str, dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]

#: Those that somebody has to name, such as a domain: without them the stage does without what they name.
NAMED_BY_SOMEBODY = sorted(name for name, body in TEMPLATE_PARAMETERS.items() if body["Default"] == "")


def deployed(stage: str = "prod", **named: str) -> dict[str, str]:
    """Return what a stage has been deployed with."""
    return parameters(stage, named, {})


# What a release makes of it -------------------------------------------------------------------------------------------


def test_what_is_not_named_stays_as_it_is_deployed() -> None:
    before = deployed(DomainName="api.example.com", EventBusName="default", RateLimitPerMinute="7", SnapStart="on")

    assert parameters("prod", {}, before) == before


def test_what_is_named_changes_and_nothing_else() -> None:
    before = deployed(DomainName="api.example.com", AlarmEmail="old@example.com")

    after = parameters("prod", {"AlarmEmail": "new@example.com"}, before)

    assert {name for name in after if after[name] != before[name]} == {"AlarmEmail", "ReleaseHash"}
    assert after["AlarmEmail"] == "new@example.com"


def test_what_samconfig_names_is_so_after_each_deploy() -> None:
    once = deployed("dev", RequestsPerSecond="50", ReleaseAlarms="off")

    after = parameters("dev", {}, once)

    assert after["RequestsPerSecond"] == stages()["dev"]["RequestsPerSecond"] != "50"
    assert after["ReleaseAlarms"] == "on"


def test_a_release_past_the_alarms_holds_for_one_deploy(stage: str) -> None:
    past = parameters(stage, {"ReleaseAlarms": "off"}, deployed(stage))

    assert past["ReleaseAlarms"] == "off"
    assert parameters(stage, {}, past)["ReleaseAlarms"] == "on"


def test_a_parameter_that_is_new_or_gone_is_as_the_template_says() -> None:
    before = deployed()
    del before["DefaultHost"]

    after = parameters("prod", {}, before | {"Removed": "1"})

    assert after["DefaultHost"] == "on"
    assert "Removed" not in after


def test_the_label_of_a_stream_goes_with_its_table() -> None:
    before = deployed(ExistingTableName="restored", ExistingTableStream="2026")

    def label(**named: str) -> str:
        return parameters("prod", named, before)["ExistingTableStream"]

    assert label() == label(ExistingTableName="restored") == "2026"
    assert label(ExistingTableName="another") == ""
    assert label(ExistingTableName="another", ExistingTableStream="2027") == "2027"


def test_those_that_cost_most_are_among_the_guarded_ones() -> None:
    assert {"DomainName", "CertificateArn", "ExistingTableName", "EventBusName", "AlarmEmail"} < set(NAMED_BY_SOMEBODY)


@pytest.mark.parametrize("name", NAMED_BY_SOMEBODY)
def test_none_is_emptied_unless_it_is_to_be_forgotten(name: str) -> None:
    before = deployed(**{name: "named"})

    with pytest.raises(ReleaseError, match=f'^This would empty {name} \\(named\\)\\. .* FORGET="{name}"\\.$'):
        parameters("prod", {name: ""}, before)
    assert parameters("prod", {name: ""}, before, [name])[name] == ""
    assert parameters("prod", {}, before, [name])[name] == ""


def test_all_that_would_be_emptied_is_named_at_once() -> None:
    before = deployed(DomainName="api.example.com", CertificateArn="arn:1", AlarmEmail="on-call@example.com")

    with pytest.raises(ReleaseError, match='FORGET="DomainName CertificateArn"'):
        parameters("prod", {"DomainName": "", "CertificateArn": ""}, before)


def test_what_is_forgotten_is_what_samconfig_or_the_template_says() -> None:
    before = deployed("dev", RateLimitPerMinute="7", TableMaxUnits="9000")

    after = parameters("dev", {}, before, ["RateLimitPerMinute", "TableMaxUnits"])

    assert after["RateLimitPerMinute"] == "60"
    assert after["TableMaxUnits"] == stages()["dev"]["TableMaxUnits"]


def test_every_parameter_can_be_read_back() -> None:
    """CloudFormation shows `****` for one with NoEcho, which would be deployed in place of its value."""
    assert [name for name, body in TEMPLATE_PARAMETERS.items() if "NoEcho" in body] == []


# What CloudFormation is asked -----------------------------------------------------------------------------------------


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Give a function that returns the lines that a person has been shown."""

    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return read


def test_a_deploy_shows_what_it_changes(cloudformation: CloudFormation, told: Callable[[], list[str]]) -> None:
    cloudformation.parameters = deployed(DomainName="api.example.com", AlarmEmail="old@example.com", BasePath="/a")
    del cloudformation.parameters["DefaultHost"]
    cloudformation.parameters["Removed"] = "1"

    release = main(["--forget=BasePath", "prod", "AlarmEmail=new@example.com", "--", "--no-confirm-changeset"])

    assert release["DomainName"] == "api.example.com"
    assert told() == [
        "conversations-prod: these parameters change.",
        "  BasePath: /a -> (empty)",
        "  DefaultHost: (new) -> on",
        "  AlarmEmail: old@example.com -> new@example.com",
        "  Removed: 1 -> (gone)",
        "  Kept as deployed: DomainName=api.example.com",
    ]


def test_a_deploy_that_changes_no_parameter_says_so(
    cloudformation: CloudFormation, told: Callable[[], list[str]]
) -> None:
    cloudformation.parameters = deployed("dev")

    assert main(["dev"]) == cloudformation.parameters
    assert told() == ["conversations-dev: no parameter changes."]


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:conversations-dev-ConversationsFunction-1"


@pytest.fixture
def released(cloudformation: CloudFormation) -> CloudFormation:
    """A stage that is deployed as it is now, with version 42."""
    cloudformation.parameters = deployed("dev")
    cloudformation.resources = {
        "ConversationsFunction": ("AWS::Lambda::Function", FUNCTION.rsplit(":", 1)[1]),
        "ConversationsFunctionVersion1": ("AWS::Lambda::Version", f"{FUNCTION}:42"),
        "ConversationsFunctionAliaslive": ("AWS::Lambda::Alias", f"{FUNCTION}:live"),
    }
    cloudformation.alias = "42"
    return cloudformation


def test_a_deploy_of_the_same_says_where_somebody_has_moved_an_alias(
    released: CloudFormation, told: Callable[[], list[str]]
) -> None:
    released.alias = "41"

    main(["dev"])

    assert told() == [
        "conversations-dev: no parameter changes.",
        "  live of conversations-dev-ConversationsFunction-1 is at version 41, though 42 is the one that was deployed: "
        "it was moved by hand. It stays there, since this deploy changes nothing. To move it back:",
        "    aws lambda update-alias --function-name conversations-dev-ConversationsFunction-1 --name live "
        """--function-version 42 --routing-config '{"AdditionalVersionWeights": {}}'""",
    ]


@pytest.mark.parametrize(("alias", "named"), [("42", []), ("41", ["SnapStart=on"])])
def test_a_deploy_says_nothing_of_an_alias_that_is_in_its_place_or_that_it_moves(
    released: CloudFormation, told: Callable[[], list[str]], alias: str, named: list[str]
) -> None:
    released.alias = alias

    main(["dev", *named])

    assert "update-alias" not in "".join(told())


@pytest.mark.parametrize("is_proposed", [False, True])
def test_a_first_deploy_starts_from_samconfig_and_the_defaults(
    cloudformation: CloudFormation, told: Callable[[], list[str]], is_proposed: bool
) -> None:
    if is_proposed:  # by a change set that was never carried out
        cloudformation.parameters = deployed("dev", AlarmEmail="never@example.com")
        cloudformation.status = "REVIEW_IN_PROGRESS"
    else:
        cloudformation.has_no_stack()

    assert main(["dev", "SnapStart=on"]) == deployed("dev", SnapStart="on")
    assert told() == ["conversations-dev is not deployed yet."]


@pytest.mark.parametrize(
    ("options", "stack", "region"),
    [
        ([], "conversations-staging", "us-east-1"),
        (["--no-confirm-changeset", "--region", "eu-west-1"], "conversations-staging", "eu-west-1"),
        (["--stack-name=another", "--region=eu-west-1", "--tags", "a=b"], "another", "eu-west-1"),
    ],
)
def test_the_stack_is_the_one_that_sam_changes(
    cloudformation: CloudFormation, options: list[str], stack: str, region: str
) -> None:
    cloudformation.parameters = deployed("staging")

    main(["staging", "--", *options])

    assert cloudformation.asked == [(stack, region)]


def test_the_stack_is_the_one_that_samconfig_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samconfig.toml").write_text(
        "[prod.global.parameters]\nregion = 'eu-west-1'\nprofile = 'all'\n"
        "[prod.deploy.parameters]\nstack_name = 'ours'\nprofile = 'deployer'\n"
    )
    monkeypatch.setattr("local.deployed.ROOT", tmp_path)

    assert target("prod") == Target("ours", "eu-west-1", "deployer")
    assert target("prod", ["--profile", "mine"]) == Target("ours", "eu-west-1", "mine")


def without_credentials(patch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.delenv(name)


def without_a_region(patch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        patch.delenv(name, raising=False)


def without_a_network(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("lack", "reason"),
    [
        (without_credentials, "Unable to locate credentials"),
        (without_a_region, "export AWS_DEFAULT_REGION"),
        (without_a_network, "Could not connect to the endpoint URL"),
        (lambda patch: patch.setenv("AWS_PROFILE", "nobody"), r"profile \(nobody\) could not be found"),
        (lambda patch: patch.setenv("AWS_DEFAULT_REGION", "no region"), "not valid|Invalid|doesn't match"),
    ],
)
def test_nothing_is_deployed_where_the_stack_can_not_be_read(
    cloudformation: CloudFormation,
    monkeypatch: pytest.MonkeyPatch,
    lack: Callable[[pytest.MonkeyPatch], None],
    reason: str,
) -> None:
    lack(monkeypatch)

    with pytest.raises(SystemExit, match=reason) as exit_:
        main(["prod"])
    assert "\n" not in str(exit_.value)
    assert cloudformation.asked == []


@pytest.mark.parametrize("code", ["AccessDenied", "ValidationError"])
def test_nothing_is_deployed_where_cloudformation_refuses(cloudformation: CloudFormation, code: str) -> None:
    cloudformation.error = (code, "You may not.\nAsk somebody.")

    with pytest.raises(SystemExit, match=r"conversations-prod .* nothing is deployed: .*You may not\. Ask somebody\."):
        main(["prod"])


def test_nothing_is_deployed_that_would_empty_what_somebody_has_named(cloudformation: CloudFormation) -> None:
    cloudformation.parameters = deployed(EventBusName="default")

    with pytest.raises(SystemExit, match="This would empty EventBusName"):
        main(["prod", "EventBusName="])
