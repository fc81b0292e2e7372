"""Operators' identity secrets: issue, rotate, revoke; which keys get them, and where a secret is not."""

import json
import re
import time
from typing import Any

import pytest
from support.deadlines import Deadline
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import ApiKey, Mode

from tests.builders import Clock
from tests.operators import Operate, a_key, a_website, hooked, operators_over, refused
from tests.stored import Storage

DAY = 86_400
NEW_ID = "01JDEM0NEW1D00000000000000"
#: More keys than one transaction changes.
MANY = 60


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def operate(database: Table, clock: Clock) -> Operate:
    return operators_over(database, clock)


@pytest.fixture
def shop(operate: Operate) -> str:
    """A website with a key of each mode."""
    website_id = a_website(operate)
    a_key(operate, website_id, "public", "live")
    a_key(operate, website_id, "private", "test")
    return website_id


def issue(operate: Operate, website_id: str, mode: Mode = "live", **fields: Any) -> dict[str, Any]:
    return operate("issue_identity_secret", websiteId=website_id, mode=mode, **fields)


def rotate(operate: Operate, website_id: str, mode: Mode = "live", **fields: Any) -> dict[str, Any]:
    return operate("rotate_identity_secret", websiteId=website_id, mode=mode, **fields)


def accepted(database: Table, website_id: str, clock: Clock, mode: Mode = "live") -> list[set[str]]:
    """Read which secrets each key of a mode accepts."""
    deadline = Deadline.after(60)
    records = database.query(TABLE, f"WEBSITE#{website_id}", KeyRange.of_prefix("APIKEY#"), deadline)
    keys = [ApiKey.key(str(record["secretHash"])) for record in records]
    return [
        {secret.secret for secret in key.identity_secrets if secret.is_usable(clock.now)}
        for key in map(ApiKey.from_item, database.get_many(keys, deadline))
        if key.mode == mode
    ]


def listed(operate: Operate, website_id: str) -> list[tuple[str, str]]:
    secrets = operate("get_website", websiteId=website_id)["website"]["identitySecrets"]
    return [(secret["mode"], secret["id"]) for secret in secrets]


def test_a_secret_is_shown_once_and_given_to_the_keys_of_its_mode(
    database: Table, operate: Operate, shop: str, clock: Clock
) -> None:
    response = issue(operate, shop)

    secret, described = response["secret"], response["identitySecret"]
    assert re.fullmatch("is_live_[0-9a-f]{64}", secret)
    assert described.items() >= {"mode": "live", "lastFour": secret[-4:], "expiresAt": None}.items()
    assert accepted(database, shop, clock) == [{secret}]
    assert accepted(database, shop, clock, "test") == [set()]
    others = [
        operate("get_website", websiteId=shop),
        operate("list_websites"),
        operate("list_keys", websiteId=shop),
        operate("update_website", websiteId=shop, name="Parcels"),
    ]
    assert secret not in json.dumps(others)
    assert listed(operate, shop) == [("live", described["id"])]


def test_a_key_that_is_issued_later_gets_it_too(database: Table, operate: Operate, shop: str, clock: Clock) -> None:
    secret = issue(operate, shop)["secret"]

    a_key(operate, shop, "private", "live")

    assert accepted(database, shop, clock) == [{secret}] * 2


def test_the_modes_have_secrets_of_their_own(database: Table, operate: Operate, shop: str, clock: Clock) -> None:
    live, test = issue(operate, shop)["secret"], issue(operate, shop, "test")["secret"]

    rotate(operate, shop, "test", gracePeriodSeconds=0)

    assert accepted(database, shop, clock) == [{live}]
    assert test.startswith("is_test_")
    assert not {live, test} & accepted(database, shop, clock, "test")[0]


def test_after_a_rotation_the_old_secret_is_accepted_for_the_grace_period(
    database: Table, operate: Operate, shop: str, clock: Clock
) -> None:
    old = issue(operate, shop)["secret"]
    new = rotate(operate, shop, gracePeriodSeconds=DAY)["secret"]

    clock.now += DAY - 2
    assert accepted(database, shop, clock) == [{old, new}]
    clock.now += 2
    assert accepted(database, shop, clock) == [{new}]
    assert len(listed(operate, shop)) == 2
    rotate(operate, shop)
    assert len(listed(operate, shop)) == 2


