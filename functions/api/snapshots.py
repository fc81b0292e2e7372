"""SnapStart: hooks that run before an execution environment is frozen, and after a copy of it is restored.

A snapshot has nothing that must be unique, and no secret but the front's, which is in its environment anyway: ids,
tokens and waiting times come from the system's random generator, and no API key is cached. Runtime hooks: Lambda
Developer Guide, "Implement code before or after Lambda function snapshots".
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

#: A body that exercises most validators.
_SAMPLE = b"""{"visitorId": "00000000000000000000000000", "channel": "x", "metadata": {"x": 1},
  "defaultTimelineItems": [
    {"id": "x", "text": "x", "createdAt": "2026-01-01T00:00:00Z", "parts": [{"type": "text", "text": "x"}]}]}"""
_PRIMING_SECONDS = 5


def register(table: Table) -> None:
    """Register the hooks if this environment is about to become a snapshot."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    # Only Lambda's runtime has this package.
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(prime, table)
    register_after_restore(table.disconnect)


def prime(table: Table) -> None:
    """Do once what would slow down the first request: initialise the validators and the database client.

    The reads find nothing and the transaction writes nothing: no key has this hash, and no conversation this key.
    """
    parse_body(_SAMPLE, ConversationRequest, MAX_BODY_BYTES)
    deadline = Deadline.after(_PRIMING_SECONDS)
    absent = "CONVERSATION#", "CONVERSATION"
    with suppress(ConditionFailed, Refusal):
        table.get(ApiKey.key(""), deadline)
        table.get_many([absent], deadline)
        table.query(TIMELINE, absent[0], KeyRange(), deadline)
        table.transact([Change(absent, {"status": "open"}, expected={"version": -1})], deadline)
    table.disconnect()
