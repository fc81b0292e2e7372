"""The events of the operators' function, one model per action. A misspelt field is an error, not ignored."""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from support.validation import Message
from support.values import cursors
from support.values.api_key import KeyType, Mode
from support.values.https_urls import https_url
from support.values.profile import Agent
from support.values.timestamps import to_utc
from support.values.visitor import MAX_TEXT
from ulid import ULID

from operators.allowed_origins import MAX_ORIGINS, to_host

DAY = 86_400

MAX_AGENTS = 50
_MAX_URL = 2_048

Id = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Message("must be 1 to 64 letters, digits, '-' or '_'")
]
WebsiteId = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$"), Message("must be the id of a website")
]
KeyId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}-[0-9A-HJKMNP-TV-Z]{26}$"),
    Message("must be the id of a key: its website's id, '-' and 26 characters"),
]
#: The first character of a ULID encodes three bits only (ULID specification, "Encoding").
NewId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"),
    Message("must be a ULID: 26 characters, in upper case"),
]
Secret = Annotated[
    str, StringConstraints(pattern=r"^(sk|pk)_(live|test)_[0-9a-f]{64}$"), Message("must be a whole API key")
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
#: A host name has up to 253 characters (RFC 1035 section 2.3.4); scheme, wildcard and port are added to it.
Origin = Annotated[str, StringConstraints(max_length=275)]
Origins = Annotated[list[Origin], Field(max_length=MAX_ORIGINS)]
PersonText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Limit = Annotated[int, Field(ge=1, le=100)]

#: See `TimelineItem.reference`.
_ITEM_REFERENCE = re.compile(rf"{cursors.TIME}#[0-9]{{9}}#[A-Za-z0-9_-]{{1,64}}", re.ASCII)


#: Where an export goes on: at more feedback, at the conversations after one of the index `visitor`, or within that one.
_EXPORT_CURSOR = re.compile(
    rf"feedback#[A-Za-z0-9_-]{{0,64}}|conversations(#{cursors.TIME}#[A-Za-z0-9_-]{{1,64}}"
    rf"(\|{_ITEM_REFERENCE.pattern})?)?",
    re.ASCII,
)

#: Where a search for visitors goes on: after one of those of whom it is proven, or claimed.
_FOUND_CURSOR = re.compile(r"(proven|claimed)#([0-9A-Z]{26})?", re.ASCII)


def _epoch(value: object) -> int:
    try:
        return int(datetime.fromisoformat(to_utc(str(value))).timestamp())
    except ValueError:
        raise PydanticCustomError("message", "must be an RFC 3339 date-time such as 2026-12-31T00:00:00Z") from None


def _host(value: str) -> str:
    try:
        return to_host(value)
    except ValueError:
        raise PydanticCustomError("message", "must be a host, such as shop.example.com") from None


def _https_url(value: str) -> str:
    url = https_url(value)
    if url is None or len(url) > _MAX_URL:
        raise PydanticCustomError("message", "must be an absolute https URL, without a user name or a password")
    return url


def _reject_email_address(value: str) -> str:
    if re.search(r"[^\s@]@[^\s@]", value):
        raise PydanticCustomError("message", "must not contain an e-mail address: every visitor sees it")
    return value


Host = Annotated[str, StringConstraints(max_length=275), AfterValidator(_host)]
HttpsUrl = Annotated[str, StringConstraints(max_length=_MAX_URL), AfterValidator(_https_url)]
#: 35 characters are enough for every tag in use (RFC 5646 section 4.4.1).
Language = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35),
    Message("must be a language tag, such as en or pt-BR"),
]
AgentName = Annotated[Name, AfterValidator(_reject_email_address)]


class _StrictModel(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", alias_generator=to_camel)


class _Agent(_StrictModel):
    id: Id
    image: HttpsUrl | None = None


class HumanAgent(_Agent):
    name: AgentName | None = None


class AIAgent(_Agent):
    name: AgentName


AnyAgent = TypeVar("AnyAgent", bound=_Agent)


def _require_distinct_ids(agents: list[AnyAgent]) -> list[AnyAgent]:
    if len({agent.id for agent in agents}) < len(agents):
        raise PydanticCustomError("message", "must not have two agents with the same id")
    return agents


Agents = Annotated[list[AnyAgent], Field(max_length=MAX_AGENTS), AfterValidator(_require_distinct_ids)]


class Event(_StrictModel):
    """The fields of every event. `actor` goes to the audit line; who may do what is up to IAM."""

    action: str
    actor: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None, description="the operator, for the audit line"
    )


class Audited(Event):
    """An event that leaves an audit line: it changes something, or tells of a person."""


class Change(Audited):
    """An event that changes something."""


