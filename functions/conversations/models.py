"""The body of a request, as pydantic models: strict, so that nothing is converted.

Unknown fields are ignored, and so is null, which stands for absent; the empty string does so for ids and times.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    with_config,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, to_json
from support.conversations import ItemType, Visibility
from support.timestamps import to_utc
from support.validation import Says
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

ULID = r"[0-9A-HJKMNP-TV-Z]{26}"
NOT_A_ULID = "must be a ULID: 26 characters of 0-9 and A-Z without I, L, O and U"

#: One transaction holds 100 actions (DynamoDB API Reference, TransactWriteItems), and one is the conversation.
MAX_ITEMS = 99
MAX_PARTS = 100
MAX_METADATA_KEYS = 50
MAX_METADATA_BYTES = 16 * 1024

_STRICT = ConfigDict(strict=True)
_MODEL = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)


def _absent_if_empty(value: str) -> str | None:
    """SDKs send an empty string where they do not know a value yet."""
    return value or None


OptionalId = Annotated[
    str,
    StringConstraints(pattern=r"^([A-Za-z0-9_-]{1,64})?$"),
    Says("must be 1 to 64 letters, digits, '-' or '_'"),
    AfterValidator(_absent_if_empty),
]
OptionalVisitorId = Annotated[
    str, StringConstraints(pattern=rf"^({ULID})?$"), Says(NOT_A_ULID), AfterValidator(_absent_if_empty)
]
Claim = Annotated[str, StringConstraints(max_length=64), AfterValidator(_absent_if_empty)]
AbsoluteUrl = Annotated[
    str,
    # What \s is differs between JavaScript, Python and Rust, and all of them read this pattern.
    StringConstraints(
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$"
    ),
    Says("must be an absolute URL"),
]
Number = Annotated[int | float, Says("must be a number")]
JsonObject = dict[str, Any]


@with_config(_STRICT)
class TextPart(TypedDict):
    """Text that is shown as written."""

    type: Literal["text"]
    text: str
    state: NotRequired[Literal["streaming", "done"] | None]


@with_config(_STRICT)
class ReasoningPart(TypedDict):
    """What an AI model thought before its answer."""

    type: Literal["reasoning"]
    text: str
    state: NotRequired[Literal["streaming", "done"] | None]
    providerMetadata: NotRequired[JsonObject | None]


@with_config(_STRICT)
class ToolPart(TypedDict):
    """A call of a tool: its type is `tool-` and the tool's name."""

    type: Annotated[str, StringConstraints(pattern=r"^tool-."), Says("must be 'tool-' and the tool's name")]
    toolCallId: str
    toolName: str
    input: JsonObject
    state: Literal["partial", "result", "error"]
    output: NotRequired[Any]
    errorText: NotRequired[str | None]
    callProviderMetadata: NotRequired[JsonObject | None]
    providerMetadata: NotRequired[JsonObject | None]


@with_config(_STRICT)
class SourceUrlPart(TypedDict):
    """A web page that an answer draws on."""

    type: Literal["source-url"]
    sourceId: str
    url: AbsoluteUrl
    title: NotRequired[str | None]
    providerMetadata: NotRequired[JsonObject | None]


@with_config(_STRICT)
class SourceDocumentPart(TypedDict):
    """A document that an answer draws on."""

    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str | None]
    providerMetadata: NotRequired[JsonObject | None]


@with_config(_STRICT)
class StepStartPart(TypedDict):
    """Where a new step of an AI's answer starts."""

    type: Literal["step-start"]


@with_config(_STRICT)
class FilePart(TypedDict):
    """A file, by its address."""

    type: Literal["file"]
    url: str
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[Number | None]


@with_config(_STRICT)
class ImagePart(TypedDict):
    """An image, by its address; `width` and `height` in pixels."""

    type: Literal["image"]
    url: str
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[Number | None]
    width: NotRequired[Number | None]
    height: NotRequired[Number | None]


