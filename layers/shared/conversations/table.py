"""The one DynamoDB table, and with `replies` the only place that knows botocore.

Every operation but `increment` is safe to repeat, and is repeated while DynamoDB is in conflict or silent, within the
time that the request has, and a few times while DynamoDB throttles. Then it raises `Refusal` (UNAVAILABLE), and
`DatabaseDefect` when DynamoDB finds the request itself wrong. Half an answer, or somebody else's, is silence.

An item whose `ttl` is over counts as none: DynamoDB deletes it within days, and each item for itself (Developer Guide,
"Time to Live"). The second that `ttl` names is the last in which the item is there, for those who read and for those
who write.
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from pydantic_core import to_json

from conversations.deadlines import Deadline, unavailable
from conversations.items import MAX_ITEM_BYTES, Item, item_size, marshal, unmarshal
from conversations.observability import logger
from conversations.replies import BrokenReply, read_reply

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Answer = TypeVar("Answer", bound=Mapping[str, Any])

#: Partition key and sort key of an item.
Key = tuple[str, str]

# Appended to a sort key, the first gives the key right after it, the second one after all keys that start with it.
_LOWEST, _HIGHEST = "\0", "\U0010ffff"

#: How many actions of a transaction, the first ones, are told what stood in their way: DynamoDB refuses an answer of
#: over 4 MB, to a request that would otherwise only have failed its conditions, and an item may have 400 KB.
TOLD_ACTIONS = 10

#: DynamoDB's words for "too much at once" (Developer Guide, "Error handling with DynamoDB"), those for one action of a
#: cancelled transaction (API Reference, TransactWriteItems), and ours for keys that it leaves out for that reason.
_THROTTLED_KEYS = "ThrottledKeys"
_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        _THROTTLED_KEYS,
    }
)
#: How often a call is tried while DynamoDB throttles. What is over its limit does not get better by being asked again
#: by everybody, so this is few, as it is in the standard mode of AWS's own SDKs.
_THROTTLED_ATTEMPTS = 3
#: DynamoDB counts throughput by the second: an attempt right after finds it just as spent.
_THROTTLED_WAIT = 0.25

#: DynamoDB's other words for "not now"; any 5xx means the same.
_BUSY = _THROTTLED | {"RequestTimeout", "TransactionConflictException", "TransactionInProgressException"}
#: What makes a cancelled transaction worth another attempt.
_BUSY_REASONS = _THROTTLED | {"None", "TransactionConflict"}

#: BatchGetItem leaves keys out when they ask for more than this of one partition (API Reference, BatchGetItem).
_BATCH_BYTES = 1024 * 1024

#: DynamoDB's words for a request that is wrong: a defect of ours.
_DEFECTS = frozenset({"IdempotentParameterMismatchException", "SerializationException", "ValidationException"})


@dataclass(frozen=True, slots=True)
class Insert:
    """Write an item if there is none under its key.

    With `within`, an item that has another value under that name counts as none, and is overwritten.
    """

    item: Item
    within: str | None = None

    @property
    def key(self) -> Key:
        """The key of the item."""
        return str(self.item["PK"]), str(self.item["SK"])


@dataclass(frozen=True, slots=True)
class Change:
    """Set attributes of an item if it exists and still has the expected values."""

    key: Key
    values: Item
    expected: Item = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """Go ahead only if an item exists and still has the expected values."""

    key: Key
    expected: Item = field(default_factory=dict)


Action = Insert | Change | Check


class ConditionFailed(Exception):
    """A transaction that wrote nothing because something stood where it wanted to write.

    `found` holds, for each action in order, the item on which its condition failed; None where it held, or where
    DynamoDB returned no item that counts. `unread` are the keys of the latter: there may be an item or none.
    """

    def __init__(self, found: Sequence[Item | None], unread: Sequence[Key] = ()) -> None:
        super().__init__("a condition of the transaction failed")
        self.found = found
        self.unread = unread


class DatabaseDefect(Exception):
    """A request that DynamoDB finds wrong. The text holds DynamoDB's codes only: its messages may quote values."""


