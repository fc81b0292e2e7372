"""Operators' actions sent twice: what is made is made once, and no key that somebody may use is taken from them."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.dynamodb.table import Table
from support.values import timestamps

from tests.builders import ORGANIZATION, WEBSITE, a_body, private
from tests.client import Api
from tests.operators import Operate, a_key, a_website, operators_over, refused
from tests.stored import Storage

NEW_ID = "01JDEM0NEW1D00000000000000"
NEW_KEY = f"{WEBSITE}-{NEW_ID}"


def creation(**fields: Any) -> dict[str, Any]:
    return {
        "action": "create_website",
        "name": "Shop",
        "organizationId": ORGANIZATION,
        "allowedOrigins": ["shop.example.com"],
        "newId": NEW_ID,
        **fields,
    }


def issue(**fields: Any) -> dict[str, Any]:
    key = {"websiteId": WEBSITE, "type": "private", "mode": "test", "name": "Server", "newId": NEW_ID}
    return {"action": "issue_key", **key, **fields}


def rotation(key_id: str, **fields: Any) -> dict[str, Any]:
    return {"action": "rotate_key", "keyId": key_id, "gracePeriodSeconds": 3600, "newId": NEW_ID, **fields}


@pytest.fixture
def old(operate: Operate) -> str:
    """The id of a key that is there to be rotated."""
    key_id: str = a_key(operate, WEBSITE)[0]
    return key_id


def test_a_website_is_made_once(operate: Operate) -> None:
    first, second = operate(event=creation()), operate(event=creation())

    assert first["website"]["id"] == NEW_ID
    assert second == first


def test_a_website_with_keys_is_still_the_one_that_was_made(operate: Operate) -> None:
    operate(event=creation())
    a_key(operate, NEW_ID)

    assert operate(event=creation())["website"] == operate("get_website", websiteId=NEW_ID)["website"]


@pytest.mark.parametrize(
    "change", [{"name": "Other"}, {"organizationId": "acme"}, {"allowedOrigins": []}, {"newId": WEBSITE}]
)
def test_an_id_is_not_given_to_a_second_website(operate: Operate, change: dict[str, Any]) -> None:
    operate(event=creation())
    before = operate("get_website", websiteId=NEW_ID)

    assert refused(operate(event=creation(**change))) == "CONFLICT"
    assert operate("get_website", websiteId=NEW_ID) == before


def test_a_website_that_was_deleted_is_not_made_again(operate: Operate) -> None:
    operate(event=creation())
    operate("delete_website", websiteId=NEW_ID)

    assert refused(operate(event=creation())) == "CONFLICT"


def test_a_key_is_issued_once_and_the_secret_that_was_shown_goes_on_working(operate: Operate, api: Api) -> None:
    first = operate(event=issue())

    second = operate(event=issue())

    assert first["key"]["id"] == NEW_KEY
    assert second["key"] == first["key"]
    assert "secret" not in second
    assert "rotate_key" in second["warnings"][0]
    assert api(a_body(), private(first["secret"])).status == 200


def test_a_key_that_nobody_got_to_see_is_replaced_as_the_repetition_says(operate: Operate, api: Api) -> None:
    unseen = operate(event=issue())["secret"]
    again = operate(event=issue())

    response = operate("rotate_key", keyId=again["key"]["id"], gracePeriodSeconds=0)

    assert api(a_body(), private(response["secret"])).status == 200
    assert operate("describe_key", key=unseen)["key"]["status"] == "expired"


@pytest.mark.parametrize(
    "change",
    [{"name": "Other"}, {"type": "public"}, {"mode": "live"}, {"expiresAt": "2036-01-01T00:00:00Z"}],
)
def test_an_id_is_not_given_to_a_second_key(operate: Operate, change: dict[str, Any]) -> None:
    operate(event=issue())

    assert refused(operate(event=issue(**change))) == "CONFLICT"


def test_a_key_whose_end_has_come_is_still_the_one_that_was_issued(database: Table) -> None:
    end = {"expiresAt": "2036-01-01T00:00:00Z"}
    operators_over(database)(event=issue(**end))

    again = operators_over(database, clock=lambda: 2_100_000_000)(event=issue(**end))

    assert again["key"]["status"] == "expired"


@pytest.mark.parametrize("grace", [0, 3600])
def test_a_key_is_rotated_once(operate: Operate, old: str, grace: int) -> None:
    first = operate(event=rotation(old, gracePeriodSeconds=grace))

    second = operate(event=rotation(old, gracePeriodSeconds=grace))

    assert first["key"]["id"] == NEW_KEY
    assert (second["key"], second["rotatedKey"]) == (first["key"], first["rotatedKey"])
    assert "secret" not in second
    assert "rotate_key" in second["warnings"][0]


def test_an_id_of_a_key_that_is_no_successor_ends_no_key(operate: Operate, old: str) -> None:
    operate(event=issue())

    for event in (rotation(old), rotation(old, newId=old[-26:]), rotation(NEW_KEY, newId=old[-26:])):
        assert refused(operate(event=event)) == "CONFLICT"
    assert {operate("describe_key", keyId=key)["key"]["status"] for key in (old, NEW_KEY)} == {"active"}
    assert operate("describe_key", keyId=old)["key"]["expiresAt"] is None


@pytest.mark.parametrize("other", [{"name": "Other"}, {"type": "public"}, {"mode": "live"}, None])
def test_an_end_of_its_own_is_not_taken_for_a_rotation(operate: Operate, other: dict[str, str] | None) -> None:
    """A key that ends soon is one that a rotation might have left, but no other key than such a one's successor is."""
    soon = timestamps.from_epoch(int(time.time()) + 60)
    old = operate(event=issue(newId=NEW_ID[:-1] + "1", expiresAt=soon))["key"]["id"]
    if other is not None:
        operate(event=issue(**other))

    assert refused(operate(event=rotation(old, newId=old[-26:] if other is None else NEW_ID))) == "CONFLICT"


