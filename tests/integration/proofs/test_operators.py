"""Operators' changes cut short at each of their transactions: what is answered, what is logged, what remains."""

import json
import os
import signal
import subprocess
import sys
from math import inf
from typing import Any, NoReturn

import pytest
from operators import operations
from operators.events import ACTIONS, Change
from support.deadlines import Deadline, unavailable
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import ApiKey

from local import ROOT
from tests.builders import ORGANIZATION
from tests.client import Emitted
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.proxy import Proxy
from tests.operators import Operate, a_key, a_website, hooked, operators_over, refused

OLD, NEW = "https://old.example.com", "https://new.example.com"
NEW_ID = "01JDEM0NEW1D00000000000000"
#: More than one transaction changes, with as many as this at once.
KEYS, AT_ONCE = 5, 2


@pytest.fixture(autouse=True)
def _small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_KEYS_PER_TRANSACTION", AT_ONCE)


@pytest.fixture
def operate(tables: dict[int, Table], proxy: Proxy) -> Operate:  # noqa: ARG001 (through it)
    return operators_over(tables[10])


@pytest.fixture
def hurried(operate: Operate) -> Operate:
    """The operators' function without the time for a second attempt."""

    def give_up(*_: object) -> NoReturn:
        raise unavailable()

    def call(**event: Any) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Deadline, "back_off", give_up)
            return operate(**event)

    return call


class Site:
    """A website with keys of its own, and the events that change it."""

    def __init__(self, operate: Operate, table: Table) -> None:
        self.id = a_website(operate, OLD)
        self.new_website = self.id[:13] + NEW_ID[13:]
        self.key_id, self.secret = a_key(operate, self.id, "public", "live", name="Widget")
        for _ in range(KEYS - 1):
            a_key(operate, self.id, "public")
        self.new_key = f"{self.id}-{NEW_ID}"
        issued = operate("issue_identity_secret", websiteId=self.id, mode="test")
        self.identity_secret = str(issued["identitySecret"]["id"])
        self._table = table

    def event(self, action: str) -> dict[str, Any]:
        fields: dict[str, dict[str, Any]] = {
            "create_website": {"name": "Shop", "organizationId": ORGANIZATION, "newId": self.new_website},
            "update_allowed_origins": {"websiteId": self.id, "add": [NEW], "remove": [OLD]},
            "update_website": {"websiteId": self.id, "name": "Parcels", "description": "We answer."},
            "delete_website": {"websiteId": self.id, "force": True},
            "issue_key": {"websiteId": self.id, "type": "public", "mode": "live", "name": "Widget", "newId": NEW_ID},
            "rotate_key": {"keyId": self.key_id, "newId": NEW_ID, "gracePeriodSeconds": 0},
            "revoke_key": {"key": self.secret},
            "issue_identity_secret": {"websiteId": self.id, "mode": "live", "newId": NEW_ID},
            "rotate_identity_secret": {"websiteId": self.id, "mode": "test", "newId": NEW_ID, "gracePeriodSeconds": 0},
            "revoke_identity_secret": {"websiteId": self.id, "secretId": self.identity_secret},
        }
        return {"action": action, "actor": "jane", **fields[action]}

    def concerned(self, action: str) -> tuple[str, str | None, str | None, str | None]:
        """Return the ids of the website, of the key, of a key that is rotated, and of the identity secret."""
        keys = {
            "issue_key": (self.new_key, None),
            "rotate_key": (self.new_key, self.key_id),
            "revoke_key": (self.key_id, None),
        }
        identity_secret = self.identity_secret if action == "revoke_identity_secret" else NEW_ID
        return (
            self.new_website if action == "create_website" else self.id,
            *keys.get(action, (None, None)),
            identity_secret if "identity" in action else None,
        )

    def origins(self) -> list[tuple[str, ...]]:
        return sorted(tuple(sorted(key.allowed_origins)) for key in self._keys() if key.revoked_at is None)

    def names(self) -> set[str]:
        """Read what keys that work say that the website is called."""
        return {key.website_name for key in self._keys() if key.revoked_at is None}

    def identity_secrets(self) -> set[tuple[str, ...]]:
        """Read the ids of the identity secrets that keys which work have."""
        return {tuple(secret.id for secret in key.identity_secrets) for key in self._keys() if key.revoked_at is None}

    def usable(self) -> list[str]:
        """Read the ids of the keys that work."""
        records = self._table.query(TABLE, f"WEBSITE#{self.id}", KeyRange.of_prefix("APIKEY#"), Deadline.after(60))
        listed = sorted(
            str(r["SK"]).removeprefix("APIKEY#") for r in records if not {"revokedAt", "expiresAt"} & r.keys()
        )
        seen = sorted(key.id for key in self._keys() if key.revoked_at is None and key.expires_at is None)
        assert listed == seen
        return seen

    def _keys(self) -> list[ApiKey]:
        records = self._table.query(TABLE, f"WEBSITE#{self.id}", KeyRange.of_prefix("APIKEY#"), Deadline.after(60))
        keys = [ApiKey.key(str(record["secretHash"])) for record in records]
        return [ApiKey.from_item(item) for item in self._table.get_many(keys, Deadline.after(60))]


