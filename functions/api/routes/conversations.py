"""Conversations: opening one, reading one, changing one, and listing a visitor's."""

from typing import Any

from support.responses import (
    ConversationsAnswer,
    OneConversationAnswer,
    OpenedConversationAnswer,
    conversation_answer,
    conversations_answer,
    opened_answer,
)
from support.store.conversations import ConversationStore
from support.values.conversation import Conversation

from api.domain.caller import Caller
from api.domain.conversations import (
    get_conversation,
    list_conversations,
    open_conversation,
    patch,
    read_last_message,
)
from api.domain.idempotency import parse_key
from api.http.actor import actor_of
from api.http.requests.conversations import ConversationPatch, ConversationRequest
from api.http.requests.queries import ConversationQuery, ConversationsQuery
from api.route import Description, Request, Route, Services, Success
from api.routes.words import (
    ACTOR_HEADER,
    ADDING,
    CONVERSATION_ID,
    COUNTED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    PREVIEWS,
    PRIVATE,
    READING,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)


def _create(request: Request[None, ConversationRequest], services: Services) -> Success:
    idempotency_key = parse_key(request.headers["idempotency-key"]) if "idempotency-key" in request.headers else None
    caller = request.caller
    opened = open_conversation(caller, request.body, idempotency_key, services.conversations)
    request.report.opened(opened)
    answer = opened_answer(opened.conversation, opened.items, opened.last_message, caller.key.type)
    return Success(answer, replayed=not opened.is_new and not opened.written)


def _list(request: Request[ConversationsQuery, None], services: Services) -> Success:
    caller, query = request.caller, request.query
    listed = list_conversations(caller, query, services.conversations)
    request.report.read("listConversations", len(listed.conversations), query.limit)
    answer = conversations_answer(
        listed.conversations, listed.last_messages, caller.key.type, query.page, query.limit, listed.total
    )
    return Success(answer)


def _get(request: Request[ConversationQuery, None], services: Services) -> Success:
    caller, conversation_id = request.caller, request.parameters["conversationId"]
    conversation, last_message = get_conversation(caller, conversation_id, services.conversations)
    request.report.read("getConversation", 1)
    return Success({"conversation": conversation_answer(conversation, last_message, caller.key.type)})


def _patch(request: Request[None, ConversationPatch], services: Services) -> Success:
    caller, store = request.caller, services.conversations
    actor = actor_of(request.headers)
    changed = patch(caller, request.parameters["conversationId"], request.body, actor, store)
    request.report.changed("patchConversation", replayed=changed.replayed)
    return Success(answer_of(caller, changed.conversation, store), changed.replayed)


def answer_of(caller: Caller, conversation: Conversation, store: ConversationStore) -> OneConversationAnswer:
    """Answer with a conversation as the caller may see it, its last message whole."""
    last_message = read_last_message(caller, conversation, store)
    return {"conversation": conversation_answer(conversation, last_message, caller.key.type)}


_VISITOR = "01JDEM0V1S1T0R000000000000"

_DESCRIPTION = (
    """\
Opens a conversation with its first timeline items, all or none; or finds the one that an earlier call opened.

A call that names a stored `conversationId` of the same visitor returns that conversation. Items that are not stored yet
are appended, stored ones are returned as they are, and `channel` and `metadata` stay what they were. A stored item with
the same `id` and another content is a 409, and nothing is written. A call that wrote nothing is answered with
`Idempotent-Replayed: true`. Where messages expire, a repeated call leaves out those of an `Idempotency-Key` that have
expired, and those that a public key may send with the opening alone.

"""
    + ADDING
    + """

With a private key, an appended item keeps a `createdAt` of more than five minutes ago, as an import; a later one is
replaced by the server's time.

Limits: 1,048,576 bytes of body, 99 items, 100 parts in an item, 409,600 bytes for an item as it is stored, and 16,384
bytes of metadata. Ids of items are unique within a request. Text, whole numbers and the nesting of JSON inside of parts
come back exactly as they were sent, other numbers as doubles; a number past a double's range is refused with 400.
"""
)

#: Quotes and backslashes by their codes: generators copy a pattern into quotes of their own.
_IDEMPOTENCY_KEY = r"^([!#-~]([ -~]{0,253}[!-~])?|\x22([ !#-\x5b\x5d-~]|\x5c[\x22\x5c]){1,255}\x22)$"

_HEADERS = (
    VISITOR_HEADER,
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes a call without a `conversationId` safe to repeat: the same key of the same visitor leads "
        "to the same conversation, and with a different body to 422. 1 to 255 characters of printable ASCII, bare or "
        "in double quotes as a structured field. With a `conversationId` it is checked for its form and otherwise "
        "ignored.",
        "schema": {"type": "string", "pattern": _IDEMPOTENCY_KEY},
    },
    ORIGIN_HEADER,
)

_REQUESTS: dict[str, Any] = {
    "An empty conversation": {"visitorId": _VISITOR},
    "A widget's first message": {
        "visitorId": _VISITOR,
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "channel": "widget",
        "defaultTimelineItems": [{"id": "first-message", "text": "Hello, where is my order?", "visitorId": _VISITOR}],
        "metadata": {"page": "/orders", "plan": "pro", "seats": 3},
    },
    "A greeting of an AI agent, from a server": {
        "visitorId": _VISITOR,
        "defaultTimelineItems": [
            {
                "aiAgentId": "agent-1",
                "createdAt": "2026-01-31T12:00:00.000Z",
                "parts": [
                    {"type": "text", "text": "This is how to return a parcel:", "state": "done"},
                    {"type": "source-url", "sourceId": "s1", "url": "https://example.com/returns", "title": "Returns"},
                ],
            },
            {"visibility": "private", "userId": "user-1", "text": "A regular customer."},
        ],
    },
    "A call of a tool": {
        "visitorId": _VISITOR,
        "defaultTimelineItems": [
            {
                "type": "tool",
                "tool": "find-order",
                "aiAgentId": "agent-1",
                "parts": [
                    {
                        "type": "tool-find-order",
                        "toolCallId": "call-1",
                        "toolName": "find-order",
                        "input": {"order": 42},
                        "state": "result",
                        "output": {"shipped": True},
                    }
                ],
            }
        ],
    },
}

