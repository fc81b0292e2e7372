"""An API key as requests read it, its format, and its stored form."""

import hashlib
import re
from dataclasses import field
from typing import Literal, get_args

from support.dynamodb.items import Item, Key
from support.values.identity_secret import AS_IDENTITY_SECRETS, IdentitySecret
from support.values.profile import AS_PROFILE, NO_PROFILE, Profile
from support.values.stored_form import VERSION, StoredForm, stored_value

KeyType = Literal["private", "public"]
Mode = Literal["live", "test"]
MODES: tuple[Mode, ...] = get_args(Mode)

_PATTERN = re.compile(r"(?P<prefix>sk|pk)_(?P<mode>live|test)_[0-9a-f]{64}")
_TYPES: dict[str, KeyType] = {"sk": "private", "pk": "public"}


@stored_value
class ApiKey:
    """An API key as requests read it; the key itself is not stored.

    `id_secret` belongs to the website, and so survives the rotation of its keys: ids that the server generates are
    hashes keyed with it, which nobody else can compute. `identity_secrets` belong to the website, too, and check the
    identity tokens of the key's mode. `expires_at` is in epoch seconds. `website_name` and `profile` are shown by
    widgets. A key that was stored before one of these fields existed lacks it until its website changes.
    """

    id: str
    website_id: str
    organization_id: str
    type: KeyType
    mode: Mode
    allowed_origins: frozenset[str]
    id_secret: str = field(repr=False)
    revoked_at: str | None = None
    expires_at: int | None = None
    website_name: str = ""
    profile: Profile = NO_PROFILE
    identity_secrets: tuple[IdentitySecret, ...] = field(default=(), repr=False)

    def is_usable(self, now: float) -> bool:
        """Tell whether the key is neither revoked nor expired at a moment in epoch seconds."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @staticmethod
    def key(secret_hash: str) -> Key:
        """Return the key of the item under the hash of a secret (see `hash_secret`)."""
        return f"APIKEY#{secret_hash}", "APIKEY"

    def to_item(self, secret_hash: str) -> Item:
        """Return the stored form, under the hash of the secret."""
        pk, sk = self.key(secret_hash)
        return {"PK": pk, "SK": sk, "form": VERSION, **_FORM.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "ApiKey":
        """Read the stored form."""
        return _FORM.read(item)


_FORM = StoredForm(
    ApiKey,
    converted={
        "allowed_origins": (sorted, frozenset),
        "profile": AS_PROFILE,
        "identity_secrets": AS_IDENTITY_SECRETS,
    },
)


def key_type(secret: str) -> KeyType | None:
    """Return the type of a key, `(sk|pk)_(live|test)_` and 64 lower-case hex digits; None if it is malformed."""
    match = _PATTERN.fullmatch(secret)
    return None if match is None else _TYPES[match["prefix"]]


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a whole key in hex. A key has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
