"""The bodies of responses: their types, from which the OpenAPI document is generated, and how they are built.

Nothing is validated at run time: mypy checks that the bodies have these types.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from pydantic_core import to_json
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from support.values.api_key import ApiKey, KeyType
from support.values.conversation import Conversation, Status, status_for
from support.values.feedback import Feedback
from support.values.https_urls import https_url
from support.values.metadata import Metadata
from support.values.parts import Part, Visibility
from support.values.profile import DEFAULT_LANGUAGE
from support.values.seen import Seen
from support.values.timeline_item import ItemType, TimelineItem
from support.values.visitor import Known, Person, Provable, Visitor

#: A response of Lambda has at most 6 MB (AWS Lambda quotas), with the body as a JSON string; this leaves room for the
#: last message of the conversation, of up to 1.7 MB.
MAX_RESPONSE_ITEMS_BYTES = 4_500_000

Id = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
Time = Annotated[
    str, Field(description="RFC 3339, in UTC with milliseconds.", json_schema_extra={"format": "date-time"})
]


_NotKept = Annotated[None, Field(description="Null: it is not recorded.")]


class TimelineItemResponse(TypedDict):
    """A timeline item as it is stored."""

    id: Id
    conversationId: Id
    organizationId: Annotated[str, Field(description="The organization of the API key.")]
    visibility: Visibility
    type: ItemType
    text: str | None
    tool: str | None
    parts: Annotated[Sequence[Part], Field(description="The parts; fields that were not sent are left out.")]
    userId: str | None
    aiAgentId: str | None
    visitorId: Annotated[str | None, Field(description="The conversation's visitor, if they wrote the item.")]
    createdAt: Time
    deletedAt: Annotated[Time | None, Field(description="When its content was removed, for good; null if it was not.")]
    deletedByUserId: Annotated[
        NotRequired[str | None],
        Field(description="With a private key, and if it was removed: the team member who did so, or null."),
    ]


Image = Annotated[str | None, Field(description="An absolute https URL, or null.")]


class OwnContactResponse(TypedDict):
    """A visitor's contact, as the visitor's page sent it."""

    id: str
    name: str | None
    email: str | None
    image: str | None
    metadataHash: Annotated[
        str,
        Field(
            description="The first 8 hex digits of the SHA-256 of the metadata that the page sent last, written as "
            "`JSON.stringify` does with sorted names; empty if it sent none."
        ),
    ]


class ContactSummaryResponse(TypedDict):
    """Who a visitor says they are, and what of it is proven."""

    id: str
    externalId: Annotated[str | None, Field(description="The id of their account in the company's own system.")]
    name: str | None
    email: str | None
    image: Image
    contactOrganizationId: Annotated[str | None, Field(description="Null: it is not recorded.")]
    websiteId: str
    organizationId: str
    userId: Annotated[str | None, Field(description="Null: it is not recorded.")]
    verified: Annotated[
        Sequence[Provable], Field(description="The fields that are proven. All others are what the page claims.")
    ]
    createdAt: Time
    updatedAt: Time


class ContactResponse(ContactSummaryResponse):
    """A contact with its metadata."""

    metadata: Annotated[Metadata | None, Field(description="Null if there is none.")]


class VisitorSummaryResponse(TypedDict):
    """The visitor of a conversation, for the team."""

    id: str
    isBlocked: Annotated[bool, Field(description="Whether the visitor's own requests write nothing.")]
    blockedAt: Time | None
    blockedByUserId: str | None
    lastSeenAt: Annotated[Time | None, Field(description="When the visitor's page last told that they are there.")]
    contact: ContactSummaryResponse | None


class VisitorResponse(TypedDict):
    """All that is known of a visitor. None of it is proven, except what `contact.verified` names."""

    id: str
    websiteId: str
    organizationId: str
    isBlocked: Annotated[bool, Field(description="Whether the visitor's own requests write nothing.")]
    blockedAt: Annotated[Time | None, Field(description="Null with a public key.")]
    blockedByUserId: Annotated[str | None, Field(description="The team member; null with a public key.")]
    createdAt: Time
    updatedAt: Time
    lastSeenAt: Time | None
    browser: str | None
    browserVersion: str | None
    os: str | None
    osVersion: str | None
    device: str | None
    deviceType: str | None
    language: str | None
    timezone: str | None
    screenResolution: str | None
    viewport: str | None
    ip: _NotKept
    city: _NotKept
    region: _NotKept
    country: _NotKept
    countryCode: _NotKept
    latitude: _NotKept
    longitude: _NotKept
    attribution: Mapping[str, Any] | None
    currentPage: Mapping[str, Any] | None
    contact: ContactResponse | None


class IdentifiedResponse(TypedDict):
    """Who a visitor is."""

    contact: ContactResponse
    visitorId: str


class VisitorsResponse(TypedDict):
    """Visitors that were found, the last seen first."""

    visitors: Sequence[VisitorResponse]


class ConversationResponse(TypedDict):
    """A conversation as it is stored."""

    id: Id
    title: Annotated[NotRequired[str], Field(description="Left out if there is none.")]
    createdAt: Time
    updatedAt: Time
    visitorId: str
    websiteId: Annotated[str, Field(description="The website of the API key.")]
    channel: str
    status: Status
    metadata: Annotated[Metadata | None, Field(description="Null if there is none.")]
    deletedAt: Annotated[Time | None, Field(description="Null: it is not deleted.")]
    visitorLastSeenAt: Annotated[NotRequired[Time], Field(description="Left out until the visitor has seen it.")]
    visitorRating: Annotated[NotRequired[int], Field(description="From 1 to 5. Left out until the visitor has rated.")]
    visitorRatingAt: Annotated[NotRequired[Time], Field(description="Left out until the visitor has rated.")]
    lastTimelineItem: Annotated[
        NotRequired[TimelineItemResponse],
        Field(
            description="The newest message that the key may see: a public key never gets a private one. Left out if "
            "there is none."
        ),
    ]
    organizationId: Annotated[NotRequired[str], Field(description="With a private key: the key's organization.")]
    priority: Annotated[NotRequired[Literal["normal"]], Field(description="With a private key: always `normal`.")]
    visitor: Annotated[
        NotRequired[VisitorSummaryResponse],
        Field(description="With a private key, but not in the response of opening: the visitor."),
    ]


class OpenedConversationResponse(TypedDict):
    """A conversation and the items of the request."""

    initialTimelineItems: Annotated[
        Sequence[TimelineItemResponse],
        Field(description="The items of this request as they are stored, in the request's order."),
    ]
    conversation: ConversationResponse


class OneConversationResponse(TypedDict):
    """A conversation."""

    conversation: ConversationResponse


class PaginationResponse(TypedDict):
    """The number and size of a page, and the total of all pages."""

    page: int
    limit: int
    total: Annotated[int, Field(description="The number of conversations of all pages.")]
    totalPages: int
    hasMore: bool


class ConversationsResponse(TypedDict):
    """A page of a visitor's conversations."""

    conversations: Sequence[ConversationResponse]
    pagination: PaginationResponse


