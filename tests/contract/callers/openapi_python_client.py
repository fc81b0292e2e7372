"""Calls the API with the client that openapi-python-client makes."""

import json
import sys
from http import HTTPStatus
from typing import Any

from conversations_client import AuthenticatedClient
from conversations_client.api.conversations import (
    create_conversation,
    get_timeline,
    resolve_conversation,
    send_message,
)
from conversations_client.models import (
    ApiError,
    ConversationRequest,
    ConversationStatus,
    MessageRequest,
    OpenedConversation,
)
from conversations_client.types import Response

given: dict[str, Any] = json.loads(sys.argv[1])
sent = given["request"]


def call(url: str, body: object) -> Response[Any]:
    client = AuthenticatedClient(url, token=given["key"])
    return create_conversation.sync_detailed(client=client, body=ConversationRequest.from_dict(body))


opened = call(given["url"], sent).parsed
assert isinstance(opened, OpenedConversation)
assert opened.conversation.status is ConversationStatus.OPEN
assert opened.conversation.metadata.to_dict() == sent["metadata"]
[item] = opened.initial_timeline_items
assert item.created_at.year == 2026
parts = [part.to_dict() for part in item.parts]
assert parts == sent["defaultTimelineItems"][0]["parts"], parts
assert len({type(part) for part in item.parts}) == len(parts), item.parts

replayed = call(given["url"], sent)
assert replayed.headers["Idempotent-Replayed"] == "true"
assert replayed.parsed.initial_timeline_items == [item]

client, conversation_id = AuthenticatedClient(given["url"], token=given["key"]), opened.conversation.id
message = MessageRequest.from_dict({"conversationId": conversation_id, "item": {"id": "2", "text": "More"}})
added = send_message.sync(client=client, body=message).item
timeline = get_timeline.sync(conversation_id, client=client, limit=10)
assert (timeline.items, timeline.next_cursor, timeline.has_next_page) == ([item, added], None, False)
resolved = resolve_conversation.sync(conversation_id, client=client).conversation
assert (resolved.status, resolved.last_timeline_item) == (ConversationStatus.RESOLVED, added)

refused = call(given["url"], given["invalid"])
assert refused.status_code is HTTPStatus.BAD_REQUEST
assert isinstance(refused.parsed, ApiError)
assert refused.parsed.code == "VALIDATION_FAILED"
assert [detail.path for detail in refused.parsed.details] == ["defaultTimelineItems.1.id"]

later = call(given["later"], given["resolved"]).parsed
assert later.conversation.status is ConversationStatus.RESOLVED
assert later.conversation.last_timeline_item.text == "Goodbye"
