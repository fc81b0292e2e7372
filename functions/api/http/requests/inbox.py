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
    """Which page of the inbox to read."""

    model_config = REQUEST

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="How many conversations a page has."
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_KEY)), CURSOR_SCHEMA] | None = Field(
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