class TimelineResponse(TypedDict):
    """A page of a timeline."""

    items: Annotated[Sequence[TimelineItemResponse], Field(description="The oldest one first.")]
    nextCursor: Annotated[
        str | None, Field(description="The `cursor` of the page of older items; null if there are none.")
    ]
    hasNextPage: bool


class SentResponse(TypedDict):
    """The item that a call added, or that an earlier call had added."""

    item: TimelineItemResponse


class RemovedResponse(TypedDict):
    """The item whose content was removed."""

    item: TimelineItemResponse


class ErasedResponse(TypedDict):
    """The conversation that is gone."""

    conversationId: Id


class LastSeenResponse(TypedDict):
    """The time at which the caller last saw a conversation."""

    conversationId: Id
    lastSeenAt: Time


class SeenByResponse(TypedDict):
    """The read receipt of a visitor or a team member."""

    id: Annotated[
        str, Field(description="The id of the receipt; it is the same each time the same person sees the conversation.")
    ]
    conversationId: Id
    userId: Annotated[str | None, Field(description="The team member, or null.")]
    visitorId: Annotated[str | None, Field(description="The conversation's visitor, or null.")]
    aiAgentId: Annotated[str | None, Field(description="Always null.")]
    lastSeenAt: Time
    createdAt: Annotated[
        Time, Field(description="When they first saw it; for the visitor, when the conversation was opened.")
    ]
    updatedAt: Time
    deletedAt: Annotated[Time | None, Field(description="Null: it is not deleted.")]


