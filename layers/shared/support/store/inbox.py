"""Reads the inbox: the conversations of a website, the last changed first."""

from collections.abc import Sequence
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.table import INBOX, KeyRange, Table
from support.store.conversations import conversations_of, keys_of
from support.values.api_key import Mode
from support.values.conversation import Conversation, Status, inbox_pk


class Inbox(NamedTuple):
    """A page of the inbox, and the key after which the next page begins, if there is one."""

    conversations: list[Conversation]
    next_key: str | None


class InboxStore:
    """The inbox of every website. Its method raises `Refusal` (UNAVAILABLE) if the table does not respond in time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read_page(
        self,
        website_id: str,
        mode: Mode,
        statuses: Sequence[Status],
        limit: int,
        deadline: Deadline,
        *,
        after: str | None = None,
        updated_since: str | None = None,
    ) -> Inbox:
        """Read the current state of conversations of some statuses, the last changed first.

        While all pages are read, no conversation is on two of them. One that changes moves to the top, and may be
        missed.

        Parameters
        ----------
        after
            The key of the last conversation of the previous page; None for the first page.
        updated_since
            The earliest time of a change to include.
        """
        keys = KeyRange() if updated_since is None else KeyRange(first=updated_since)
        next_key = after
        found: dict[str, Conversation] = {}
        has_more = True
        while has_more and len(found) < limit:
            wanted = limit - len(found)
            rest = keys if next_key is None else keys.before(next_key)
            # One more entry tells whether there is a next page.
            entries = [
                entry
                for status in statuses
                for entry in self._table.query(
                    INBOX, inbox_pk(website_id, mode, status), rest, deadline, limit=wanted + 1, descending=True
                )
            ]
            entries.sort(key=lambda entry: str(entry["inboxSK"]), reverse=True)
            has_more = len(entries) > wanted
            entries = entries[:wanted]
            if entries:
                next_key = str(entries[-1]["inboxSK"])
            conversations = conversations_of(self._table.get_many(keys_of(entries), deadline))
            # The index may be behind. A conversation that has moved above `after` was on a page before, or is missed.
            found |= {
                one.pk: one
                for one in conversations
                if one.status in statuses and (after is None or one.inbox_sk < after)
            }
        ordered = sorted(found.values(), key=lambda one: one.inbox_sk, reverse=True)
        return Inbox(ordered, next_key if has_more else None)
