"""An API key as operators see it, and its stored form."""

from typing import Any, Literal

from support.dynamodb.actions import Change
from support.dynamodb.items import Item, Key, without_key
from support.values import timestamps
from support.values.api_key import ApiKey, KeyType, Mode
from support.values.stored_form import VERSION, StoredForm, stored_value

from operators.websites import Website

KEY_PREFIX = "APIKEY#"

Status = Literal["active", "expired", "revoked"]


@stored_value
class KeyRecord:
    """An API key as operators see it, stored in its website's partition. Requests read the `ApiKey` only.

    `expires_at` is in epoch seconds; `last_four` are the last four characters of the secret, to recognise it by.
    """

    id: str
    website_id: str
    type: KeyType
    mode: Mode
    name: str
    secret_hash: str
    last_four: str
    created_at: str
    expires_at: int | None = None
    revoked_at: str | None = None

    @property
    def key(self) -> Key:
        """The key of the record's item."""
        return f"WEBSITE#{self.website_id}", f"{KEY_PREFIX}{self.id}"

    @property
    def api_key(self) -> Key:
        """The key of the item that requests read."""
        return ApiKey.key(self.secret_hash)

    def status(self, now: float) -> Status:
        """Return the status at a moment in epoch seconds."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def to_item(self) -> Item:
        """Return the stored form."""
        pk, sk = self.key
        return {"PK": pk, "SK": sk, "form": VERSION, **_KEY_RECORD.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "KeyRecord":
        """Read the stored form."""
        key_id = str(item["SK"]).removeprefix(KEY_PREFIX)
        return _KEY_RECORD.read(item, id=key_id, website_id=website_id_of(key_id))

    def to_api_key(self, website: Website) -> ApiKey:
        """Return the key as requests read it."""
        return ApiKey(
            id=self.id,
            website_id=website.id,
            organization_id=website.organization_id,
            type=self.type,
            mode=self.mode,
            allowed_origins=frozenset(website.allowed_origins),
            id_secret=website.id_secret,
            expires_at=self.expires_at,
            website_name=website.name,
            profile=website.shown_profile,
            identity_secrets=website.identity_secrets(self.mode),
        )

    def copy_website_settings(self, website: Website) -> Change:
        """Return the action that copies the settings of its website onto the key as requests read it."""
        return Change(self.api_key, without_key(self.to_api_key(website).to_item(self.secret_hash)))

    def describe(self, now: float) -> dict[str, Any]:
        """Return the key as JSON for an operator: never the secret."""
        return {
            "id": self.id,
            "websiteId": self.website_id,
            "type": self.type,
            "mode": self.mode,
            "name": self.name,
            "status": self.status(now),
            "lastFour": self.last_four,
            "createdAt": self.created_at,
            "expiresAt": None if self.expires_at is None else timestamps.from_epoch(self.expires_at),
            "revokedAt": self.revoked_at,
        }


_KEY_RECORD = StoredForm(KeyRecord, elsewhere={"id", "website_id"})


def website_id_of(key_id: str) -> str:
    """Return the website's id, which is the first part of the ids of its keys."""
    return key_id.partition("-")[0]
