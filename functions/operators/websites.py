"""A tenant's website, as operators see it, and its stored form."""

from collections.abc import Iterable
from dataclasses import field, replace
from typing import Any, Self

from support.dynamodb.items import Item, Key
from support.values import timestamps
from support.values.api_key import MODES, Mode
from support.values.identity_secret import AS_IDENTITY_SECRETS, IdentitySecret
from support.values.profile import AS_PROFILE, NO_PROFILE, Profile
from support.values.stored_form import VERSION, StoredForm, stored_value

from operators.allowed_origins import host_of

WEBSITES_PK = "WEBSITES"


@stored_value
class Website:
    """A tenant's website.

    `version` grows with every change of the website or of one of its keys. `allowed_origins` are in the order in which
    operators added them. `id_secret` keys the hashes of generated ids (see `ApiKey.id_secret`); it is never shown.
    Of a mode's identity secrets the last one signs, and those before it are accepted until they expire.
    """

    id: str
    name: str
    organization_id: str
    allowed_origins: tuple[str, ...]
    id_secret: str = field(repr=False)
    created_at: str
    version: int = 1
    deleted_at: str | None = None
    profile: Profile = NO_PROFILE
    live_identity_secrets: tuple[IdentitySecret, ...] = field(default=(), repr=False)
    test_identity_secrets: tuple[IdentitySecret, ...] = field(default=(), repr=False)

    @property
    def key(self) -> Key:
        """The key of its item."""
        return WEBSITES_PK, self.id

    @property
    def keys_pk(self) -> str:
        """The partition of its keys' records."""
        return f"WEBSITE#{self.id}"

    @property
    def shown_profile(self) -> Profile:
        """The profile as widgets get it: its domain is by default the host of the first allowed origin."""
        domain = self.profile.domain or next(map(host_of, self.allowed_origins), None)
        return replace(self.profile, domain=domain)

    def identity_secrets(self, mode: Mode) -> tuple[IdentitySecret, ...]:
        """Return the identity secrets of a mode, oldest first."""
        return self.live_identity_secrets if mode == "live" else self.test_identity_secrets

    def with_identity_secrets(self, mode: Mode, secrets: Iterable[IdentitySecret]) -> Self:
        """Return the website with other identity secrets in a mode."""
        if mode == "live":
            return replace(self, live_identity_secrets=tuple(secrets))
        return replace(self, test_identity_secrets=tuple(secrets))

    def to_item(self) -> Item:
        """Return the stored form."""
        return {"PK": WEBSITES_PK, "SK": self.id, "form": VERSION, **_WEBSITE.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "Website":
        """Read the stored form."""
        return _WEBSITE.read(item, id=item["SK"])

    def describe(self) -> dict[str, Any]:
        """Return the website as JSON for an operator."""
        return {
            "id": self.id,
            "name": self.name,
            "organizationId": self.organization_id,
            "allowedOrigins": list(self.allowed_origins),
            **self.shown_profile.describe(),
            "identitySecrets": [
                describe_identity_secret(mode, secret) for mode in MODES for secret in self.identity_secrets(mode)
            ],
            "createdAt": self.created_at,
            "version": self.version,
            "deletedAt": self.deleted_at,
        }


_WEBSITE = StoredForm(
    Website,
    converted={
        "allowed_origins": (list, tuple),
        "profile": AS_PROFILE,
        "live_identity_secrets": AS_IDENTITY_SECRETS,
        "test_identity_secrets": AS_IDENTITY_SECRETS,
    },
    elsewhere={"id"},
)


def describe_identity_secret(mode: Mode, secret: IdentitySecret) -> dict[str, Any]:
    """Return an identity secret as JSON for an operator: never the secret itself."""
    return {
        "id": secret.id,
        "mode": mode,
        "lastFour": secret.secret[-4:],
        "createdAt": secret.created_at,
        "expiresAt": None if secret.expires_at is None else timestamps.from_epoch(secret.expires_at),
    }