def test_another_rotation_does_not_end_the_secret_in_use(
    database: Table, operate: Operate, shop: str, clock: Clock
) -> None:
    """The response of a rotation is lost, nobody has the new secret, and the old one still signs."""
    in_use = issue(operate, shop)["secret"]
    lost = rotate(operate, shop, newId=NEW_ID)["secret"]
    again = rotate(operate, shop, newId=NEW_ID)
    assert "secret" not in again
    assert "rotate_identity_secret" in again["warnings"][0]

    replaced = rotate(operate, shop, gracePeriodSeconds=0)["secret"]

    assert accepted(database, shop, clock) == [{in_use, replaced}]
    assert lost not in (in_use, replaced)


def test_not_more_secrets_are_accepted_than_a_key_has_room_for(operate: Operate, shop: str, clock: Clock) -> None:
    issue(operate, shop)
    for _ in range(4):
        assert "secret" in rotate(operate, shop)

    assert refused(rotate(operate, shop)) == "CONFLICT"
    clock.now += DAY
    assert "secret" in rotate(operate, shop)


def test_there_is_one_secret_to_issue_and_only_an_issued_one_to_rotate(operate: Operate, shop: str) -> None:
    assert refused(rotate(operate, shop)) == "CONFLICT"
    issue(operate, shop)
    assert refused(issue(operate, shop)) == "CONFLICT"
    assert refused(rotate(operate, shop, "test")) == "CONFLICT"


def test_a_revoked_secret_is_gone_at_once_and_those_in_grace_stay(
    database: Table, operate: Operate, shop: str, clock: Clock
) -> None:
    old = issue(operate, shop)["secret"]
    leaked = rotate(operate, shop)

    for _ in range(2):
        revoked = operate("revoke_identity_secret", websiteId=shop, secretId=leaked["identitySecret"]["id"])

    assert accepted(database, shop, clock) == [{old}]
    assert "no identity secret with this id" in revoked["warnings"][0]
    new = issue(operate, shop)["secret"]
    assert accepted(database, shop, clock) == [{old, new}]


def test_it_reaches_more_keys_than_one_transaction_holds_while_others_change_the_website(
    storage: Storage, database: Table, operate: Operate, shop: str, clock: Clock
) -> None:
    for _ in range(MANY):
        a_key(operate, shop, "public", "live")
    table = hooked(storage.table(), {2: lambda: operate("update_website", websiteId=shop, name="Parcels")})

    secret = issue(operators_over(table, clock), shop)["secret"]

    assert accepted(database, shop, clock) == [{secret}] * (MANY + 1)


@pytest.mark.parametrize(
    ("action", "fields", "path"),
    [
        ("issue_identity_secret", {"mode": "prod"}, "mode"),
        ("issue_identity_secret", {"mode": "live", "newId": "x"}, "newId"),
        ("issue_identity_secret", {"mode": "live", "gracePeriodSeconds": 0}, "gracePeriodSeconds"),
        ("rotate_identity_secret", {"mode": "live", "gracePeriodSeconds": -1}, "gracePeriodSeconds"),
        ("rotate_identity_secret", {"mode": "live", "gracePeriodSeconds": 30 * DAY + 1}, "gracePeriodSeconds"),
        ("revoke_identity_secret", {}, "secretId"),
    ],
)
def test_a_wrong_event_is_refused(operate: Operate, shop: str, action: str, fields: dict[str, Any], path: str) -> None:
    assert refused(operate(action, websiteId=shop, **fields)) == f"VALIDATION_FAILED {path}"


def test_a_website_that_is_not_there_has_none(operate: Operate, shop: str) -> None:
    operate("delete_website", websiteId=shop, force=True)

    assert refused(issue(operate, shop)) == "NOT_FOUND"
    assert refused(operate("revoke_identity_secret", websiteId=shop, secretId=NEW_ID)) == "NOT_FOUND"
