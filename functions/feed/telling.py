"""What of a happening clients are told: the frames, by the kind of key that their connection was opened with."""

from collections.abc import Iterator, Mapping

from support import frames
from support.frames import Frame
from support.values.api_key import KeyType, Mode
from support.values.conversation import Conversation
from support.values.conversation_write import ConversationWrite
from support.values.seen import Seen
from support.values.timeline_item import TimelineItem, reference_id
from support.values.visitor import Person, Visitor

#: Items as they are now, by the incarnation of their conversation and their id.
Items = Mapping[tuple[str, str], TimelineItem]


#: Visitors as they are now, by website, mode and id: who chooses an id may choose one of another website.
People = Mapping[tuple[str, Mode, str], Person]


def items_to_read(write: ConversationWrite) -> list[str]:
    """Return the ids of the items that frames of a write show."""
    conversation = write.after
    if write.before is None:
        return _ids_of_last_messages(conversation)
    if write.removes_item and conversation.removed is not None:
        return list(dict.fromkeys([conversation.removed, *_ids_of_last_messages(conversation)]))
    return list(conversation.wrote or ()) if write.adds_items else []


def frames_of_write(write: ConversationWrite, items: Items, key_type: KeyType) -> Iterator[Frame]:
    """Give the frames of a write, in the order in which they are sent."""
    before, after, actor = write.before, write.after, write.after.acted_by
    if before is None:
        yield frames.conversation_created(after, _last_message(after, items, key_type), key_type, actor)
        return
    if write.adds_items:
        for item in _written(after, items, key_type):
            # Who writes in the name of a team member acts as them.
            yield frames.timeline_item_created(after, item, actor or item.user_id)
    if write.removes_item:
        yield from _frames_of_removal(before, after, items, key_type)
    if updates := frames.changes(before, after, key_type):
        yield frames.conversation_updated(after, updates, actor)
    if write.has_changed("visitor_last_seen_at") and after.visitor_last_seen_at is not None:
        yield frames.conversation_seen(after, None, after.visitor_last_seen_at)


def frame_of_seen(seen: Seen, conversation: Conversation) -> Frame:
    """Return the frame for a team member who has seen a conversation; all clients get the same."""
    return frames.conversation_seen(conversation, seen.user_id, seen.last_seen_at)


def frame_of_identified(visitor: Visitor, people: People) -> Frame | None:
    """Return the frame for a visitor who was identified, None if they are not known any more."""
    person = people[visitor.website_id, visitor.mode, visitor.id]
    return None if person.visitor is None else frames.visitor_identified(person.visitor, person, visitor.acted_by)


def _frames_of_removal(before: Conversation, after: Conversation, items: Items, key_type: KeyType) -> Iterator[Frame]:
    """Give the frames of a write that removed the content of an item."""
    item = items.get((after.incarnation, after.removed or ""))
    if item is None or not item.is_removed or (item.is_private and key_type == "public"):
        return
    yield frames.timeline_item_updated(after, item, key_type, after.acted_by)
    if before.last_message_for(key_type) != after.last_message_for(key_type):
        # Clients put no other message in the place of a last one by themselves.
        yield frames.conversation_created(after, _last_message(after, items, key_type), key_type, after.acted_by)


def _ids_of_last_messages(conversation: Conversation) -> list[str]:
    references = (conversation.last_message_for("public"), conversation.last_message_for("private"))
    return list(dict.fromkeys(reference_id(reference) for reference in references if reference is not None))


def _written(conversation: Conversation, items: Items, key_type: KeyType) -> list[TimelineItem]:
    found = (items.get((conversation.incarnation, id_)) for id_ in conversation.wrote or ())
    shown = [
        item
        for item in found
        if item is not None and not item.is_removed and (key_type == "private" or not item.is_private)
    ]
    return sorted(shown, key=lambda item: item.reference)


def _last_message(conversation: Conversation, items: Items, key_type: KeyType) -> TimelineItem | None:
    reference = conversation.last_message_for(key_type)
    if reference is None:
        return None
    item = items.get((conversation.incarnation, reference_id(reference)))
    return item if item is not None and item.is_at(reference) and not item.is_removed else None