def test_a_shorter_grace_period_is_not_taken_for_the_same_rotation(operate: Operate, old: str) -> None:
    operate(event=rotation(old))

    assert refused(operate(event=rotation(old, gracePeriodSeconds=60))) == "CONFLICT"


def test_a_repetition_leaves_the_version_as_others_saw_it(operate: Operate, old: str) -> None:
    for event in (issue(newId=NEW_ID[:-1] + "1"), rotation(old), {"action": "revoke_key", "keyId": old}):
        operate(event=event)
        seen = operate("get_website", websiteId=WEBSITE)

        assert "error" not in operate(event=event)
        assert operate("get_website", websiteId=WEBSITE) == seen


def test_the_same_action_sent_at_once_makes_one_key(storage: Storage, operate: Operate, old: str) -> None:
    for event in (issue(newId=NEW_ID[:-1] + "1"), rotation(old), creation()):

        def send(_: int, event: dict[str, Any] = event) -> dict[str, Any]:
            return operators_over(storage.table())(event=event)

        with ThreadPoolExecutor() as pool:
            responses = list(pool.map(send, range(4)))

        assert all("error" not in response for response in responses)
        assert sum("secret" in response for response in responses) == (event["action"] != "create_website")
    keys = operate("list_keys", websiteId=WEBSITE)["keys"]
    assert len([key for key in keys if NEW_ID[:-1] in key["id"]]) == 2


def test_without_an_id_each_is_another_one(operate: Operate) -> None:
    assert a_website(operate) != a_website(operate)
    assert a_key(operate, WEBSITE)[0] != a_key(operate, WEBSITE)[0]


@pytest.mark.parametrize("new_id", ["", "short", "81JDEM0NEW1D00000000000000", NEW_ID.lower(), None])
@pytest.mark.parametrize("make", [creation, issue, lambda **fields: rotation(NEW_KEY, **fields)])
def test_an_id_that_is_no_ulid_is_refused(operate: Operate, make: Any, new_id: str | None) -> None:
    assert refused(operate(event=make(newId=new_id))) == "VALIDATION_FAILED newId"
