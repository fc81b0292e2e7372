"""Every field of a request comes back: none is accepted and thrown away."""

from typing import Any

import pytest
from api.http.requests.conversations import ConversationRequest
from api.http.requests.timeline_items import TimelineItemRequest
from pydantic import BaseModel

from tests.builders import VISITOR, a_body
from tests.client import Api

#: A value for each field, by its name in JSON, that is answered as it is sent.
ITEM: dict[str, Any] = {
    "id": "m1",
    "visibility": "private",
    "type": "tool",
    "text": "Looked it up.",
    "tool": "find-order",
    "parts": [{"type": "step-start"}],
    "userId": "user-1",
    "aiAgentId": "agent-1",
    "visitorId": VISITOR,
    "createdAt": "2026-01-31T12:00:00.000Z",
}
CONVERSATION: dict[str, Any] = {
    "visitorId": VISITOR,
    "conversationId": "c",
    "defaultTimelineItems": [ITEM],
    "channel": "email",
    "metadata": {"plan": "pro"},
}

#: Where a field is answered under another name.
ANSWERED_AS = {"conversationId": "id"}


@pytest.mark.parametrize(
    ("model", "sent"), [(ConversationRequest, CONVERSATION), (TimelineItemRequest, ITEM)], ids=["request", "item"]
)
def test_every_field_has_a_value_here(model: type[BaseModel], sent: dict[str, Any]) -> None:
    assert {field.alias for field in model.model_fields.values()} == sent.keys()


@pytest.mark.parametrize("attempt", ["opened", "replayed"])
def test_every_field_is_answered_as_it_was_sent(api: Api, attempt: str) -> None:
    for _ in range(1 if attempt == "opened" else 2):
        response = api(a_body(**CONVERSATION))

    assert ITEM.items() <= response.items[0].items()
    for name, value in CONVERSATION.items():
        if name != "defaultTimelineItems":
            assert response.conversation[ANSWERED_AS.get(name, name)] == value
