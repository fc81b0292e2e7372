"""The query of a timeline. Unknown parameters are ignored."""

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from support.ids import ID, NOT_AN_ID
from support.validation import Message
from support.values import cursors

from api.http.requests.conversations import ConversationQuery
from api.http.requests.fields import CURSOR_SCHEMA, READ_NUMBER

_REFERENCE = re.compile(rf"{cursors.TIME}#[0-9a-f]{{8}}#{ID}", re.ASCII)


class TimelineQuery(ConversationQuery):
    """The page of a timeline to read."""

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="The maximum number of items of a page."
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_REFERENCE)), CURSOR_SCHEMA] | None = Field(
        None,
        description="The `nextCursor` of the previous page. Absent: the page of the newest items. It stays valid after "
        "its item has expired. Not together with `after`.",
    )
    after: Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message(NOT_AN_ID)] | None = Field(
        None,
        description="The id of an item: the page then has the items after it, the oldest first. If the caller can't "
        "see such an item, or if it has expired, the page begins with the oldest item. Not together with `cursor`.",
    )

    @field_validator("after")
    @classmethod
    def _in_one_direction(cls, after: str | None, info: ValidationInfo) -> str | None:
        if after and info.data.get("cursor"):
            raise PydanticCustomError("both", "must not be sent together with cursor")
        return after
