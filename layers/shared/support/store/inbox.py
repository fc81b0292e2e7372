"""Reads the inbox: the conversations of a website, the last changed first."""

from collections.abc import Sequence
from typing import NamedTuple

from support.deadlines import Deadline
from support.dynamodb.table import INBOX, KeyRange, Table
from support.store.conversations import keys_of
from support.values.api_key import Mode
from support.values.conversation import Conversation, Status, inbox_pk


class Inbox(NamedTuple):
    """A page of the inbox, and the key after which the next one begins, if there is one."""

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
        """Read conversations of some statuses as they are now, the last changed first.

        None is on two pages of a walk. One that changes during it moves to the top, and may be missed.

        Parameters
        ----------
        after
            The key of the conversation after which to go on; None begins with the last changed one.
        updated_since
            The time of the change before which the walk ends, itself included.
        """
        keys = KeyRange() if updated_since is None else KeyRange(first=updated_since)
        next_key = after
        found: dict[str, Conversation] = {}
        has_more = True
        while has_more and len(found) < limit:
            wanted = limit - len(found)
            rest = keys if next_key is None else keys.before(next_key)
            # One more tells whether there are more.
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
            conversations = map(Conversation.from_item, self._table.get_many(keys_of(entries), deadline))
            # The index may be behind. What has moved above where the walk went on from was on a page, or is missed.
            found |= {
                one.pk: one
                for one in conversations
                if one.status in statuses and (after is None or one.inbox_sk < after)
            }
        ordered = sorted(found.values(), key=lambda one: one.inbox_sk, reverse=True)
        return Inbox(ordered, next_key if has_more else None)
