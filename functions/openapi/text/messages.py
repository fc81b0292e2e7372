"""Texts: messages."""

from typing import Any

from openapi.description import Description
from openapi.text.common import (
    ACTOR_HEADER,
    ADDING,
    NO_SUCH_CONVERSATION,
    ORIGIN_HEADER,
    RATE_LIMITED,
    REPLAYED,
    VISITOR_HEADER,
    WRITING,
)

_REQUESTS: dict[str, Any] = {
    "A visitor's next message": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "second-message", "text": "It is order 42.", "visitorId": "01JDEM0V1S1T0R000000000000"},
    },
    "A message of the team, from a server": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "answer-1", "text": "It is on its way.", "userId": "user-1"},
    },
    "A private note": {
        "conversationId": "COH5D2N8KX3PQ7RZ1M",
        "item": {"id": "note-1", "text": "A regular customer.", "userId": "user-1", "visibility": "private"},
    },
}

TEXTS = {
    "sendMessage": Description(
        summary="Send a message",
        text="Adds one item to an existing conversation. With an `id` of yours the call is safe to repeat: the same "
        "item again returns the stored one, on a closed conversation too, and nothing is written twice. The same `id` "
        "with different content is a 409: a 200 means that exactly this item is stored. Only an item whose content was "
        "removed is returned whatever is sent, without content and with `deletedAt`.\n\n"
        f"{ADDING}\n\n"
        "With a private key, `userId`, `aiAgentId` and `visitorId` are stored as sent; if all are missing, "
        "`X-Actor-User-Id` is the `userId`. A `createdAt` that is over five minutes old is kept, as an import; a later "
        "one is replaced by the server's time, which never puts an item before one that was already stored.",
        parameters=(VISITOR_HEADER, ACTOR_HEADER, ORIGIN_HEADER),
        requests=_REQUESTS,
        response="The stored item.",
        response_headers=REPLAYED,
        refusals={
            **WRITING,
            **RATE_LIMITED,
            403: "The public key may not be used like this: the Origin is missing or not allowed for the website and "
            "the key's mode, or the item is private, or a visitor can't add it.",
            404: NO_SUCH_CONVERSATION,
            409: "A public key adds an item to a conversation that is not open, the team has blocked the visitor, or a "
            "stored item has the same id and different content: send it with another id. The `code` says which.",
            413: "The body, or the item as it would be stored, is too large, or the conversation has reached the "
            "maximum size; nothing is written.",
        },
    ),
}
