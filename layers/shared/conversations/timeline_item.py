"""An entry of a conversation's timeline: the value and its stored form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from conversations.api_key import KeyType
from conversations.items import Item
from conversations.parts import Part, Visibility
from conversations.stored_form import AS_JSON, VERSION, StoredForm

ItemType = Literal["message", "event", "identification", "tool"]

ITEM_PREFIX = "ITEM#"


class Content(TypedDict):
    """What a timeline item says, as its sender sent it."""

    text: NotRequired[str]
    tool: NotRequired[str]
    parts: NotRequired[Sequence[Part]]


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """An entry of a conversation's timeline; it is never changed once it is written.

    `created_at` is RFC 3339 in UTC with milliseconds. `position` counts the items of a conversation from 0 in the order
    in which they were written. `written_by` is the kind of API key that wrote it.
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

    @property
    def is_private(self) -> bool:
        """Whether only the company may see it."""
        return self.visibility == "private"

    @property
    def reference(self) -> str:
        """Return `<createdAt>#<position>#<id>`: it names the item, and sorts as the timeline does."""
        return f"{self.created_at}#{self.position:09d}#{self.id}"

    def says_the_same_as(self, other: "TimelineItem") -> bool:
        """Tell whether two items differ in nothing but who wrote them, when and where they stand."""
        return (
            self.visibility == other.visibility
            and self.type == other.type
            and self.user_id == other.user_id
            and self.ai_agent_id == other.ai_agent_id
            and self.visitor_id == other.visitor_id
            and self.content == other.content
        )

    def to_item(self, pk: str, incarnation: str, ttl: int | None) -> Item:
        """Return the stored form, in a conversation's partition.

        Parameters
        ----------
        pk, incarnation, ttl
            The conversation's own.
        """
        item = {"PK": pk, "SK": item_sk(self.id), "form": VERSION, "incarnation": incarnation, **_FORM.write(self)}
        return item if ttl is None else {**item, "ttl": ttl}

    @classmethod
    def from_item(cls, item: Item) -> "TimelineItem":
        """Read the stored form."""
        return _FORM.read(item, id=item_id(str(item["SK"])))


_FORM = StoredForm(TimelineItem, converted={"content": AS_JSON}, elsewhere={"id"})


def item_sk(id_: str) -> str:
    """Return the sort key of a timeline item."""
    return ITEM_PREFIX + id_


def item_id(sk: str) -> str:
    """Return the id of a timeline item, from its sort key."""
    return sk.removeprefix(ITEM_PREFIX)


def reference_id(reference: str) -> str:
    """Return the id in a reference (see `TimelineItem.reference`)."""
    return reference.rsplit("#", 1)[1]


def reference_time(reference: str) -> str:
    """Return the time in a reference (see `TimelineItem.reference`)."""
    return reference.split("#", 1)[0]
