"""Request models: feedback, and the query that lists it."""

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from support.ids import ULID
from support.values import cursors
from support.values.parts import Rating

from api.http.requests.fields import CURSOR_SCHEMA, READ_NUMBER, REQUEST, OptionalId, OptionalVisitorId
from api.http.requests.ratings import MAX_COMMENT

_KEY = re.compile(rf"{cursors.TIME}#{ULID}", re.ASCII)

# A page of a hundred must fit into a response, whatever was sent.
_Label = Annotated[str, StringConstraints(max_length=256)]


class FeedbackRequest(BaseModel):
    """A visitor's opinion. `null` is the same as absent; unknown fields are ignored."""

    model_config = REQUEST

    rating: Rating = Field(description="From 1, the worst, to 5, the best.")
    topic: _Label | None = Field(None, description="What it is about, such as `search`.")
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = Field(
        None, description="The visitor's comment, shown to the company only."
    )
    trigger: _Label | None = Field(None, description="What made the page ask, such as `checkout`.")
    source: _Label | None = Field(
        None, description="Where the visitor was asked.", json_schema_extra={"default": "widget"}
    )
    conversation_id: OptionalId | None = Field(
        None, description="The visitor's conversation that it is about, if it is about one."
    )
    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor, a ULID. Takes precedence over `X-Visitor-Id`; one of them is required."
    )


class FeedbackQuery(BaseModel):
    """The page of feedback to read."""

    model_config = REQUEST

    limit: Annotated[int, Field(ge=1, le=100), READ_NUMBER] = Field(
        50, description="The maximum number of entries of a page."
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_KEY)), CURSOR_SCHEMA] | None = Field(
        None, description="The `nextCursor` of the previous page. Absent: the first page."
    )
