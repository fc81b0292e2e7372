"""The body of a request that marks a conversation as seen."""

from pydantic import BaseModel, Field

from api.http.requests.fields import REQUEST, OptionalVisitorId


class SeenRequest(BaseModel):
    """The visitor who has seen it, with a public key. May be absent, or empty. Unknown fields are ignored."""

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor whose conversation it is, a ULID. Takes precedence over `X-Visitor-Id`."
    )
