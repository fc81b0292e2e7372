"""The body of a request, as pydantic models: strict, so that nothing is converted.

Unknown fields are ignored, and so is null, which stands for absent; the empty string does so for ids, times and the
channel. What strict clients of this API could not read again is refused: one message must not make an inbox unreadable.
"""

import re
from typing import Annotated, Any, Literal, NotRequired

from conversations.conversations import ItemType, Visibility
from conversations.timestamps import to_utc
from conversations.validation import AtMost, Says
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    with_config,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, Url, to_json
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

# 26 characters of 5 bits are 130, and a ULID has 128.
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
NOT_A_ULID = "must be a ULID: 26 characters of 0-9 and A-Z without I, L, O and U, the first of them 0 to 7"

#: One transaction holds 100 actions (DynamoDB API Reference, TransactWriteItems), and one is the conversation.
MAX_ITEMS = 99
MAX_PARTS = 100
MAX_METADATA_KEYS = 50
MAX_METADATA_BYTES = 16 * 1024

#: The largest whole number up to which a double, and so JavaScript, has all of them.
MAX_WHOLE = 2**53 - 1

_STRICT = ConfigDict(strict=True)
_STRICT_AND_OPEN = ConfigDict(strict=True, extra="allow")
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


def _not_reserved(conversation_id: str) -> str:
    # Its address would be that of the inbox.
    if conversation_id == "inbox":
        raise PydanticCustomError("reserved", "must be another id than 'inbox'")
    return conversation_id


# As browsers read a scheme (URL Standard, "basic URL parser"): without the controls and spaces before it, and without
# tabs and newlines anywhere.
_DROPPED = r"[\t\n\r]*"
_SCRIPT = re.compile(
    rf"[\0-\x20]*({_DROPPED.join('javascript:')}|{_DROPPED.join('vbscript:')})", re.ASCII | re.IGNORECASE
)


def _runs_no_script(url: str) -> str:
    if _SCRIPT.match(url):
        raise PydanticCustomError("scheme", "must not have the scheme 'javascript' or 'vbscript'")
    return url


_NO_URL = "must be an absolute URL"


def _leads_to_a_page(url: str) -> str:
    try:
        # By the URL Standard, as strict clients read it: a port of six digits is none.
        scheme = Url(url).scheme
    except ValueError:
        raise PydanticCustomError("url", _NO_URL) from None
    if scheme in {"javascript", "vbscript", "data", "blob"}:
        raise PydanticCustomError("scheme", "must not have the scheme 'javascript', 'vbscript', 'data' or 'blob'")
    return url


FileUrl = Annotated[str, AfterValidator(_runs_no_script)]
PageUrl = Annotated[
    str,
    # What \s is differs between JavaScript, Python and Rust, and all of them read this pattern.
    StringConstraints(
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$"
    ),
    Says(_NO_URL),
    AfterValidator(_leads_to_a_page),
]


def _whole(value: object) -> object:
    """Read 5.0 as 5: to JSON Schema, and to JavaScript, both are the same whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[
    int, Field(ge=0, le=MAX_WHOLE), BeforeValidator(_whole), Says(f"must be a whole number from 0 to {MAX_WHOLE}")
]
Rating = Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole), Says("must be a whole number from 1 to 5")]
JsonObject = dict[str, Any]


@with_config(_STRICT_AND_OPEN)
class ToolTimeline(TypedDict):
    """How clients show a call of a tool in the timeline. Other names are kept as they are."""

    logType: Literal["customer_facing", "log", "decision"]
    triggerMessageId: str
    workflowRunId: str
    triggerVisibility: NotRequired[Visibility]


@with_config(_STRICT_AND_OPEN)
class Cossistant(TypedDict):
    """What clients of this API keep for themselves in a part. Other names are kept as they are."""

    visibility: NotRequired[Visibility]
    progressMessage: NotRequired[str]
    knowledgeId: NotRequired[str]
    toolTimeline: NotRequired[ToolTimeline]


@with_config(_STRICT_AND_OPEN)
class ProviderMetadata(TypedDict):
    """What an AI model's provider adds. All names are kept as they are, but for that of this API's own clients."""

    cossistant: NotRequired[Cossistant]


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
    providerMetadata: NotRequired[ProviderMetadata | None]


@with_config(_STRICT)
class ToolPart(TypedDict):
    """A call of a tool: its type is `tool-` and the tool's name."""

    type: Annotated[
        str,
        StringConstraints(pattern=r"^tool-[^\n\r\u2028\u2029]+$"),
        Says("must be 'tool-' and the tool's name, in one line"),
    ]
    toolCallId: str
    toolName: str
    input: JsonObject
    state: Literal["partial", "result", "error"]
    output: NotRequired[Any]
    errorText: NotRequired[str | None]
    callProviderMetadata: NotRequired[ProviderMetadata | None]
    providerMetadata: NotRequired[ProviderMetadata | None]


