"""The queries of routes that read. Unknown parameters are ignored."""

import re
from functools import partial
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError
from support.validation import Message
from support.values import cursors

from api.http.requests.fields import ID, MAX_NUMBER, NOT_AN_ID, READ_NUMBER, REQUEST, OptionalVisitorId, Time

_ITEM_PLACE = re.compile(rf"{cursors.TIME}#[0-9a-f]{{8}}#{ID}", re.ASCII)
_INBOX_KEY = re.compile(rf"{cursors.TIME}#{ID}", re.ASCII)
_CURSOR_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"})


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
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_ITEM_PLACE)), _CURSOR_SCHEMA] | None = Field(
        None,
        description="The `nextCursor` of the page before this one. Absent: the page of the newest items. It stays good "
        "when its item has expired. Not together with `after`.",
    )
    after: Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message(NOT_AN_ID)] | None = Field(
        None,
        description="The id of an item: the page then has what comes after it, the oldest first. If the caller "
        "can't see such an item, or not any more, the page begins with the oldest item that there is. Not together "
        "with `cursor`.",
    )

    @field_validator("after")
    @classmethod
    def _in_one_direction(cls, after: str | None, info: ValidationInfo) -> str | None:
        if after and info.data.get("cursor"):
            raise PydanticCustomError("both", "must not be sent together with cursor")
        return after


class InboxQuery(BaseModel):
    """Which page of the inbox to read."""

    model_config = REQUEST

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="How many conversations a page has."
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_INBOX_KEY)), _CURSOR_SCHEMA] | None = Field(
        None, description="The `nextCursor` of the page before this one. Absent: the page of the last changed."
    )
    status: Literal["all", "open", "resolved", "spam"] = Field(
        "all", description="The status of those that are listed."
    )
    updated_since: Time | None = Field(
        None,
        description="Ends the list with what was changed at this time; the same on each page of a walk. To keep a "
        "copy, take the newest `updatedAt` of a walk's first page, and ask from one minute before it the next time. "
        "What has expired or was erased is not listed.",
    )
