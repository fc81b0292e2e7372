"""A tenant's website, as operators see it, and its stored form."""

from dataclasses import dataclass, field, replace
from typing import Any

from support.dynamodb.items import Item, Key
from support.values.profile import AS_PROFILE, NO_PROFILE, Profile
from support.values.stored_form import VERSION, StoredForm

from operators.allowed_origins import host_of

WEBSITES_PK = "WEBSITES"


@dataclass(frozen=True, slots=True)
class Website:
    """A tenant's website.

    `version` grows with every change of the website or of one of its keys. `allowed_origins` are in the order in which
    operators added them. `id_secret` keys the hashes of generated ids (see `ApiKey.id_secret`); it is never shown.
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
            "createdAt": self.created_at,
            "version": self.version,
            "deletedAt": self.deleted_at,
        }


_WEBSITE = StoredForm(Website, converted={"allowed_origins": (list, tuple), "profile": AS_PROFILE}, elsewhere={"id"})