class SeenResponse(TypedDict):
    """The read receipts of a conversation."""

    seenData: Annotated[Sequence[SeenByResponse], Field(description="The latest first.")]


class TypingResponse(TypedDict):
    """That somebody types, as it was passed on."""

    conversationId: Id
    isTyping: bool
    visitorPreview: Annotated[
        str | None,
        Field(description="What was passed on of it; null with a private key, and unless that is switched on."),
    ]
    sentAt: Time


class RatedResponse(TypedDict):
    """The visitor's rating of a conversation."""

    conversationId: Id
    rating: Annotated[int, Field(description="From 1 to 5.")]
    ratedAt: Time


class InboxResponse(TypedDict):
    """A page of the inbox."""

    items: Annotated[Sequence[ConversationResponse], Field(description="The last changed first.")]
    nextCursor: Annotated[str | None, Field(description="The `cursor` of the next page; null if there is none.")]


class HumanAgentResponse(TypedDict):
    """A team member. `id` is the `userId` of their items."""

    id: Id
    name: str | None
    email: Annotated[str | None, Field(description="Always null: e-mail addresses are not shown to visitors.")]
    image: Image
    lastSeenAt: Annotated[Time | None, Field(description="Null: it is not recorded.")]


class AIAgentResponse(TypedDict):
    """An AI agent. `id` is the `aiAgentId` of its items."""

    id: Id
    name: str
    image: Image


class WebsiteVisitorResponse(TypedDict):
    """The visitor of the website."""

    id: Annotated[str, Field(description="The id of `X-Visitor-Id` if it is a ULID, otherwise a new one.")]
    isBlocked: Annotated[bool, Field(description="Whether the team has blocked the visitor: sending is a 409.")]
    language: Annotated[str | None, Field(description="Null: the browser knows it.")]
    contact: Annotated[OwnContactResponse | None, Field(description="Null until the visitor is identified.")]


class WebsiteResponse(TypedDict):
    """The website, as a widget needs it."""

    id: str
    name: str
    domain: Annotated[str, Field(description="The configured domain, by default the host of the first allowed origin.")]
    description: str | None
    logoUrl: Image
    organizationId: str
    defaultLanguage: Annotated[str, Field(description="A language tag; `en` by default.")]
    status: Literal["active"]
    lastOnlineAt: Annotated[Time | None, Field(description="Null: it is not recorded.")]
    availableHumanAgents: Sequence[HumanAgentResponse]
    availableAIAgents: Sequence[AIAgentResponse]
    visitor: WebsiteVisitorResponse


class SupportStateResponse(TypedDict):
    """What widgets ask for besides the website. It is always the same."""

    featureFlags: Sequence[str]
    onboarding: Mapping[str, Mapping[str, Any]]


class AcceptedResponse(TypedDict):
    """That a page's message about its visitor has arrived."""

    ok: Literal[True]
    acceptedAt: Time


class UploadResponse(TypedDict):
    """Where a file is uploaded, and where it is read from then on."""

    uploadUrl: Annotated[str, Field(description="PUT the file here, with its `Content-Type` and no other header.")]
    key: Annotated[str, Field(description="The upload's name in the bucket.")]
    bucket: str
    expiresAt: Annotated[Time, Field(description="Until when `uploadUrl` takes the file.")]
    contentType: Annotated[str, Field(description="The type that was asked for.")]
    publicUrl: Annotated[str, Field(description="The `url` for a part of type `file` or `image`.")]


