"""A table in memory, for nearly all tests. tests/integration/test_table.py proves that it does what DynamoDB does."""

import copy
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import cache
from itertools import islice
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

from support.deadlines import Deadline, unavailable
from support.delivery import Delivery, Outcome
from support.dynamodb.actions import Action, Change, Check, ConditionFailed, Delete, Insert, Lacks
from support.dynamodb.faults import InvalidRequest
from support.dynamodb.items import MAX_ITEM_BYTES, Item, Key, Value, item_size, marshal, unmarshal
from support.dynamodb.table import MAX_DELETED, Index, KeyRange, Table, Usage, is_unexpired
from support.dynamodb.transactions import MAX_RETURNED_ITEMS
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.typing_signals import TypingSignals

from local.template import latest

# Limits of DynamoDB (Developer Guide, "Quotas" and "Constraints"; API Reference, BatchGetItem, TransactWriteItems).
_MAX_PK_BYTES, _MAX_SK_BYTES = 2_048, 1_024
_MAX_KEYS = _MAX_ACTIONS = 100
_MAX_TRANSACTION_BYTES = 4 * 1024 * 1024


class FakeTable(Table):
    """Does what DynamoDB does, one call after the other; what is stored goes through its wire form.

    There are no faults, no conflicts and no pages, and nothing is deleted because it has expired. What DynamoDB refuses
    is one `InvalidRequest`, whatever its reason. A transaction holds 4 MB of what is sent; DynamoDB counts conditions
    as well, some 50 to 100 bytes for an action.

    With `write_seconds` a write takes that long, so that no two are dated alike.
    """

    def __init__(self, items: Iterable[Item] = (), write_seconds: float = 0) -> None:
        self.name = "fake"
        self._write_seconds = write_seconds
        self.usage = Usage()
        self.items = {_key(item): item for item in items}
        self._one_at_a_time = threading.RLock()

    def another(self) -> "FakeTable":
        """Return the same table as another instance of the function sees it."""
        table = copy.copy(self)
        table.usage = Usage()
        return table

    def disconnect(self) -> None:
        """Do nothing: there is no connection."""

    def get(self, key: Key, deadline: Deadline) -> Item | None:
        with self._asked(deadline):
            _require_key(key)
            return self._stored(key)

    def get_many(
        self,
        keys: Iterable[Key],
        deadline: Deadline,
        stop_after_bytes: float = inf,  # noqa: ARG002 (it reads all at once)
        attributes: Collection[str] = (),
    ) -> list[Item]:
        wanted = list(keys)
        if not wanted:
            return []
        found: list[Item] = []
        for start in range(0, len(wanted), _MAX_KEYS):
            with self._asked(deadline):
                keys_of_call = wanted[start : start + _MAX_KEYS]
                _require(len(set(keys_of_call)) == len(keys_of_call))
                for key in keys_of_call:
                    _require_key(key)
                found += (item for item in map(self._stored, keys_of_call) if item is not None)
        return [_with(item, attributes) for item in found] if attributes else found

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
        if limit == 0 or keys.first > keys.last:
            return []
        with self._asked(deadline):
            _require(bool(pk) and bool(keys.first) and len(keys.first.encode()) <= _MAX_SK_BYTES)
            found = sorted(
                (str(item[index.sk]), key)
                for key, item in self.items.items()
                if item.get(index.pk) == pk and index.sk in item and keys.first <= str(item[index.sk]) <= keys.last
            )
            if descending:
                found.reverse()
            items = (unmarshal(marshal(self.items[key])) for _, key in found)
            if index.name is not None:
                # Of the time at which an item expires, too, an index knows only what it has.
                projection = _indexes()[index.name].projection
                items = (_with(item, projection) for item in items)
            wanted = (item for item in items if all(_is(item.get(name), value) for name, value in only.items()))
            return list(islice(wanted if even_expired else filter(is_unexpired, wanted), limit))

    def list_stored(self, pk: str, deadline: Deadline, limit: int, attributes: Collection[str] = ()) -> list[Item]:
        with self._asked(deadline):
            found = [unmarshal(marshal(self.items[key])) for key in sorted(self.items) if key[0] == pk][:limit]
            return [_with(item, attributes) for item in found] if attributes else found

    def delete_many(self, keys: Sequence[Key], deadline: Deadline) -> None:
        with self._asked(deadline):
            _require(0 < len(keys) <= MAX_DELETED and len(set(keys)) == len(keys))
            for key in keys:
                self.items.pop(key, None)

    def increment(self, key: Key, ttl: int) -> int:
        with self._one_at_a_time:
            try:
                _require_key(key)
            except InvalidRequest:
                raise unavailable() from None
            counter = self.items.get(key, {"PK": key[0], "SK": key[1]})
            count = int(str(counter.get("count", 0))) + 1
            self.items[key] = {**counter, "count": count, "ttl": ttl}
            return count

    def update(self, change: Change, deadline: Deadline) -> None:
        self.transact([change], deadline)

    def transact(
        self,
        actions: Sequence[Action],
        deadline: Deadline,
        *,
        raises_conflicts: bool = False,  # noqa: ARG002 (nobody is in the way)
    ) -> None:
        with self._asked(deadline):
            _require(0 < len(actions) <= _MAX_ACTIONS)
            _require(len({action.key for action in actions}) == len(actions))
            for action in actions:
                _require_form(action)
            _require(sum(map(_sent_bytes, actions)) <= _MAX_TRANSACTION_BYTES)
            failed = [self._is_refused(action) for action in actions]
            if any(failed):
                found = [
                    self._stored(action.key) if bad and position < MAX_RETURNED_ITEMS and _returns(action) else None
                    for position, (action, bad) in enumerate(zip(actions, failed, strict=True))
                ]
                refused = zip(actions, found, failed, strict=True)
                raise ConditionFailed(found, [action.key for action, item, bad in refused if bad and item is None])
            after = {action.key: self._after(action) for action in actions if isinstance(action, Insert | Change)}
            self.items |= after
            for action in actions:
                if isinstance(action, Delete):
                    self.items.pop(action.key, None)
        if self._write_seconds:
            time.sleep(self._write_seconds)

    def conversation_items(self) -> list[Item]:
        """Return all that is stored of conversations, of every tenant."""
        return [item for (pk, _), item in self.items.items() if pk.startswith("CONVERSATION#")]

    @contextmanager
    def _asked(self, deadline: Deadline) -> Iterator[None]:
        deadline.require(0)
        self.usage.calls += 1
        with self._one_at_a_time:
            yield

    def _stored(self, key: Key) -> Item | None:
        item = self.items.get(key)
        return unmarshal(marshal(item)) if item is not None and is_unexpired(item) else None

    def _is_refused(self, action: Action) -> bool:
        if isinstance(action, Delete) and not action.expected:
            return False
        if isinstance(action, Lacks):
            return any(name in self.items.get(action.key, {}) for name in action.attributes)
        stored = self._stored(action.key)
        if isinstance(action, Change) and action.even_expired:
            stored = self.items.get(action.key)
        if isinstance(action, Insert):
            within = action.within
            return stored is not None and (within is None or _is(stored.get(within), action.item[within]))
        if stored is None or not all(_is(stored.get(name), value) for name, value in action.expected.items()):
            return True
        if isinstance(action, Check | Delete):
            return False
        if any(name in stored and not _is_under(stored[name], bound) for name, bound in action.above.items()):
            return True
        return not all(
            name in stored and (_is_under(stored[name], bound) or _is(stored[name], bound))
            for name, bound in action.at_most.items()
        )

    def _after(self, action: Insert | Change) -> Item:
        if isinstance(action, Insert):
            return unmarshal(marshal(action.item))
        stored, changed = self.items[action.key], dict(action.values)
        for name, more in action.added.items():
            number = stored.get(name, 0)
            _require(_is_number(number))
            changed[name] = int(str(number)) + more
        after = {name: value for name, value in {**stored, **changed}.items() if value is not None}
        _require_storable(after)
        return after


