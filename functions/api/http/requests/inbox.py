"""The query of the inbox. Unknown parameters are ignored."""

import re
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field
from support.ids import ID
from support.values import cursors

from api.http.requests.fields import CURSOR_SCHEMA, READ_NUMBER, REQUEST, Time

_KEY = re.compile(rf"{cursors.TIME}#{ID}", re.ASCII)


class InboxQuery(BaseModel):
    """The page of the inbox to read."""

    model_config = REQUEST

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="The maximum number of conversations of a page."
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_KEY)), CURSOR_SCHEMA] | None = Field(
        None, description="The `nextCursor` of the previous page. Absent: the first page."
    )
    status: Literal["all", "open", "resolved", "spam"] = Field(
        "all", description="The status of the conversations to list."
    )
    updated_since: Time | None = Field(
        None,
        description="Lists only conversations that were changed at this time or later. Send the same value with each "
        "page. To keep a copy in sync, remember the newest `updatedAt` of the first page, and next time start one "
        "minute before it. Conversations that have expired or were erased are not listed.",
    )
