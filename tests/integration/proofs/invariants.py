"""What must be true of the whole table, whatever happened."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from support.dynamodb.items import Item
from support.values.conversation import CONVERSATION_SK, Conversation
from support.values.timeline_item import ITEM_PREFIX, TimelineItem

from local.seed import WEBSITE_B
from tests.builders import ORGANIZATION, OTHER_WEBSITE, WEBSITE

_ORGANIZATIONS = {WEBSITE: ORGANIZATION, OTHER_WEBSITE: WEBSITE_B.organization_id}

#: A conversation's timeline, in its order.
Timelines = dict[str, list[TimelineItem]]


def timelines(stored: Iterable[Item]) -> Timelines:
    """Return the timeline of each partition; fails where the table does not agree with itself."""
    partitions: dict[str, list[Item]] = defaultdict(list)
    for item in stored:
        partitions[str(item["PK"])].append(item)
    return {pk: _timeline(pk, items) for pk, items in partitions.items()}


def _timeline(pk: str, stored: list[Item]) -> list[TimelineItem]:
    conversations = [item for item in stored if item["SK"] == CONVERSATION_SK]
    assert len(conversations) == 1, f"{pk}: {len(conversations)} conversations"
    conversation = Conversation.from_item(conversations[0])
    # What bears another incarnation is left of an earlier conversation, and counts as none.
    present = [item for item in stored if item["incarnation"] == conversation.incarnation]
    items = [TimelineItem.from_item(item) for item in present if str(item["SK"]).startswith(ITEM_PREFIX)]
    items.sort(key=lambda item: item.reference)

    assert conversation.pk == pk
    # What is stored, its keys in the indexes among it, is what the value would be stored as.
    assert conversations[0] == conversation.to_item(), pk
    for entry in present:
        if str(entry["SK"]).startswith(ITEM_PREFIX):
            value = TimelineItem.from_item(entry)
            # An item is kept from its writing on, and never longer than its conversation.
            end = int(str(entry["ttl"])) if "ttl" in entry else None
            assert conversation.ttl is None or (end is not None and end <= conversation.ttl), pk
            expected = value.to_item(replace(conversation, ttl=end).item_attributes())
            if value.is_removed:
                # Of its content nothing is left, and no page finds it.
                expected = {name: kept for name, kept in expected.items() if name not in {"content", "timelineSK"}}
            assert entry == expected, pk
    assert conversation.organization_id == _ORGANIZATIONS[conversation.website_id]
    assert conversation.item_count == len(items), pk
    # Two that were written at once may have one position, but each of them is after what was there before it.
    assert all(0 <= item.position < len(items) for item in items), pk
    for reference, private, types in [
        (conversation.last_public_item, False, None),
        (conversation.last_private_item, True, None),
        (conversation.last_public_message, False, "message"),
        (conversation.last_private_message, True, "message"),
    ]:
        # The last items only order writes, and may be removed.
        named = [
            item.reference
            for item in items
            if item.is_private == private and (types is None or (item.type == types and not item.is_removed))
        ]
        assert reference == (named[-1] if named else None), pk
    assert conversation.version >= 1, pk
    assert conversation.created_at <= conversation.public_updated_at <= conversation.updated_at, pk
    for item in items:
        assert item.visitor_id in {None, conversation.visitor_id}, pk
    return items
