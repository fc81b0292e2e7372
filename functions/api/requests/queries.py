"""The queries of routes that read. Unknown parameters are ignored."""

from typing import Annotated, Literal

from conversations.validation import Message
from pydantic import BaseModel, Field, StringConstraints

from api.requests.fields import ID, REQUEST, Number, OptionalVisitorId

Cursor = Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message("must be the nextCursor of an earlier answer")]


class ConversationQuery(BaseModel):
    """Whose conversation it is."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversations these are, a ULID. Wins over `X-Visitor-Id`."
    )


class ConversationsQuery(ConversationQuery):
    """Which of a visitor's conversations to list, and in which order."""

    page: Annotated[Number, Field(ge=1)] = Field(1, description="Which page.")
    limit: Annotated[Number, Field(ge=1, le=100)] = Field(6, description="How many conversations a page has.")
    status: Literal["open", "closed"] | None = Field(
        None, description="`open` or `closed`, which is resolved; absent: of any status."
    )
    order_by: Literal["updatedAt", "createdAt"] = Field("updatedAt", description="By which time. Ties are by id.")
    order: Literal["asc", "desc"] = Field("desc", description="Whether the earliest or the latest stands first.")


class TimelineQuery(ConversationQuery):
    """Which page of a timeline to read."""

    limit: Annotated[Number, Field(ge=1, le=100)] = Field(50, description="How many items a page has.")
    cursor: Cursor | None = Field(
        None, description="The `nextCursor` of the page before this one. Absent: the page of the newest items."
    )
