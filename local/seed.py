"""Demo data: websites and their API keys. The keys are public, and worth nothing outside this machine.

None of the sample events in events/ takes any of it away, but for a key and a website that are there for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from operators import events
from operators.operations import Operations
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.errors import Code, Refusal

from local import ROOT

#: Opens the conversation that other samples are about, and is a replay from then on: `make run` sends it by itself.
SAMPLE = ROOT / "events" / "replay.json"

#: When all of it was made, 2026-01-01 in epoch seconds; the expired key was issued to last for an hour.
_CREATED_AT = 1_767_225_600
_EXPIRY = "2026-01-01T01:00:00Z"

_SECONDS = 30

_HEX_A = "0123456789abcdef" * 4
_HEX_B = "fedcba9876543210" * 4

PRIVATE_KEY = f"sk_test_{_HEX_A}"
PUBLIC_KEY = f"pk_test_{_HEX_A}"
LIVE_PRIVATE_KEY = f"sk_live_{_HEX_A}"
LIVE_PUBLIC_KEY = f"pk_live_{_HEX_A}"
REVOKED_KEY = f"sk_test_{'1111222233334444' * 4}"
EXPIRED_KEY = f"sk_test_{'5555666677778888' * 4}"
ROTATED_KEY = f"sk_test_{'9999aaaabbbbcccc' * 4}"
OTHER_PRIVATE_KEY = f"sk_test_{_HEX_B}"
OTHER_PUBLIC_KEY = f"pk_test_{_HEX_B}"
IDENTITY_SECRET = f"is_test_{_HEX_A}"
LIVE_IDENTITY_SECRET = f"is_live_{_HEX_A}"
ORIGIN = "https://app.example.com"


@dataclass(frozen=True)
class Website:
    """A tenant's website, the secrets of its keys by the second halves of their ids, what widgets show of it, and its
    identity secrets by their ids.
    """

    id: str
    organization_id: str
    name: str
    allowed_origins: tuple[str, ...]
    id_secret: str
    keys: dict[str, str]
    profile: Mapping[str, Any] = field(default_factory=dict)
    identity_secrets: Mapping[str, str] = field(default_factory=dict)


WEBSITE_A = Website(
    id="01JDEM0WEBS1TEA00000000000",
    organization_id="01JDEM00RGAN1SAT10NA000000",
    name="Example",
    allowed_origins=(ORIGIN, "https://*.example.org", "https://shop.example.com:8443"),
    id_secret="00112233445566778899aabbccddeeff" * 2,
    keys={
        "01JDEM0KEY1TESTPR1VATE0000": PRIVATE_KEY,
        "01JDEM0KEY2TESTPVB11C00000": PUBLIC_KEY,
        "01JDEM0KEY3P1VEPR1VATE0000": LIVE_PRIVATE_KEY,
        "01JDEM0KEY4P1VEPVB11C00000": LIVE_PUBLIC_KEY,
        "01JDEM0KEY5REV0KED00000000": REVOKED_KEY,
        "01JDEM0KEY6EXP1RED00000000": EXPIRED_KEY,
        "01JDEM0KEY7R0TATED00000000": ROTATED_KEY,
    },
    profile={
        "description": "We answer within minutes.",
        "availableHumanAgents": [{"id": "jane", "name": "Jane"}],
        "availableAIAgents": [{"id": "robin", "name": "Robin"}],
    },
    identity_secrets={
        "01JDEM0SECRET1TEST00000000": IDENTITY_SECRET,
        "01JDEM0SECRET2P1VE00000000": LIVE_IDENTITY_SECRET,
    },
)
WEBSITE_B = Website(
    id="01JDEM0WEBS1TEB00000000000",
    organization_id="01JDEM00RGAN1SAT10NB000000",
    name="Other example",
    allowed_origins=("https://other.example.net",),
    id_secret="ffeeddccbbaa99887766554433221100" * 2,
    keys={
        "01JDEM0KEY1TESTPR1VATE0000": OTHER_PRIVATE_KEY,
        "01JDEM0KEY2TESTPVB11C00000": OTHER_PUBLIC_KEY,
    },
)
DELETED_WEBSITE = Website(
    id="01JDEM0WEBS1TEC00000000000",
    organization_id="01JDEM00RGAN1SAT10NB000000",
    name="To be deleted",
    allowed_origins=(),
    id_secret="0123456789abcdeffedcba9876543210" * 2,
    keys={},
)


def seed(table: Table) -> None:
    """Let the operators' function make what is not there, with ids, secrets and a time of our choice.

    What an operator has changed or deleted since stays so.
    """
    for website in (WEBSITE_A, WEBSITE_B, DELETED_WEBSITE):
        _seed(website, Operations(table, clock=lambda: _CREATED_AT))


def _seed(website: Website, operations: Operations) -> None:
    deadline = Deadline.after(_SECONDS)
    create = events.CreateWebsite(
        action="create_website",
        newId=website.id,
        name=website.name,
        organizationId=website.organization_id,
        allowedOrigins=list(website.allowed_origins),
    )
    try:
        made = replace(operations, new_id_secret=lambda: website.id_secret).create_website(create, deadline)
        if website.profile and made["website"]["version"] == 1:  # nobody has changed it since it was made
            update = {"action": "update_website", "websiteId": website.id, **website.profile}
            operations.update_website(events.UpdateWebsite.model_validate(update), deadline)
            for secret_id, secret in website.identity_secrets.items():
                _issue_identity_secret(website, secret_id, secret, operations, deadline)
    except Refusal as refusal:
        if refusal.code != Code.CONFLICT:  # an operator has changed or deleted it
            raise
    try:
        keys = operations.list_keys(events.ListKeys(action="list_keys", websiteId=website.id), deadline)["keys"]
    except Refusal:  # it was deleted
        return
    statuses = {key["id"]: key["status"] for key in keys}
    for half, secret in website.keys.items():
        key_id = f"{website.id}-{half}"
        if key_id not in statuses:
            _issue(website, half, secret, operations, deadline)
        if secret == REVOKED_KEY and statuses.get(key_id) != "revoked":
            operations.revoke_key(events.RevokeKey(action="revoke_key", keyId=key_id), deadline)


def _issue_identity_secret(
    website: Website, secret_id: str, secret: str, operations: Operations, deadline: Deadline
) -> None:
    issue = events.IssueIdentitySecret(
        action="issue_identity_secret",
        newId=secret_id,
        websiteId=website.id,
        mode="live" if "_live_" in secret else "test",
    )
    replace(operations, new_identity_secret=lambda _: secret).issue_identity_secret(issue, deadline)


def _issue(website: Website, half: str, secret: str, operations: Operations, deadline: Deadline) -> None:
    issue = events.IssueKey(
        action="issue_key",
        newId=half,
        websiteId=website.id,
        type="private" if secret.startswith("sk_") else "public",
        mode="live" if "_live_" in secret else "test",
        name="Demo",
        expiresAt=_EXPIRY if secret == EXPIRED_KEY else None,
    )
    replace(operations, new_secret=lambda *_: secret).issue_key(issue, deadline)
