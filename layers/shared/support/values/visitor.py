"""A visitor: who they are, what their page tells of them, and whether they may write; and the stored forms.

The rows of a visitor share a partition, `VISITOR#<website>#<mode>#<visitor>`. A conversation needs none of them, and no
request of a conversation changes one. The page's row is apart from the visitor's, which the inbox and lists read for
each conversation, and which an anonymous page must not make large; the gate is apart from both, since the openings of
conversations are conditioned on it, and what a page tells must not get in their way. The metadata of the contact may be
large, too, and has a row of its own.

A contact is found by rows `CONTACT#<website>#<mode>#<keyed hash of its account or e-mail address>`, one for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from support.dynamodb.items import Item, Key
from support.values.api_key import KeyType, Mode
from support.values.conversation import visitor_pk
from support.values.metadata import Metadata
from support.values.stored_form import AS_JSON, VERSION, StoredForm, stored_value

VISITOR_SK = "VISITOR"
PAGE_SK = "PAGE"
GATE_SK = "GATE"
METADATA_SK = "METADATA"

#: What of a gate is set while its visitor is being erased.
OF_ERASURE = ("erasing", "nothingFoundAt")

#: What a visitor's gate must not have for a key to write what is theirs: a company may write to whom it has blocked.
CLOSES_GATE: Mapping[KeyType, Sequence[str]] = {"public": ("blockedAt", "erasing"), "private": ("erasing",)}

#: What a contact can prove.
Provable = Literal["externalId", "email", "name"]

#: The maximum number of characters of a contact's account, e-mail address and name.
MAX_TEXT = 320
MAX_IMAGE = 2_048
#: The maximum size of a contact's account, e-mail address, name and image together, in bytes of UTF-8: the longest ones
#: in ASCII, and no more than fits, with the rest of the row, into the 4 KB that one unit reads.
MAX_CONTACT_BYTES = 3_072


@stored_value
class Visitor:
    """A visitor's own row; times are RFC 3339 in UTC with milliseconds.

    `visitor_key` names them to those who are told of them: unlike the id, it opens nothing. `updated_at` is the last
    change of what is known, `last_seen_at` the last time that a page told that they are there.

    The contact exists if `contact_id` is set; what it says is what was sent, and `verified` names what of it is proven.
    `contact_version` grows with each write of it, and `metadata_version` is the one at which the stored metadata were
    written, if there are any. `metadata_hash` is that of the metadata that their page sent last. `external_id_lookup`
    and `email_lookup` are the keyed hashes that find the contact. `identified` is set by a write that
    changes who the visitor is, and by no other, for those who read the table's stream; `acted_by` is the team member
    who made that write.

    `page_digest` tells whether a page is the one that is stored, `page_renewed_on` and `contact_renewed_on` are the
    days (UTC) on which the rows that live as long as this one were last renewed: the page's, and the contact's. `ttl`
    is the epoch second after which all of it is deleted, if ever.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_key: str
    created_at: str
    updated_at: str
    last_seen_at: str | None = None
    contact_id: str | None = None
    contact_created_at: str | None = None
    contact_updated_at: str | None = None
    external_id: str | None = None
    name: str | None = None
    email: str | None = None
    image: str | None = None
    verified: Sequence[Provable] = ()
    metadata_hash: str | None = None
    metadata_version: int | None = None
    external_id_lookup: str | None = None
    email_lookup: str | None = None
    contact_version: int | None = None
    contact_renewed_on: str | None = None
    identified: bool | None = None
    acted_by: str | None = None
    page_digest: str | None = None
    page_renewed_on: str | None = None
    ttl: int | None = None

    @property
    def lookups(self) -> list[Key]:
        """The keys of the rows that find the contact."""
        digests = (self.external_id_lookup, self.email_lookup)
        return [(lookup_pk(self.website_id, self.mode, one), self.id) for one in digests if one is not None]

    def is_found_by(self, pk: str) -> bool:
        """Tell whether a partition of rows that find contacts has one of this contact (see `lookup_pk`)."""
        return pk in dict(self.lookups)

    def proves(self, field: Provable) -> bool:
        """Tell whether a field of the contact is proven."""
        return field in self.verified

    def to_item(self) -> Item:
        """Return the stored form."""
        pk, sk = visitor_row(self.website_id, self.mode, self.id, VISITOR_SK)
        return {"PK": pk, "SK": sk, "form": VERSION, **_VISITOR.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "Visitor":
        """Read the stored form."""
        return _VISITOR.read(item)


@stored_value
class Page:
    """What a visitor's page tells: the browser, where they came from, and where they are. None of it is proven."""

    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None
    device: str | None = None
    device_type: str | None = None
    language: str | None = None
    timezone: str | None = None
    screen_resolution: str | None = None
    viewport: str | None = None
    attribution: Mapping[str, Any] | None = None
    current_page: Mapping[str, Any] | None = None

    def to_attributes(self) -> Item:
        """Return the stored form, without the key."""
        return _PAGE.write(self)

    @classmethod
    def from_item(cls, item: Item) -> "Page":
        """Read the stored form."""
        return _PAGE.read(item)


UNKNOWN_PAGE = Page()


@stored_value
class Gate:
    """Whether a visitor may write.

    While all that is stored of them is being erased, `erasing` names the erasure, and `nothing_found_at` is since when
    it finds nothing, in epoch seconds.
    """

    created_at: str
    updated_at: str
    blocked_at: str | None = None
    blocked_by_user_id: str | None = None
    erasing: str | None = None
    nothing_found_at: int | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether the visitor's own requests write nothing."""
        return self.blocked_at is not None or self.erasing is not None

    def to_item(self, key: Key) -> Item:
        """Return the stored form under a key."""
        pk, sk = key
        return {"PK": pk, "SK": sk, "form": VERSION, **_GATE.write(self)}

    @classmethod
    def from_item(cls, item: Item) -> "Gate":
        """Read the stored form."""
        return _GATE.read(item)


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a visitor: their own row, and their gate; None where there is none."""

    visitor: Visitor | None = None
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Known(Person):
    """All that is known of a visitor, with the metadata of their contact."""

    page: Page = UNKNOWN_PAGE
    metadata: Metadata | None = None


_VISITOR = StoredForm(Visitor, converted={"verified": (list, tuple)})
_PAGE = StoredForm(Page, converted={"attribution": AS_JSON, "current_page": AS_JSON})
_GATE = StoredForm(Gate)


def visitor_row(website_id: str, mode: Mode, visitor_id: str, sk: str) -> Key:
    """Return the key of a row of a visitor: VISITOR_SK, PAGE_SK, GATE_SK or METADATA_SK."""
    return visitor_pk(website_id, mode, visitor_id), sk


def lookup_pk(website_id: str, mode: Mode, digest: str) -> str:
    """Return the partition key of the rows that find contacts by the keyed hash of an account or an e-mail address."""
    return f"CONTACT#{website_id}#{mode}#{digest}"