_REFUSALS = {
    400: "The body is no JSON, or the body or a header is not valid: `details` says where and what is expected. Also "
    "NaN, Infinity, numbers past a double's range, lone surrogates and bytes that are not UTF-8.",
    401: WRITING[401],
    403: "The public key may not be used like this: the Origin is missing or not allowed for the website and the key's "
    "mode, an item is private, or an appended one is not one that a visitor can add.",
    409: "The website already has a conversation with this id, for another visitor; or an item's id is that of a "
    "stored item with another content; or a public key adds an item to a conversation that is not open. The `code` "
    "says which; for the first two, choose another id.",
    413: "The body, an item as it would be stored, or the stored items of the answer are too large; nothing is "
    "written.",
    415: WRITING[415],
    422: "The Idempotency-Key was used with a different request. Use a new key for a new request.",
    **COUNTED,
    500: "A defect of ours. Retrying with the same ids is safe.",
    503: "The database is overloaded. Wait for `Retry-After` and send the same again; with the same ids nothing is "
    "written twice.",
}

CREATE = Route(
    id="createConversation",
    method="POST",
    path="/v1/conversations",
    keys="any",
    is_counted=True,
    about="all",
    query=None,
    body=ConversationRequest,
    answer=OpenedConversationAnswer,
    run=_create,
    description=Description(
        summary="Create a conversation (optionally with initial timeline items)",
        text=_DESCRIPTION,
        parameters=_HEADERS,
        requests=_REQUESTS,
        answered="The conversation, new or found again.",
        answer_headers={
            "Idempotent-Replayed": {
                "description": "`true` if nothing was written: all of it had been stored by an earlier call.",
                "schema": {"type": "string", "const": "true"},
            }
        },
        links={
            "replay": {
                "operationId": "createConversation",
                "description": "The same again: with a `conversationId`, the same conversation.",
                "parameters": {"header.X-Visitor-Id": "$response.body#/conversation/visitorId"},
                "requestBody": "$request.body",
            },
            **{
                name: {
                    "operationId": operation,
                    "description": description,
                    "parameters": {
                        "path.conversationId": "$response.body#/conversation/id",
                        "header.X-Visitor-Id": "$response.body#/conversation/visitorId",
                    },
                }
                for name, operation, description in (
                    ("conversation", "getConversation", "The conversation, as it is later."),
                    ("timeline", "getTimeline", "All of its items."),
                )
            },
            "conversations": {
                "operationId": "listConversations",
                "description": "All conversations of the visitor.",
                "parameters": {"header.X-Visitor-Id": "$response.body#/conversation/visitorId"},
            },
        },
        refusals=_REFUSALS,
    ),
)

LIST = Route(
    id="listConversations",
    method="GET",
    path="/v1/conversations",
    keys="any",
    is_counted=False,
    about="all",
    query=ConversationsQuery,
    body=None,
    answer=ConversationsAnswer,
    run=_list,
    description=Description(
        summary="List a visitor's conversations",
        text="A page of the conversations of one visitor, as they are now. Of a visitor with more than 100, these are "
        "the 100 that were opened last, and `total` is 100. A conversation normally is listed within a second of its "
        "opening.\n\n"
        "Pages are cut from the list as it is at each call. A conversation that changes between two calls moves to the "
        "front of `orderBy=updatedAt`: it may be on two pages, and another one on none. To read all of them once, use "
        "`orderBy=createdAt`, or one page of `limit=100`.\n\n" + PREVIEWS,
        parameters=(VISITOR_HEADER, ORIGIN_HEADER),
        answered="The conversations, and how many there are.",
        refusals=READING,
    ),
)

GET = Route(
    id="getConversation",
    method="GET",
    path="/v1/conversations/{conversationId}",
    keys="any",
    is_counted=False,
    about="public",
    query=ConversationQuery,
    body=None,
    answer=OneConversationAnswer,
    run=_get,
    description=Description(
        summary="Get a conversation",
        text="A conversation as it is now. A public key reaches those of the visitor who is named, a private key all "
        "of the website's.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        answered="The conversation.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
)

PATCH = Route(
    id="patchConversation",
    method="PATCH",
    path="/v1/conversations/{conversationId}",
    keys="private",
    is_counted=False,
    about="none",
    query=None,
    body=ConversationPatch,
    answer=OneConversationAnswer,
    run=_patch,
    description=Description(
        summary="Change a conversation's title and metadata",
        text="Changes what is sent, and leaves the rest. The visitor sees both.",
        parameters=(CONVERSATION_ID, ACTOR_HEADER),
        requests={
            "A title": {"title": "Order 42"},
            "Metadata": {"metadata": {"plan": "enterprise", "seats": None}},
            "No title": {"title": None},
        },
        answered="The conversation.",
        answer_headers=REPLAYED,
        refusals={**WRITING, **PRIVATE, 404: NO_SUCH_CONVERSATION},
    ),
)
