"""The operators' actions that erase, independent of Lambda.

Each is sent again, as `then` of its response says, until `done`. It may be cut short anywhere: the next one goes on.
Conversations are only made to be gone here. Whoever reads the table's stream has the rest of them deleted, so that each
has one place that deletes it.

Nothing is done before it was looked for twice, a minute apart, and not found: the indexes are behind the table, nobody
promises by how much, and a request that began before may still be under way.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from operators import events
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.errors import Refusal
from support.store.visitor_erasure import ErasureOver, VisitorErasure

Result = dict[str, Any]

#: For how long nothing must have been found. A request takes 25 seconds at most; the rest is for the indexes.
PAUSE_SECONDS = 60
#: How soon to look again for conversations that are being deleted.
_SOON_SECONDS = 5


@dataclass(frozen=True)
class Erasures:
    """One method per action, named as the `action` of its event.

    Each takes its event and a deadline, returns the operator's response, and raises `Refusal`: NOT_FOUND, CONFLICT, or
    UNAVAILABLE if the database was too busy for any progress. `clock` gives the time, in epoch seconds.
    """

    table: Table
    clock: Callable[[], float] = time.time

    def erase_visitor(self, event: events.EraseVisitor, deadline: Deadline) -> Result:
        """Erase all that is stored of a visitor, for good. A block stays.

        When it is done, all is gone that the visitor had written before. Meanwhile they open no conversation.
        """
        erasure = VisitorErasure(self.table, event.website_id, event.mode, event.visitor_id)
        counts: Counter[str] = Counter()
        try:
            since = erasure.begin(deadline)
            if since is not None:
                wait = since + PAUSE_SECONDS - self.clock()
                if wait > 0:
                    return _unfinished(event, counts, wait)
                # What is found from now on ends the pause, even if this run is cut short.
                erasure.note_nothing_found(None, deadline)
            while _sweep(erasure, counts, deadline):
                since = None
                if counts["left"]:
                    return _unfinished(event, counts, _SOON_SECONDS)
            if since is None:
                erasure.note_nothing_found(ceil(self.clock()), deadline)
                return _unfinished(event, counts, PAUSE_SECONDS)
            erasure.end(deadline)
        except ErasureOver:
            # Another run has found nothing twice.
            pass
        except Refusal:
            if not counts.total():
                raise
            return _unfinished(event, counts, 0)
        return {"done": True, "erased": _counts(counts)}


def _sweep(erasure: VisitorErasure, counts: Counter[str], deadline: Deadline) -> bool:
    """Erase what is found of a visitor, and tell whether that was anything."""
    found = False
    counts["left"] = 0
    for key in erasure.conversations(deadline):
        one = erasure.begin_conversation(key, deadline)
        counts["conversations"] += one.is_new
        counts["left"] += one.is_there
        found = found or one.is_there
    while deleted := erasure.delete_rows(deadline):
        counts["rows"] += deleted
        found = True
    return found


def _unfinished(event: events.Change, counts: Counter[str], wait: float) -> Result:
    then = event.model_dump(by_alias=True, exclude_none=True)
    return {"done": False, "erased": _counts(counts), "waitSeconds": ceil(wait), "then": then}


def _counts(counts: Counter[str]) -> Result:
    """Return how many conversations and other rows a run has erased, and how many conversations are being deleted."""
    return {name: counts[name] for name in ("conversations", "rows", "left")}
