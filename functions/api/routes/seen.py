"""Seen: saying, and telling, who has seen a conversation and when."""

from support.responses import LastSeenAnswer, SeenAnswer, seen_answer

from api.domain.seen import mark_seen, read_receipts
from api.http.actor import required_actor_of
from api.http.requests.queries import ConversationQuery
from api.http.requests.seen import SeenRequest
from api.route import Description, Request, Route, Services, Success
from api.routes.words import (
    ACTOR_HEADER,
    CONVERSATION_ID,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    READING,
    VISITOR_HEADER,
    WRITING,
)


def _see(request: Request[None, SeenRequest], services: Services) -> Success:
    caller = request.caller
    user_id = required_actor_of(request.headers) if caller.key.type == "private" else None
    conversation, at = mark_seen(caller, request.parameters["conversationId"], user_id, services.conversations)
    request.report.changed("markSeen", replayed=False)
    answer: LastSeenAnswer = {"conversationId": conversation.id, "lastSeenAt": at}
    return Success(answer)


def _get(request: Request[ConversationQuery, None], services: Services) -> Success:
    seen = read_receipts(request.caller, request.parameters["conversationId"], services.conversations)
    answer: SeenAnswer = seen_answer(seen.conversation, seen.team)
    request.report.read("getSeen", len(answer["seenData"]))
    return Success(answer)


SEE = Route(
    id="markSeen",
    method="POST",
    path="/v1/conversations/{conversationId}/seen",
    keys="any",
    is_counted=False,
    about="public",
    query=None,
    body=SeenRequest,
    answer=LastSeenAnswer,
    run=_see,
    max_body_bytes=16_384,
    description=Description(
        summary="Say that a conversation is seen",
        text="Notes that the visitor has seen the conversation now, or with a private key that the team member of "
        "`X-Actor-User-Id` has, who must be named then. The time is the server's: it never goes back, and is never "
        "before the newest item that the caller may see. `updatedAt` does not move.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests={"The visitor of the header": {}, "A visitor": {"visitorId": "01JDEM0V1S1T0R000000000000"}},
        answered="When it was last seen.",
        refusals={**WRITING, 404: NO_SUCH_CONVERSATION},
    ),
)

GET = Route(
    id="getSeen",
    method="GET",
    path="/v1/conversations/{conversationId}/seen",
    keys="any",
    is_counted=False,
    about="public",
    query=ConversationQuery,
    body=None,
    answer=SeenAnswer,
    run=_get,
    description=Description(
        summary="Tell who has seen a conversation",
        text="The visitor and the team members (1,000 at most) who have seen the conversation, and when they last did.",
        parameters=(CONVERSATION_ID, VISITOR_HEADER, ORIGIN_HEADER),
        answered="Who has seen it.",
        refusals={**READING, 404: NO_SUCH_CONVERSATION},
    ),
)