class FeedbackResponse(TypedDict):
    """A visitor's opinion."""

    id: str
    organizationId: str
    websiteId: str
    conversationId: Annotated[Id | None, Field(description="The conversation that it is about, or null.")]
    visitorId: str
    contactId: Annotated[str | None, Field(description="The contact that the visitor had, or null.")]
    rating: Annotated[int, Field(description="From 1 to 5.")]
    topic: str | None
    comment: str | None
    trigger: str | None
    source: str
    createdAt: Time
    updatedAt: Annotated[Time, Field(description="Always `createdAt`: it does not change.")]


class GivenFeedbackResponse(TypedDict):
    """The feedback that a call stored, or that an earlier call had stored."""

    feedback: FeedbackResponse


class FeedbackPageResponse(TypedDict):
    """A page of feedback."""

    feedback: Annotated[Sequence[FeedbackResponse], Field(description="The newest first.")]
    nextCursor: Annotated[str | None, Field(description="The `cursor` of the next page; null if there is none.")]


def website_response(key: ApiKey, visitor_id: str, person: Person) -> WebsiteResponse:
    """Build the response of `GET /v1/websites`, from the API key and what is known of the visitor."""
    profile = key.profile
    return {
        "id": key.website_id,
        "name": key.website_name,
        "domain": profile.domain or "",
        "description": profile.description,
        "logoUrl": profile.logo_url,
        "organizationId": key.organization_id,
        "defaultLanguage": profile.default_language or DEFAULT_LANGUAGE,
        "status": "active",
        "lastOnlineAt": None,
        "availableHumanAgents": [
            {"id": agent.id, "name": agent.name, "email": None, "image": agent.image, "lastSeenAt": None}
            for agent in profile.available_human_agents
        ],
        "availableAIAgents": [
            {"id": agent.id, "name": agent.name or agent.id, "image": agent.image}
            for agent in profile.available_ai_agents
        ],
        "visitor": {
            "id": visitor_id,
            "isBlocked": person.gate is not None and person.gate.is_blocked,
            "language": None,
            "contact": _own_contact(person.visitor, key.type),
        },
    }


def opened_response(
    conversation: Conversation, items: Sequence[TimelineItem], last_message: TimelineItem | None, key_type: KeyType
) -> OpenedConversationResponse:
    """Build the response of `POST /v1/conversations`; `last_message` is the newest that the caller may see."""
    return {
        "initialTimelineItems": [item_response(conversation, item, key_type) for item in items],
        "conversation": conversation_response(conversation, last_message, key_type),
    }


def conversations_response(
    conversations: Sequence[Conversation],
    last_messages: Mapping[str, TimelineItem],
    key_type: KeyType,
    page: int,
    limit: int,
    total: int,
    people: Mapping[str, Person] | None = None,
) -> ConversationsResponse:
    """Build a page of a visitor's `total` conversations, with their last messages by `pk`.

    `people` as for `conversation_response`, by the id of the visitor.
    """
    total_pages = ceil(total / limit)
    return {
        "conversations": [
            conversation_response(
                conversation,
                last_messages.get(conversation.pk),
                key_type,
                None if people is None else people[conversation.visitor_id],
            )
            for conversation in conversations
        ],
        "pagination": {
            "page": page,
            "limit": limit,
            "total": total,
            "totalPages": total_pages,
            "hasMore": page < total_pages,
        },
    }


def seen_response(conversation: Conversation, team: Sequence[Seen]) -> SeenResponse:
    """Build the read receipts of a conversation, of its visitor and the team."""

    def entry(kind: str, last_seen_at: str, created_at: str, user_id: str | None = None) -> SeenByResponse:
        return {
            "id": f"{conversation.id}-{kind}",
            "conversationId": conversation.id,
            "userId": user_id,
            "visitorId": conversation.visitor_id if user_id is None else None,
            "aiAgentId": None,
            "lastSeenAt": last_seen_at,
            "createdAt": created_at,
            "updatedAt": last_seen_at,
            "deletedAt": None,
        }

    entries = [entry(f"user-{seen.user_id}", seen.last_seen_at, seen.created_at, seen.user_id) for seen in team]
    if conversation.visitor_last_seen_at is not None:
        entries.append(entry("visitor", conversation.visitor_last_seen_at, conversation.created_at))
    return {"seenData": sorted(entries, key=lambda entry: (entry["lastSeenAt"], entry["id"]), reverse=True)}


