"""Request models: who a visitor is, and finding visitors by it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from support.values.metadata import ContactMetadata
from support.values.visitor import MAX_IMAGE, MAX_TEXT

from api.http.requests.fields import REQUEST, OptionalVisitorId, absent_if_empty

_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_SIGNED_JWT = (
    "A JWT that your server has signed by HS256 with the website's identity secret: `sub` (the account's id) and `exp` "
    "(at most 24 hours ahead) are required, `email`, `name`, `nbf` and `aud` (the website's id) optional."
)


class IdentifyRequest(BaseModel):
    """Who a visitor is: an account, an e-mail address or both, or an identity token.

    `null` is the same as absent; unknown fields are ignored. What is left out stays as it is.
    """

    model_config = REQUEST

    visitor_id: OptionalVisitorId | None = Field(
        None, description="The visitor, a ULID. Takes precedence over `X-Visitor-Id`; one of them is required."
    )
    external_id: Annotated[_Text, AfterValidator(absent_if_empty)] | None = Field(
        None, description="The id of the visitor's account in your own system. Empty: absent."
    )
    email: _Text | None = Field(None, description="Stored as it is sent.")
    name: _Text | None = Field(None, description="Stored as it is sent.")
    image: Annotated[str, StringConstraints(max_length=MAX_IMAGE)] | None = Field(
        None, description="The address of a picture. Private keys see it as an absolute https URL, or as null."
    )
    metadata: ContactMetadata | None = Field(
        None,
        description="Data of your own system, as flat names and values, merged into what is stored: at most 50 names "
        "and 16,384 bytes of JSON in all. `identityToken` in it is the same as the field, and not stored.",
    )
    identity_token: str | None = Field(
        None, description=f"{_SIGNED_JWT} What it says is proven; the fields beside it must agree with it."
    )


class ContactMetadataPatch(BaseModel):
    """The metadata of a visitor's contact. Unknown fields are ignored."""

    model_config = REQUEST

    metadata: ContactMetadata = Field(
        description="Merged into the stored metadata: a value of `null` removes a name. The limits apply to the "
        "result: at most 50 names and 16,384 bytes of JSON. `identityToken` in it proves who the visitor is, as in "
        "`POST /v1/contacts/identify`, and is not stored."
    )


class VisitorsQuery(BaseModel):
    """Whom to find: by an account or by an e-mail address."""

    model_config = REQUEST

    external_id: Annotated[_Text, AfterValidator(absent_if_empty)] | None = Field(
        None, description="The id of an account in your own system. This or `email` is required."
    )
    email: Annotated[_Text, AfterValidator(absent_if_empty)] | None = Field(
        None, description="An e-mail address, in upper or lower case. This or `externalId` is required."
    )