@with_config(_STRICT)
class SourceUrlPart(TypedDict):
    """A web page that an answer draws on."""

    type: Literal["source-url"]
    sourceId: str
    url: PageUrl
    title: NotRequired[str | None]
    providerMetadata: NotRequired[ProviderMetadata | None]


@with_config(_STRICT)
class SourceDocumentPart(TypedDict):
    """A document that an answer draws on."""

    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str | None]
    providerMetadata: NotRequired[ProviderMetadata | None]


@with_config(_STRICT)
class StepStartPart(TypedDict):
    """Where a new step of an AI's answer starts."""

    type: Literal["step-start"]


@with_config(_STRICT)
class FilePart(TypedDict):
    """A file, by its address."""

    type: Literal["file"]
    url: FileUrl
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[Whole | None]


@with_config(_STRICT)
class ImagePart(TypedDict):
    """An image, by its address; `width` and `height` in pixels."""

    type: Literal["image"]
    url: FileUrl
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[Whole | None]
    width: NotRequired[Whole | None]
    height: NotRequired[Whole | None]


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


@with_config(_STRICT)
class FeedbackPart(TypedDict):
    """How a visitor rates the conversation, from 1 to 5."""

    type: Literal["feedback"]
    feedbackId: str
    rating: Rating
    source: str
    topic: NotRequired[str | None]
    trigger: NotRequired[str | None]


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
    "feedback": "FeedbackPart",
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
    | Annotated[MetadataPart, Tag("MetadataPart")]
    | Annotated[FeedbackPart, Tag("FeedbackPart")],
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
    parts: Annotated[list[Part], AtMost(MAX_PARTS)] | None = Field(
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
    AtMost(MAX_METADATA_KEYS),
    AfterValidator(_within_metadata_bytes),
]


class ConversationRequest(BaseModel):
    """What to open. `null` is the same as absent for every field; unknown fields are ignored and never stored."""

    model_config = _MODEL

    visitor_id: OptionalVisitorId | None = Field(
        None,
        description="The visitor whose conversation it is, a ULID. Wins over `X-Visitor-Id`; one of the two is needed.",
    )
    conversation_id: Annotated[OptionalId, AfterValidator(_not_reserved)] | None = Field(
        None,
        description="Your id for the conversation, which makes the call safe to repeat: sent again for the visitor, "
        "it returns the stored conversation and adds only the items that are not stored yet. Taken by another visitor "
        "of the website: 409. Not `inbox`. Absent or empty: `CO` and 16 characters are generated.",
    )
    default_timeline_items: Annotated[list[TimelineItemRequest], AtMost(MAX_ITEMS)] | None = Field(
        None, description="The first items of the timeline, in order. All of them are written, or nothing is."
    )
    channel: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None,
        description="Where the visitor is, such as `widget`, `email` or `apple`. Empty: the default.",
        json_schema_extra={"default": "widget"},
    )
    metadata: Metadata | None = Field(
        None,
        description="What your system wants to remember of the conversation, as flat names and values: at most 16,384 "
        "bytes of JSON. A replay does not change it.",
    )
