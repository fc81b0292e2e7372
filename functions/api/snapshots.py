"""What is done before the first request, where nobody waits for it: before an execution environment is frozen.

SnapStart's hooks run before that, and after a copy of it is restored. With provisioned concurrency it is done at init.

A snapshot has nothing that must be unique, and no secret but the front's, which is in its environment anyway: ids,
tokens and waiting times come from the system's random generator, and no API key is cached. Runtime hooks: Lambda
Developer Guide, "Implement code before or after Lambda function snapshots".
"""

import os
from contextlib import suppress
from importlib import import_module

from support.deadlines import Deadline
from support.dynamodb.actions import Change, ConditionFailed
from support.dynamodb.table import TIMELINE, KeyRange, Table
from support.errors import Refusal
from support.values.api_key import ApiKey

from api.http.bodies import MAX_BODY_BYTES, parse_body
from api.routes import all_routes

#: A body that exercises most validators.
_SAMPLE = b"""{"visitorId": "00000000000000000000000000", "channel": "x", "metadata": {"x": 1},
  "defaultTimelineItems": [
    {"id": "x", "text": "x", "createdAt": "2026-01-01T00:00:00Z", "parts": [{"type": "text", "text": "x"}]}]}"""
_PRIMING_SECONDS = 5
#: What some calls of a route import, and not its module.
_IMPORTED_LATER = (
    *("support.delivery", "support.gateway", "support.identity_tokens", "support.typing_signals"),
    *("support.store.connections", "support.aws.bucket", "botocore.auth", "botocore.awsrequest"),
)


def register(table: Table) -> None:
    """Register the hooks if this environment is about to become a snapshot; prime it now if it is provisioned."""
    initialization = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE")
    if initialization == "provisioned-concurrency":
        prime(table)
    elif initialization == "snap-start":
        # Only Lambda's runtime has this package.
        from snapshot_restore_py import register_after_restore, register_before_snapshot

        register_before_snapshot(prime, table)
        register_after_restore(table.disconnect)


def prime(table: Table) -> None:
    """Do once what would slow down first requests: import all routes, initialise validators and the database client.

    The reads find nothing and the transaction writes nothing: no key has this hash, and no conversation this key.
    """
    from api.http.requests.conversations import ConversationRequest

    all_routes()
    for module in _IMPORTED_LATER:
        import_module(module)
    parse_body(_SAMPLE, ConversationRequest, MAX_BODY_BYTES)
    deadline = Deadline.after(_PRIMING_SECONDS)
    absent = "CONVERSATION#", "CONVERSATION"
    with suppress(ConditionFailed, Refusal):
        table.get(ApiKey.key(""), deadline)
        table.get_many([absent], deadline)
        table.query(TIMELINE, absent[0], KeyRange(), deadline)
        table.transact([Change(absent, {"status": "open"}, expected={"version": -1})], deadline)
    table.disconnect()
