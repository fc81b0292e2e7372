"""Statuses: resolving a conversation, opening it again, and what is spam."""

from support.responses import OneConversationAnswer

from api.domain.status import Verb, change_status
from api.http.actor import actor_of
from api.route import Description, Request, Route, Services, Success
from api.routes.conversations import answer_of
from api.routes.words import ACTOR_HEADER, CONVERSATION_ID, NO_SUCH_CONVERSATION, PRIVATE, READING, REPLAYED


def _route(id_: str, verb: Verb, summary: str, text: str) -> Route[None, None]:
    def run(request: Request[None, None], services: Services) -> Success:
        caller, store = request.caller, services.conversations
        actor = actor_of(request.headers)
        changed = change_status(caller, request.parameters["conversationId"], verb, actor, store)
        request.report.changed(id_, replayed=changed.replayed)
        return Success(answer_of(caller, changed.conversation, store), changed.replayed)

    # From any status there is a way to spam.
    conflict = {} if verb == "spam" else {409: "The conversation has another status, from which this does not lead."}
    return Route(
        id=id_,
        method="POST",
        path=f"/v1/conversations/{{conversationId}}/{verb}",
        keys="private",
        is_counted=False,
        about="none",
        query=None,
        body=None,
        answer=OneConversationAnswer,
        run=run,
        description=Description(
            summary=summary,
            text=f"{text} A private item of type `event` says who did so, and is written together with the status. On "
            "one that has the status already, nothing changes.",
            parameters=(CONVERSATION_ID, ACTOR_HEADER),
            answered="The conversation.",
            answer_headers=REPLAYED,
            refusals={
                **READING,
                **PRIVATE,
                400: "`X-Actor-User-Id` is not valid.",
                404: NO_SUCH_CONVERSATION,
                **conflict,
                413: "The conversation holds as much as the database takes.",
            },
        ),
    )


RESOLVE = _route("resolveConversation", "resolve", "Resolve a conversation", "Closes an open conversation.")
REOPEN = _route("reopenConversation", "reopen", "Reopen a conversation", "Opens a resolved conversation again.")
SPAM = _route("markAsSpam", "spam", "Mark a conversation as spam", "Takes an open or resolved conversation for spam.")
NOT_SPAM = _route("markAsNotSpam", "not-spam", "Take a conversation out of spam", "Opens a conversation that was spam.")