@pytest.fixture
def site(operate: Operate, tables: dict[int, Table]) -> Site:
    return Site(operate, tables[10])


def assert_carried_out(action: str, site: Site, operate: Operate) -> None:
    """Assert that requests see an action carried out in whole, and once."""
    others = {key["id"] for key in operate("list_keys", websiteId=site.id).get("keys", [])} - {
        site.key_id,
        site.new_key,
    }
    usable = {
        "delete_website": set(),
        "issue_key": {*others, site.key_id, site.new_key},
        "rotate_key": {*others, site.new_key},
        "revoke_key": others,
    }
    assert set(site.usable()) == usable.get(action, {*others, site.key_id})
    assert set(site.origins()) <= {(NEW,) if action == "update_allowed_origins" else (OLD,)}
    assert site.names() <= {"Parcels" if action == "update_website" else "Shop"}
    # One key is of mode live, and all others of mode test.
    secrets: dict[str, set[tuple[str, ...]]] = {
        "delete_website": set(),
        "issue_identity_secret": {(NEW_ID,), (site.identity_secret,)},
        "rotate_identity_secret": {(), (NEW_ID,)},
        "revoke_identity_secret": {()},
        "revoke_key": {(site.identity_secret,)},
    }
    assert site.identity_secrets() == secrets.get(action, {(), (site.identity_secret,)})
    assert len(others) == (0 if action == "delete_website" else KEYS - 1)
    if action == "create_website":
        assert operate("get_website", websiteId=site.new_website)["website"]["name"] == "Shop"


