"""Removals: taking away what an item says, and erasing a conversation."""

from support.observability import Metric
from support.responses import ErasedResponse, RemovedResponse, item_response
from support.store.stores import Stores

from api.domain.removals import erase_conversation, remove_item
from api.http.actor import actor_of
from api.http.success import Success
from api.route import Request, Route


def _remove_item(request: Request[None, None], stores: Stores) -> Success:
    caller, parameters = request.caller, request.parameters
    actor = actor_of(request.headers)
    removed = remove_item(caller, parameters["conversationId"], parameters["itemId"], actor, stores)
    response: RemovedResponse = {"item": item_response(removed.conversation, removed.item, caller.key.type)}
    return Success(response, removed.replayed)


def _erase(request: Request[None, None], stores: Stores) -> Success:
    erased = erase_conversation(request.caller, request.parameters["conversationId"], stores)
    response: ErasedResponse = {"conversationId": erased.id}
    return Success(response)


ITEM = Route(
    id="deleteTimelineItem",
    keys="private",
    visitor_required="never",
    response=RemovedResponse,
    run=_remove_item,
    metric=Metric.CHANGED,
)

CONVERSATION = Route(
    id="deleteConversation",
    keys="private",
    visitor_required="never",
    response=ErasedResponse,
    run=_erase,
    metric=Metric.CHANGED,
    status=202,
)