@with_config(_STRICT)
class TranslationPart(TypedDict):
    """A translation of the message, for the team or for the visitor."""

    type: Literal["translation"]
    text: str
    sourceLanguage: str
    targetLanguage: str
    audience: Literal["team", "visitor"]
    mode: Literal["auto", "manual"]
    modelId: NotRequired[str | None]


EventType = Literal[
    "assigned",
    "unassigned",
    "participant_requested",
    "participant_joined",
    "participant_left",
    "status_changed",
    "priority_changed",
    "tag_added",
    "tag_removed",
    "resolved",
    "reopened",
    "visitor_blocked",
    "visitor_unblocked",
    "visitor_identified",
    "ai_paused",
    "ai_resumed",
]


@with_config(_STRICT)
class EventPart(TypedDict):
    """Something that happened to the conversation; all four ids are sent, null where nobody is concerned."""

    type: Literal["event"]
    eventType: EventType
    actorUserId: str | None
    actorAiAgentId: str | None
    targetUserId: str | None
    targetAiAgentId: str | None
    message: NotRequired[str | None]


@with_config(_STRICT)
class MetadataPart(TypedDict):
    """Where a message came from."""

    type: Literal["metadata"]
    source: Literal["email", "widget", "api"]


#: The union's tags are class names: unlike the types themselves, none of them is also a field's name.
_TAGS = {
    "text": "TextPart",
    "reasoning": "ReasoningPart",
    "source-url": "SourceUrlPart",
    "source-document": "SourceDocumentPart",
    "step-start": "StepStartPart",
    "file": "FilePart",
    "image": "ImagePart",
    "translation": "TranslationPart",
    "event": "EventPart",
    "metadata": "MetadataPart",
}
PART_TAGS = frozenset({*_TAGS.values(), "ToolPart"})

#: Fields of parts in which null is a value: the only ones that keep it.
_NULL_IS_A_VALUE = frozenset({"output", "actorUserId", "actorAiAgentId", "targetUserId", "targetAiAgentId"})


def _tag(part: object) -> str | None:
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if not isinstance(kind, str):
        return None
    return "ToolPart" if kind.startswith("tool-") else _TAGS.get(kind)


def _without_nulls(part: dict[str, Any]) -> dict[str, Any]:
    if None not in part.values():
        return part
    return {name: value for name, value in part.items() if value is not None or name in _NULL_IS_A_VALUE}


Part = Annotated[
    Annotated[TextPart, Tag("TextPart")]
    | Annotated[ReasoningPart, Tag("ReasoningPart")]
    | Annotated[ToolPart, Tag("ToolPart")]
    | Annotated[SourceUrlPart, Tag("SourceUrlPart")]
    | Annotated[SourceDocumentPart, Tag("SourceDocumentPart")]
    | Annotated[StepStartPart, Tag("StepStartPart")]
    | Annotated[FilePart, Tag("FilePart")]
    | Annotated[ImagePart, Tag("ImagePart")]
    | Annotated[TranslationPart, Tag("TranslationPart")]
    | Annotated[EventPart, Tag("EventPart")]
    | Annotated[MetadataPart, Tag("MetadataPart")],
    Discriminator(
        _tag,
        custom_error_type="says",
        custom_error_message=f"must be an object whose type is one of {', '.join(_TAGS)} and tool-<name>",
    ),
    AfterValidator(_without_nulls),
]


def _utc_or_absent(value: str) -> str | None:
    try:
        return to_utc(value) if value else None
    except ValueError:
        raise PydanticCustomError(
            "date_time", "must be an RFC 3339 date-time such as 2026-01-31T12:00:00Z, in the years 0001 to 9999 in UTC"
        ) from None


def _with_ignored_fields(schema: dict[str, Any]) -> None:
    """Describe what clients echo and the server knows better: of any type, and never validated."""
    ignored = {"description": "Accepted and ignored: the server's own value is stored and returned."}
    schema["properties"] |= dict.fromkeys(("conversationId", "organizationId", "deletedAt"), ignored)


