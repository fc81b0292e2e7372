"""What an error of DynamoDB means: another attempt, a failed condition, a defect of ours, or somebody to act."""

from collections.abc import Sequence
from typing import Any

from support.aws.client import NoResponse, NotConnected
from support.deadlines import unavailable
from support.dynamodb.responses import ErrorResponse
from support.errors import ConversationFull
from support.observability import logger

#: DynamoDB's words for "too much at once" (Developer Guide, "Error handling with DynamoDB"), those for one action of a
#: cancelled transaction (API Reference, TransactWriteItems), and ours for keys that it leaves out for that reason.
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
#: The server closed the connection upon the request.
CONNECTION_CLOSED = "ConnectionClosed"
#: DynamoDB's other words for "not now"; any 5xx means the same.
_BUSY = THROTTLED | {"RequestTimeout", "TransactionConflictException", "TransactionInProgressException"}
#: What a transaction is cancelled for while another one is in progress on its items. It surely wrote nothing.
IN_CONFLICT = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
#: What makes a cancelled transaction worth another attempt.
_BUSY_REASONS = THROTTLED | {"None", "TransactionConflict"}

#: What it says when a conversation with its items holds 10 GB, of a single write and of one in a transaction (Developer
#: Guide, "Item collections in local secondary indexes").
_FULL = frozenset({"ItemCollectionSizeLimitExceededException", "ItemCollectionSizeLimitExceeded"})

#: DynamoDB's words for a request that is wrong: a defect of ours.
_INVALID_REQUEST = frozenset({"IdempotentParameterMismatchException", "SerializationException", "ValidationException"})


class InvalidRequest(Exception):
    """A request that DynamoDB finds wrong. The text holds DynamoDB's codes only: its messages may quote values."""


class ConditionsFailed(Exception):
    """A write that DynamoDB did not carry out because conditions failed, and for no other reason.

    `reasons` has one entry for each action (API Reference, CancellationReason).
    """

    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        super().__init__("conditions failed")
        self.reasons = reasons


def classify(error: ErrorResponse | NoResponse) -> str:
    """Name a fault after which another attempt may succeed.

    Raises what the error means where none would: `ConditionsFailed`, `InvalidRequest`, or `Refusal`: PAYLOAD_TOO_LARGE
    for a conversation that holds no more, UNAVAILABLE where it needs an operator.
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
        # While another transaction is in progress, the item on which a condition failed may be half written: try again.
        if codes <= _BUSY_REASONS | {"ConditionalCheckFailed"}:
            return ",".join(sorted(codes - {"None"})) or code
        code = f"{code}: {', '.join(sorted(codes))}"
        logger.error("database found the request wrong", extra={"database_error": code})
        raise InvalidRequest(code) from None
    if code in _FULL:
        raise ConversationFull
    if code == "ConditionalCheckFailedException":
        item = error.members.get("Item")
        raise ConditionsFailed([{"Code": "ConditionalCheckFailed", **({} if item is None else {"Item": item})}])
    if code in _BUSY or error.status >= 500:
        return code
    if code in _INVALID_REQUEST:
        logger.error("database found the request wrong", extra={"database_error": code})
        raise InvalidRequest(code) from None
    # No access, no table, no credentials: until somebody acts, no attempt helps.
    logger.error("database refused", extra={"database_error": code})
    raise unavailable() from None


def is_absent(error: ErrorResponse | NoResponse) -> bool:
    """Tell whether there is no database, or no table in it."""
    if isinstance(error, ErrorResponse):
        return error.code == "ResourceNotFoundException"
    return isinstance(error, NotConnected)
