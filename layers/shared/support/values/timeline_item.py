"""An entry of a conversation's timeline: the value and its stored form.

A page of a timeline is read from the index `timeline`, which has all of an item but large content: DynamoDB's limit of
400 KB is for an item together with its entry in the index, so content in both could have half of that at most.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from pydantic_core import from_json, to_json

from support.dynamodb.items import Item, Value, item_size
from support.values.api_key import KeyType
from support.values.parts import Part, Visibility
from support.values.stored_form import VERSION, Conversion, StoredForm, stored_value

Author = Literal["visitor", "user", "aiAgent", "nobody"]
ItemType = Literal["message", "event", "identification", "tool"]

ITEM_PREFIX = "ITEM#"
POSITION_DIGITS = 9

#: Larger content is not in the index, which has a preview of this many characters instead.
MAX_INDEXED_BYTES = 4 * 1024
PREVIEW_CHARACTERS = 2_000
#: The maximum size of a preview in a response, where a control character takes seven bytes: a hundred previews, with
#: the metadata that their conversations may have, just fit.
_PREVIEW_BYTES = 8_000
_LARGEST_CHARACTER_BYTES = 7

#: The attributes of an item in the index (`NonKeyAttributes` in template.yaml), without keys.
INDEXED = (
    *("createdAt", "position", "visibility", "type", "writtenBy", "userId", "aiAgentId", "visitorId"),
    *("content", "preview", "shownBytes", "ttl", "more"),
)
_KEYS = ("PK", "SK", "timelineSK")


class Content(TypedDict):
    """The content of a timeline item, as it was sent."""

    text: NotRequired[str]
    tool: NotRequired[str]
    parts: NotRequired[Sequence[Part]]


@stored_value
class TimelineItem:
    """An entry of a conversation's timeline; it never changes once it is written, unless its content is removed.

    `created_at` is RFC 3339 in UTC with milliseconds. `position` is the number of items before it in the conversation:
    it orders items of the same time as they were written. `written_by` is the type of the API key that wrote it.
    `content` is only a preview if it is large and was read from the index. Removed content is empty: `deleted_at` says
    when that was, and `deleted_by_user_id` the team member, if the call named one.
    """

    id: str
    created_at: str
    position: int
    visibility: Visibility
    type: ItemType
    written_by: KeyType
    content: Content
    user_id: str | None = None
    ai_agent_id: str | None = None
    visitor_id: str | None = None
    deleted_at: str | None = None
    deleted_by_user_id: str | None = None

    @property
    def is_removed(self) -> bool:
        """Whether its content was removed. Its id stays taken, and its place in the timeline known."""
        return self.deleted_at is not None

    @property
    def is_private(self) -> bool:
        """Whether only the company may see it."""
        return self.visibility == "private"

    @property
    def author(self) -> Author:
        """The kind of author that the item names. Stored for consumers of the table's stream."""
        if self.visitor_id is not None:
            return "visitor"
        return "user" if self.user_id is not None else "nobody" if self.ai_agent_id is None else "aiAgent"

    @property
    def reference(self) -> str:
        """Return `<createdAt>#<position>#<id>`: it identifies the item, and sorts as the timeline does."""
        return reference_of(self.created_at, self.position, self.id)

    def is_at(self, reference: str | None) -> bool:
        """Tell whether a reference is to this item, and not to an expired one with the same id."""
        return self.reference == reference

    @property
    def text_and_parts(self) -> tuple[str | None, Sequence[Part]]:
        """Text and parts as they are shown: a message has both text and text part, even if only one was sent.

        The missing one is added here and not when they are stored, so that no text is stored, and paid for, twice.
        """
        text, parts = self.content.get("text"), self.content.get("parts", [])
        if self.type != "message":
            return text, parts
        texts = [str(part.get("text")) for part in parts if part["type"] == "text"]
        if text is not None and not texts:
            return text, [{"type": "text", "text": text}, *parts]
        if text is None and texts:
            return "\n".join(texts), parts
        return text, parts

    @property
    def shown_bytes(self) -> int:
        """The size of its content, in bytes, in a response of Lambda, which has the body as a JSON string."""
        text, parts = self.text_and_parts
        return _shown_bytes([text, self.content.get("tool"), parts])

    def has_content_of(self, other: "TimelineItem", *, same_kind_of_author: bool) -> bool:
        """Tell whether two items have the same content, in any equivalent form.

        Content is the type, the visibility, the text, the tool and the parts as they are shown: neither the time, nor
        the order of names, nor the author. With `same_kind_of_author` the visitor, the team and an AI agent differ.
        """

        def shown(item: "TimelineItem") -> object:
            text, parts = item.text_and_parts
            kind = _KIND_OF_AUTHOR[item.author] if same_kind_of_author else None
            # Unlike ==, JSON distinguishes true from 1 and 1 from 1.0.
            return json.dumps([item.visibility, item.type, text, item.content.get("tool"), parts, kind], sort_keys=True)

        return shown(self) == shown(other)

    @property
    def preview(self) -> "TimelineItem | None":
        """The item as lists show it, if its content is large, else None."""
        return replace(self, content=_preview(self)) if _is_large(self._content_json()) else None

    def _content_json(self) -> str:
        return to_json(self.content).decode()

    def without_content(self, at: str, by: str | None) -> "TimelineItem":
        """Return the item after its content was removed, at a time and by a team member, None if none is named."""
        return replace(self, content={}, deleted_at=at, deleted_by_user_id=by)

    def removal(self) -> Mapping[str, Value | None]:
        """Return what changes of the stored form when the content is removed, which this item says; None is nothing.

        Without its key in the index, no page has the item any more.
        """
        return {
            **dict.fromkeys(("content", "largeContent", "preview", "shownBytes", "timelineSK")),
            "deletedAt": self.deleted_at,
            "deletedByUserId": self.deleted_by_user_id,
        }

    def to_item(self, conversation: Item) -> Item:
        """Return the stored form.

        Parameters
        ----------
        conversation
            The attributes to copy (see `Conversation.item_attributes`).
        """
        item = {
            **conversation,
            "SK": item_sk(self.id),
            "timelineSK": timeline_prefix(str(conversation["incarnation"]), self.visibility) + self.reference,
            "form": VERSION,
            "id": self.id,
            "author": self.author,
            **_FORM.write(self),
        }
        content = self._content_json()
        if _is_large(content):
            item["largeContent"] = content
            item["shownBytes"] = self.shown_bytes
            if (text := _preview(self).get("text")) is not None:
                item["preview"] = text
        else:
            item["content"] = content
        return item

    @classmethod
    def from_item(cls, item: Item) -> "TimelineItem":
        """Read the stored form, or its entry in the index."""
        return _FORM.read(item, id=item_id(str(item["SK"])), content=_content(item))


