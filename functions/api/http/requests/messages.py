"""The body of `POST /v1/messages`."""

import re
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints
from support.ids import ID, NOT_AN_ID, ULID
from support.validation import Message

from api.http.requests.fields import REQUEST
from api.http.requests.timeline_items import TimelineItemRequest


class MessageRequest(BaseModel):
    """The item to add, and its conversation. Unknown fields are ignored and never stored."""

    model_config = REQUEST

    conversation_id: Annotated[str, StringConstraints(pattern=rf"^{ID}$"), Message(NOT_AN_ID)] = Field(
        description="The conversation, which must exist."
    )
    item: TimelineItemRequest = Field(
        description="The item. With an id of yours the call is safe to repeat; without one each call adds a new item."
    )

    @property
    def visitor_id(self) -> str | None:
        """The visitor of the conversation, if the item names one: widgets send any sender's id there."""
        sent = self.item.visitor_id
        return sent if isinstance(sent, str) and re.fullmatch(ULID, sent) else None