class Creation(Change):
    """An event that creates something: only once, however often it is sent with the same `new_id`.

    `new_id` is the id of a new website or identity secret, or the second half of the id of a new key.
    """

    new_id: NewId = Field(
        default_factory=lambda: str(ULID()),
        description="the id of what is created; sent again, nothing is created twice",
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
    """`replace` needs the `version` that it is based on, so that it can't silently overwrite another change."""

    website_id: WebsiteId
    replace: Origins | None = Field(None, description="the complete list that is accepted from now on")
    version: int | None = Field(None, description="with replace: the version that get_website shows")
    add: Origins = []
    remove: Origins = []

    @model_validator(mode="after")
    def _require_one_mode(self) -> Self:
        if (self.replace is None) == (not self.add and not self.remove):
            raise PydanticCustomError("message", "must have either replace, or add or remove or both")
        if (self.replace is None) != (self.version is None):
            raise PydanticCustomError("message", "must have version with replace, and only then: get_website shows it")
        return self


class UpdateWebsite(Change):
    """Fields that are left out stay as they are, and null removes one. A list of agents is replaced as a whole.

    With `version`, the change applies only to that version of the website, and can't silently overwrite another one.
    """

    website_id: WebsiteId
    version: int | None = Field(
        None, description="the version that get_website shows: fails if the website has changed since"
    )
    name: Name = Field("", description="the name that visitors see")
    domain: Host | None = Field(None, description="by default the host of the first allowed origin")
    description: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    logo_url: HttpsUrl | None = Field(None, description="an https URL")
    default_language: Language | None = Field(None, description="a tag such as pt-BR; en by default")
    available_human_agents: Agents[HumanAgent] = Field(
        [], description='all of them, each as JSON: {"id": "...", "name": "...", "image": "https://..."}'
    )
    available_ai_agents: Agents[AIAgent] = Field(
        [], alias="availableAIAgents", description="all of them, in the same form"
    )
    typing_preview: bool = Field(
        default=False, description="whether the team sees what a visitor types before it is sent"
    )

    @model_validator(mode="after")
    def _require_a_change(self) -> Self:
        if not self.changes:
            raise PydanticCustomError("message", "must have at least one field to change")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The new values, by the field names of `Website` and `Profile`."""
        names = self.model_fields_set - Event.model_fields.keys() - {"website_id", "version"}
        return {name: _to_value(getattr(self, name)) for name in sorted(names)}


def _to_value(sent: Any) -> Any:
    return tuple(Agent(**agent.model_dump()) for agent in sent) if isinstance(sent, list) else sent


class DeleteWebsite(Change):
    website_id: WebsiteId
    force: bool = Field(default=False, description="even if keys are active")
    erase: bool = Field(default=False, description="then erase its conversations, and their visitors, for good")


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
        DAY, description="how many seconds the old key keeps working"
    )


class _OneKey(Event):
    key_id: KeyId | None = None
    key: Secret | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.key_id is None) == (self.key is None):
            raise PydanticCustomError("message", "must have either keyId or key")
        return self


class RevokeKey(_OneKey, Change):
    """Identified by `key_id`, or by the key itself where only the leaked key is known."""


class DescribeKey(_OneKey):
    """Identified by `key_id` or by the key itself."""


class IssueIdentitySecret(Creation):
    website_id: WebsiteId
    mode: Mode


class RotateIdentitySecret(IssueIdentitySecret):
    grace_period_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = Field(
        DAY, description="how many seconds tokens that the old secret has signed are still accepted"
    )


class RevokeIdentitySecret(Change):
    website_id: WebsiteId
    secret_id: NewId


class GetConversation(Event):
    website_id: WebsiteId
    mode: Literal["live", "test"]
    conversation_id: Id
    limit: Limit = 50
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_ITEM_REFERENCE))] | None = None


class GetFile(Audited):
    website_id: WebsiteId
    mode: Mode
    conversation_id: Id
    file_id: NewId = Field(description="the last part of the file's address in a message")


class EraseWebsite(Change):
    """`nothing_found_at` is what `then` of the last response says."""

    website_id: WebsiteId
    nothing_found_at: int | None = None


class FindVisitors(Audited):
    website_id: WebsiteId
    mode: Mode
    external_id: PersonText | None = Field(None, description="the person's account; this or email is required")
    email: PersonText | None = Field(None, description="the person's e-mail address; this or externalId is required")
    include_claims: bool = Field(
        default=False, description="also those of whom it is only claimed, which may be somebody else"
    )
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_FOUND_CURSOR))] | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.external_id is None) == (self.email is None):
            raise PydanticCustomError("message", "must have either externalId or email")
        return self


class ExportVisitor(Audited):
    website_id: WebsiteId
    mode: Mode
    visitor_id: NewId
    cursor: Annotated[str, AfterValidator(partial(cursors.decode, form=_EXPORT_CURSOR))] | None = None


class EraseVisitor(Change):
    website_id: WebsiteId
    mode: Mode
    visitor_id: NewId


ACTIONS: dict[str, type[Event]] = {
    "create_website": CreateWebsite,
    "get_website": GetWebsite,
    "list_websites": ListWebsites,
    "update_allowed_origins": UpdateAllowedOrigins,
    "update_website": UpdateWebsite,
    "delete_website": DeleteWebsite,
    "issue_key": IssueKey,
    "list_keys": ListKeys,
    "rotate_key": RotateKey,
    "revoke_key": RevokeKey,
    "describe_key": DescribeKey,
    "issue_identity_secret": IssueIdentitySecret,
    "rotate_identity_secret": RotateIdentitySecret,
    "revoke_identity_secret": RevokeIdentitySecret,
    "get_conversation": GetConversation,
    "get_file": GetFile,
    "find_visitors": FindVisitors,
    "export_visitor": ExportVisitor,
}

#: Those of the erasing function.
ERASURES: dict[str, type[Event]] = {"erase_visitor": EraseVisitor, "erase_website": EraseWebsite}
