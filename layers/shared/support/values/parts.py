"""The parts of a timeline item: the required and optional fields of each type.

pydantic validates them strictly, so that nothing is converted. Parts that strict clients of this API could not parse
are rejected: a single message must not make an inbox unreadable.
"""

import re
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError, Url
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from support.validation import Message

Visibility = Literal["public", "private"]

#: The largest number up to which a double, and so JavaScript, represents every whole number.
MAX_SAFE_INTEGER = 2**53 - 1

_STRICT = ConfigDict(strict=True)
_STRICT_AND_OPEN = ConfigDict(strict=True, extra="allow")

# As browsers parse a scheme (URL Standard, "basic URL parser"): ignoring leading controls and spaces, and all tabs and
# newlines.
_DROPPED = r"[\t\n\r]*"
_SCRIPT = re.compile(
    rf"[\0-\x20]*({_DROPPED.join('javascript:')}|{_DROPPED.join('vbscript:')})", re.ASCII | re.IGNORECASE
)


def _reject_script_scheme(url: str) -> str:
    if _SCRIPT.match(url):
        raise PydanticCustomError("scheme", "must not have the scheme 'javascript' or 'vbscript'")
    return url


_NOT_A_URL = "must be an absolute URL"


def _validate_page_url(url: str) -> str:
    try:
        # By the URL Standard, as strict clients parse it: a port of six digits is not valid.
        scheme = Url(url).scheme
    except ValueError:
        raise PydanticCustomError("url", _NOT_A_URL) from None
    if scheme in {"javascript", "vbscript", "data", "blob"}:
        raise PydanticCustomError("scheme", "must not have the scheme 'javascript', 'vbscript', 'data' or 'blob'")
    return url


FileUrl = Annotated[str, AfterValidator(_reject_script_scheme)]
PageUrl = Annotated[
    str,
    # JavaScript, Python and Rust, which all use this pattern, disagree about \s.
    StringConstraints(
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$"
    ),
    Message(_NOT_A_URL),
    AfterValidator(_validate_page_url),
]


def integral(value: object) -> object:
    """Convert 5.0 to 5: in JSON Schema, and in JavaScript, both are the same whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


NonNegativeInt = Annotated[
    int,
    Field(ge=0, le=MAX_SAFE_INTEGER),
    BeforeValidator(integral),
    Message(f"must be a whole number from 0 to {MAX_SAFE_INTEGER}"),
]
Rating = Annotated[int, Field(ge=1, le=5), BeforeValidator(integral), Message("must be a whole number from 1 to 5")]
JsonObject = dict[str, Any]


@with_config(_STRICT_AND_OPEN)
class ToolTimeline(TypedDict):
    """Settings for showing a tool call in the timeline. Other names are kept as they are."""

    logType: Literal["customer_facing", "log", "decision"]
    triggerMessageId: str
    workflowRunId: str
    triggerVisibility: NotRequired[Visibility]


@with_config(_STRICT_AND_OPEN)
class Cossistant(TypedDict):
    """Data that clients of this API store in a part. Other names are kept as they are."""

    visibility: NotRequired[Visibility]
    progressMessage: NotRequired[str]
    knowledgeId: NotRequired[str]
    toolTimeline: NotRequired[ToolTimeline]


@with_config(_STRICT_AND_OPEN)
class ProviderMetadata(TypedDict):
    """Metadata of an AI model's provider. All names are kept as they are; only `cossistant` is checked."""

    cossistant: NotRequired[Cossistant]


# The document declares any object: some client generators drop the other fields of an object that names one.
FromProvider = Annotated[
    ProviderMetadata,
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": True,
            "description": "Metadata of an AI model's provider, kept as it is. `cossistant`, for this API's own "
            "clients, must be an object if present; its `visibility`, `progressMessage`, `knowledgeId` and "
            "`toolTimeline` are checked.",
        }
    ),
]


@with_config(_STRICT)
class TextPart(TypedDict):
    """Text that is shown as written."""

    type: Literal["text"]
    text: str
    state: NotRequired[Literal["streaming", "done"] | None]


@with_config(_STRICT)
class ReasoningPart(TypedDict):
    """The reasoning of an AI model before its response."""

    type: Literal["reasoning"]
    text: str
    state: NotRequired[Literal["streaming", "done"] | None]
    providerMetadata: NotRequired[FromProvider | None]


@with_config(_STRICT)
class ToolPart(TypedDict):
    """A call of a tool: its type is `tool-` and the tool's name."""

    type: Annotated[
        str,
        StringConstraints(pattern=r"^tool-[^\n\r\u2028\u2029]+$"),
        Message("must be 'tool-' and the tool's name, in one line"),
    ]
    toolCallId: str
    toolName: str
    input: JsonObject
    state: Literal["partial", "result", "error"]
    output: NotRequired[Any]
    errorText: NotRequired[str | None]
    callProviderMetadata: NotRequired[FromProvider | None]
    providerMetadata: NotRequired[FromProvider | None]


@with_config(_STRICT)
class SourceUrlPart(TypedDict):
    """A web page that a response is based on."""

    type: Literal["source-url"]
    sourceId: str
    url: PageUrl
    title: NotRequired[str | None]
    providerMetadata: NotRequired[FromProvider | None]


@with_config(_STRICT)
class SourceDocumentPart(TypedDict):
    """A document that a response is based on."""

    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str | None]
    providerMetadata: NotRequired[FromProvider | None]


@with_config(_STRICT)
class StepStartPart(TypedDict):
    """The start of a new step of an AI's response."""

    type: Literal["step-start"]


@with_config(_STRICT)
class FilePart(TypedDict):
    """A file, by its URL."""

    type: Literal["file"]
    url: FileUrl
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[NonNegativeInt | None]


@with_config(_STRICT)
class ImagePart(TypedDict):
    """An image, by its URL; `width` and `height` are in pixels."""

    type: Literal["image"]
    url: FileUrl
    mediaType: str
    filename: NotRequired[str | None]
    size: NotRequired[NonNegativeInt | None]
    width: NotRequired[NonNegativeInt | None]
    height: NotRequired[NonNegativeInt | None]


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
    """Something that happened to the conversation; all four ids are required, null if they do not apply."""

    type: Literal["event"]
    eventType: EventType
    actorUserId: str | None
    actorAiAgentId: str | None
    targetUserId: str | None
    targetAiAgentId: str | None
    message: NotRequired[str | None]


@with_config(_STRICT)
class MetadataPart(TypedDict):
    """The channel that a message came from."""

    type: Literal["metadata"]
    source: Literal["email", "widget", "api"]


@with_config(_STRICT)
class FeedbackPart(TypedDict):
    """A visitor's rating of the conversation, from 1 to 5."""

    type: Literal["feedback"]
    feedbackId: str
    rating: Rating
    source: str
    topic: NotRequired[str | None]
    trigger: NotRequired[str | None]


#: The union's tags are class names: unlike a type, no tag is also the name of a field.
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
        custom_error_type="message",
        custom_error_message=f"must be an object whose type is one of {', '.join(_TAGS)} and tool-<name>",
    ),
    AfterValidator(_without_nulls),
]
