"""The body that says that somebody types."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from api.http.requests.fields import REQUEST, OptionalVisitorId

MAX_PREVIEW = 2_000


class TypingRequest(BaseModel):
    """Whether somebody types. Unknown fields are ignored."""

    model_config = REQUEST

    is_typing: bool = Field(description="False: they have stopped.")
    visitor_preview: Annotated[str, StringConstraints(max_length=MAX_PREVIEW)] | None = Field(
        None, description="With a public key: what the visitor has written so far."
    )
    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversation it is, a ULID. Wins over `X-Visitor-Id`."
    )
