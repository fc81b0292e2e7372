"""Erases conversations for good: first the conversation, for everybody and at once, then all that is stored of it.

While an erasure is under way, the conversation's row is left, with a new incarnation and no `ttl`: every write that was
decided on before fails, no reader finds it, and nobody else can take its id. So whatever is deleted is deleted without
conditions, and an erasure that was cut short goes on where it stopped.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, TypedDict

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed, Delete
from support.dynamodb.items import Key, key_of
from support.dynamodb.table import MAX_DELETED, Table
from support.errors import Refusal
from support.values.conversation import CONVERSATION_SK, Conversation, erasing, is_erased, new_incarnation

#: How many keys are read at a time: those of ten calls that delete.
_KEYS = 10 * MAX_DELETED
#: The wait after each call that deletes. A partition takes 1,000 units a second (Developer Guide, "Burst and adaptive
#: capacity"), 500 small items, and what others write to the table must not be throttled.
_PAUSE_SECONDS = 0.05
#: How long after they were listed keys are deleted: far less than an erasure of a visitor waits before it is done.
_LISTED_SECONDS = 20


class Erasure(TypedDict):
    """A message of the queue of erasures: the partition of a conversation whose erasure has begun."""

    conversationPK: str


class Erased(NamedTuple):
    """How far an erasure came: how many items it has certainly deleted, and whether nothing is left."""

    items: int
    is_done: bool


class ErasureStore:
    """Erases conversations, with their items and read receipts.

    Parameters
    ----------
    pause
        Waits for so many seconds.
    """

    def __init__(self, table: Table, pause: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._pause = pause

    def begin(self, conversation: Conversation, deadline: Deadline) -> bool:
        """Let a conversation be gone for everybody; tell whether this call did so.

        False if it has ended or is being erased already; a new one may have its id by now. Raises `Refusal`
        (UNAVAILABLE) if the table does not respond before the deadline.
        """
        incarnation = new_incarnation()
        change = Change(
            (conversation.pk, CONVERSATION_SK),
            erasing(incarnation),
            expected={"incarnation": conversation.incarnation},
            added={"version": 1},
        )
        try:
            self._table.update(change, deadline)
        except ConditionFailed as failure:
            # An earlier attempt, whose response was lost, may have done it.
            return any(item is not None and item["incarnation"] == incarnation for item in failure.found)
        return True

    def finish(self, conversation_pk: str, deadline: Deadline) -> Erased:
        """Delete what is left of a conversation whose erasure has begun, its own row last.

        It stops when the time is over or the database is too busy, and may be called again at any time, also where
        nothing is left, or where the id has another conversation by now.
        """
        deleted = 0
        key = conversation_pk, CONVERSATION_SK
        try:
            while (row := self._table.get(key, deadline)) is not None and is_erased(row):
                # What was listed may be gone by now, and be written anew: it is not deleted late.
                while others := self._others(conversation_pk, deadline):
                    soon = Deadline(min(deadline.at, Deadline.after(_LISTED_SECONDS).at))
                    for start in range(0, len(others), MAX_DELETED):
                        batch = others[start : start + MAX_DELETED]
                        self._table.delete_many(batch, soon)
                        deleted += len(batch)
                        self._pause(_PAUSE_SECONDS)
                try:
                    # As it was before nothing else was found.
                    expected = {name: row[name] for name in ("incarnation", "version", "erasing")}
                    self._table.transact([Delete(key, expected)], deadline)
                except ConditionFailed:
                    continue
                return Erased(deleted + 1, is_done=True)
        except Refusal:
            return Erased(deleted, is_done=False)
        return Erased(deleted, is_done=True)

    def _others(self, conversation_pk: str, deadline: Deadline) -> list[Key]:
        """Return keys of what is left but for the conversation's own row, which is the first in its partition."""
        rows = self._table.list_stored(conversation_pk, deadline, _KEYS, ("PK", "SK"))
        return [key_of(row) for row in rows if row["SK"] != CONVERSATION_SK]