# Descriptions of fields, here and below, are those of the OpenAPI document: they speak to who sends them.
class TimelineItemRequest(BaseModel):
    """A timeline item as a client sends it. `null` is the same as absent for every field."""

    model_config = ConfigDict(**_MODEL, json_schema_extra=_with_ignored_fields)

    id: OptionalId | None = Field(
        None,
        description="Your id for the item, kept as sent, unique within the request. With one, no retry doubles the "
        "item, and your optimistic copy can be matched with the stored one. Absent or empty: it is derived from the "
        "conversation, the position and the content, so that an exact retry finds the item again.",
    )
    visibility: Visibility | None = Field(
        None,
        description="`private` items are for the company alone and need a private key (403 with a public one).",
        json_schema_extra={"default": "public"},
    )
    type: ItemType | None = Field(None, description="What the item is.", json_schema_extra={"default": "message"})
    text: str | None = Field(
        None,
        description="The text, kept verbatim. A message sent with text alone is returned with a text part too, and one "
        "sent with text parts alone with their text, joined by newlines.",
    )
    tool: str | None = Field(None, description="The name of the tool that an item of type `tool` is about.")
    parts: Annotated[list[Part], Field(max_length=MAX_PARTS)] | None = Field(
        None, description="What the item is made of, in order. Unknown names inside a part are dropped."
    )
    user_id: Claim | None = Field(
        None, description="The team member who wrote it, as your system knows them; not checked."
    )
    ai_agent_id: Claim | None = Field(
        None, description="The AI agent that wrote it, as your system knows it; not checked."
    )
    # Widgets send any sender's id; whether there is one is all that counts.
    visitor_id: Any = Field(
        None, description="Anything but null or empty says that the visitor wrote it: the conversation's own is stored."
    )
    created_at: (
        Annotated[
            str,
            AfterValidator(_utc_or_absent),
            WithJsonSchema({"type": "string", "format": "date-time"}),
        ]
        | None
    ) = Field(
        None,
        description="When it was written: an RFC 3339 date-time, in the years 0001 to 9999 in UTC. It is stored and "
        "returned in UTC with milliseconds. Absent or empty: now.",
    )

    @property
    def is_by_visitor(self) -> bool:
        """Whether the visitor wrote it."""
        return self.visitor_id is not None and self.visitor_id != ""


def _within_metadata_bytes(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(to_json(metadata)) > MAX_METADATA_BYTES:
        raise PydanticCustomError("too_many_bytes", "must take at most 16 KB of JSON")
    return metadata


Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64), Says("must have names of 1 to 64 characters")],
        Annotated[
            str | int | float | bool | None, Says("must have values that are strings, numbers, booleans or null")
        ],
    ],
    Field(max_length=MAX_METADATA_KEYS),
    AfterValidator(_within_metadata_bytes),
]


class ConversationRequest(BaseModel):
    """What to open. `null` is the same as absent for every field; unknown fields are ignored and never stored."""

    model_config = _MODEL

    visitor_id: OptionalVisitorId | None = Field(
        None,
        description="The visitor whose conversation it is, a ULID. Wins over `X-Visitor-Id`; one of the two is needed.",
    )
    conversation_id: OptionalId | None = Field(
        None,
        description="Your id for the conversation, which makes the call safe to repeat: sent again for the visitor, "
        "it returns the stored conversation and adds only the items that are not stored yet. Taken by another visitor "
        "of the website: 409. Absent or empty: `CO` and 16 characters are generated.",
    )
    default_timeline_items: Annotated[list[TimelineItemRequest], Field(max_length=MAX_ITEMS)] | None = Field(
        None, description="The first items of the timeline, in order. All of them are written, or nothing is."
    )
    channel: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None,
        description="Where the visitor is, such as `widget`, `email` or `apple`.",
        json_schema_extra={"default": "widget"},
    )
    metadata: Metadata | None = Field(
        None,
        description="What your system wants to remember of the conversation, as flat names and values: at most 16,384 "
        "bytes of JSON. A replay does not change it.",
    )
