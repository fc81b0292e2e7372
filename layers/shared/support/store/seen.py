"""Writes and reads the read receipts of conversations."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from support.deadlines import Deadline
from support.dynamodb.actions import Change, Check, ConditionFailed, Insert
from support.dynamodb.table import TABLE, KeyRange, Table
from support.values.api_key import Mode
from support.values.conversation import CONVERSATION_SK, Conversation
from support.values.seen import SEEN_PREFIX, Seen, seen_sk
from support.values.timestamps import DAY_SECONDS, to_epoch

#: This many fit into a response.
_MAX_SEEN = 1_000


class ConversationGone(Exception):
    """The conversation has expired; a new one may have its id by now."""


class SeenStore:
    """Read receipts.

    Every method raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.

    Parameters
    ----------
    table
        The table of the receipts.
    retention_days
        How many days a receipt is kept after its last time, by the mode of its conversation; 0 is forever.
    """

    def __init__(self, table: Table, retention_days: Mapping[Mode, int]) -> None:
        self._table = table
        self._retention_days = retention_days

    def mark_by_visitor(self, conversation: Conversation, now: str, deadline: Deadline) -> str:
        """Record that the visitor has seen a conversation, and return when they last have.

        It changes neither `updated_at` nor `ttl`. Raises `ConversationGone`.
        """
        change = Change(
            (conversation.pk, CONVERSATION_SK),
            {"visitorLastSeenAt": now},
            added={"version": 1},
            expected={"incarnation": conversation.incarnation},
            above={"visitorLastSeenAt": now},
        )
        try:
            self._table.update(change, deadline)
        except ConditionFailed:
            found = self._table.get_many([change.key], deadline)
            if not found or found[0]["incarnation"] != conversation.incarnation:
                raise ConversationGone from None
            return Conversation.from_item(found[0]).visitor_last_seen_at or now
        return now

    def mark_by_user(self, conversation: Conversation, user_id: str, now: str, deadline: Deadline) -> str:
        """Record that a team member has seen a conversation, and return when they last have.

        Its retention starts now, and does not depend on later changes of the conversation. Raises `ConversationGone`.
        """
        seen, incarnation = Seen(user_id, last_seen_at=now, created_at=now), conversation.incarnation
        key = conversation.pk, seen_sk(user_id)
        days = self._retention_days[conversation.mode]
        ttl = to_epoch(now) + days * DAY_SECONDS if days and conversation.ttl is not None else None
        change = Change(
            key,
            {"lastSeenAt": now, "ttl": ttl},
            expected={"incarnation": incarnation},
            above={"lastSeenAt": now},
        )
        # Without the check, it could be written for a conversation that no longer exists.
        check = Check((conversation.pk, CONVERSATION_SK), {"incarnation": incarnation})
        insert = Insert(seen.to_item(replace(conversation, ttl=ttl).item_attributes()), within="incarnation")
        for attempt in count():
            try:
                self._table.update(change, deadline)
            except ConditionFailed:
                found = self._table.get_many([key], deadline)
                if found and found[0]["incarnation"] == incarnation:
                    if (last_seen_at := Seen.from_item(found[0]).last_seen_at) >= now:
                        return last_seen_at
                    # A concurrent call has just created it, with an earlier time.
                    deadline.back_off(attempt)
                    continue
            else:
                return now
            try:
                self._table.transact([check, insert], deadline)
            except ConditionFailed as failure:
                if check.key in failure.not_returned or failure.found[0] is not None:
                    raise ConversationGone from None
                # A concurrent call has just created it.
                deadline.back_off(attempt)
            else:
                return now
        raise AssertionError("count() does not end")

    def read(self, conversation: Conversation, deadline: Deadline) -> list[Seen]:
        """Read the team's read receipts of a conversation, 1,000 at most."""
        found = self._table.query(TABLE, conversation.pk, KeyRange.of_prefix(SEEN_PREFIX), deadline, limit=_MAX_SEEN)
        return [Seen.from_item(item) for item in found if item["incarnation"] == conversation.incarnation]
