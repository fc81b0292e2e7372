"""A conversation: the value and its stored form.

All items of a conversation share its partition, `CONVERSATION#<website>#<mode>#<id>`, so no id that a client chooses
reaches another website's or mode's data: a `#` is in none of the parts. The indexes `visitor` and `inbox` find
conversations by their visitor and by their status; they hold keys alone, and the tenant comes first in these, too.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

from support.dynamodb.items import Item, Value
from support.values import timestamps
from support.values.api_key import KeyType, Mode
from support.values.metadata import Metadata
from support.values.stored_form import AS_JSON, VERSION, StoredForm
from support.values.timeline_item import AS_PREVIEW, Preview, TimelineItem, reference_time

CONVERSATION_SK = "CONVERSATION"

Status = Literal["open", "resolved", "spam"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; times are RFC 3339 in UTC with milliseconds.

    `incarnation` is random and tells this conversation from others that had its id before it, since an id may be used
    again once its conversation has expired. It stands on the timeline's items as well, and an item that bears another
    one counts as none.

    `visitor_key` names its visitor to those who are told of it: unlike the visitor's id, it opens nothing.
    `updated_at` is the last change, `public_updated_at` the last one that the visitor may see. The references to the
    last items (see `TimelineItem.reference`) name the newest of their visibility, of any type or of type `message`; an
    item may expire and its reference stay. The previews are those of the last messages whose content is large.
    `fingerprint` is that of the request which created it under an Idempotency-Key, `rating_fingerprint` that of the
    last rating. `version` grows with each write. `ttl` is the epoch second after which it is deleted, if ever: each
    change moves it.

    `wrote` and `acted_by` are of the last update alone, for those who read the table's stream: the ids of the items
    that it added, and the team member who made it, if the call named one. `removed` is the id of the item whose content
    was removed last.
    """

    id: str
    website_id: str
    organization_id: str
    mode: Mode
    visitor_id: str
    visitor_key: str
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
    public_preview: Preview | None = None
    private_preview: Preview | None = None
    fingerprint: str | None = None
    visitor_last_seen_at: str | None = None
    visitor_rating: int | None = None
    visitor_rating_at: str | None = None
    rating_fingerprint: str | None = None
    wrote: Sequence[str] | None = None
    acted_by: str | None = None
    removed: str | None = None
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

    def last_item_for(self, key_type: KeyType) -> str | None:
        """Return the reference to the newest item that a caller with such a key may see."""
        return self.last_item if key_type == "private" else self.last_public_item

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

    def preview_of(self, reference: str) -> Preview | None:
        """Return the preview of a last message, if its content is large."""
        previews = (self.public_preview, self.private_preview)
        return next((one for one in previews if one is not None and one.item.reference == reference), None)

    def with_items(self, items: Sequence[TimelineItem]) -> "Conversation":
        """Return the conversation with these items counted in, and named as the last ones where they are."""
        public = _Last(self.last_public_item, self.last_public_message, self.public_preview)
        private = _Last(self.last_private_item, self.last_private_message, self.private_preview)
        public = public.after([item for item in items if not item.is_private])
        private = private.after([item for item in items if item.is_private])
        return replace(
            self,
            item_count=self.item_count + len(items),
            last_public_item=public.item,
            last_private_item=private.item,
            last_public_message=public.message,
            last_private_message=private.message,
            public_preview=public.preview,
            private_preview=private.preview,
        )

    def after_update(
        self,
        items: Sequence[TimelineItem] = (),
        *,
        visible_to_visitor: bool = False,
        acted_by: str | None = None,
    ) -> "Conversation":
        """Return the conversation after a write that adds these items.

        `visible_to_visitor` says that the visitor may see what else is written; private items are not. `acted_by` is
        the team member who makes it, None if the call names nobody.
        """
        updated_at = timestamps.after(self.updated_at)
        visible = visible_to_visitor or not all(item.is_private for item in items)
        return replace(
            self.with_items(items),
            version=self.version + 1,
            updated_at=updated_at,
            public_updated_at=updated_at if visible else self.public_updated_at,
            wrote=[item.id for item in items] or None,
            acted_by=acted_by,
        )

    def after_removal(
        self, item: TimelineItem, message: str | None, preview: Preview | None, acted_by: str | None
    ) -> "Conversation":
        """Return the conversation after the content of an item is removed.

        `message` refers to the newest message of its visibility that is left, and `preview` is that message's if its
        content is large; both matter only where the item is the newest one. `acted_by` as in `after_update`.
        """
        after = self.after_update(visible_to_visitor=not item.is_private, acted_by=acted_by)
        after = replace(after, removed=item.id)
        if not self.is_last_message(item):
            return after
        if item.is_private:
            return replace(after, last_private_message=message, private_preview=preview)
        return replace(after, last_public_message=message, public_preview=preview)

    def is_last_message(self, item: TimelineItem) -> bool:
        """Tell whether an item is the newest message of its visibility."""
        return item.is_at(self.last_private_message if item.is_private else self.last_public_message)

    def expiring(self, ttl: int | None, items: Sequence[TimelineItem]) -> "Conversation":
        """Return the conversation, after a write that adds these items, as it is kept until an epoch second."""
        ids = {item.id for item in items}

        def dated(preview: Preview | None) -> Preview | None:
            return preview if preview is None or preview.item.id not in ids else preview._replace(ttl=ttl)

        return replace(
            self, ttl=ttl, public_preview=dated(self.public_preview), private_preview=dated(self.private_preview)
        )

    def item_attributes(self) -> Item:
        """Return what is copied onto every item of the conversation: for its key, its expiry and those who are told."""
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


