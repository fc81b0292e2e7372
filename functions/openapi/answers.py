"""The bodies of answers, for the document alone: the API builds them as they are, without models."""

from typing import Annotated, Literal, NotRequired

from api.models import Metadata, Part
from conversations.conversations import ItemType, Visibility
from pydantic import Field
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

Id = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
Time = Annotated[
    str, Field(description="RFC 3339, in UTC with milliseconds.", json_schema_extra={"format": "date-time"})
]


class TimelineItem(TypedDict):
    """A timeline item as it is stored."""

    id: Id
    conversationId: Id
    organizationId: Annotated[str, Field(description="The organization of the API key.")]
    visibility: Visibility
    type: ItemType
    text: str | None
    tool: str | None
    parts: Annotated[list[Part], Field(description="What was not sent is left out of a part.")]
    userId: str | None
    aiAgentId: str | None
    visitorId: Annotated[str | None, Field(description="The conversation's visitor, if they wrote the item.")]
    createdAt: Time
    deletedAt: Annotated[Time | None, Field(description="Null: it is not deleted.")]


class Conversation(TypedDict):
    """A conversation as it is stored."""

    id: Id
    title: Annotated[NotRequired[str], Field(description="Left out when there is none.")]
    createdAt: Time
    updatedAt: Time
    visitorId: str
    websiteId: Annotated[str, Field(description="The website of the API key.")]
    channel: str
    status: Literal["open", "resolved", "spam"]
    metadata: Annotated[Metadata | None, Field(description="Null when there is none.")]
    deletedAt: Annotated[Time | None, Field(description="Null: it is not deleted.")]
    lastTimelineItem: Annotated[
        NotRequired[TimelineItem],
        Field(
            description="The newest message that the key may see: a public key never gets a private one. Left out if "
            "there is none."
        ),
    ]


class OpenedConversation(TypedDict):
    """A conversation and the items of the request."""

    initialTimelineItems: Annotated[
        list[TimelineItem], Field(description="The items of this request as they are stored, in the request's order.")
    ]
    conversation: Conversation


class ErrorDetail(TypedDict):
    """One thing to change in a request."""

    path: Annotated[
        str,
        Field(
            description="Where: names and positions joined by dots, a header's name, or empty for the whole body.",
            examples=["defaultTimelineItems.0.parts.1.url"],
        ),
    ]
    message: Annotated[str, Field(description="What is expected there. Never quotes what was sent.")]


_ForPeople = Annotated[str, Field(description="What is wrong, for people.")]
_ForPeopleToo = Annotated[str, Field(description="The same as `error`.")]
# No enumeration: clients that were generated from one can't read an answer with a code that came later.
_ForPrograms = Annotated[str, Field(description="What is wrong, for programs: see the examples. More codes may come.")]
_ForSupport = Annotated[str, Field(description="Quote it to support.")]
_Details = Annotated[list[ErrorDetail], Field(max_length=20, description="The first 20 things to change, where known.")]


class ApiError(TypedDict):
    """An answer that is not a success."""

    error: _ForPeople
    message: _ForPeopleToo
    code: _ForPrograms
    requestId: _ForSupport
    details: NotRequired[_Details]


class AnyError(TypedDict):
    """An answer that is not a success, of the API or of the gateway before it, which says the message alone."""

    error: NotRequired[_ForPeople]
    message: _ForPeople
    code: NotRequired[_ForPrograms]
    requestId: NotRequired[_ForSupport]
    details: NotRequired[_Details]
