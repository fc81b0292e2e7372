"""Cursors of a timeline: the reference to an item, which stays valid after the item expires.

A reference is `<createdAt>#<position>#<id>` (see `TimelineItem.reference`). Positions count private items too, so a
cursor has the position masked with a keyed hash, and reveals no more than its page did. The mask is not a signature: a
changed cursor only leads to another position in a timeline that the caller may read.
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
    """Return the reference in a cursor that `TimelineQuery` has decoded."""
    created_at, masked, id_ = cursor.split("#")
    position = int(masked, 16) ^ _mask(key, conversation, created_at, id_)
    return reference_of(created_at, position % 10**POSITION_DIGITS, id_)


def _mask(key: ApiKey, conversation: Conversation, created_at: str, item_id: str) -> int:
    scope = f"{conversation.id}#{created_at}"
    return int.from_bytes(keyed_hash(key, "cursor", scope, item_id.encode())[:_MASK_BYTES], "big")
