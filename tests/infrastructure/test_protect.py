"""`make deploy` leaves a stack that no mistake deletes, and no update that replaces or deletes what it keeps."""

import json

import pytest

from local.protect import kept_resources, main
from tests.cloudformation import CloudFormation

ALLOWED = {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"}


@pytest.fixture
def deployed(cloudformation: CloudFormation) -> CloudFormation:
    """A stack that has a table, and nothing else that is kept."""
    cloudformation.resources = {
        "Table": ("AWS::DynamoDB::Table", "conversations-dev-Table-1"),
        "ConnectionsTable": ("AWS::DynamoDB::Table", "conversations-dev-ConnectionsTable-1"),
    }
    return cloudformation


def test_what_customers_have_written_is_kept() -> None:
    assert "Table" in kept_resources()
    assert "ConnectionsTable" not in kept_resources()


def test_a_stack_without_protection_gets_it(deployed: CloudFormation, capsys: pytest.CaptureFixture[str]) -> None:
    main(["dev"])

    assert deployed.is_protected
    assert json.loads(deployed.policy or "") == {
        "Statement": [
            ALLOWED,
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["Update:Replace", "Update:Delete"],
                "Resource": ["LogicalResourceId/Table"],
            },
        ]
    }
    assert capsys.readouterr().out.splitlines() == [
        "conversations-dev: no update replaces or deletes Table from now on.",
        "conversations-dev: protected against deletion from now on.",
    ]


def test_a_stack_with_protection_is_left_as_it_is(deployed: CloudFormation, capsys: pytest.CaptureFixture[str]) -> None:
    main(["dev"])
    before, _ = deployed.policy, capsys.readouterr()

    main(["dev"])

    assert (deployed.policy, capsys.readouterr().out) == (before, "")


def test_what_was_allowed_for_one_deploy_is_denied_after_it(deployed: CloudFormation) -> None:
    deployed.policy = json.dumps({"Statement": [ALLOWED]})

    main(["dev"])

    assert "LogicalResourceId/Table" in (deployed.policy or "")


def test_no_resource_is_named_that_the_stack_does_not_have(deployed: CloudFormation) -> None:
    del deployed.resources["Table"]

    main(["dev"])

    assert json.loads(deployed.policy or "") == {"Statement": [ALLOWED]}


def test_it_is_said_where_a_stack_could_not_be_protected(deployed: CloudFormation) -> None:
    deployed.error = ("AccessDenied", "You may not.")

    with pytest.raises(SystemExit, match=r"^conversations-dev is deployed, but could not be protected: .*You may not"):
        main(["dev"])
