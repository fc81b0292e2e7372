"""Writes and lists feedback."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Insert, Lacks
from support.dynamodb.table import INBOX, KeyRange, Table
from support.errors import visitor_blocked
from support.store.conversations import keys_of
from support.values.api_key import KeyType, Mode
from support.values.feedback import Feedback, feedback_pk
from support.values.timestamps import DAY_SECONDS, to_epoch
from support.values.visitor import CLOSES_GATE, GATE_SK, visitor_row


class FeedbackPage(NamedTuple):
    """A page of feedback, and the key after which the next page begins, if there is one."""

    feedback: list[Feedback]
    next_key: str | None


class FeedbackStore:
    """The feedback of every website.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.

    Parameters
    ----------
    table
        Where it is stored.
    retention_days
        How many days feedback is kept, by mode; 0 is forever.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int]) -> None:
        self._table = table
        self._retention_days = retention_days

    def add(self, feedback: Feedback, key_type: KeyType, deadline: Deadline) -> Feedback | None:
        """Store feedback; if feedback of this id is stored already, write nothing and return it.

        `key_type` is that of the key that gives it. Raises `Refusal` (VISITOR_BLOCKED).
        """
        if days := self._retention_days[feedback.mode]:
            feedback = replace(feedback, ttl=to_epoch(feedback.created_at) + days * DAY_SECONDS)
        insert = Insert(feedback.to_item())
        gate = visitor_row(feedback.website_id, feedback.mode, feedback.visitor_id, GATE_SK)
        for attempt in count():
            try:
                self._table.transact([insert, Lacks(gate, CLOSES_GATE[key_type])], deadline)
            except ConditionFailed as failure:
                stored = failure.found[0]
                if insert.key in failure.not_returned:
                    stored = next(iter(self._table.get_many([insert.key], deadline)), None)
                # A retry succeeds, even if the visitor has been blocked since.
                if stored is not None:
                    return Feedback.from_item(stored)
                if gate in failure.not_returned:
                    raise visitor_blocked() from None
                # It has just expired.
                deadline.back_off(attempt)
            else:
                return None
        raise AssertionError("count() does not end")

    def read_page(
        self, website_id: str, mode: Mode, limit: int, deadline: Deadline, *, after: str | None = None
    ) -> FeedbackPage:
        """Read a website's feedback, the newest first.

        `after` is the key of the last feedback of the previous page; None for the first page.
        """
        found: list[Feedback] = []
        next_key, has_more = after, True
        while has_more and len(found) < limit:
            wanted = limit - len(found)
            keys = KeyRange() if next_key is None else KeyRange().before(next_key)
            # One more entry tells whether there is a next page.
            entries = self._table.query(
                INBOX, feedback_pk(website_id, mode), keys, deadline, limit=wanted + 1, descending=True
            )
            has_more = len(entries) > wanted
            entries = entries[:wanted]
            if entries:
                next_key = str(entries[-1]["inboxSK"])
            # The index may be behind: what has been deleted is left out.
            found += map(Feedback.from_item, self._table.get_many(keys_of(entries), deadline))
        found.sort(key=lambda one: one.inbox_sk, reverse=True)
        return FeedbackPage(found, next_key if has_more else None)
