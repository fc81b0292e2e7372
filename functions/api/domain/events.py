"""Events: the timeline items that show changes to the team."""

from support.caller import Caller
from support.values import timestamps
from support.values.conversation import Conversation
from support.values.parts import Part
from support.values.timeline_item import TimelineItem

from api.domain.ids import new_ulid


def new_event(
    caller: Caller,
    conversation: Conversation,
    part: Part,
    *,
    text: str | None = None,
    user_id: str | None = None,
    visitor_id: str | None = None,
) -> TimelineItem:
    """Return a private event of a conversation, dated now; `user_id` or `visitor_id` is its author."""
    return TimelineItem(
        id=new_ulid(),
        created_at=conversation.time_of_next_item(timestamps.now()),
        position=conversation.item_count,
        visibility="private",
        type="event",
        written_by=caller.key.type,
        content={"parts": [part]} if text is None else {"text": text, "parts": [part]},
        user_id=user_id,
        visitor_id=visitor_id,
    )
