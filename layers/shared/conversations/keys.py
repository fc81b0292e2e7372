"""API keys: their form, what is known of one, and finding it by its secret."""

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

from cachetools import TTLCache

from conversations.deadlines import Deadline
from conversations.items import FORM, Item
from conversations.origins import Mode
from conversations.table import Key, Table

KeyType = Literal["private", "public"]

_PATTERN = re.compile(r"(?P<prefix>sk|pk)_(?P<mode>live|test)_[0-9a-f]{64}")
_TYPES: dict[str, KeyType] = {"sk": "private", "pk": "public"}

#: Known and unknown keys are bounded apart, so that a flood of invented keys evicts none that works.
_CACHED_KEYS = 1000
_CACHED_UNKNOWN = 1000
_UNKNOWN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a request needs to know of an API key; the key itself is stored nowhere.

    `id_secret` belongs to the website, and so survives the rotation of its keys: ids that the server generates are
    hashes keyed with it, which nobody else can compute.
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

    def is_usable(self, now: float) -> bool:
        """Tell whether the key is neither revoked nor expired at this moment, in epoch seconds."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @staticmethod
    def key(secret_hash: str) -> Key:
        """Return the key of the item under the hash of a secret (see `hash_secret`)."""
        return f"APIKEY#{secret_hash}", "APIKEY"

    def to_item(self, secret_hash: str) -> Item:
        """Return the stored form, under the hash of the secret."""
        pk, sk = self.key(secret_hash)
        item: Item = {
            "PK": pk,
            "SK": sk,
            "form": FORM,
            "keyId": self.id,
            "websiteId": self.website_id,
            "organizationId": self.organization_id,
            "type": self.type,
            "mode": self.mode,
            "allowedOrigins": sorted(self.allowed_origins),
            "idSecret": self.id_secret,
        }
        if self.revoked_at is not None:
            item["revokedAt"] = self.revoked_at
        if self.expires_at is not None:
            item["expiresAt"] = self.expires_at
        return item

    @classmethod
    def from_item(cls, item: Item) -> "ApiKey":
        """Read the stored form."""
        return cls(
            id=cast("str", item["keyId"]),
            website_id=cast("str", item["websiteId"]),
            organization_id=cast("str", item["organizationId"]),
            type=cast("KeyType", item["type"]),
            mode=cast("Mode", item["mode"]),
            allowed_origins=frozenset(cast("list[str]", item["allowedOrigins"])),
            id_secret=cast("str", item["idSecret"]),
            revoked_at=cast("str | None", item.get("revokedAt")),
            expires_at=cast("int | None", item.get("expiresAt")),
        )


def key_type(secret: str) -> KeyType | None:
    """Tell a key's type by its form, `(sk|pk)_(live|test)_` and 64 lower-case hex; None if it is malformed."""
    match = _PATTERN.fullmatch(secret)
    return None if match is None else _TYPES[match["prefix"]]


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a whole key in hex. A key has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """Finds API keys in the table and remembers them for a while.

    Parameters
    ----------
    table
        Where keys are stored.
    cache_seconds
        How long a key that was read is trusted, and so how long a revocation may take to be seen; 0 reads every
        time. Keys that do not exist are remembered for a few seconds at most.
    clock
        Seconds that only grow.
    """

    def __init__(self, table: Table, cache_seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._known: TTLCache[str, ApiKey] = TTLCache(_CACHED_KEYS, cache_seconds, clock)
        self._unknown: TTLCache[str, bool] = TTLCache(_CACHED_UNKNOWN, min(_UNKNOWN_SECONDS, cache_seconds), clock)

    def find(self, secret: str, deadline: Deadline) -> ApiKey | None:
        """Look up a well-formed key.

        Returns None for a key that does not exist; a revoked or expired one is returned as such.
        Raises `Refusal` (UNAVAILABLE) if the table does not answer before the deadline.
        """
        secret_hash = hash_secret(secret)
        if (known := self._known.get(secret_hash)) is not None:
            return known
        if secret_hash in self._unknown:
            return None
        item = self._table.get(ApiKey.key(secret_hash), deadline)
        if item is None:
            self._unknown[secret_hash] = True
            return None
        key = ApiKey.from_item(item)
        self._known[secret_hash] = key
        return key
