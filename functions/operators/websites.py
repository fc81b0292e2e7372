"""A tenant's website, as operators see it, and its stored form."""

from dataclasses import dataclass, field
from typing import Any

from conversations.items import Item, Key
from conversations.stored_form import VERSION, StoredForm

WEBSITES_PK = "WEBSITES"


@dataclass(frozen=True, slots=True)
class Website:
    """A tenant's website.

    `version` grows with every change of the website or of one of its keys. `id_secret` is what generated ids are made
    with (see `ApiKey.id_secret`); it is shown to nobody.
    """

    id: str
    name: str
    organization_id: str
    allowed_origins: tuple[str, ...]
    id_secret: str = field(repr=False)
    created_at: str
    version: int = 1
    deleted_at: str | None = None

    @property
    def key(self) -> Key:
        """The key of its item."""
        return WEBSITES_PK, self.id

    @property
    def keys_pk(self) -> str:
        """The partition of its keys' records."""
        return f"WEBSITE#{self.id}"

    def to_item(self) -> Item:
        """Return the stored form."""
        return {"PK": WEBSITES_PK, "SK": self.id, "form": VERSION, **_WEBSITE.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "Website":
        """Read the stored form."""
        return _WEBSITE.read(item, id=item["SK"])

    def describe(self) -> dict[str, Any]:
        """Return what an operator is shown."""
        return {
            "id": self.id,
            "name": self.name,
            "organizationId": self.organization_id,
            "allowedOrigins": list(self.allowed_origins),
            "createdAt": self.created_at,
            "version": self.version,
            "deletedAt": self.deleted_at,
        }


_WEBSITE = StoredForm(Website, converted={"allowed_origins": (list, tuple)}, elsewhere={"id"})
