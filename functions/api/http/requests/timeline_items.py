"""A timeline item as a client sends it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from support.validation import AtMost, BuiltLater
from support.values.parts import Part, Visibility
from support.values.timeline_item import ItemType

from api.http.requests.fields import REQUEST, Claim, OptionalId, OptionalTime

MAX_PARTS = 100

_Parts = Annotated[list[Part], AtMost(MAX_PARTS)]


def _with_ignored_fields(schema: dict[str, Any]) -> None:
    """Add the fields that clients echo and the server sets itself: of any type, and never validated."""
    ignored = {"description": "Accepted and ignored: the server's own value is stored and returned."}
    schema["properties"] |= dict.fromkeys(("conversationId", "organizationId", "deletedAt"), ignored)


# The descriptions of fields go to the OpenAPI document: they address the developers of clients.
class TimelineItemRequest(BaseModel):
    """A timeline item as a client sends it. `null` is the same as absent for every field."""

    model_config = ConfigDict(**REQUEST, json_schema_extra=_with_ignored_fields)

    id: OptionalId | None = Field(
        None,
        description="Your id for the item, kept as sent, unique within the request. With it, no retry duplicates the "
        "item, and your optimistic copy can be matched with the stored one. Absent or empty: it is derived from the "
        "conversation, the position and the content, so that an exact retry finds the item.",
    )
    visibility: Visibility | None = Field(
        None,
        description="`private` items are for the company only and require a private key (403 with a public one).",
        json_schema_extra={"default": "public"},
    )
    type: ItemType | None = Field(None, description="The type of the item.", json_schema_extra={"default": "message"})
    text: str | None = Field(
        None,
        description="The text, kept verbatim. A message sent with `text` only is returned with a text part too, and "
        "one sent with text parts only is returned with their text in `text`, joined by newlines.",
    )
    tool: str | None = Field(None, description="For an item of type `tool`, the name of the tool.")
    parts: Annotated[list[Part], BuiltLater(_Parts)] | None = Field(
        None, description="The parts of the item, in order. Unknown names inside a part are dropped."
    )
    user_id: Claim | None = Field(
        None, description="The id of the team member who wrote it, in your system; not checked."
    )
    ai_agent_id: Claim | None = Field(
        None, description="The id of the AI agent that wrote it, in your system; not checked."
    )
    # Widgets send any sender's id; it only matters whether there is one.
    visitor_id: Any = Field(
        None,
        description="Any value but null or an empty string means that the visitor wrote it: the conversation's "
        "visitor is stored.",
    )
    created_at: OptionalTime | None = Field(
        None,
        description="The time at which it was written: an RFC 3339 date-time, in the years 0001 to 9999 in UTC. It is "
        "stored and returned in UTC with milliseconds. Absent or empty: now.",
    )

    @property
    def is_by_visitor(self) -> bool:
        """Whether the visitor wrote it."""
        return self.visitor_id is not None and self.visitor_id != ""
