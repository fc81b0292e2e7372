"""The body that says that a conversation is seen."""

from pydantic import BaseModel, Field

from api.http.requests.fields import REQUEST, OptionalVisitorId


class SeenRequest(BaseModel):
    """Who has seen it, with a public key. May be absent, or empty. Unknown fields are ignored."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversation it is, a ULID. Wins over `X-Visitor-Id`."
    )
