"""A conversation: the value and its stored form.

All items of a conversation share its partition, `CONVERSATION#<website>#<mode>#<id>`, so no id that a client chooses
reaches another website's or mode's data: a `#` is in none of the parts. The indexes `visitor` and `inbox` find
conversations by their visitor and by their status; they hold keys alone, and the tenant comes first in these, too.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from conversations import timestamps
from conversations.api_key import KeyType, Mode
from conversations.items import Item
from conversations.metadata import Metadata
from conversations.stored_form import AS_JSON, VERSION, StoredForm
from conversations.timeline_item import TimelineItem, reference_time

CONVERSATION_SK = "CONVERSATION"

Status = Literal["open", "resolved", "spam"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; times are RFC 3339 in UTC with milliseconds.

    `incarnation` is random and tells this conversation from others that had its id before it, since an id may be used
    again once its conversation has expired. It stands on the timeline's items as well, and an item that bears another
    one counts as none.

    `updated_at` is the last change, `public_updated_at` the last one that the visitor may see. The references to the
    last items (see `TimelineItem.reference`) name the newest of their visibility, of any type or of type `message`.
    `fingerprint` is that of the request which created it under an Idempotency-Key, `rating_fingerprint` that of the
    last rating. `version` grows with each write. `ttl` is the epoch second after which it is deleted with all its
    items, if ever.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_id: str
    channel: str
    incarnation: str
    created_at: str
    updated_at: str
    public_updated_at: str
    metadata: Metadata | None = None
    status: Status = "open"
    title: str | None = None
    version: int = 1
    item_count: int = 0
    last_public_item: str | None = None
    last_private_item: str | None = None
    last_public_message: str | None = None
    last_private_message: str | None = None
    fingerprint: str | None = None
    visitor_last_seen_at: str | None = None
    visitor_rating: int | None = None
    visitor_rating_at: str | None = None
    rating_fingerprint: str | None = None
    ttl: int | None = None

    @property
    def pk(self) -> str:
        """The partition of the conversation and its items."""
        return conversation_pk(self.website_id, self.mode, self.id)

    @property
    def inbox_sk(self) -> str:
        """Its place in the inbox: the last changed stands last. It names it, too."""
        return f"{self.updated_at}#{self.id}"

    @property
    def last_item(self) -> str | None:
        """The reference to the newest item of all."""
        return _later(self.last_public_item, self.last_private_item)

    def time_of_next_item(self, now: str) -> str:
        """Return the time of an item that the server dates: whatever our clocks say, not before what is there."""
        return max(now, reference_time(self.last_item or now))

    def updated_at_for(self, key_type: KeyType) -> str:
        """Return the time of the last change that a caller with such a key may see."""
        return self.updated_at if key_type == "private" else self.public_updated_at

    def last_message_for(self, key_type: KeyType) -> str | None:
        """Return the reference to the newest message that a caller with such a key may see."""
        if key_type == "private":
            return _later(self.last_public_message, self.last_private_message)
        return self.last_public_message

    def with_items(self, items: Sequence[TimelineItem]) -> "Conversation":
        """Return the conversation with these items counted in, and named as the last ones where they are."""
        public_item, public_message = self.last_public_item or "", self.last_public_message or ""
        private_item, private_message = self.last_private_item or "", self.last_private_message or ""
        for item in items:
            reference, is_message = item.reference, item.type == "message"
            if item.is_private:
                private_item = max(private_item, reference)
                private_message = max(private_message, reference) if is_message else private_message
            else:
                public_item = max(public_item, reference)
                public_message = max(public_message, reference) if is_message else public_message
        return replace(
            self,
            item_count=self.item_count + len(items),
            last_public_item=public_item or None,
            last_private_item=private_item or None,
            last_public_message=public_message or None,
            last_private_message=private_message or None,
        )

    def continued(self, items: Sequence[TimelineItem] = (), *, is_seen: bool = False) -> "Conversation":
        """Return the conversation after a write that adds these items.

        `is_seen` says that the visitor may see what else is written; private items are not.
        """
        updated_at = timestamps.after(self.updated_at)
        is_seen = is_seen or not all(item.is_private for item in items)
        return replace(
            self.with_items(items),
            version=self.version + 1,
            updated_at=updated_at,
            public_updated_at=updated_at if is_seen else self.public_updated_at,
        )

    def of_each_item(self) -> Item:
        """Return what the stored form of each of its items has of it: for their place, and for those who are told."""
        shared: Item = {
            "PK": self.pk,
            "incarnation": self.incarnation,
            "websiteId": self.website_id,
            "mode": self.mode,
            "conversationId": self.id,
        }
        return shared if self.ttl is None else {**shared, "ttl": self.ttl}

    def to_item(self) -> Item:
        """Return the stored form."""
        return {
            "PK": self.pk,
            "SK": CONVERSATION_SK,
            "visitorPK": visitor_pk(self.website_id, self.mode, self.visitor_id),
            # It does not change: a message costs this index nothing.
            "visitorSK": f"{self.created_at}#{self.id}",
            "inboxPK": inbox_pk(self.website_id, self.mode, self.status),
            "inboxSK": self.inbox_sk,
            "form": VERSION,
            **_FORM.write(self),
        }

    @classmethod
    def from_item(cls, item: Item) -> "Conversation":
        """Read the stored form."""
        return _FORM.read(item)


_FORM = StoredForm(Conversation, converted={"metadata": AS_JSON})


def new_incarnation() -> str:
    """Return 64 random bits, in 11 characters: enough to tell the few conversations that ever had one id."""
    return secrets.token_urlsafe(8)


def conversation_pk(website_id: str, mode: Mode, conversation_id: str) -> str:
    """Return the partition of a conversation: its tenant first, so that no id leads to another's."""
    return f"CONVERSATION#{website_id}#{mode}#{conversation_id}"


def visitor_pk(website_id: str, mode: Mode, visitor_id: str) -> str:
    """Return the partition of a visitor's conversations in the index `visitor`."""
    return f"VISITOR#{website_id}#{mode}#{visitor_id}"


def inbox_pk(website_id: str, mode: Mode, status: Status) -> str:
    """Return the partition of a website's conversations of one status in the index `inbox`.

    The last part is the shard. There is one: it takes some 500 changes a second.
    """
    return f"INBOX#{website_id}#{mode}#{status}#0"


def _later(one: str | None, other: str | None) -> str | None:
    return max(one or "", other or "") or None