def timeline_response(
    conversation: Conversation, items: Sequence[TimelineItem], has_more: bool, next_cursor: str | None
) -> TimelineResponse:
    """Build a page of a timeline."""
    return {
        "items": [item_response(conversation, item) for item in items],
        "nextCursor": next_cursor,
        "hasNextPage": has_more,
    }


def conversation_response(
    conversation: Conversation, last_message: TimelineItem | None, key_type: KeyType, person: Person | None = None
) -> ConversationResponse:
    """Build a conversation in a response, as a caller with such a key may see it.

    Optional fields that are not set are left out: strict clients reject a null there. `person` is what is known of the
    visitor, for private keys alone; with None the response leaves the visitor out.
    """
    response: ConversationResponse = {
        "id": conversation.id,
        "createdAt": conversation.created_at,
        "updatedAt": conversation.updated_at_for(key_type),
        "visitorId": conversation.visitor_id,
        "websiteId": conversation.website_id,
        "channel": conversation.channel,
        "status": status_for(conversation.status, key_type),
        "metadata": conversation.metadata,
        "deletedAt": None,
    }
    if conversation.title is not None:
        response["title"] = conversation.title
    if conversation.visitor_last_seen_at is not None:
        response["visitorLastSeenAt"] = conversation.visitor_last_seen_at
    if conversation.visitor_rating is not None and conversation.visitor_rating_at is not None:
        response["visitorRating"] = conversation.visitor_rating
        response["visitorRatingAt"] = conversation.visitor_rating_at
    if last_message is not None:
        response["lastTimelineItem"] = item_response(conversation, last_message)
    if key_type == "private":
        response["organizationId"] = conversation.organization_id
        response["priority"] = "normal"
        if person is not None:
            response["visitor"] = visitor_summary(conversation.visitor_id, person)
    return response


def visitor_summary(visitor_id: str, person: Person) -> VisitorSummaryResponse:
    """Build what the team sees of a visitor beside a conversation."""
    visitor, gate = person.visitor, person.gate
    return {
        "id": visitor_id,
        "isBlocked": gate is not None and gate.is_blocked,
        "blockedAt": None if gate is None else gate.blocked_at,
        "blockedByUserId": None if gate is None else gate.blocked_by_user_id,
        "lastSeenAt": None if visitor is None else visitor.last_seen_at,
        "contact": None if visitor is None else _contact_summary(visitor, "private"),
    }


def visitor_response(key: ApiKey, visitor_id: str, known: Known) -> VisitorResponse:
    """Build what is known of a visitor, as a caller with such a key may see it; something must be."""
    visitor, gate, page = known.visitor, known.gate, known.page
    dates = [row.created_at for row in (visitor, gate) if row is not None]
    changes = [row.updated_at for row in (visitor, gate) if row is not None]
    is_team = key.type == "private"
    return {
        "id": visitor_id,
        "websiteId": key.website_id,
        "organizationId": key.organization_id,
        "isBlocked": gate is not None and gate.is_blocked,
        "blockedAt": gate.blocked_at if gate is not None and is_team else None,
        "blockedByUserId": gate.blocked_by_user_id if gate is not None and is_team else None,
        "createdAt": min(dates),
        "updatedAt": max(changes),
        "lastSeenAt": None if visitor is None else visitor.last_seen_at,
        "browser": page.browser,
        "browserVersion": page.browser_version,
        "os": page.os,
        "osVersion": page.os_version,
        "device": page.device,
        "deviceType": page.device_type,
        "language": page.language,
        "timezone": page.timezone,
        "screenResolution": page.screen_resolution,
        "viewport": page.viewport,
        "ip": None,
        "city": None,
        "region": None,
        "country": None,
        "countryCode": None,
        "latitude": None,
        "longitude": None,
        "attribution": page.attribution,
        "currentPage": page.current_page,
        "contact": None if visitor is None else contact_response(visitor, known.metadata, key.type),
    }