_FORM = StoredForm(
    Conversation, converted={"metadata": AS_JSON, "public_preview": AS_PREVIEW, "private_preview": AS_PREVIEW}
)


class _Last(NamedTuple):
    """References to the newest item and the newest message of one visibility, and the preview of the latter."""

    item: str | None
    message: str | None
    preview: Preview | None

    def after(self, items: Sequence[TimelineItem]) -> "_Last":
        """Return what is the newest once these items are added."""
        by_reference = {item.reference: item for item in items}
        item = max([self.item or "", *by_reference]) or None
        message = max((reference for reference, one in by_reference.items() if one.type == "message"), default="")
        if not message or message < (self.message or ""):
            return _Last(item, self.message, self.preview)
        preview = by_reference[message].preview
        return _Last(item, message, None if preview is None else Preview(preview, None))


def status_for(status: Status, key_type: KeyType) -> Status:
    """Return a status as callers with such a key see it: no visitor is told that they are taken for a spammer."""
    return "resolved" if status == "spam" and key_type == "public" else status


#: What is left of a conversation's attributes while it is being erased: what every row has, and what finds it again.
_LEFT_WHILE_ERASED = frozenset(
    {"id", "websiteId", "organizationId", "mode", "visitorId", "visitorKey", "channel", "incarnation"}
    | {"createdAt", "updatedAt", "publicUpdatedAt", "status", "version", "itemCount"}
)


def erasing(incarnation: str, *, with_visitor: bool = False) -> Mapping[str, Value | None]:
    """Return what changes of a conversation's stored form when its erasure begins; None is what goes.

    A new incarnation fails every write that is under way, and without `ttl` nobody can take its id. `with_visitor` says
    that all of its visitor is being erased, for those who read the table's stream.
    """
    gone = {name for name in _FORM.attributes if name not in _LEFT_WHILE_ERASED} | {"inboxPK", "inboxSK"}
    marks: Item = {"incarnation": incarnation, "erasing": True}
    if with_visitor:
        marks["withVisitor"] = True
    return {**dict.fromkeys(sorted(gone)), **marks}


def is_erased(item: Item) -> bool:
    """Tell whether a conversation is being erased: for everybody it does not exist any more."""
    return "erasing" in item


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
