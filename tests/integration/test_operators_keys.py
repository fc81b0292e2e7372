"""Operators' API keys: issue, list, rotate, revoke, describe; and where a secret is not."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from operators.operations import new_secret
from support.deadlines import unavailable
from support.dynamodb.table import Table
from support.observability import logger
from support.values.api_key import hash_secret

from tests.builders import EXPIRED_KEY, PRIVATE_KEY, REVOKED_KEY, WEBSITE, Clock
from tests.operators import Operate, a_key, a_website, operators_over, refused
from tests.stored import Storage

DAY = 86_400
UNKNOWN_KEY_ID = f"{WEBSITE}-01JDEM0KEYVNKN0WN000000000"


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def operate(database: Table, clock: Clock) -> Operate:
    return operators_over(database, clock)


@pytest.fixture
def stored_text(storage: Storage) -> Callable[[], str]:
    """Read all of the table as text."""
    return lambda: json.dumps(storage.scan())


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Read the lines that the function logged."""

    def lines() -> list[dict[str, Any]]:
        formatter = logger.registered_formatter
        return [json.loads(formatter.format(record)) for record in caplog.records if record.name == logger.name]

    return lines


# Issue --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_type", "mode", "prefix"),
    [
        ("private", "live", "sk_live_"),
        ("private", "test", "sk_test_"),
        ("public", "live", "pk_live_"),
        ("public", "test", "pk_test_"),
    ],
)
def test_a_key_is_shown_once_and_stored_as_its_hash(
    operate: Operate, stored_text: Callable[[], str], key_type: str, mode: str, prefix: str
) -> None:
    response = operate("issue_key", websiteId=WEBSITE, type=key_type, mode=mode, name="Server")

    secret, key = response["secret"], response["key"]
    assert re.fullmatch(prefix + "[0-9a-f]{64}", secret)
    assert key.items() >= {"type": key_type, "mode": mode, "name": "Server", "status": "active"}.items()
    assert key["id"].startswith(f"{WEBSITE}-")
    assert key["lastFour"] == secret[-4:]
    assert hash_secret(secret) in stored_text()
    assert secret.removeprefix(prefix) not in stored_text()


def test_a_secret_is_256_bits_of_the_systems_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def token_hex(count: int) -> str:
        asked.append(count)
        return "ab" * count

    monkeypatch.setattr("secrets.token_hex", token_hex)

    assert new_secret("private", "live") == "sk_live_" + "ab" * 32
    assert asked == [32]


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"type": "secret"}, "type"),
        ({"mode": "prod"}, "mode"),
        ({"name": ""}, "name"),
        ({"websiteId": "short"}, "websiteId"),
        ({"expiresAt": "tomorrow"}, "expiresAt"),
        ({"expiresAt": 1_900_000_000}, "expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expires": "2036-01-01T00:00:00Z"}, "expires"),
    ],
)
def test_a_wrong_key_is_answered_with_what_to_change(operate: Operate, fields: dict[str, Any], paths: str) -> None:
    event = {"websiteId": WEBSITE, "type": "private", "mode": "test", "name": "Server", **fields}

    assert refused(operate("issue_key", **event)) == f"VALIDATION_FAILED {paths}"


def test_a_key_may_have_an_end(operate: Operate, clock: Clock) -> None:
    key_id, _ = a_key(operate, WEBSITE, expiresAt="2036-01-01T01:00:00+01:00")

    key = operate("describe_key", keyId=key_id)["key"]
    assert (key["expiresAt"], key["status"]) == ("2036-01-01T00:00:00.000Z", "active")

    clock.now += 20 * 365 * DAY
    assert operate("describe_key", keyId=key_id)["key"]["status"] == "expired"


def test_an_absent_end_may_be_null(operate: Operate) -> None:
    key_id, _ = a_key(operate, WEBSITE, expiresAt=None)

    assert operate("describe_key", keyId=key_id)["key"]["expiresAt"] is None


# List and describe --------------------------------------------------------------------------------------------------


