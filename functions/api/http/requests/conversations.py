"""The bodies that open a conversation and change it, and the queries that read conversations."""

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
    # Its address would be that of the inbox.
    if conversation_id == "inbox":
        raise PydanticCustomError("reserved", "must be another id than 'inbox'")
    return conversation_id


class ConversationRequest(BaseModel):
    """What to open. `null` is the same as absent for every field; unknown fields are ignored and never stored."""

    model_config = REQUEST

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


class ConversationPatch(BaseModel):
    """What to change of a conversation. What is left out stays as it is."""

    model_config = REQUEST

    title: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="A title, which the visitor sees, too. `null` takes it away."
    )
    metadata: MetadataPatch | None = Field(
        None,
        description="Merged into what there is: `null` as a value takes a name away, and in place of all of it all of "
        "them. The limits hold for the result: at most 50 names and 16,384 bytes of JSON.",
    )


class ConversationQuery(BaseModel):
    """Whose conversation it is."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversations these are, a ULID. Wins over `X-Visitor-Id`."
    )


class ConversationsQuery(ConversationQuery):
    """Which of a visitor's conversations to list, and in which order."""

    page: Annotated[int, Field(ge=1, le=MAX_NUMBER), READ_NUMBER] = Field(1, description="Which page.")
    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(6, description="How many conversations a page has.")
    status: Literal["open", "closed"] | None = Field(
        None, description="`open` or `closed`, which is resolved; absent: of any status."
    )
    order_by: Literal["updatedAt", "createdAt"] = Field("updatedAt", description="By which time. Ties are by id.")
    order: Literal["asc", "desc"] = Field("desc", description="Whether the earliest or the latest stands first.")
