"""Messages: adding an item to a conversation that exists."""

from typing import Any

from support.responses import SentAnswer, item_answer

from api.domain.messages import send_message
from api.http.actor import actor_of
from api.http.requests.messages import MessageRequest
from api.route import Description, Request, Route, Services, Success
from api.routes.words import (
    ACTOR_HEADER,
    ADDING,
    COUNTED,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)


def _send(request: Request[None, MessageRequest], services: Services) -> Success:
    caller = request.caller
    actor = actor_of(request.headers) if caller.key.type == "private" else None
    sent = send_message(caller, request.body, actor, services.conversations)
    request.report.appended(0 if sent.replayed else 1)
    answer: SentAnswer = {"item": item_answer(sent.conversation, sent.item)}
    return Success(answer, sent.replayed)


_REQUESTS: dict[str, Any] = {
    "A visitor's next message": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "second-message", "text": "It is order 42.", "visitorId": "01JDEM0V1S1T0R000000000000"},
    },
    "An answer of the team, from a server": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "answer-1", "text": "It is on its way.", "userId": "user-1"},
    },
    "A private note": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "note-1", "text": "A regular customer.", "userId": "user-1", "visibility": "private"},
    },
}

SEND = Route(
    id="sendMessage",
    method="POST",
    path="/v1/messages",
    keys="any",
    is_counted=True,
    about="public",
    query=None,
    body=MessageRequest,
    answer=SentAnswer,
    run=_send,
    description=Description(
        summary="Send a message",
        text="Adds one item to a conversation that exists. With an `id` of yours the call is safe to repeat: the same "
        "item again returns what is stored, on a closed conversation, too, and nothing is written twice. The same `id` "
        "with another content is a 409: a 200 means that what was sent is stored.\n\n"
        f"{ADDING}\n\n"
        "With a private key, `userId`, `aiAgentId` and `visitorId` are stored as sent, and with none of them "
        "`X-Actor-User-Id` is the `userId`. A `createdAt` of more than five minutes ago is kept, as an import; a later "
        "one is replaced by the server's time, which never puts an item before one that was there when it was written.",
        parameters=(VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests=_REQUESTS,
        answered="The item as it is stored.",
        answer_headers=REPLAYED,
        refusals={
            **WRITING,
            **COUNTED,
            403: "The public key may not be used like this: the Origin is missing or not allowed for the website and "
            "the key's mode, or the item is private or not one that a visitor can add.",
            404: NO_SUCH_CONVERSATION,
            409: "A public key adds an item to a conversation that is not open, or the item's id is that of a stored "
            "item with another content: send it with another id. The `code` says which.",
            413: "The body, or the item as it would be stored, is too large, or the conversation has reached the size "
            "that the database takes; nothing is written.",
        },
    ),
)
