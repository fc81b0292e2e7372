"""A table in memory, for the tests that need thousands of requests a second."""

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf

from conversations.actions import Action, Change, Check, ConditionFailed, Insert
from conversations.deadlines import Deadline
from conversations.faults import DatabaseDefect
from conversations.items import MAX_ITEM_BYTES, Item, Key, item_size, marshal, unmarshal
from conversations.table import INBOX, TIMELINE, VISITOR, Index, Table, Usage, is_there
from conversations.timeline_item import INDEXED
from conversations.transactions import MAX_RETURNED_ITEMS

#: What an index has of an item.
_PROJECTED = {
    TIMELINE: ("PK", "SK", "timelineSK", *INDEXED),
    VISITOR: ("PK", "SK", "visitorPK", "visitorSK"),
    INBOX: ("PK", "SK", "inboxPK", "inboxSK", "ttl"),
}


class FakeTable(Table):
    """Does what DynamoDB does to one caller at a time; what is stored goes through its wire form."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.name = "fake"
        self.usage = Usage()
        self.items = {_key(item): item for item in items}

    def get(self, key: Key, deadline: Deadline) -> Item | None:
        self._count(deadline)
        return self._stored(key)

    def get_many(
        self,
        keys: Iterable[Key],
        deadline: Deadline,
        stop_after_bytes: float = inf,  # noqa: ARG002 (it reads all at once)
        attributes: Collection[str] = (),
    ) -> list[Item]:
        wanted = list(keys)
        if wanted:
            self._count(deadline)
        found = [item for item in map(self._stored, wanted) if item is not None]
        return [_with(item, attributes) for item in found] if attributes else found

    def query(
        self,
        index: Index,
        pk: str,
        sk_prefix: str,
        deadline: Deadline,
        *,
        after: str = "",
        limit: int | None = None,
        descending: bool = False,
    ) -> list[Item]:
        self._count(deadline)
        keys = {
            str(item[index.sk]): key
            for key, item in self.items.items()
            if item.get(index.pk) == pk and str(item.get(index.sk, "\0")).startswith(sk_prefix)
        }
        ordered = sorted(keys, reverse=descending)
        rest = [sk for sk in ordered if not after or (sk < after if descending else sk > after)]
        found = [item for item in (self._stored(keys[sk]) for sk in rest) if item is not None][:limit]
        return [_with(item, _PROJECTED[index]) for item in found] if index in _PROJECTED else found

    def update(self, change: Change, deadline: Deadline) -> None:
        self.transact([change], deadline)

    def transact(
        self,
        actions: Sequence[Action],
        deadline: Deadline,
        remade: Callable[[], Sequence[Action]] | None = None,  # noqa: ARG002 (nobody is in the way)
    ) -> None:
        self._count(deadline)
        if len({action.key for action in actions}) != len(actions) or len(actions) > 100:
            raise DatabaseDefect("ValidationException")
        for action in actions:
            # It sets or adds something, and does not do both to one attribute.
            if isinstance(action, Change) and (
                action.values.keys() & action.added or not (action.values or action.added)
            ):
                raise DatabaseDefect("ValidationException")
        failed = [self._is_refused(action) for action in actions]
        if any(failed):
            found = [
                self._stored(action.key) if bad and position < MAX_RETURNED_ITEMS else None
                for position, (action, bad) in enumerate(zip(actions, failed, strict=True))
            ]
            refused = zip(actions, found, failed, strict=True)
            raise ConditionFailed(found, [action.key for action, item, bad in refused if bad and item is None])
        after = [self._after(action) for action in actions if not isinstance(action, Check)]
        if any(item_size(item) > MAX_ITEM_BYTES for item in after):
            raise DatabaseDefect("ValidationException")
        self.items |= {_key(item): item for item in after}

    def conversation_items(self) -> list[Item]:
        """Return all that is stored of conversations, of every tenant."""
        return [item for (pk, _), item in self.items.items() if pk.startswith("CONVERSATION#")]

    def _count(self, deadline: Deadline) -> None:
        deadline.require(0)
        self.usage.calls += 1

    def _stored(self, key: Key) -> Item | None:
        item = self.items.get(key)
        return unmarshal(marshal(item)) if item is not None and is_there(item) else None

    def _is_refused(self, action: Action) -> bool:
        stored = self._stored(action.key)
        if isinstance(action, Insert):
            within = action.within
            return stored is not None and (within is None or stored.get(within) == action.item[within])
        if stored is None or any(stored.get(name) != value for name, value in action.expected.items()):
            return True
        above = action.above if isinstance(action, Change) else {}
        return any(name in stored and str(stored[name]) >= str(value) for name, value in above.items())

    def _after(self, action: Insert | Change) -> Item:
        if isinstance(action, Insert):
            return action.item
        stored = self.items[action.key]
        added: Item = {name: int(str(stored.get(name, 0))) + more for name, more in action.added.items()}
        changed = {**stored, **action.values, **added}
        return {name: value for name, value in changed.items() if value is not None}


def _key(item: Item) -> Key:
    return str(item["PK"]), str(item["SK"])


def _with(item: Item, attributes: Collection[str]) -> Item:
    return {name: value for name, value in item.items() if name in attributes}