_FORM = StoredForm(TimelineItem, elsewhere={"id", "content"})

_KIND_OF_AUTHOR: dict[Author, str] = {"visitor": "visitor", "user": "team", "nobody": "team", "aiAgent": "agent"}


class Preview(NamedTuple):
    """A message with large content as lists show it, stored in its conversation until the message expires.

    Without it a list would read each last message in full. `ttl` is that of the message.
    """

    item: TimelineItem
    ttl: int | None


def _write_preview(preview: Preview) -> str:
    item = preview.item
    stored = {**_FORM.write(item), "id": item.id, "content": item.content, "ttl": preview.ttl}
    return to_json(stored).decode()


def _read_preview(text: str) -> Preview:
    stored: dict[str, Any] = from_json(text)
    return Preview(_FORM.read(stored, id=stored["id"], content=stored["content"]), stored["ttl"])


AS_PREVIEW: Conversion = (_write_preview, _read_preview)


def _content(item: Item) -> Content:
    for name in ("content", "largeContent"):
        if name in item:
            content: Content = from_json(str(item[name]))
            return content
    return {"text": str(item["preview"])} if "preview" in item else {}


def _is_large(content: str) -> bool:
    # UTF-8 takes four bytes for a character at most.
    return len(content) > MAX_INDEXED_BYTES // 4 and len(content.encode()) > MAX_INDEXED_BYTES


def _preview(item: TimelineItem) -> Content:
    """Return large content as lists show it: the beginning of its text, cut between characters."""
    text, _ = item.text_and_parts
    if text is None:
        return {}
    start = text[:PREVIEW_CHARACTERS]
    is_short = _shown_bytes(start) <= _PREVIEW_BYTES + len(r'"\"\""')
    return {"text": _truncated(text, PREVIEW_CHARACTERS if is_short else _PREVIEW_BYTES // _LARGEST_CHARACTER_BYTES)}


def _truncated(text: str, length: int) -> str:
    """Return the beginning of a text, up to `length` code points, without cutting a user-perceived character.

    That is an extended grapheme cluster (Unicode Standard Annex 29): an emoji may have seven code points and more.
    """
    import regex  # takes 10 ms, needed only for large content

    end = 0
    for cluster in regex.finditer(r"\X", text[: length + 1]):
        if cluster.end() > length:
            break
        end = cluster.end()
    # A cluster may have any number of marks: one that is longer than `length` is cut.
    return text[: end or length]


def _shown_bytes(content: object) -> int:
    return len(to_json(to_json(content).decode()))


def is_preview(item: Item) -> bool:
    """Tell whether the content of an item is large and was not read."""
    return "content" not in item and "largeContent" not in item


def is_removed(item: Item) -> bool:
    """Tell whether the content of an item was removed; its id stays taken."""
    return "deletedAt" in item


def stored_size(item: Item) -> int:
    """Return the size that counts towards DynamoDB's limit for an item, in bytes: its own, and that of its index entry.

    (Developer Guide, "Item collection size limit" and "Constraints": the item and its entries in local indexes.)
    """
    return item_size(item) + item_size({name: item[name] for name in (*_KEYS, *INDEXED) if name in item})


def item_sk(id_: str) -> str:
    """Return the sort key of a timeline item."""
    return ITEM_PREFIX + id_


def item_id(sk: str) -> str:
    """Return the id of a timeline item, from its sort key."""
    return sk.removeprefix(ITEM_PREFIX)


def reference_of(created_at: str, position: int, id_: str) -> str:
    """Return the reference to an item (see `TimelineItem.reference`)."""
    return f"{created_at}#{position:0{POSITION_DIGITS}d}#{id_}"


def reference_id(reference: str) -> str:
    """Return the id in a reference (see `TimelineItem.reference`)."""
    return reference.rsplit("#", 1)[1]


def reference_time(reference: str) -> str:
    """Return the time in a reference (see `TimelineItem.reference`)."""
    return reference.split("#", 1)[0]


def timeline_prefix(incarnation: str, visibility: Visibility) -> str:
    """Return the prefix of the sort keys of a conversation's items of one visibility in the index `timeline`."""
    return f"{incarnation}#{visibility}#"
