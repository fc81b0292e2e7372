"""Classifies errors of DynamoDB: to retry, a failed condition, a bug, or a fault that needs an operator."""

from collections.abc import Sequence
from typing import Any

from support.aws.client import NoResponse, NotConnected
from support.deadlines import unavailable
from support.dynamodb.responses import ErrorResponse
from support.errors import ConversationFull
from support.observability import logger

#: DynamoDB's codes for throttling (Developer Guide, "Error handling with DynamoDB"), those for one action of a
#: cancelled transaction (API Reference, TransactWriteItems), and our own for keys that it leaves out for that reason.
THROTTLED_KEYS = "ThrottledKeys"
THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        THROTTLED_KEYS,
    }
)
#: The server closed the connection on the request.
CONNECTION_CLOSED = "ConnectionClosed"
#: DynamoDB's other codes for temporary errors; any 5xx means the same.
_BUSY = THROTTLED | {"RequestTimeout", "TransactionConflictException", "TransactionInProgressException"}
#: The reasons of a transaction that was cancelled because another one was in progress on its items. It wrote nothing.
IN_CONFLICT = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
#: The reasons for which a cancelled transaction is retried.
_BUSY_REASONS = THROTTLED | {"None", "TransactionConflict"}

#: The codes for a conversation that has 10 GB with its items, of a single write and of one in a transaction (Developer
#: Guide, "Item collections in local secondary indexes").
_FULL = frozenset({"ItemCollectionSizeLimitExceededException", "ItemCollectionSizeLimitExceeded"})

#: DynamoDB's codes for an invalid request: a bug.
_INVALID_REQUEST = frozenset({"IdempotentParameterMismatchException", "SerializationException", "ValidationException"})


class InvalidRequest(Exception):
    """A request that DynamoDB rejects as invalid. The message has only DynamoDB's codes: its texts may quote values."""


class ConditionsFailed(Exception):
    """A write that DynamoDB did not carry out because conditions failed, and for no other reason.

    `reasons` has one entry for each action (API Reference, CancellationReason).
    """

    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        super().__init__("conditions failed")
        self.reasons = reasons


def classify(error: ErrorResponse | NoResponse) -> str:
    """Return the name of a fault that may be temporary, so that the call is retried.

    Raises for any other error: `ConditionsFailed`, `InvalidRequest`, or `Refusal`: PAYLOAD_TOO_LARGE for a full
    conversation, UNAVAILABLE for a fault that needs an operator.
    """
    if isinstance(error, NoResponse):
        # It may have been carried out, and is safe to repeat.
        return str(error)
    code = error.code
    if code == "TransactionCanceledException":
        reasons: list[dict[str, Any]] = error.members.get("CancellationReasons", [])
        codes = {reason.get("Code", "None") for reason in reasons}
        if codes == {"ConditionalCheckFailed"} or codes == {"ConditionalCheckFailed", "None"}:
            raise ConditionsFailed(reasons) from None
        if codes & _FULL:
            raise ConversationFull
        # While another transaction is in progress, a condition may fail on an item that is half written: try again.
        if codes <= _BUSY_REASONS | {"ConditionalCheckFailed"}:
            return ",".join(sorted(codes - {"None"})) or code
        code = f"{code}: {', '.join(sorted(codes))}"
        logger.error("database rejected the request as invalid", extra={"database_error": code})
        raise InvalidRequest(code) from None
    if code in _FULL:
        raise ConversationFull
    if code == "ConditionalCheckFailedException":
        item = error.members.get("Item")
        raise ConditionsFailed([{"Code": "ConditionalCheckFailed", **({} if item is None else {"Item": item})}])
    if code in _BUSY or error.status >= 500:
        return code
    if code in _INVALID_REQUEST:
        logger.error("database rejected the request as invalid", extra={"database_error": code})
        raise InvalidRequest(code) from None
    # No access, no table, no credentials: this needs an operator, and retrying does not help.
    logger.error("database refused", extra={"database_error": code})
    raise unavailable() from None


def is_absent(error: ErrorResponse | NoResponse) -> bool:
    """Tell whether the database, or the table, does not exist."""
    if isinstance(error, ErrorResponse):
        return error.code == "ResourceNotFoundException"
    return isinstance(error, NotConnected)
