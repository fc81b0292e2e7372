"""conversations/items.py: the wire form of an item, and its size."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dynamodb.items import Item, item_size, marshal, unmarshal

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = TEXT | st.integers(-(10**37), 10**37) | st.booleans() | st.lists(TEXT)


def test_each_type_has_its_wire_form() -> None:
    assert marshal({"s": "", "n": -1, "yes": True, "no": False, "l": ["a"], "none": None}) == {
        "s": {"S": ""},
        "n": {"N": "-1"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "l": {"L": [{"S": "a"}]},
    }


@given(st.dictionaries(TEXT, VALUES))
def test_an_item_survives_its_wire_form(item: dict[str, Any]) -> None:
    assert unmarshal(marshal(item)) == item


@pytest.mark.parametrize("typed", [{"NULL": True}, {"M": {}}, {"B": b""}, {"SS": ["a"]}, {"NS": ["1"]}])
def test_what_a_newer_release_may_store_is_left_out(typed: dict[str, Any]) -> None:
    assert unmarshal({"new": typed, "old": {"S": "a"}}) == {"old": "a"}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"name": None}, 0),
        ({"a": ""}, 1),
        ({"abc": "de"}, 5),
        ({"a": "é"}, 3),
        ({"a": "👋"}, 5),
        ({"a": True}, 2),
        ({"a": False}, 2),
        ({"a": 7}, 3),
        ({"a": 12}, 3),
        ({"a": 123}, 4),
        ({"a": 1_795_521_600}, 7),
        ({"a": []}, 4),
        ({"a": ["", "bc"]}, 8),
        ({"PK": "x", "SK": "y"}, 6),
    ],
)
def test_a_size_is_counted_by_dynamodb_s_rules(item: Item, size: int) -> None:
    assert item_size(item) == size