def test_keys_are_listed_a_page_at_a_time_without_their_secrets(operate: Operate) -> None:
    website_id = a_website(operate)
    issued = [a_key(operate, website_id, "public") for _ in range(5)]

    first = operate("list_keys", websiteId=website_id, limit=3)
    second = operate("list_keys", websiteId=website_id, limit=3, cursor=first["nextCursor"])

    assert [key["id"] for key in first["keys"] + second["keys"]] == sorted(key_id for key_id, _ in issued)
    assert second["nextCursor"] is None
    text = json.dumps([first, second])
    for _, secret in issued:
        assert secret[8:] not in text
        assert hash_secret(secret) not in text
        assert f'"{secret[-4:]}"' in text


@pytest.mark.parametrize(
    ("secret", "status"), [(PRIVATE_KEY, "active"), (REVOKED_KEY, "revoked"), (EXPIRED_KEY, "expired")]
)
def test_a_key_is_described_by_itself_or_by_its_id(operate: Operate, secret: str, status: str) -> None:
    response = operate("describe_key", key=secret)

    assert response["key"]["status"] == status
    assert response["website"]["id"] == WEBSITE
    assert operate("describe_key", keyId=response["key"]["id"]) == response
    assert secret[8:] not in json.dumps(response)


@pytest.mark.parametrize("action", ["describe_key", "revoke_key"])
@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"keyId": UNKNOWN_KEY_ID}, "NOT_FOUND"),
        ({"keyId": UNKNOWN_KEY_ID.replace("A", "Z")}, "NOT_FOUND"),
        ({"key": "sk_test_" + "a" * 64}, "NOT_FOUND"),
        ({"keyId": "x"}, "VALIDATION_FAILED keyId"),
        ({"key": "sk_test_short"}, "VALIDATION_FAILED key"),
        ({}, "VALIDATION_FAILED "),
        ({"keyId": UNKNOWN_KEY_ID, "key": PRIVATE_KEY}, "VALIDATION_FAILED "),
    ],
)
def test_a_key_not_found_is_refused(operate: Operate, action: str, fields: dict[str, str], refusal: str) -> None:
    assert refused(operate(action, **fields)) == refusal


# Rotate -------------------------------------------------------------------------------------------------------------


def test_a_rotated_key_works_beside_its_successor_until_the_grace_period_ends(operate: Operate, clock: Clock) -> None:
    old_id, old_secret = a_key(operate, WEBSITE, "public", "live", name="Widget")

    response = operate("rotate_key", keyId=old_id, gracePeriodSeconds=3600)

    new = response["key"]
    assert response["secret"] != old_secret
    assert {new[name] for name in ("type", "mode", "name", "status")} == {"public", "live", "Widget", "active"}
    assert response["rotatedKey"]["id"] == old_id

    def statuses() -> list[str]:
        return [operate("describe_key", key=secret)["key"]["status"] for secret in (old_secret, response["secret"])]

    clock.now += 3599
    assert statuses() == ["active", "active"]
    clock.now += 1
    assert statuses() == ["expired", "active"]


def test_a_rotated_key_works_for_a_day_if_nothing_is_said(operate: Operate, clock: Clock) -> None:
    key_id, _ = a_key(operate, WEBSITE)
    clock.now = 1_800_000_000

    response = operate("rotate_key", keyId=key_id)

    assert response["rotatedKey"]["expiresAt"] == "2027-01-16T08:00:00.000Z"


def test_no_grace_period_ends_the_old_key_at_once(operate: Operate) -> None:
    key_id, _ = a_key(operate, WEBSITE)

    assert operate("rotate_key", keyId=key_id, gracePeriodSeconds=0)["rotatedKey"]["status"] == "expired"


def test_rotation_never_makes_a_key_last_longer(operate: Operate, clock: Clock) -> None:
    clock.now = 1_800_000_000
    key_id, _ = a_key(operate, WEBSITE, expiresAt="2027-01-15T08:00:10Z")

    response = operate("rotate_key", keyId=key_id)

    assert response["rotatedKey"]["expiresAt"] == "2027-01-15T08:00:10.000Z"
    assert response["key"]["expiresAt"] is None


