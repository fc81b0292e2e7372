"""Status: resolving a conversation, reopening it, and marking it as spam or not."""

from support.observability import Metric
from support.responses import OneConversationResponse
from support.store.stores import Stores

from api.domain.status import Verb, change_status
from api.http.actor import actor_of
from api.http.success import Success
from api.route import Request, Route
from api.routes.conversations import respond_with


def _route(id_: str, verb: Verb) -> Route[None, None]:
    def run(request: Request[None, None], stores: Stores) -> Success:
        caller = request.caller
        actor = actor_of(request.headers)
        changed = change_status(caller, request.parameters["conversationId"], verb, actor, stores)
        return Success(respond_with(caller, changed.conversation, stores), changed.replayed)

    return Route(
        id=id_,
        keys="private",
        visitor_required="never",
        response=OneConversationResponse,
        run=run,
        metric=Metric.CHANGED,
    )


RESOLVE = _route("resolveConversation", "resolve")
REOPEN = _route("reopenConversation", "reopen")
SPAM = _route("markAsSpam", "spam")
NOT_SPAM = _route("markAsNotSpam", "not-spam")
