"""SnapStart: what is done before an execution environment is frozen, and when a copy of it wakes.

Nothing that must be unique or secret is in a snapshot: ids, tokens and waiting times come from the system's generator,
and no API key is cached. Runtime hooks: Lambda Developer Guide, "Implement code before or after Lambda function
snapshots".
"""

import os
from contextlib import suppress

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed
from support.dynamodb.table import TIMELINE, KeyRange, Table
from support.errors import Refusal
from support.values.api_key import ApiKey

from api.http.bodies import MAX_BODY_BYTES, parse_body
from api.http.requests.conversations import ConversationRequest

#: A body that goes through most validators.
_SAMPLE = b"""{"visitorId": "00000000000000000000000000", "channel": "x", "metadata": {"x": 1},
  "defaultTimelineItems": [
    {"id": "x", "text": "x", "createdAt": "2026-01-01T00:00:00Z", "parts": [{"type": "text", "text": "x"}]}]}"""
_PRIMING_SECONDS = 5


def register(table: Table) -> None:
    """Register the hooks if this environment is about to become a snapshot."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    # Only Lambda's runtime has it.
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(prime, table)
    register_after_restore(table.disconnect)


def prime(table: Table) -> None:
    """Do once what the first request would find slow: the validators' and the database client's first steps.

    The reads find nothing and the transaction can't write: no key has this hash, and there is no such conversation.
    """
    parse_body(_SAMPLE, ConversationRequest, MAX_BODY_BYTES)
    deadline = Deadline.after(_PRIMING_SECONDS)
    nowhere = "CONVERSATION#", "CONVERSATION"
    with suppress(ConditionFailed, Refusal):
        table.get(ApiKey.key(""), deadline)
        table.get_many([nowhere], deadline)
        table.query(TIMELINE, nowhere[0], KeyRange(), deadline)
        table.transact([Change(nowhere, {"status": "open"}, expected={"version": -1})], deadline)
    table.disconnect()
