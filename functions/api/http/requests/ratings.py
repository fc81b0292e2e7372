"""The body of a rating."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints
from support.values.parts import Rating

from api.http.requests.fields import REQUEST, OptionalVisitorId

MAX_COMMENT = 2_000


class RatingRequest(BaseModel):
    """The visitor's rating of a resolved conversation. Unknown fields are ignored."""

    model_config = REQUEST

    rating: Rating = Field(description="From 1, the worst, to 5, the best.")
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT)] | None = Field(
        None, description="The visitor's comment, shown to the company only."
    )
    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversation it is, a ULID. Takes precedence over `X-Visitor-Id`."
    )
