"""The body that asks for an address to upload a file to."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from support.ids import ID, NOT_AN_ID
from support.validation import Message
from support.values.file import ContentType
from support.values.parts import integral

from api.http.requests.fields import REQUEST

_Seconds = Annotated[
    int, Field(ge=60, le=3600), BeforeValidator(integral), Message("must be a whole number from 60 to 3600")
]


class UploadScope(BaseModel):
    """The conversation that the file is for, which need not exist yet."""

    model_config = REQUEST

    type: Literal["conversation"]
    organization_id: str = Field(description="The organization of the API key.")
    website_id: str = Field(description="The website of the API key.")
    conversation_id: Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message(NOT_AN_ID)]


class UploadRequest(BaseModel):
    """A file that is about to be uploaded. `null` is the same as absent; unknown fields are ignored."""

    model_config = REQUEST

    content_type: ContentType = Field(description="The type of the file, and of its upload.")
    website_id: str = Field(description="The website of the API key.")
    scope: UploadScope
    file_name: str | None = Field(
        None, description="What a download is called, without folders and signs that no file system takes."
    )
    expires_in_seconds: _Seconds | None = Field(
        None, description="For how long the address takes the upload.", json_schema_extra={"default": 900}
    )
