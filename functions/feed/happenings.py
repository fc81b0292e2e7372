"""What clients are told of, from the stream's records.

Rows of items are not among them: read in parallel, Lambda keeps the order of one row's records alone (Developer Guide,
"Parallelization factor"), and a conversation's own row names the items that each write added.
"""

from typing import NamedTuple

from support.dynamodb.stream import Record
from support.frames import changes
from support.values.conversation_write import ConversationWrite, read_write
from support.values.seen import SEEN_PREFIX, Seen
from support.values.visitor import VISITOR_SK, Visitor


class TeamSeen(NamedTuple):
    """A team member has seen the conversation of a partition, in this incarnation of it."""

    conversation_pk: str
    incarnation: str
    seen: Seen


class Identified(NamedTuple):
    """Who a visitor is has changed."""

    visitor: Visitor


Happening = ConversationWrite | TeamSeen | Identified


def happening_of(record: Record) -> Happening | None:
    """Return what a record tells, None if that is nothing."""
    pk, sk = record.key
    if sk.startswith(SEEN_PREFIX):
        return _team_seen(pk, record)
    if sk == VISITOR_SK:
        return _identified(record)
    write = read_write(record)
    return write if write is not None and _is_told(write) else None


def _is_told(write: ConversationWrite) -> bool:
    before = write.before
    return (
        before is None
        or write.adds_items
        or write.removes_item
        or write.has_changed("visitor_last_seen_at")
        # The team sees all that a visitor does.
        or bool(changes(before, write.after, "private"))
    )


def _team_seen(pk: str, record: Record) -> TeamSeen | None:
    after, before = record.after, record.before
    if after is None:
        return None
    names = ("incarnation", "lastSeenAt")
    if before is not None and all(before.get(name) == after[name] for name in names):
        return None
    return TeamSeen(pk, str(after["incarnation"]), Seen.from_item(after))


def _identified(record: Record) -> Identified | None:
    after = record.after
    # Every other write of the row takes the mark away.
    return Identified(Visitor.from_item(after)) if after is not None and "identified" in after else None