def audits(lines: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    names = ("action", "actor", "outcome", "website_id", "key_id", "rotated_key_id", "identity_secret_id")
    return [tuple(line.get(name) for name in names) for line in lines if line["message"] == "audit"]


MOMENTS = [
    *[(action, 1) for action, model in ACTIONS.items() if issubclass(model, Change)],
    *[(action, nth) for action in ("update_allowed_origins", "update_website", "delete_website") for nth in (2, 3)],
    *[(f"{action}_identity_secret", 2) for action in ("issue", "rotate", "revoke")],
]
FAULTS = {
    "request lost": faults.reset_before,
    "answer lost": faults.reset_after,
    "defect": faults.error(400, "ValidationException"),
    "another change": faults.cancelled("ConditionalCheckFailed"),
}


@pytest.mark.parametrize(
    ("action", "nth", "fault"),
    # Before a change has begun, another one is no fault: it leaves nothing behind (see below).
    [(action, nth, fault) for action, nth in MOMENTS for fault in FAULTS if nth > 1 or fault != "another change"],
)
def test_a_change_cut_short_is_reported_audited_and_finished_by_repeating_it(
    proxy: Proxy, operate: Operate, hurried: Operate, site: Site, emitted: Emitted, action: str, nth: int, fault: str
) -> None:
    event = site.event(action)
    emitted()
    proxy.inject(FAULTS[fault], nth=nth, times=inf)

    failed = hurried(event=event)
    proxy.lift()
    audited = audits(emitted())
    again = operate(event=event)

    assert refused(failed) == ("INTERNAL_ERROR" if fault == "defect" else "UNAVAILABLE")
    message = failed["error"]["message"]
    named = f", with newId {event['newId']}." if "newId" in event else "."
    assert message.endswith(f"please send the same action again{named}")
    assert "nothing" not in message
    assert ("not yet all of its keys" in message) == (nth > 1)
    assert audited == [(action, "jane", "unfinished" if nth > 1 else "unknown", *site.concerned(action))]
    assert "error" not in again
    assert audits(emitted()) == [(action, "jane", "done", *site.concerned(action))]
    assert_carried_out(action, site, operate)


@pytest.mark.parametrize("action", [action for action, model in ACTIONS.items() if issubclass(model, Change)])
def test_a_change_that_wrote_nothing_is_not_audited(
    proxy: Proxy, hurried: Operate, site: Site, emitted: Emitted, action: str
) -> None:
    event = site.event(action)
    emitted()
    # It loses against another change, again and again, until its time is over.
    proxy.inject(faults.cancelled("ConditionalCheckFailed"), times=inf)

    failed = hurried(event=event)

    assert "error" in failed
    assert audits(emitted()) == []


@pytest.mark.parametrize("nth", [2, 3])
@pytest.mark.parametrize("finished", [True, False])
def test_a_change_of_origins_goes_on_when_its_website_is_deleted_meanwhile(
    tables: dict[int, Table],
    site: Site,
    emitted: Emitted,
    seeded_table: str,
    nth: int,
    finished: bool,
) -> None:
    def fail() -> None:
        raise RuntimeError

    def delete() -> None:
        deleting = tables[10] if finished else hooked(Table(seeded_table, timeout_seconds=60), {2: fail})
        operators_over(deleting)(event=site.event("delete_website"))
        emitted()

    response = operators_over(hooked(Table(seeded_table, timeout_seconds=60), {nth: delete}))(
        event=site.event("update_allowed_origins")
    )

    assert response["website"]["deletedAt"] is not None
    assert audits(emitted()) == [("update_allowed_origins", "jane", "done", site.id, None, None, None)]
    assert site.origins() == ([] if finished else [(NEW,)] * (KEYS - AT_ONCE))
    assert len(site.usable()) == len(site.origins())


def test_origins_that_an_unfinished_deletion_left_can_change(operate: Operate, site: Site, seeded_table: str) -> None:
    def fail() -> None:
        raise RuntimeError

    operators_over(hooked(Table(seeded_table, timeout_seconds=60), {2: fail}))(
        event=site.event("update_allowed_origins")
    )
    operators_over(hooked(Table(seeded_table, timeout_seconds=60), {2: fail}))(event=site.event("delete_website"))
    assert (OLD,) in site.origins()

    again = operate(event=site.event("update_allowed_origins"))

    assert "error" not in again
    assert site.origins() == [(NEW,)] * (KEYS - AT_ONCE)
    operate(event=site.event("delete_website"))
    assert refused(operate(event=site.event("update_allowed_origins"))) == "NOT_FOUND"


def test_a_deletion_goes_on_when_a_key_is_revoked_meanwhile(operate: Operate, site: Site, seeded_table: str) -> None:
    def revoke() -> None:
        operate("revoke_key", keyId=site.usable()[-1])

    response = operators_over(hooked(Table(seeded_table, timeout_seconds=60), {2: revoke}))(
        event=site.event("delete_website")
    )

    assert response["revokedKeys"] == KEYS
    assert_carried_out("delete_website", site, operate)


#: Dies before a transaction, the way that an instance without memory or time does.
DYING = """
import json, os, signal, sys
from support.dynamodb.table import Table
from operators import operations
from tests.operators import hooked, operators_over
table, nth, at_once, event = sys.argv[1:]
operations._KEYS_PER_TRANSACTION = int(at_once)
dying = hooked(Table(table, timeout_seconds=60), {int(nth): lambda: os.kill(os.getpid(), signal.SIGKILL)})
operators_over(dying)(event=json.loads(event))
"""


@pytest.mark.parametrize(
    ("action", "nth"), [(action, nth) for action, nth in MOMENTS if nth > 1 and "identity" not in action]
)
def test_a_change_whose_process_dies_is_finished_by_repeating_it(
    operate: Operate, site: Site, seeded_table: str, action: str, nth: int
) -> None:
    event = site.event(action)
    arguments = [seeded_table, str(nth), str(AT_ONCE), json.dumps(event)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}

    died = subprocess.run([sys.executable, "-c", DYING, *arguments], env=environment, cwd=ROOT, check=False)
    left = (site.usable(), site.origins(), site.names())
    operate(event=event)

    assert died.returncode == -signal.SIGKILL
    rest = KEYS - AT_ONCE * (nth - 1)
    assert len(left[0]) == (rest if action == "delete_website" else KEYS)
    assert left[1].count((OLD,)) == (KEYS if action == "update_website" else rest)
    assert left[2] == ({"Parcels", "Shop"} if action == "update_website" else {"Shop"})
    assert_carried_out(action, site, operate)
