"""The single DynamoDB table.

Every operation but `increment` is safe to repeat. On a conflict or without a response it is retried until the request's
deadline, and a few times while DynamoDB throttles. Then it raises `Refusal` (UNAVAILABLE); it raises `InvalidRequest`
when DynamoDB rejects the request as invalid.

An item whose `ttl` is over counts as absent: DynamoDB deletes each item on its own, within days (Developer Guide, "Time
to Live"). For reads and writes alike, the second that `ttl` names is the last in which the item exists.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from pydantic_core import to_json

from support.aws.client import NoResponse
from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Action, Change, ConditionFailed, Conflicted
from support.dynamodb.client import DynamoDB
from support.dynamodb.faults import (
    CONNECTION_CLOSED,
    IN_CONFLICT,
    THROTTLED,
    THROTTLED_KEYS,
    ConditionsFailed,
    classify,
    is_absent,
)
from support.dynamodb.items import MAX_ITEM_BYTES, Item, Key, Value, item_size, marshal, marshal_key, unmarshal
from support.dynamodb.responses import ErrorResponse, Members
from support.dynamodb.transactions import Request, change_request, transaction_request
from support.errors import Refusal

# Appended to a sort key, `_LOWEST` gives the key right after it, `_HIGHEST` a key after all keys with that prefix.
_LOWEST, _HIGHEST = "\0", "\U0010ffff"


class KeyRange(NamedTuple):
    """The sort keys from `first` to `last`, both included."""

    first: str = _LOWEST
    last: str = _HIGHEST

    @classmethod
    def of_prefix(cls, prefix: str) -> Self:
        """Return the range of all keys with this prefix."""
        return cls(prefix, prefix + _HIGHEST)

    def before(self, key: str) -> Self:
        """Return the part of the range that comes before a key."""
        return self._replace(last=min(self.last, key[:-1] + chr(ord(key[-1]) - 1) + _HIGHEST))

    def after(self, key: str) -> Self:
        """Return the part of the range that comes after a key."""
        return self._replace(first=max(self.first, key + _LOWEST))

    def up_to(self, key: str) -> Self:
        """Return the part of the range that does not come after a key."""
        return self._replace(last=min(self.last, key))


@dataclass(frozen=True, slots=True)
class Index:
    """An index, by its name in template.yaml, or the table itself, and the names of its keys.

    Reads of a global index may not see the last writes (Developer Guide, "Read consistency"). No two items of a
    partition have the same sort key.
    """

    name: str | None
    pk: str
    sk: str
    is_consistent: bool


TABLE = Index(None, "PK", "SK", is_consistent=True)
TIMELINE = Index("timeline", "PK", "timelineSK", is_consistent=True)
VISITOR = Index("visitor", "visitorPK", "visitorSK", is_consistent=False)
INBOX = Index("inbox", "inboxPK", "inboxSK", is_consistent=False)

#: How often a call is tried while DynamoDB throttles. Retries by everybody make throttling worse, so there are few, as
#: in the standard mode of AWS's own SDKs.
_THROTTLED_ATTEMPTS = 3
#: In seconds. DynamoDB counts throughput by the second: an immediate retry would be throttled too.
_THROTTLED_WAIT_SECONDS = 0.25

#: The maximum number of keys of BatchGetItem (API Reference, BatchGetItem).
_BATCH_KEYS = 100
#: The maximum number of items that BatchWriteItem deletes (API Reference, BatchWriteItem).
MAX_DELETED = 25
#: BatchGetItem leaves keys out that would read more than this of one partition (API Reference, BatchGetItem).
_BATCH_BYTES = 1024 * 1024
#: How many items a query reads at once after the first ones turned out to have expired.
_FOLLOW_UP_LIMIT = 1_000
#: The bytes of a read unit, rounded up for each item (Developer Guide, "DynamoDB read and write operations").
_READ_UNIT_BYTES = 4 * 1024


@dataclass(slots=True)
class Usage:
    """The calls of the database for one request; `faults` are those that were retried."""

    calls: int = 0
    seconds: float = 0.0
    capacity_units: float = 0.0
    faults: list[str] = field(default_factory=list)


class Table:
    """The table and its operations.

    Parameters
    ----------
    name
        The table's name (not its ARN).
    timeout_seconds
        The function's own timeout. Connecting and reading each time out after a tenth of it, so an attempt takes a
        fifth at most.
    is_local
        Whether it is on a developer's machine: if the table does not exist, the error says so.
    """

    def __init__(self, name: str, timeout_seconds: float, *, is_local: bool = False) -> None:
        self.name = name
        self._is_local = is_local
        self._is_absent = False
        self.usage = Usage()
        self._attempt_seconds = timeout_seconds / 5
        self._database = DynamoDB(timeout_seconds=self._attempt_seconds / 2)
        # How many attempts in a row DynamoDB throttled, by operation and across the requests of this instance: after a
        # request that was throttled to the end, each of the next ones tries once, until one succeeds.
        self._throttled: Counter[str] = Counter()

    def disconnect(self) -> None:
        """Close the connections; the next call opens its own."""
        self._database.disconnect()

    def get(self, key: Key, deadline: Deadline) -> Item | None:
        """Read the current state of an item, or None."""
        request = {
            "TableName": self.name,
            "Key": marshal_key(key),
            "ConsistentRead": True,
            "ReturnConsumedCapacity": "TOTAL",
        }
        response = self._call("GetItem", request, deadline)
        item = unmarshal(response["Item"]) if "Item" in response else None
        return item if item is not None and is_unexpired(item) else None

    def get_many(
        self,
        keys: Iterable[Key],
        deadline: Deadline,
        stop_after_bytes: float = inf,
        attributes: Collection[str] = (),
    ) -> list[Item]:
        """Read the current state of items, in any order, in batches as large as DynamoDB allows.

        Items that do not exist are left out, and so is the rest after more than `stop_after_bytes`. With `attributes`,
        only these are returned.
        """
        found: list[Item] = []
        wanted: Sequence[Any] = list(map(marshal_key, keys))
        projection = _projection(attributes)
        for attempt in count():
            if not wanted:
                break
            keys_of_table = {self.name: {"Keys": wanted[:_BATCH_KEYS], "ConsistentRead": True, **projection}}
            request = {"RequestItems": keys_of_table, "ReturnConsumedCapacity": "TOTAL"}
            response = self._call("BatchGetItem", request, deadline)
            found += filter(is_unexpired, map(unmarshal, response["Responses"].get(self.name, [])))
            rest = response["UnprocessedKeys"].get(self.name)
            wanted = [*([] if rest is None else rest["Keys"]), *wanted[_BATCH_KEYS:]]
            if wanted and sum(map(item_size, found)) > stop_after_bytes:
                break
            if (
                rest is not None
                and _capacity_units(response["ConsumedCapacity"]) * _READ_UNIT_BYTES + MAX_ITEM_BYTES < _BATCH_BYTES
            ):
                # The response had room for another item, so the rest was throttled.
                self._wait_before_retry("BatchGetItem", THROTTLED_KEYS, attempt, deadline)
        return found

    def query(
        self,
        index: Index,
        pk: str,
        keys: KeyRange,
        deadline: Deadline,
        *,
        limit: int | None = None,
        descending: bool = False,
        only: Mapping[str, Value] = MappingProxyType({}),
        even_expired: bool = False,
    ) -> list[Item]:
        """Read items of one partition in the order of their sort keys.

        Parameters
        ----------
        index
            The index, or the table, to query.
        keys
            The range of sort keys.
        limit
            The maximum number of items; by default all.
        descending
            Whether to begin with the last item.
        only
            Values that items must have; a global index must have the attributes. Items without them are read as well,
            a megabyte in each call, and left out.
        even_expired
            Whether items that have expired, and are still stored, count as well.
        """
        found: list[Item] = []
        is_follow_up = False
        while (limit is None or len(found) < limit) and keys.first <= keys.last:
            request: dict[str, Any] = {
                "TableName": self.name,
                "KeyConditionExpression": f"{index.pk} = :pk AND {index.sk} BETWEEN :first AND :last",
                "ExpressionAttributeValues": marshal({":pk": pk, ":first": keys.first, ":last": keys.last}),
                "ScanIndexForward": not descending,
                "ConsistentRead": index.is_consistent,
                "ReturnConsumedCapacity": "TOTAL",
            }
            if index.name is not None:
                request["IndexName"] = index.name
            if only:
                request["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in only)
                request["ExpressionAttributeNames"] = {f"#{name}": name for name in only}
                request["ExpressionAttributeValues"] |= marshal({f":{name}": value for name, value in only.items()})
            elif limit is not None:
                # If the first ones have expired, the next ones may have too.
                request["Limit"] = max(limit, _FOLLOW_UP_LIMIT) if is_follow_up else limit
            response = self._call("Query", request, deadline)
            items = map(unmarshal, response["Items"])
            found += items if even_expired else filter(is_unexpired, items)
            if "LastEvaluatedKey" not in response:
                break
            last_read = response["LastEvaluatedKey"][index.sk]["S"]
            keys, is_follow_up = keys.before(last_read) if descending else keys.after(last_read), True
        return found[:limit]

    def list_stored(self, pk: str, deadline: Deadline, limit: int, attributes: Collection[str] = ()) -> list[Item]:
        """Read the first items of a partition, up to `limit` or a megabyte, expired ones too.

        With `attributes`, only these are returned.
        """
        request = {
            "TableName": self.name,
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": marshal({":pk": pk}),
            "ConsistentRead": True,
            "Limit": limit,
            "ReturnConsumedCapacity": "TOTAL",
            **_projection(attributes),
        }
        response = self._call("Query", request, deadline)
        return list(map(unmarshal, response["Items"]))

    def delete_many(self, keys: Sequence[Key], deadline: Deadline) -> None:
        """Delete up to 25 items, whatever they are by now, each by itself.

        When it raises, some of them may have been deleted.
        """
        wanted = [{"DeleteRequest": {"Key": marshal_key(key)}} for key in keys]
        for attempt in count():
            request = {"RequestItems": {self.name: wanted}, "ReturnConsumedCapacity": "TOTAL"}
            response = self._call("BatchWriteItem", request, deadline)
            wanted = response["UnprocessedItems"].get(self.name, [])
            if not wanted:
                return
            self._wait_before_retry("BatchWriteItem", THROTTLED_KEYS, attempt, deadline)

    def increment(self, key: Key, ttl: int) -> int:
        """Increment a counter, which expires at epoch second `ttl`, and return the count.

        It may run concurrently with another call, in a thread of its own. It is tried once, so that a lost response
        does not count twice, and raises `Refusal` (UNAVAILABLE).
        """
        request = {
            "TableName": self.name,
            "Key": marshal_key(key),
            "UpdateExpression": "ADD #count :one SET #ttl = :ttl",
            "ExpressionAttributeNames": {"#count": "count", "#ttl": "ttl"},
            "ExpressionAttributeValues": marshal({":one": 1, ":ttl": ttl}),
            "ReturnValues": "UPDATED_NEW",
            "ReturnConsumedCapacity": "TOTAL",
        }
        try:
            response = self._database.call("UpdateItem", to_json(request))
        except (ErrorResponse, NoResponse):
            raise unavailable() from None
        return int(response["Attributes"]["count"]["N"])

    def update(self, change: Change, deadline: Deadline) -> None:
        """Change one item. It causes no transaction conflict, and costs half as much as a transaction.

        Raises `ConditionFailed` if the item's values are not the expected ones.
        """
        request = {
            "TableName": self.name,
            **change_request(change),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": "TOTAL",
        }
        try:
            self._call("UpdateItem", request, deadline)
        except ConditionsFailed as failed:
            raise _condition_failed([change], failed) from None

    def transact(self, actions: Sequence[Action], deadline: Deadline, *, raises_conflicts: bool = False) -> None:
        """Carry out up to 100 actions, all or none.

        Raises `ConditionFailed` if the item of an `Insert` exists, or if that of another action does not have the
        expected values. With `raises_conflicts` it also raises `Conflicted`: a retry would only fail its conditions
        if the other transaction changed the same values.
        """
        request = transaction_request(self.name, actions)
        try:
            self._call("TransactWriteItems", request, deadline, raises_conflicts=raises_conflicts)
        except ConditionsFailed as cancelled:
            raise _condition_failed(actions, cancelled) from None

    def _call(self, operation: str, request: Request, deadline: Deadline, *, raises_conflicts: bool = False) -> Members:
        try:
            return self._send(operation, to_json(request), deadline, raises_conflicts=raises_conflicts)
        except Refusal as refusal:
            if not (self._is_local and self._is_absent):
                raise
            message = f"The table {self.name} does not exist: start `make run`, and leave it running."
            raise Refusal(refusal.code, message, retry_after=refusal.retry_after) from None

    def _send(self, operation: str, request: bytes, deadline: Deadline, *, raises_conflicts: bool) -> Members:
        """Send a request until there is a response."""
        self.usage.calls += 1
        self._is_absent = False
        may_be_carried_out = False
        for attempt in count():
            deadline.require(self._attempt_seconds)
            started = time.monotonic()
            try:
                response = self._database.call(operation, request)
            except (ErrorResponse, NoResponse) as error:
                self._is_absent = is_absent(error)
                try:
                    fault = classify(error)
                except ConditionsFailed:
                    del self._throttled[operation]
                    raise
            else:
                self.usage.capacity_units += _capacity_units(response["ConsumedCapacity"])
                if not (response.get("UnprocessedKeys") or response.get("UnprocessedItems")):
                    del self._throttled[operation]
                return response
            finally:
                self.usage.seconds += time.monotonic() - started
            # Without a response, only the identical request can be sent again, with its client token.
            may_be_carried_out = may_be_carried_out or not IN_CONFLICT.issuperset(fault.split(","))
            if raises_conflicts and not may_be_carried_out:
                self.usage.faults.append(fault)
                raise Conflicted
            self._wait_before_retry(operation, fault, attempt, deadline)
        raise AssertionError("count() does not end")

    def _wait_before_retry(self, operation: str, fault: str, attempt: int, deadline: Deadline) -> None:
        self.usage.faults.append(fault)
        if fault == CONNECTION_CLOSED and attempt == 0:
            # An idle connection is often closed just as it is used again: a new one needs no wait.
            return
        if THROTTLED.isdisjoint(fault.split(",")):
            deadline.back_off(attempt)
            return
        self._throttled[operation] += 1
        if self._throttled[operation] >= _THROTTLED_ATTEMPTS:
            raise unavailable()
        deadline.back_off(attempt, _THROTTLED_WAIT_SECONDS)


def _projection(attributes: Collection[str]) -> Request:
    names = {f"#{number}": name for number, name in enumerate(attributes)}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names} if names else {}


def _condition_failed(actions: Sequence[Action], failed: ConditionsFailed) -> ConditionFailed:
    stored = (unmarshal(reason["Item"]) if reason.get("Item") else None for reason in failed.reasons)
    found = [item if item is not None and is_unexpired(item) else None for item in stored]
    not_returned = [
        action.key
        for action, reason, item in zip(actions, failed.reasons, found, strict=True)
        if reason["Code"] == "ConditionalCheckFailed" and item is None
    ]
    return ConditionFailed(found, not_returned)


def is_unexpired(item: Item) -> bool:
    """Tell whether a stored item has not expired, by the same rule as the conditions of every action."""
    return is_kept(item.get("ttl"))


def is_kept(ttl: object) -> bool:
    """Tell whether something with this `ttl`, if any, has not expired."""
    return not isinstance(ttl, int) or ttl >= int(time.time())


def _capacity_units(consumed: Any) -> float:
    # Operations on a single table return one object, batches and transactions a list.
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table["CapacityUnits"]) for table in tables)