def identified_response(key: ApiKey, visitor_id: str, known: Known) -> IdentifiedResponse:
    """Build who a visitor is, for a caller with such a key. Raises LookupError if they have no contact."""
    contact = None if known.visitor is None else contact_response(known.visitor, known.metadata, key.type)
    if contact is None:
        raise LookupError("the visitor has no contact")
    return {"contact": contact, "visitorId": visitor_id}


def contact_response(visitor: Visitor, metadata: Metadata | None, key_type: KeyType) -> ContactResponse | None:
    """Build a visitor's contact with its metadata, for a caller with such a key; None if they have none."""
    summary = _contact_summary(visitor, key_type)
    return None if summary is None else {**summary, "metadata": metadata or None}


def _contact_summary(visitor: Visitor, key_type: KeyType) -> ContactSummaryResponse | None:
    if visitor.contact_id is None:
        return None
    return {
        "id": visitor.contact_id,
        "externalId": visitor.external_id,
        "name": visitor.name,
        "email": visitor.email,
        "image": _image(visitor, key_type),
        "contactOrganizationId": None,
        "websiteId": visitor.website_id,
        "organizationId": visitor.organization_id,
        "userId": None,
        "verified": visitor.verified,
        "createdAt": visitor.contact_created_at or visitor.created_at,
        "updatedAt": visitor.contact_updated_at or visitor.updated_at,
    }


def _image(visitor: Visitor, key_type: KeyType) -> str | None:
    # Their own page gets what it sent: it compares, and would send it again for ever.
    return visitor.image if key_type == "public" else https_url(visitor.image or "")


def _own_contact(visitor: Visitor | None, key_type: KeyType) -> OwnContactResponse | None:
    if visitor is None or visitor.contact_id is None:
        return None
    return {
        "id": visitor.contact_id,
        "name": visitor.name,
        "email": visitor.email,
        "image": _image(visitor, key_type),
        "metadataHash": visitor.metadata_hash or "",
    }


def item_response(conversation: Conversation, item: TimelineItem, key_type: KeyType = "public") -> TimelineItemResponse:
    """Build a timeline item in a response; `key_type` matters only where its content may have been removed."""
    text, parts = item.text_and_parts
    response: TimelineItemResponse = {
        "id": item.id,
        "conversationId": conversation.id,
        "organizationId": conversation.organization_id,
        "visibility": item.visibility,
        "type": item.type,
        "text": text,
        "tool": item.content.get("tool"),
        "parts": parts,
        "userId": item.user_id,
        "aiAgentId": item.ai_agent_id,
        "visitorId": item.visitor_id,
        "createdAt": item.created_at,
        "deletedAt": item.deleted_at,
    }
    if item.is_removed and key_type == "private":
        response["deletedByUserId"] = item.deleted_by_user_id
    return response


def feedback_response(feedback: Feedback) -> FeedbackResponse:
    """Build feedback in a response."""
    return {
        "id": feedback.id,
        "organizationId": feedback.organization_id,
        "websiteId": feedback.website_id,
        "conversationId": feedback.conversation_id,
        "visitorId": feedback.visitor_id,
        "contactId": feedback.contact_id,
        "rating": feedback.rating,
        "topic": feedback.topic,
        "comment": feedback.comment,
        "trigger": feedback.trigger,
        "source": feedback.source,
        "createdAt": feedback.created_at,
        "updatedAt": feedback.created_at,
    }


def response_bytes(conversation: Conversation, items: Sequence[TimelineItem]) -> int:
    """Return the size of the items, in bytes, in a response of Lambda, which has the body as a JSON string."""
    body = to_json([item_response(conversation, item) for item in items]).decode()
    return len(to_json(body))
