"""Calls the API with the client that openapi-generator makes for Python."""

import json
import sys
from typing import Any

from openapi_client import ApiClient, ApiError, Configuration, ConversationRequest, ConversationsApi, MessageRequest
from openapi_client.exceptions import BadRequestException

given: dict[str, Any] = json.loads(sys.argv[1])
sent = given["request"]


def api(url: str) -> ConversationsApi:
    return ConversationsApi(ApiClient(Configuration(host=url, access_token=given["key"])))


def without_nulls(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part without the fields that this client shows as null where there are none."""
    return {name: value for name, value in part.items() if value is not None}


request = ConversationRequest.from_dict(sent)
opened = api(given["url"]).create_conversation(conversation_request=request)
metadata = {name: value and value.actual_instance for name, value in opened.conversation.metadata.items()}
assert (opened.conversation.status, metadata) == ("open", sent["metadata"])
[item] = opened.initial_timeline_items
assert item.created_at.year == 2026
parts = [without_nulls(json.loads(part.to_json())) for part in item.parts]
assert parts == [without_nulls(part) for part in sent["defaultTimelineItems"][0]["parts"]], parts

replayed = api(given["url"]).create_conversation_with_http_info(conversation_request=request)
assert {name.lower(): value for name, value in replayed.headers.items()}["idempotent-replayed"] == "true"
assert replayed.data.initial_timeline_items == [item]

conversation_id = opened.conversation.id
message = MessageRequest.from_dict({"conversationId": conversation_id, "item": {"id": "2", "text": "More"}})
added = api(given["url"]).send_message(message_request=message).item
timeline = api(given["url"]).get_timeline(conversation_id, limit=10)
assert (timeline.items, timeline.next_cursor, timeline.has_next_page) == ([item, added], None, False)
resolved = api(given["url"]).resolve_conversation(conversation_id).conversation
assert (resolved.status, resolved.last_timeline_item) == ("resolved", added)
listed = api(given["url"]).list_conversations(x_visitor_id=sent["visitorId"], status="closed", limit=100)
assert resolved in listed.conversations

error = None
try:
    api(given["url"]).create_conversation(conversation_request=ConversationRequest.from_dict(given["invalid"]))
except BadRequestException as refused:
    error = refused.data
assert isinstance(error, ApiError)
assert error.code == "VALIDATION_FAILED"
assert [detail.path for detail in error.details] == ["defaultTimelineItems.1.id"]

later = api(given["later"]).create_conversation(conversation_request=ConversationRequest.from_dict(given["resolved"]))
assert later.conversation.status == "resolved"
assert later.conversation.last_timeline_item.text == "Goodbye"
