"""Request models: opening and changing a conversation, and the queries of conversations."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError
from support.validation import AtMost
from support.values.metadata import Metadata, MetadataPatch

from api.http.requests.fields import MAX_NUMBER, READ_NUMBER, REQUEST, OptionalId, OptionalVisitorId
from api.http.requests.timeline_items import TimelineItemRequest

#: One transaction holds 100 actions (DynamoDB API Reference, TransactWriteItems), and one is the conversation.
MAX_ITEMS = 99


def _not_reserved(conversation_id: str) -> str:
    # Its path would be that of the inbox.
    if conversation_id == "inbox":
        raise PydanticCustomError("reserved", "must not be 'inbox', which is reserved")
    return conversation_id


class ConversationRequest(BaseModel):
    """The conversation to open. `null` is the same as absent for every field; unknown fields are ignored."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None,
        description="The visitor whose conversation it is, a ULID. Takes precedence over `X-Visitor-Id`; one of them "
        "is required.",
    )
    conversation_id: Annotated[OptionalId, AfterValidator(_not_reserved)] | None = Field(
        None,
        description="Your id for the conversation, which makes the call safe to repeat: sent again for the same "
        "visitor, it returns the stored conversation and adds only the items that are not stored yet. If another "
        "visitor of the website has it: 409. Not `inbox`. Absent or empty: `CO` and 16 characters are generated.",
    )
    default_timeline_items: Annotated[list[TimelineItemRequest], AtMost(MAX_ITEMS)] | None = Field(
        None, description="The first items of the timeline, in order. All of them are written, or nothing is."
    )
    channel: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None,
        description="The channel that the visitor uses, such as `widget`, `email` or `apple`. Empty: the default.",
        json_schema_extra={"default": "widget"},
    )
    metadata: Metadata | None = Field(
        None,
        description="Data of your own system about the conversation, as flat names and values: at most 16,384 bytes of "
        "JSON. A replay does not change it.",
    )


class ConversationPatch(BaseModel):
    """The changes of a conversation. Fields that are left out stay as they are."""

    model_config = REQUEST

    title: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="A title, which the visitor sees too. `null` removes it."
    )
    metadata: MetadataPatch | None = Field(
        None,
        description="Merged into the stored metadata: a value of `null` removes a name, and `null` for the whole field "
        "removes all of them. The limits apply to the result: at most 50 names and 16,384 bytes of JSON.",
    )


class ConversationQuery(BaseModel):
    """The visitor of a conversation."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor of the conversations, a ULID. Takes precedence over `X-Visitor-Id`."
    )


class ConversationsQuery(ConversationQuery):
    """The page, filter and order of a visitor's conversations."""

    page: Annotated[int, Field(ge=1, le=MAX_NUMBER), READ_NUMBER] = Field(
        1, description="The number of the page, from 1."
    )
    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        6, description="The maximum number of conversations of a page."
    )
    status: Literal["open", "closed"] | None = Field(
        None, description="`open`, or `closed` for resolved ones. Absent: any status."
    )
    order_by: Literal["updatedAt", "createdAt"] = Field("updatedAt", description="The time to sort by, then the id.")
    order: Literal["asc", "desc"] = Field(
        "desc", description="Whether the earliest (`asc`) or the latest (`desc`) comes first."
    )
