"""What clients that decode strictly need of responses: the fields, types and values that each names, by route.

Such a client fails with a whole response when a field that it needs is missing or null, or when a value is none that it
knows. It ignores other fields. Two read the API: an app, in which a visitor writes, and a team's own tool.

Where a field may be null, it may be left out too; where it may be left out alone, null is refused. Nothing here is made
from the types of the API.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Ulid = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
#: What Swift's URL and JavaScript's read.
Url = Annotated[str, StringConstraints(pattern=r"^https://[!-~]+$")]
Flat = dict[str, str | int | float | bool | None]
#: Up to the largest whole number of JavaScript.
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Stars = Annotated[int, Field(ge=1, le=5)]

Visibility = Literal["public", "private"]


# Parts ----------------------------------------------------------------------------------------------------------------


class ToolTimeline(TypedDict):
    logType: Literal["customer_facing", "log", "decision"]
    triggerMessageId: str
    workflowRunId: str
    triggerVisibility: NotRequired[Visibility]


class Room(TypedDict):
    visibility: NotRequired[Visibility]
    progressMessage: NotRequired[str]
    knowledgeId: NotRequired[str]
    toolTimeline: NotRequired[ToolTimeline]


class Provider(TypedDict):
    cossistant: NotRequired[Room]


class Text(TypedDict):
    type: Literal["text"]
    text: str
    state: NotRequired[Literal["streaming", "done"]]


class Reasoning(TypedDict):
    type: Literal["reasoning"]
    text: str
    state: NotRequired[Literal["streaming", "done"]]
    providerMetadata: NotRequired[Provider]


class Tool(TypedDict):
    type: Annotated[str, StringConstraints(pattern="^tool-.")]
    toolCallId: str
    toolName: str
    input: dict[str, Any]
    state: Literal["partial", "result", "error"]
    output: NotRequired[Any]
    errorText: NotRequired[str]
    callProviderMetadata: NotRequired[Provider]
    providerMetadata: NotRequired[Provider]


class SourceUrl(TypedDict):
    type: Literal["source-url"]
    sourceId: str
    url: str
    title: NotRequired[str]
    providerMetadata: NotRequired[Provider]


class SourceDocument(TypedDict):
    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str]
    providerMetadata: NotRequired[Provider]


class Step(TypedDict):
    type: Literal["step-start"]


class File(TypedDict):
    type: Literal["file", "image"]
    url: str
    mediaType: str
    filename: NotRequired[str]
    size: NotRequired[Count]
    width: NotRequired[Count]
    height: NotRequired[Count]


class Translation(TypedDict):
    type: Literal["translation"]
    text: str
    sourceLanguage: str
    targetLanguage: str
    audience: Literal["team", "visitor"]
    mode: Literal["auto", "manual"]
    modelId: NotRequired[str]


class Event(TypedDict):
    type: Literal["event"]
    eventType: Literal[
        "assigned",
        "unassigned",
        "participant_requested",
        "participant_joined",
        "participant_left",
        "status_changed",
        "priority_changed",
        "tag_added",
        "tag_removed",
        "resolved",
        "reopened",
        "visitor_blocked",
        "visitor_unblocked",
        "visitor_identified",
        "ai_paused",
        "ai_resumed",
    ]
    actorUserId: str | None
    actorAiAgentId: str | None
    targetUserId: str | None
    targetAiAgentId: str | None
    message: NotRequired[str]


class Source(TypedDict):
    type: Literal["metadata"]
    source: Literal["email", "widget", "api"]


class RatingPart(TypedDict):
    type: Literal["feedback"]
    feedbackId: str
    rating: Stars
    source: str
    topic: NotRequired[str]
    trigger: NotRequired[str]


Part = Text | Reasoning | Tool | SourceUrl | SourceDocument | Step | File | Translation | Event | Source | RatingPart


# Conversations --------------------------------------------------------------------------------------------------------


class Item(TypedDict):
    id: str
    conversationId: str
    organizationId: str
    visibility: Visibility
    type: Literal["message", "event", "identification", "tool"]
    text: str | None
    tool: NotRequired[str | None]
    parts: list[Part]
    userId: str | None
    aiAgentId: str | None
    visitorId: str | None
    createdAt: Time
    deletedAt: NotRequired[Time | None]


class Conversation(TypedDict):
    id: str
    title: NotRequired[str]
    createdAt: Time
    updatedAt: Time
    visitorId: Ulid
    websiteId: str
    channel: str
    status: Literal["open", "resolved", "spam"]
    metadata: NotRequired[Flat | None]
    deletedAt: Time | None
    visitorLastSeenAt: NotRequired[Time]
    visitorRating: NotRequired[Stars]
    visitorRatingAt: NotRequired[Time]
    lastTimelineItem: NotRequired[Item]


class VisitorsConversation(Conversation):
    """Nobody is told that they are taken for a spammer."""

    status: Literal["open", "resolved"]  # type: ignore[misc]  # narrower


class Opened(TypedDict):
    conversation: VisitorsConversation
    initialTimelineItems: list[Item]


class OneOfVisitor(TypedDict):
    conversation: VisitorsConversation


class Pagination(TypedDict):
    page: int
    limit: int
    total: int
    totalPages: int
    hasMore: bool


class ListOfVisitor(TypedDict):
    conversations: list[VisitorsConversation]
    pagination: Pagination


class Timeline(TypedDict):
    items: list[Item]
    nextCursor: str | None
    hasNextPage: bool


class Sent(TypedDict):
    item: Item


class LastSeen(TypedDict):
    conversationId: str
    lastSeenAt: Time


class Receipt(TypedDict):
    id: str
    conversationId: str
    userId: str | None
    visitorId: str | None
    aiAgentId: str | None
    lastSeenAt: Time
    createdAt: Time
    updatedAt: Time
    deletedAt: Time | None


class Receipts(TypedDict):
    seenData: list[Receipt]


class Typing(TypedDict):
    conversationId: str
    isTyping: bool
    visitorPreview: NotRequired[str | None]
    sentAt: Time


class Rated(TypedDict):
    conversationId: str
    rating: Stars
    ratedAt: Time


# Visitors -------------------------------------------------------------------------------------------------------------


class Contact(TypedDict):
    id: Ulid
    externalId: NotRequired[str | None]
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    image: NotRequired[str | None]
    metadata: NotRequired[Flat | None]
    contactOrganizationId: NotRequired[Ulid | None]
    websiteId: str
    organizationId: str
    userId: NotRequired[str | None]
    createdAt: Time
    updatedAt: Time


class TeamContact(Contact):
    """It decodes `image` as a URL, so that one which is none takes the whole page with it."""

    image: NotRequired[Url | None]


class Identified(TypedDict):
    contact: Contact
    visitorId: Ulid


class Place(TypedDict):
    url: str
    path: str
    title: NotRequired[str | None]
    referrerUrl: NotRequired[str | None]
    updatedAt: Time


class Visitor(TypedDict):
    id: Ulid
    websiteId: str
    organizationId: str
    isBlocked: bool
    blockedAt: NotRequired[Time | None]
    blockedByUserId: NotRequired[str | None]
    createdAt: Time
    updatedAt: Time
    lastSeenAt: NotRequired[Time | None]
    browser: NotRequired[str | None]
    browserVersion: NotRequired[str | None]
    os: NotRequired[str | None]
    osVersion: NotRequired[str | None]
    device: NotRequired[str | None]
    deviceType: NotRequired[str | None]
    language: NotRequired[str | None]
    timezone: NotRequired[str | None]
    screenResolution: NotRequired[str | None]
    viewport: NotRequired[str | None]
    ip: NotRequired[str | None]
    city: NotRequired[str | None]
    region: NotRequired[str | None]
    country: NotRequired[str | None]
    countryCode: NotRequired[str | None]
    latitude: NotRequired[float | None]
    longitude: NotRequired[float | None]
    attribution: NotRequired[dict[str, Any] | None]
    currentPage: NotRequired[Place | None]
    contact: NotRequired[Contact | None]


class TeamVisitor(Visitor):
    contact: NotRequired[TeamContact | None]


class TeamVisitors(TypedDict):
    visitors: list[TeamVisitor]


class Accepted(TypedDict):
    ok: Literal[True]
    acceptedAt: Time


class Feedback(TypedDict):
    id: str
    organizationId: str
    websiteId: str
    conversationId: NotRequired[str | None]
    visitorId: NotRequired[Ulid | None]
    contactId: NotRequired[Ulid | None]
    rating: Stars
    topic: NotRequired[str | None]
    comment: NotRequired[str | None]
    trigger: NotRequired[str | None]
    source: str
    createdAt: Time
    updatedAt: Time


class GivenFeedback(TypedDict):
    feedback: Feedback


class FeedbackPage(TypedDict):
    feedback: list[Feedback]
    nextCursor: NotRequired[str | None]


# The website ----------------------------------------------------------------------------------------------------------


class HumanAgent(TypedDict):
    id: str
    name: str | None
    email: NotRequired[str | None]
    image: NotRequired[Url | None]
    lastSeenAt: NotRequired[Time | None]


class AIAgent(TypedDict):
    id: str
    name: str
    image: NotRequired[Url | None]


class OwnContact(TypedDict):
    id: Ulid
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    image: NotRequired[str | None]
    metadataHash: NotRequired[Annotated[str, StringConstraints(pattern="^([0-9a-f]{8})?$")]]


class WebsiteVisitor(TypedDict):
    id: Ulid
    isBlocked: bool
    language: NotRequired[str | None]
    contact: NotRequired[OwnContact | None]


class Website(TypedDict):
    id: str
    name: str
    domain: str
    description: NotRequired[str | None]
    logoUrl: NotRequired[Url | None]
    organizationId: str
    defaultLanguage: str
    status: str
    lastOnlineAt: NotRequired[Time | None]
    availableHumanAgents: list[HumanAgent]
    availableAIAgents: list[AIAgent]
    visitor: WebsiteVisitor


class OnboardingStep(TypedDict):
    completed: bool
    metadata: NotRequired[Flat | None]


class Onboarding(TypedDict):
    steps: dict[str, OnboardingStep]


class SupportState(TypedDict):
    featureFlags: list[str]
    onboarding: Onboarding


# What the team gets beyond that ---------------------------------------------------------------------------------------


class Beside(TypedDict):
    id: Ulid
    isBlocked: bool
    blockedAt: NotRequired[Time | None]
    blockedByUserId: NotRequired[str | None]
    lastSeenAt: NotRequired[Time | None]
    contact: NotRequired[TeamContact | None]


class TeamConversation(Conversation):
    organizationId: str
    priority: Literal["low", "normal", "high", "urgent"]
    visitor: Beside


class OneOfTeam(TypedDict):
    conversation: TeamConversation


class Inbox(TypedDict):
    items: list[TeamConversation]
    nextCursor: NotRequired[str | None]


class Error(TypedDict):
    error: str
    message: str
    code: str
    requestId: str


#: What an app reads, by the id of the route; it calls with a public key.
APP: dict[str, Any] = {
    "createConversation": Opened,
    "listConversations": ListOfVisitor,
    "getConversation": OneOfVisitor,
    "getTimeline": Timeline,
    "sendMessage": Sent,
    "markSeen": LastSeen,
    "getSeen": Receipts,
    "signalTyping": Typing,
    "rateConversation": Rated,
    "getWebsite": Website,
    "getSupportState": SupportState,
    "patchVisitor": Visitor,
    "recordActivity": Accepted,
    "recordOwnActivity": Accepted,
    "identifyVisitor": Identified,
    "giveFeedback": GivenFeedback,
}
#: What a team's tool reads; it calls with a private key.
TEAM: dict[str, Any] = {
    "listInbox": Inbox,
    "getConversation": OneOfTeam,
    "patchConversation": OneOfTeam,
    "resolveConversation": OneOfTeam,
    "reopenConversation": OneOfTeam,
    "markAsSpam": OneOfTeam,
    "markAsNotSpam": OneOfTeam,
    "getTimeline": Timeline,
    "sendMessage": Sent,
    "getSeen": Receipts,
    "signalTyping": Typing,
    "getWebsite": Website,
    "getVisitor": TeamVisitor,
    "findVisitors": TeamVisitors,
    "blockVisitor": TeamVisitor,
    "unblockVisitor": TeamVisitor,
    "listFeedback": FeedbackPage,
}

_DECODERS = {id(table): TypeAdapter(table) for table in (*APP.values(), *TEAM.values(), Error)}


def decode(table: Any, body: object) -> None:
    """Decode a response strictly. Raises `ValidationError` where a client would fail."""
    _DECODERS[id(table)].validate_python(body, strict=True)
