"""A walk of the inbox while conversations move, and with an index that is behind."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.deadlines import Deadline
from support.dynamodb.items import Item, Key
from support.dynamodb.table import INBOX, Index, KeyRange

from tests import demo
from tests.calls import change, get, open_one, read_inbox, send
from tests.client import api_over
from tests.fakes import FakeTable

NAMES = "abcdef"


class LaggingTable(FakeTable):
    """A table whose index of the inbox answers what stood there when it was last caught up with."""

    def __init__(self) -> None:
        super().__init__(demo.items())
        self.before: dict[Key, Item] = {}

    def catch_up(self) -> None:
        self.before = dict(self.items)

    def query(self, index: Index, pk: str, keys: KeyRange, deadline: Deadline, **how: Any) -> list[Item]:
        if index is not INBOX:
            return super().query(index, pk, keys, deadline, **how)
        now, self.items = self.items, self.before
        try:
            return super().query(index, pk, keys, deadline, **how)
        finally:
            self.items = now


MOVES = st.lists(st.tuples(st.sampled_from(["send", "resolve", "reopen", "spam", "lag"]), st.sampled_from(NAMES)))


@given(before=MOVES, between=st.lists(MOVES, min_size=8, max_size=8), limit=st.integers(1, 4), catches_up=st.booleans())
def test_no_walk_tells_a_conversation_twice_or_one_whose_status_has_changed(
    before: list[tuple[str, str]], between: list[list[tuple[str, str]]], limit: int, catches_up: bool
) -> None:
    table = LaggingTable()
    api = api_over(table)
    for name in NAMES:
        open_one(api, id_=name)
    table.catch_up()

    def move(moves: list[tuple[str, str]], *, is_seen: bool) -> set[str]:
        for verb, name in moves:
            if verb == "send":
                send(api, id_=name, text="Hi")
            elif verb == "lag":
                table.catch_up()
            else:
                change(api, verb, id_=name)
        if is_seen:
            table.catch_up()
        return {name for verb, name in moves if verb != "lag"}

    moved = move(before, is_seen=catches_up)
    still = set(NAMES) if catches_up else set(NAMES) - moved
    told: list[tuple[str, str]] = []
    cursor: dict[str, Any] = {}
    for moves in between:
        response = read_inbox(api, limit=str(limit), status="open", **cursor)
        page = response.body["items"]
        assert len(page) <= limit
        assert all(conversation["status"] == "open" for conversation in page)
        assert page == [get(api, id_=conversation["id"]) for conversation in page]
        told += [(conversation["updatedAt"], conversation["id"]) for conversation in page]
        if response.body["nextCursor"] is None:
            break
        cursor = {"cursor": response.body["nextCursor"]}
        still -= move(moves, is_seen=catches_up)
    else:
        return

    ids = [id_ for _, id_ in told]
    assert len(ids) == len(set(ids))
    assert told == sorted(told, reverse=True)
    assert {name for name in still if get(api, id_=name)["status"] == "open"} <= set(ids)