@pytest.mark.parametrize("secret", [REVOKED_KEY, EXPIRED_KEY])
def test_a_key_out_of_use_is_not_rotated(operate: Operate, secret: str) -> None:
    key_id = operate("describe_key", key=secret)["key"]["id"]

    assert refused(operate("rotate_key", keyId=key_id)) == "CONFLICT"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"keyId": UNKNOWN_KEY_ID}, "NOT_FOUND"),
        ({"keyId": "x"}, "VALIDATION_FAILED keyId"),
        ({"keyId": UNKNOWN_KEY_ID, "gracePeriodSeconds": -1}, "VALIDATION_FAILED gracePeriodSeconds"),
        ({"keyId": UNKNOWN_KEY_ID, "gracePeriodSeconds": 31 * DAY}, "VALIDATION_FAILED gracePeriodSeconds"),
        ({"keyId": UNKNOWN_KEY_ID, "gracePeriodSeconds": "60"}, "VALIDATION_FAILED gracePeriodSeconds"),
    ],
)
def test_a_rotation_that_is_wrong_is_refused(operate: Operate, fields: dict[str, Any], refusal: str) -> None:
    assert refused(operate("rotate_key", **fields)) == refusal


# Revoke -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["keyId", "key"])
def test_a_key_is_revoked_once_and_for_all(operate: Operate, clock: Clock, by: str) -> None:
    key_id, secret = a_key(operate, WEBSITE)
    named = {by: key_id if by == "keyId" else secret}

    first = operate("revoke_key", **named)
    clock.now += 60
    second = operate("revoke_key", **named)

    assert first["key"]["status"] == "revoked"
    assert second == first
    assert operate("describe_key", key=secret)["key"] == first["key"]


def test_a_key_of_a_deleted_website_can_still_be_named(operate: Operate) -> None:
    website_id = a_website(operate)
    _, secret = a_key(operate, website_id)
    operate("delete_website", websiteId=website_id, force=True)

    assert operate("describe_key", key=secret)["website"]["deletedAt"] is not None
    assert operate("revoke_key", key=secret)["key"]["status"] == "revoked"


# The interface, and the log -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [{}, {"action": "issue"}, {"action": None}, {"action": ["issue_key"]}, [], "x", None])
def test_an_unknown_action_is_answered_with_the_actions(database: Table, event: Any) -> None:
    handler_answer = operators_over(database)(event=event) if event is not None else operators_over(database)()

    assert refused(handler_answer) == "VALIDATION_FAILED action"
    for action in ("create_website", "revoke_key", "get_conversation"):
        assert action in handler_answer["error"]["message"]


def test_a_name_that_is_no_unicode_is_refused(operate: Operate) -> None:
    response = operate("create_website", name="\ud800", organizationId="acme", actor="\udfff")

    assert refused(response) == "VALIDATION_FAILED actor name"


def test_a_change_is_logged_with_who_what_and_when(operate: Operate, log: Callable[[], list[dict[str, Any]]]) -> None:
    website_id = a_website(operate)
    operate("update_allowed_origins", websiteId=website_id, add=["a.com"], actor="jane@example.com")
    operate("update_website", websiteId=website_id, logoUrl=None, name="Parcels", actor="jane@example.com")
    key_id, _ = a_key(operate, website_id, actor="jane@example.com")
    new_id = operate("rotate_key", keyId=key_id, actor="jane@example.com")["key"]["id"]
    operate("revoke_key", keyId=key_id, actor="joe@example.com")
    operate("delete_website", websiteId=website_id, force=True, actor="joe@example.com")

    _, update, profile, issue, rotate, revoke, delete = log()
    for line in (update, profile, issue, rotate, revoke, delete):
        assert (line["message"], line["outcome"]) == ("audit", "done")
        assert line["website_id"] == website_id
        assert line["timestamp"]
        assert line["request_id"]
    assert (update["action"], update["actor"]) == ("update_allowed_origins", "jane@example.com")
    assert update["allowed_origins"] == ["https://a.com"]
    assert (profile["action"], profile["changed"]) == ("update_website", ["logoUrl", "name"])
    assert (issue["action"], issue["key_id"]) == ("issue_key", key_id)
    assert (rotate["key_id"], rotate["rotated_key_id"]) == (new_id, key_id)
    assert (revoke["action"], revoke["actor"], revoke["key_id"]) == ("revoke_key", "joe@example.com", key_id)
    assert (delete["action"], delete["actor"]) == ("delete_website", "joe@example.com")


