"""The events of the operators' function, one model an action: strict, and closed, so that a slip is not ignored."""

from datetime import datetime
from typing import Annotated, Literal, Self

from conversations.api_key import KeyType, Mode
from conversations.timestamps import to_utc
from conversations.validation import Message
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from ulid import ULID

from operators.allowed_origins import MAX_ORIGINS

DAY = 86_400

Id = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Message("must be 1 to 64 letters, digits, '-' or '_'")
]
WebsiteId = Annotated[str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$"), Message("must be a website's id")]
KeyId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}-[0-9A-HJKMNP-TV-Z]{26}$"),
    Message("must be a key's id: its website's id, '-' and 26 characters"),
]
#: The first character of a ULID stands for three bits only (ULID specification, "Encoding").
NewId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
    Message("must be a ULID: 26 characters, in capitals"),
]
Secret = Annotated[
    str, StringConstraints(pattern=r"^(sk|pk)_(live|test)_[0-9a-f]{64}$"), Message("must be a whole API key")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
#: A host name has up to 253 characters (RFC 1035 section 2.3.4); scheme, wildcard and port come to it.
Origin = Annotated[str, StringConstraints(max_length=275)]
Origins = Annotated[list[Origin], Field(max_length=MAX_ORIGINS)]
Limit = Annotated[int, Field(ge=1, le=100)]


def _epoch(value: object) -> int:
    try:
        return int(datetime.fromisoformat(to_utc(str(value))).timestamp())
    except ValueError:
        raise PydanticCustomError("message", "must be an RFC 3339 date-time such as 2026-12-31T00:00:00Z") from None


class Event(BaseModel):
    """What every event has. `actor` is who asks, for the audit line; IAM decides who may."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", alias_generator=to_camel)

    action: str
    actor: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(None, description="who asks")


class Change(Event):
    """An event that changes something, and so leaves an audit line."""


class Creation(Change):
    """An event that makes something, once however often it is sent with the same `new_id`.

    `new_id` is the id of a new website, and the second half of a new key's.
    """

    new_id: NewId = Field(
        default_factory=lambda: str(ULID()), description="the id of what is made; the same again makes nothing twice"
    )


class CreateWebsite(Creation):
    name: Name
    organization_id: Id
    allowed_origins: Origins = []


class GetWebsite(Event):
    website_id: WebsiteId


class ListWebsites(Event):
    limit: Limit = 50
    cursor: WebsiteId | None = None


class UpdateAllowedOrigins(Change):
    """`replace` names the version of the website that was looked at, so that nobody's change is overwritten unseen."""

    website_id: WebsiteId
    replace: Origins | None = Field(None, description="all that is to be accepted from now on")
    version: int | None = Field(None, description="with replace: the one that get_website shows")
    add: Origins = []
    remove: Origins = []

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.replace is None) == (not self.add and not self.remove):
            raise PydanticCustomError("message", "must have either replace, or add or remove or both")
        if (self.replace is None) != (self.version is None):
            raise PydanticCustomError("message", "must have version with replace, and only then: get_website shows it")
        return self


class DeleteWebsite(Change):
    website_id: WebsiteId
    force: bool = Field(default=False, description="even if keys are active")


class IssueKey(Creation):
    website_id: WebsiteId
    type: KeyType
    mode: Mode
    name: Name
    expires_at: Annotated[int, BeforeValidator(_epoch, json_schema_input_type=str)] | None = Field(
        None, description="an RFC 3339 date-time"
    )


class ListKeys(Event):
    website_id: WebsiteId
    limit: Limit = 50
    cursor: KeyId | None = None


class RotateKey(Creation):
    key_id: KeyId
    grace_period_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = Field(
        DAY, description="for how many seconds the old key goes on working"
    )


class _OneKey(Event):
    key_id: KeyId | None = None
    key: Secret | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.key_id is None) == (self.key is None):
            raise PydanticCustomError("message", "must have either keyId or key")
        return self


class RevokeKey(_OneKey, Change):
    """By its id, or by the key itself when only a leaked key is in hand."""


class DescribeKey(_OneKey):
    """By its id or by the key itself."""


class GetConversation(Event):
    website_id: WebsiteId
    mode: Literal["live", "test"]
    conversation_id: Id
    limit: Limit = 50
    cursor: Id | None = None


ACTIONS: dict[str, type[Event]] = {
    "create_website": CreateWebsite,
    "get_website": GetWebsite,
    "list_websites": ListWebsites,
    "update_allowed_origins": UpdateAllowedOrigins,
    "delete_website": DeleteWebsite,
    "issue_key": IssueKey,
    "list_keys": ListKeys,
    "rotate_key": RotateKey,
    "revoke_key": RevokeKey,
    "describe_key": DescribeKey,
    "get_conversation": GetConversation,
}