@dataclass(slots=True)
class Usage:
    """What was asked of the database since this was set up; `faults` are those that led to another attempt."""

    calls: int = 0
    seconds: float = 0.0
    capacity_units: float = 0.0
    faults: list[str] = field(default_factory=list)


class Table:
    """The table, by its operations.

    Parameters
    ----------
    name
        The table's name (not its ARN).
    timeout_seconds
        The function's own timeout. In one attempt the database may be silent for a tenth of it, and again before it
        answers, which leaves time for more attempts and for an answer.
    """

    def __init__(self, name: str, timeout_seconds: float) -> None:
        self.name = name
        self.usage = Usage()
        self._attempt_seconds = timeout_seconds / 5
        # Not boto3, which only adds its resources and S3's transfers: 6 % of a cold start.
        self._client: DynamoDBClient = get_session().create_client(  # type: ignore[assignment]  # typed by service
            "dynamodb",
            config=Config(
                connect_timeout=self._attempt_seconds / 2,
                read_timeout=self._attempt_seconds / 2,
                # Retries are ours: botocore's know neither the time left nor which cancellations are worth one.
                retries={"mode": "standard", "total_max_attempts": 1},
                # Tests see that what we send is right; checking it on each call costs more than all else of it.
                parameter_validation=False,
                tcp_keepalive=True,
                # botocore builds its own text on each call: a fifth of a small call's time.
                user_agent="conversations",
            ),
        )

        # botocore spends most of a large transaction's time on walking through it, so it gets the body ready-made; it
        # signs and sends it as its own, on each attempt.
        self._transaction = b""
        self._client.meta.events.register("before-call.dynamodb.TransactWriteItems", self._use_transaction)
        self._client.meta.events.register("before-parse.dynamodb", read_reply)

        # How many attempts in a row DynamoDB throttled, by operation and over the requests of this instance: what it
        # throttled to the end for one, each of the next ones tries once, until it gets through.
        self._throttled: Counter[str] = Counter()

    def _use_transaction(self, params: dict[str, Any], **_: object) -> None:
        params["body"] = self._transaction

    def disconnect(self) -> None:
        """Close the connections; the next call opens its own."""
        self._client.close()

    def get(self, key: Key, deadline: Deadline) -> Item | None:
        """Read an item as it is now, or None."""
        pk, sk = key
        send = partial(
            self._client.get_item,
            TableName=self.name,
            Key=marshal({"PK": pk, "SK": sk}),
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        answer = self._call(send, deadline)
        item = unmarshal(answer["Item"]) if "Item" in answer else None
        return item if item is not None and is_there(item) else None

    def get_many(self, keys: Iterable[Key], deadline: Deadline, enough_bytes: float = inf) -> list[Item]:
        """Read up to 100 items as they are now, in no order.

        Those that do not exist are left out, and so is the rest once there are more than `enough_bytes`.
        """
        found: list[Item] = []
        wanted: Sequence[Any] = [marshal({"PK": pk, "SK": sk}) for pk, sk in keys]
        for attempt in count():
            if not wanted:
                break
            request: dict[str, Any] = {self.name: {"Keys": wanted, "ConsistentRead": True}}
            send = partial(self._client.batch_get_item, RequestItems=request, ReturnConsumedCapacity="TOTAL")
            answer = self._call(send, deadline)
            read = [*map(unmarshal, answer["Responses"].get(self.name, []))]
            found += filter(is_there, read)
            rest = answer["UnprocessedKeys"].get(self.name)
            if rest is None or sum(map(item_size, found)) > enough_bytes:
                break
            wanted = rest["Keys"]
            if sum(map(item_size, read)) + MAX_ITEM_BYTES < _BATCH_BYTES:
                # There was room for another item, so it was throttled.
                self._await_another_attempt(send.func.__name__, _THROTTLED_KEYS, attempt, deadline)
        return found

    def query(
        self, pk: str, sk_prefix: str, deadline: Deadline, after: str = "", limit: int | None = None
    ) -> list[Item]:
        """Read items of one partition as they are now, in the order of their sort keys.

        Parameters
        ----------
        sk_prefix
            What their sort keys start with.
        after
            The sort key after which to go on.
        limit
            How many to read at most; all of them without one.
        """
        found: list[Item] = []
        start, end = max(sk_prefix, after + _LOWEST), sk_prefix + _HIGHEST
        while limit is None or len(found) < limit:
            request: dict[str, Any] = {
                "TableName": self.name,
                "KeyConditionExpression": "PK = :pk AND SK BETWEEN :start AND :end",
                "ExpressionAttributeValues": marshal({":pk": pk, ":start": start, ":end": end}),
                "ConsistentRead": True,
                "ReturnConsumedCapacity": "TOTAL",
            }
            if limit is not None:
                request["Limit"] = limit - len(found)
            answer = self._call(partial(self._client.query, **request), deadline)
            found += filter(is_there, map(unmarshal, answer["Items"]))
            if "LastEvaluatedKey" not in answer:
                break
            start = answer["LastEvaluatedKey"]["SK"]["S"] + _LOWEST
        return found

    def increment(self, key: Key, ttl: int) -> int:
        """Count one more under a counter, which expires at that epoch second, and return the count.

        It may run beside another call, in a thread of its own. It is tried once, so that a lost answer does not count
        twice, and raises `Refusal` (UNAVAILABLE).
        """
        pk, sk = key
        try:
            answer = self._client.update_item(
                TableName=self.name,
                Key=marshal({"PK": pk, "SK": sk}),
                UpdateExpression="ADD #count :one SET #ttl = :ttl",
                ExpressionAttributeNames={"#count": "count", "#ttl": "ttl"},
                ExpressionAttributeValues=marshal({":one": 1, ":ttl": ttl}),
                ReturnValues="UPDATED_NEW",
                ReturnConsumedCapacity="TOTAL",
            )
        except (ClientError, BotoCoreError):
            raise unavailable() from None
        return int(answer["Attributes"]["count"]["N"])

    def transact(self, actions: Sequence[Action], deadline: Deadline) -> None:
        """Carry out up to 100 actions, all or none.

        Raises `ConditionFailed` if an `Insert` met an item, or a `Change` or `Check` none with the expected values.
        """
        self._transaction = to_json(
            {
                "TransactItems": self._to_requests(actions),
                # One token for all attempts: one whose answer was lost is not carried out again.
                "ClientRequestToken": str(uuid.uuid4()),
                "ReturnConsumedCapacity": "TOTAL",
            }
        )
        try:
            self._call(partial(self._client.transact_write_items, TransactItems=[]), deadline)
        except _Cancelled as cancelled:
            reasons = cancelled.reasons
            stored = (unmarshal(reason["Item"]) if reason.get("Item") else None for reason in reasons)
            found = [item if item is not None and is_there(item) else None for item in stored]
            unread = [
                action.key
                for action, reason, item in zip(actions, reasons, found, strict=True)
                if reason["Code"] == "ConditionalCheckFailed" and item is None
            ]
            raise ConditionFailed(found, unread) from None

    def _to_requests(self, actions: Sequence[Action]) -> list[dict[str, Any]]:
        now = marshal({":now": int(time.time())})
        # Made once for all of them, of which there may be a hundred.
        absent = {
            "ConditionExpression": "attribute_not_exists(PK) OR #ttl < :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": now,
        }
        told = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return [
            self._to_request(action, now, absent, told if position < TOLD_ACTIONS else {})
            for position, action in enumerate(actions)
        ]

    def _to_request(
        self, action: Action, now: dict[str, Any], absent: dict[str, Any], told: dict[str, str]
    ) -> dict[str, Any]:
        if isinstance(action, Insert):
            if action.within is not None:
                absent = {
                    "ConditionExpression": f"{absent['ConditionExpression']} OR #within <> :within",
                    "ExpressionAttributeNames": {"#ttl": "ttl", "#within": action.within},
                    "ExpressionAttributeValues": now | marshal({":within": action.item[action.within]}),
                }
            return {"Put": {"TableName": self.name, "Item": marshal(action.item), **absent, **told}}
        pk, sk = action.key
        # Names by number: some are reserved words (Developer Guide, "Reserved words in DynamoDB").
        expected = {f"#e{n} = :e{n}": (f"e{n}", name, value) for n, (name, value) in enumerate(action.expected.items())}
        request: dict[str, Any] = {
            "TableName": self.name,
            "Key": marshal({"PK": pk, "SK": sk}),
            "ConditionExpression": " AND ".join(
                ["attribute_exists(PK)", "(attribute_not_exists(#ttl) OR #ttl >= :now)", *expected]
            ),
            "ExpressionAttributeNames": {"#ttl": "ttl"} | {f"#{n}": name for n, name, _ in expected.values()},
            "ExpressionAttributeValues": now | marshal({f":{n}": value for n, _, value in expected.values()}),
            **told,
        }
        if isinstance(action, Check):
            return {"ConditionCheck": request}
        request["UpdateExpression"] = "SET " + ", ".join(f"#v{n} = :v{n}" for n in range(len(action.values)))
        request["ExpressionAttributeNames"] |= {f"#v{n}": name for n, name in enumerate(action.values)}
        request["ExpressionAttributeValues"] |= marshal({f":v{n}": v for n, v in enumerate(action.values.values())})
        return {"Update": request}

    def _call(self, send: partial[Answer], deadline: Deadline) -> Answer:
        operation = send.func.__name__
        self.usage.calls += 1
        for attempt in count():
            deadline.require(self._attempt_seconds)
            started = time.monotonic()
            try:
                answer = send()
            except (ClientError, BotoCoreError) as error:
                try:
                    fault = _fault_worth_another_attempt(error)
                except _Cancelled:
                    del self._throttled[operation]
                    raise
            else:
                self.usage.capacity_units += _capacity_units(answer["ConsumedCapacity"])
                if not answer.get("UnprocessedKeys"):
                    del self._throttled[operation]
                return answer
            finally:
                self.usage.seconds += time.monotonic() - started
            self._await_another_attempt(operation, fault, attempt, deadline)
        raise AssertionError("count() does not end")

    def _await_another_attempt(self, operation: str, fault: str, attempt: int, deadline: Deadline) -> None:
        self.usage.faults.append(fault)
        if _THROTTLED.isdisjoint(fault.split(",")):
            deadline.back_off(attempt)
            return
        self._throttled[operation] += 1
        if self._throttled[operation] >= _THROTTLED_ATTEMPTS:
            raise unavailable()
        deadline.back_off(attempt, _THROTTLED_WAIT)


def is_there(item: Item) -> bool:
    """Tell whether a stored item has not expired, as the conditions of every action do."""
    ttl = item.get("ttl")
    return not isinstance(ttl, int) or ttl >= int(time.time())


def _capacity_units(consumed: Any) -> float:
    # One table gives an object where several could be concerned it gives a list.
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table["CapacityUnits"]) for table in tables)


