"""Cursors of a timeline: the place of an item, which outlives the item and tells nothing that its page did not.

The place of an item is `<createdAt>#<position>#<id>` (see `TimelineItem.reference`). Its position counts private items,
too, so a cursor holds it masked with a keyed hash. That is no signature: whoever changes a cursor only asks for another
place in a timeline that they may read.
"""

from support.values.api_key import ApiKey
from support.values.conversation import Conversation
from support.values.cursors import encode
from support.values.timeline_item import POSITION_DIGITS, TimelineItem, reference_of

from api.domain.ids import keyed_hash

_MASK_BYTES = 4


def seal_cursor(key: ApiKey, conversation: Conversation, item: TimelineItem) -> str:
    """Return the cursor that leads to the items before this one."""
    masked = item.position ^ _mask(key, conversation, item.created_at, item.id)
    return encode(f"{item.created_at}#{masked:08x}#{item.id}")


def open_cursor(key: ApiKey, conversation: Conversation, cursor: str) -> str:
    """Return the place to which a cursor leads, given as `TimelineQuery` has decoded it."""
    created_at, masked, id_ = cursor.split("#")
    position = int(masked, 16) ^ _mask(key, conversation, created_at, id_)
    return reference_of(created_at, position % 10**POSITION_DIGITS, id_)


def _mask(key: ApiKey, conversation: Conversation, created_at: str, item_id: str) -> int:
    scope = f"{conversation.id}#{created_at}"
    return int.from_bytes(keyed_hash(key, "cursor", scope, item_id.encode())[:_MASK_BYTES], "big")
