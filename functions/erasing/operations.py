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
from operators.websites import WEBSITES_PK, Website
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.errors import Code, Refusal
from support.store.visitor_erasure import ErasureOver, VisitorErasure
from support.store.website_erasure import WebsiteErasure
from support.values.conversation import CONVERSATION_SK
from support.values.timestamps import to_epoch

Result = dict[str, Any]

#: For how long nothing must have been found. A request takes 25 seconds at most; the rest is for the indexes.
PAUSE_SECONDS = 60
#: How soon to look again for conversations that are being deleted.
_SOON_SECONDS = 5


@dataclass(frozen=True)
class Erasures:
    """One method per action, named as the `action` of its event.

    Each takes its event and a deadline, returns the operator's response, and raises `Refusal`: NOT_FOUND, CONFLICT, or
    UNAVAILABLE if the database was too busy for any progress.

    Parameters
    ----------
    clock
        The time, in epoch seconds.
    key_cache_seconds
        For how long requests may use a key after it is revoked.
    """

    table: Table
    clock: Callable[[], float] = time.time
    key_cache_seconds: int = 0

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

    def erase_website(self, event: events.EraseWebsite, deadline: Deadline) -> Result:
        """Erase all conversations of a deleted website, and all that is stored of their visitors, for good.

        Visitors who wrote nothing, and gave no feedback, are not found.
        """
        item = self.table.get((WEBSITES_PK, event.website_id), deadline)
        if item is None:
            raise Refusal(Code.NOT_FOUND, "There is no such website.")
        deleted_at = Website.from_item(item).deleted_at
        if deleted_at is None:
            raise Refusal(Code.CONFLICT, "The website is in use. Please delete it first, by delete_website.")
        since, now = event.nothing_found_at, self.clock()
        if since is not None and since + PAUSE_SECONDS > now:
            return _unfinished(event, Counter(), since + PAUSE_SECONDS - now)
        erasure, counts = WebsiteErasure(self.table, event.website_id), Counter[str]()
        found = False
        event = event.model_copy(update={"nothing_found_at": None})
        try:
            for key in erasure.rows(deadline):
                visitor = erasure.visitor_of(key, deadline)
                # What finds the visitor goes last.
                while visitor is not None and (deleted := erasure.delete_rows(visitor, deadline)):
                    counts["rows"] += deleted
                    found = True
                if key[1] == CONVERSATION_SK and erasure.begin_conversation(key, deadline):
                    counts["conversations"] += 1
                    found = True
        except Refusal:
            if not counts.total():
                raise
            return _unfinished(event, counts, 0)
        # Until then, requests may come by keys that were read before.
        quiet_in = to_epoch(deleted_at) + self.key_cache_seconds + PAUSE_SECONDS - self.clock()
        if found or quiet_in > 0:
            return _unfinished(event, counts, max(quiet_in, _SOON_SECONDS))
        if since is None:
            event = event.model_copy(update={"nothing_found_at": ceil(self.clock())})
            return _unfinished(event, counts, PAUSE_SECONDS)
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