class _Cancelled(Exception):
    def __init__(self, reasons: Sequence[dict[str, Any]]) -> None:
        self.reasons = reasons


def _fault_worth_another_attempt(error: ClientError | BotoCoreError) -> str:
    """Name the fault, or raise what it means when no other attempt helps."""
    if not isinstance(error, ClientError):
        # No answer, or half of one: it may have been carried out, and is safe to repeat.
        return str(error) if isinstance(error, BrokenReply) else type(error).__name__
    code = error.response["Error"]["Code"]
    if code == "TransactionCanceledException":
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
        codes = {reason.get("Code", "None") for reason in reasons}
        if codes == {"ConditionalCheckFailed"} or codes == {"ConditionalCheckFailed", "None"}:
            raise _Cancelled(reasons) from None
        # Beside a conflict, what failed its condition may be half of what another transaction is about to write.
        if codes <= _BUSY_REASONS | {"ConditionalCheckFailed"}:
            return ",".join(sorted(codes - {"None"})) or code
        code = f"{code}: {', '.join(sorted(codes))}"
        logger.error("database found the request wrong", extra={"database_error": code})
        raise DatabaseDefect(code) from None
    if code in _BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
        return code
    if code in _DEFECTS:
        logger.error("database found the request wrong", extra={"database_error": code})
        raise DatabaseDefect(code) from None
    # No access, no table, no credentials: somebody must act, and until then no attempt helps.
    logger.error("database refused", extra={"database_error": code})
    raise unavailable() from None
