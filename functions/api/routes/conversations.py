"""Conversations: opening one, reading one, changing one, and listing a visitor's."""

from support.caller import Caller
from support.observability import Metric
from support.responses import (
    ConversationsResponse,
    OneConversationResponse,
    OpenedConversationResponse,
    conversation_response,
    conversations_response,
    opened_response,
)
from support.store.stores import Stores
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem

from api.domain.conversations import (
    get_conversation,
    list_conversations,
    open_conversation,
    patch,
    read_last_message,
)
from api.domain.idempotency import parse_key
from api.domain.people import people_for
from api.http.actor import actor_of
from api.http.requests.conversations import (
    ConversationPatch,
    ConversationQuery,
    ConversationRequest,
    ConversationsQuery,
)
from api.http.success import Success
from api.route import Request, Route


def _create(request: Request[None, ConversationRequest], stores: Stores) -> Success:
    idempotency_key = parse_key(request.headers["idempotency-key"]) if "idempotency-key" in request.headers else None
    caller = request.caller
    opened = open_conversation(caller, request.body, idempotency_key, stores)
    return Success(
        opened_response(opened.conversation, opened.items, opened.last_message, caller.key.type),
        replayed=not opened.is_new and not opened.written,
        items=len(opened.items),
        written=opened.written,
        opened=opened.is_new,
    )


def _list(request: Request[ConversationsQuery, None], stores: Stores) -> Success:
    caller, query = request.caller, request.query
    listed = list_conversations(caller, query, stores)
    response = conversations_response(
        listed.conversations,
        listed.last_messages,
        caller.key.type,
        query.page,
        query.limit,
        listed.total,
        people_for(caller, listed.conversations, stores),
    )
    return Success(response, items=len(listed.conversations))


def _get(request: Request[ConversationQuery, None], stores: Stores) -> Success:
    caller, conversation_id = request.caller, request.parameters["conversationId"]
    conversation, last_message = get_conversation(caller, conversation_id, stores)
    return Success(_response(caller, conversation, last_message, stores), items=1)


def _patch(request: Request[None, ConversationPatch], stores: Stores) -> Success:
    caller, actor = request.caller, actor_of(request.headers)
    changed = patch(caller, request.parameters["conversationId"], request.body, actor, stores)
    return Success(respond_with(caller, changed.conversation, stores), changed.replayed)


def respond_with(caller: Caller, conversation: Conversation, stores: Stores) -> OneConversationResponse:
    """Build the response with a conversation as the caller may see it, its last message whole."""
    return _response(caller, conversation, read_last_message(caller, conversation, stores), stores)


def _response(
    caller: Caller, conversation: Conversation, last_message: TimelineItem | None, stores: Stores
) -> OneConversationResponse:
    people = people_for(caller, [conversation], stores)
    person = None if people is None else people[conversation.visitor_id]
    return {"conversation": conversation_response(conversation, last_message, caller.key.type, person)}


CREATE = Route(
    id="createConversation",
    keys="any",
    limit="writes",
    visitor_required="always",
    body=ConversationRequest,
    response=OpenedConversationResponse,
    run=_create,
    metric=Metric.APPENDED,
)

LIST = Route(
    id="listConversations",
    keys="any",
    visitor_required="always",
    query=ConversationsQuery,
    response=ConversationsResponse,
    run=_list,
    metric=Metric.READ,
)

GET = Route(
    id="getConversation",
    keys="any",
    visitor_required="public_key",
    query=ConversationQuery,
    response=OneConversationResponse,
    run=_get,
    metric=Metric.READ,
)

PATCH = Route(
    id="patchConversation",
    keys="private",
    visitor_required="never",
    body=ConversationPatch,
    response=OneConversationResponse,
    run=_patch,
    metric=Metric.CHANGED,
)
