"""The queries of routes that read. Unknown parameters are ignored."""

import base64
import re
from typing import Annotated, Literal

from conversations.validation import Message
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.requests.fields import ID, MAX_NUMBER, READ_NUMBER, REQUEST, OptionalVisitorId

_NO_CURSOR = "must be the nextCursor of an earlier answer"
Cursor = Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message(_NO_CURSOR)]


_PLACE = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z#{ID}", re.ASCII)


def _place(cursor: str) -> str:
    """Return the place in the inbox for which a cursor stands."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True).decode()
    except ValueError:  # base64 and UTF-8 alike
        place = ""
    if _PLACE.fullmatch(place) is None:
        raise PydanticCustomError("cursor", _NO_CURSOR)
    return place


def cursor_of(place: str) -> str:
    """Return the cursor that stands for a place in the inbox: base64 for URLs (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


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


class TimelineQuery(ConversationQuery):
    """Which page of a timeline to read."""

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(50, description="How many items a page has.")
    cursor: Cursor | None = Field(
        None, description="The `nextCursor` of the page before this one. Absent: the page of the newest items."
    )


class InboxQuery(BaseModel):
    """Which page of the inbox to read."""

    model_config = REQUEST

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="How many conversations a page has."
    )
    cursor: (
        Annotated[str, AfterValidator(_place), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"})] | None
    ) = Field(None, description="The `nextCursor` of the page before this one. Absent: the page of the last changed.")
    status: Literal["open", "resolved", "spam"] = Field("open", description="The status of those that are listed.")
