"""Drafts: the items of a request before they are written, with their ids, authors and times."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel
from support.errors import Code, Detail, Refusal
from support.store.conversations import ItemTooLarge
from support.validation import MAX_DETAILS, invalid
from support.values import timestamps
from support.values.api_key import ApiKey
from support.values.conversation import Conversation
from support.values.file import named_files
from support.values.parts import Part
from support.values.timeline_item import Content, TimelineItem

from api.domain import idempotency, ids
from api.http.requests.timeline_items import TimelineItemRequest

#: How far a server's clock may differ from ours. A visitor's clock is not checked.
_CLOCK_TOLERANCE_SECONDS = 300

#: A transaction takes 100 actions (API Reference, TransactWriteItems): one for the conversation, and one for each item
#: and each file.
_MAX_ITEMS_AND_FILES = 99

#: The ids of actors and targets: an event that a visitor adds must not have any.
_ACTORS_AND_TARGETS = ("actorUserId", "actorAiAgentId", "targetUserId", "targetAiAgentId")


@dataclass(frozen=True, slots=True)
class Draft:
    """An item of a request, with its id; `path` is its path in the request."""

    id: str
    path: str
    sent: TimelineItemRequest

    def to_first_item(self, key: ApiKey, conversation: Conversation, position: int) -> TimelineItem:
        """Return the item as it is written with a new conversation.

        Raises `Refusal` (VALIDATION_FAILED) if a server sent a time over five minutes in the future.
        """
        created_at, sent_at = conversation.created_at, self.sent.created_at
        if sent_at is not None and sent_at < created_at:
            created_at = sent_at
        else:
            # A clock that is ahead must not put a message after all later ones.
            self._reject_future(key)
        return self._item(key, conversation, position, created_at, by_visitor=self.sent.is_by_visitor)

    def to_added_item(
        self, key: ApiKey, conversation: Conversation, position: int, now: str, actor: str | None = None
    ) -> TimelineItem:
        """Return the item as it is added to an existing conversation; `now` is the server's time.

        With a public key the visitor writes it now, so the time that was sent is ignored. With a private key a time
        over five minutes ago is kept, as an import; a more recent one may come from a clock that differs, and must not
        put a message before the one that it follows. `actor` is the team member who is the author if none is named.

        Raises `Refusal` (VALIDATION_FAILED) as `to_first_item` does.
        """
        sent, server_time = self.sent, conversation.time_of_next_item(now)
        if key.type == "public":
            return self._item(key, conversation, position, server_time, by_visitor=True)
        self._reject_future(key)
        sent_at, created_at = sent.created_at, server_time
        if sent_at is not None and sent_at < _seconds_from_now(-_CLOCK_TOLERANCE_SECONDS):
            created_at = sent_at
        is_nameless = sent.user_id is None and sent.ai_agent_id is None and not sent.is_by_visitor
        item = self._item(key, conversation, position, created_at, by_visitor=sent.is_by_visitor)
        return replace(item, user_id=actor) if is_nameless else item

    def conflicts_with(self, stored: TimelineItem, key: ApiKey, conversation: Conversation) -> bool:
        """Tell whether the item that is stored under this id has different content.

        For a private key, a different kind of author is a conflict too: the company's "ok" is not the visitor's.
        """
        item = self._item(key, conversation, 0, conversation.created_at, by_visitor=self.sent.is_by_visitor)
        return not stored.has_content_of(item, same_kind_of_author=key.type == "private")

    @property
    def is_opening_only(self) -> bool:
        """Whether a public key may send it only when it opens a conversation."""
        return bool(self.sent.user_id or self.sent.ai_agent_id) or not self._is_visitor_content

    def require_addable(self) -> None:
        """Raise `Refusal` (PRIVATE_KEY_REQUIRED) if a public key may not add it to an existing conversation.

        A visitor can add neither items in the name of somebody else, nor items that are shown as actions of the team
        or the system.
        """
        if self.sent.user_id or self.sent.ai_agent_id:
            raise Refusal(
                Code.PRIVATE_KEY_REQUIRED,
                f"{self.path} is new in an existing conversation: there, only a private API key can name a userId or "
                "an aiAgentId.",
            )
        if not self._is_visitor_content:
            raise Refusal(
                Code.PRIVATE_KEY_REQUIRED,
                f"{self.path} is new in an existing conversation: there, a public API key can add a message, an "
                "identification, or an event whose parts are of type visitor_identified and name nobody.",
            )

    @property
    def _is_visitor_content(self) -> bool:
        sent, parts = self.sent, self.sent.parts or []
        if sent.type == "event":
            return not sent.text and bool(parts) and all(map(_identifies_the_visitor, parts))
        return sent.type != "tool" and not any(map(_is_company_content, parts))

    def _reject_future(self, key: ApiKey) -> None:
        """Raise `Refusal` (VALIDATION_FAILED) if a server sent a time that is too far in the future."""
        sent_at = self.sent.created_at
        if sent_at is not None and key.type == "private" and sent_at > _seconds_from_now(_CLOCK_TOLERANCE_SECONDS):
            raise invalid([Detail(f"{self.path}.createdAt", "must not be over 5 minutes in the future")])

    def _item(
        self, key: ApiKey, conversation: Conversation, position: int, created_at: str, *, by_visitor: bool
    ) -> TimelineItem:
        sent = self.sent
        content: Content = {}
        if sent.text is not None:
            content["text"] = sent.text
        if sent.tool is not None:
            content["tool"] = sent.tool
        if sent.parts:
            content["parts"] = sent.parts
        return TimelineItem(
            id=self.id,
            created_at=created_at,
            position=position,
            visibility=sent.visibility or "public",
            type=sent.type or "message",
            user_id=sent.user_id,
            ai_agent_id=sent.ai_agent_id,
            visitor_id=conversation.visitor_id if by_visitor else None,
            written_by=key.type,
            content=content,
        )


def draft_items(key: ApiKey, conversation_id: str, items: Sequence[TimelineItemRequest], path: str) -> Sequence[Draft]:
    """Give each item of a request its id; `path` is the path of their list in the request.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED for a private item of a public key, VALIDATION_FAILED for an id used twice.
    """
    drafts, used, repeated = [], set(), []
    for index, sent in enumerate(items):
        if sent.visibility == "private":
            require_private_key(key)
        # A derived id, so that a retry after a lost response finds its items.
        content = None if sent.id else idempotency.canonical(canonical_form(sent))
        id_ = sent.id if content is None else ids.derived_item_id(key, conversation_id, index, content)
        drafts.append(draft := Draft(str(id_), f"{path}.{index}", sent))
        # Checked for derived ids too, which a client may know from an earlier response.
        if draft.id in used:
            repeated.append(Detail(f"{draft.path}.id", "is used by another item of this request"))
        used.add(draft.id)
    if repeated:
        raise invalid(repeated)
    return drafts


def reject_foreign_files(key: ApiKey, conversation_id: str, drafts: Sequence[Draft]) -> None:
    """Raise `Refusal` (VALIDATION_FAILED) if items name files of other conversations, or too many of their own.

    Whether a file is there is not asked.
    """
    foreign, own = [], set()
    for draft in drafts:
        for place, part in named_files(draft.sent.parts or ()):
            if place[:3] == (key.website_id, key.mode, conversation_id):
                own.add(place)
            else:
                foreign.append(Detail(f"{draft.path}.parts.{part}.url", "is a file of another conversation"))
    if foreign:
        raise invalid(foreign)
    if own and len(drafts) + len(own) > _MAX_ITEMS_AND_FILES:
        message = f"name too many files: items and files are {_MAX_ITEMS_AND_FILES} together at most"
        raise invalid([Detail(drafts[0].path, message)])


#: Ids and times, which clients may create again for each attempt, and fields with a canonical form of their own.
#: All other fields count, including future ones.
_EXCLUDED_FROM_FINGERPRINT = frozenset(
    {"id", "created_at", "conversation_id", "visitor_id", "default_timeline_items", "channel"}
)


def canonical_form(sent: BaseModel) -> dict[str, object]:
    """Return the normalised form of a request, or of one of its items, used for ids and fingerprints."""
    # Iterating over the model itself would take a twentieth of a large request's time.
    fields = sent.__dict__.items()
    canonical = {
        name: value
        for name, value in fields
        if value is not None and name not in _EXCLUDED_FROM_FINGERPRINT and value != []
    }
    if isinstance(sent, TimelineItemRequest):
        canonical |= {
            "visibility": sent.visibility or "public",
            "type": sent.type or "message",
            "by_visitor": sent.is_by_visitor,
        }
    return canonical


def reject_conflicting_items(
    key: ApiKey, conversation: Conversation, drafts: Iterable[Draft], stored: dict[str, TimelineItem]
) -> None:
    """Reject a request that names an item that the caller may not see, or that is stored with different content.

    `stored` are the items of the conversation, by id. Of one whose content was removed nothing can be compared.

    Raises `Refusal`: PRIVATE_KEY_REQUIRED or ITEM_ID_CONFLICT.
    """
    named = [(draft, stored[draft.id]) for draft in drafts if draft.id in stored]
    if any(item.is_private for _, item in named):
        require_private_key(key)
    details = [
        Detail(f"{draft.path}.id", "is the id of a stored item with different content")
        for draft, item in named
        if not item.is_removed and draft.conflicts_with(item, key, conversation)
    ]
    if details:
        raise Refusal(
            Code.ITEM_ID_CONFLICT,
            f"{details[0].path} {details[0].message}. Please send the item with another id.",
            details=details[:MAX_DETAILS],
        )


def too_large(drafts: Iterable[Draft], error: ItemTooLarge) -> Refusal:
    """Build the error for a draft that is too large for the database."""
    draft = next(draft for draft in drafts if draft.id == error.item_id)
    message = f"takes {error.size:,} bytes in the database, where the limit is {error.limit:,}"
    return Refusal(Code.PAYLOAD_TOO_LARGE, f"{draft.path} {message}.", details=[Detail(draft.path, message)])


def conversation_closed() -> Refusal:
    """Build the error for a visitor who writes to a conversation that is not open."""
    return Refusal(Code.CONVERSATION_CLOSED, "This conversation is closed. Please open a new one to write a message.")


def require_private_key(key: ApiKey) -> None:
    """Raise `Refusal` (PRIVATE_KEY_REQUIRED) unless the key may see and write private items."""
    if key.type != "private":
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "A private timeline item needs a private API key.")


def _seconds_from_now(seconds: float) -> str:
    return timestamps.from_epoch(time.time() + seconds)


def _identifies_the_visitor(part: Part) -> bool:
    return (
        part["type"] == "event"
        and part.get("eventType") == "visitor_identified"
        and not any(part.get(name) for name in (*_ACTORS_AND_TARGETS, "message"))
    )


def _is_company_content(part: Part) -> bool:
    """Tell whether a part is shown as an action of the team, an agent or the system."""
    return part["type"] in {"event", "feedback"} or part["type"].startswith("tool-")