def _returns(action: Action) -> bool:
    return action.returns_existing if isinstance(action, Insert) else not isinstance(action, Lacks | Delete)


def _key(item: Item) -> Key:
    return str(item["PK"]), str(item["SK"])


def _with(item: Item, attributes: Collection[str]) -> Item:
    return {name: value for name, value in item.items() if name in attributes}


# Conditions -----------------------------------------------------------------------------------------------------------


def _is(stored: Value | None, expected: Value | None) -> bool:
    """Tell whether a value is the expected one: unlike for Python, True is not 1 for DynamoDB."""
    return type(stored) is type(expected) and stored == expected


def _is_under(stored: Value, bound: Value) -> bool:
    if isinstance(stored, str) and isinstance(bound, str):
        return stored < bound
    return _is_number(stored) and _is_number(bound) and int(str(stored)) < int(str(bound))


def _is_number(value: Value | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# What DynamoDB refuses ------------------------------------------------------------------------------------------------


def _require(holds: bool) -> None:
    if not holds:
        raise InvalidRequest("ValidationException")


def _require_key(key: Key) -> None:
    pk, sk = key
    _require(0 < len(pk.encode()) <= _MAX_PK_BYTES and 0 < len(sk.encode()) <= _MAX_SK_BYTES)


def _require_form(action: Action) -> None:
    """Refuse what DynamoDB refuses before it looks at what is stored."""
    if isinstance(action, Insert):
        _require_storable(action.item)
        return
    _require_key(action.key)
    if isinstance(action, Change):
        # It sets or adds something, does not do both to one attribute, and moves no item.
        _require(bool(action.values or action.added) and not action.values.keys() & action.added.keys())
        _require({"PK", "SK"}.isdisjoint({*action.values, *action.added}))
        bounds = (*action.above.values(), *action.at_most.values())
        _require(all(isinstance(bound, str) or _is_number(bound) for bound in bounds))


def _require_storable(item: Item) -> None:
    _require_key(_key(item))
    size = item_size(item)
    for pk, sk, projection, is_local in _indexes().values():
        for name, limit in ((pk, _MAX_PK_BYTES), (sk, _MAX_SK_BYTES)):
            value = item.get(name, "-")
            _require(isinstance(value, str) and 0 < len(value.encode()) <= limit)
        if is_local and sk in item:
            # The item and its entries in local indexes have 400 KB together.
            size += item_size(_with(item, projection))
    _require(size <= MAX_ITEM_BYTES)


def _sent_bytes(action: Action) -> int:
    if isinstance(action, Check | Lacks | Delete):
        return 0
    return item_size(action.item if isinstance(action, Insert) else action.values)


class _Index(NamedTuple):
    """The names of an index's keys, and of all that it has of an item."""

    pk: str
    sk: str
    projection: Set[str]
    is_local: bool


@cache
def _indexes() -> Mapping[str, _Index]:
    """Return the indexes by name, as the template defines them."""
    table = latest().table()
    indexes = {}
    for kind, is_local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        for index in table[kind]:
            pk, sk = _keys(index)
            projected = index["Projection"].get("NonKeyAttributes", [])
            indexes[index["IndexName"]] = _Index(pk, sk, {*_keys(table), pk, sk, *projected}, is_local)
    return indexes


def _keys(definition: Mapping[str, Any]) -> list[str]:
    """Return the names of the keys of a table or of an index, the partition key first."""
    return [key["AttributeName"] for key in definition["KeySchema"]]


# Who is connected -----------------------------------------------------------------------------------------------------


class NoGateway:
    """Holds no connection."""

    def post(self, connection_id: str, message: bytes) -> Outcome:  # noqa: ARG002 (whatever it is)
        """Tell that the client is gone."""
        return Outcome.GONE


def nobody_is_connected() -> TypingSignals:
    """Return what tells nobody that somebody types."""
    connections, keys = Connections(FakeTable()), KeyRing(FakeTable(), 0)
    return TypingSignals(connections, Delivery(NoGateway(), connections, keys))