def test_a_refusal_is_logged_with_who_and_what(operate: Operate, log: Callable[[], list[dict[str, Any]]]) -> None:
    operate("rotate_key", keyId=UNKNOWN_KEY_ID, actor="jane@example.com")

    [line] = log()
    assert (line["message"], line["code"]) == ("refused", "NOT_FOUND")
    assert (line["action"], line["actor"], line["key_id"]) == ("rotate_key", "jane@example.com", UNKNOWN_KEY_ID)


def test_a_change_of_unknown_outcome_is_audited(storage: Storage, log: Callable[[], list[dict[str, Any]]]) -> None:
    operate = operators_over(failing(storage.table(), unavailable()))

    operate("update_allowed_origins", websiteId=WEBSITE, add=["a.com"], actor="jane@example.com")

    [audit] = [line for line in log() if line["message"] == "audit"]
    assert (audit["action"], audit["actor"], audit["website_id"]) == (
        "update_allowed_origins",
        "jane@example.com",
        WEBSITE,
    )
    assert "https://a.com" in audit["allowed_origins"]
    assert audit["outcome"] == "unknown"


def failing(table: Table, error: Exception) -> Table:
    """Let a table's transactions fail."""

    def fail(*_: object, **__: object) -> None:
        raise error

    vars(table)["transact"] = fail
    return table


@pytest.mark.usefixtures("dynamodb")  # whose client logs, too
def test_no_secret_is_anywhere_but_in_the_answer_that_issues_it(
    operate: Operate, storage: Storage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    key_id, secret = a_key(operate, WEBSITE)
    rotated = operate("rotate_key", keyId=key_id)
    secrets = [secret, rotated.pop("secret"), PRIVATE_KEY]
    responses = [rotated]
    tables = [failing(storage.table(), error) for error in (RuntimeError(secrets), unavailable())]
    for operators in (*map(operators_over, tables), operate):
        for one in secrets:
            responses += [
                operators("describe_key", key=one),
                operators("revoke_key", key=one),
                operators("revoke_key", key=one + "0"),
                operators("revoke_key", key=one, keyId=key_id),
                operators("rotate_key", keyId=one),
                operators("list_keys", websiteId=one),
                operators("get_conversation", websiteId=WEBSITE, mode=one, conversationId=one),
                operators("create_website", name="Shop", organizationId="acme", allowedOrigins=[one]),
                operators(one),
            ]
        responses += [operators("list_keys", websiteId=WEBSITE), operators("delete_website", websiteId=WEBSITE)]

    formatter = logger.registered_formatter
    logged = [caplog.text, *map(formatter.format, caplog.records), *capfd.readouterr()]
    assert {"audit", "refused", "unhandled_exception"} <= {record.message for record in caplog.records}
    for one in secrets:
        assert one[8:] not in json.dumps(responses)
        assert one[8:] not in "".join(logged)


def test_a_defect_is_an_answer_too(storage: Storage, log: Callable[[], list[dict[str, Any]]]) -> None:
    response = operators_over(failing(storage.table(), RuntimeError("unforeseen")))("revoke_key", key=PRIVATE_KEY)

    assert refused(response) == "INTERNAL_ERROR"
    defect, audit = log()
    assert (defect["message"], defect["error_type"]) == ("unhandled_exception", "RuntimeError")
    assert (audit["message"], audit["outcome"]) == ("audit", "unknown")
