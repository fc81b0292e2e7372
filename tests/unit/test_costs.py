"""local/costs.py: what calls take of the table and of its indexes, by the rules of AWS."""

from collections import Counter

import pytest
from support.dynamodb.items import Item, item_size

from local.costs import INDEXES, Write, conversations, creation, message, page, query_units, read_units, write_units

#: An item with an entry in `inbox`, whose keys and key in the table are all that the entry has.
ITEM: Item = {"PK": "p", "SK": "s", "inboxPK": "open", "inboxSK": "1"}


@pytest.mark.parametrize(("items", "units"), [(0, 4), (1, 7), (5, 19), (20, 64)])
def test_a_creation_takes_two_units_an_item_and_one_for_each_entry_in_an_index(items: int, units: int) -> None:
    expected = Counter({"table": 2 * (1 + items), "timeline": items, "visitor": 1, "inbox": 1})
    assert write_units(creation(items)) == expected
    assert write_units(creation(items)).total() == units


def test_a_message_moves_its_conversation_in_the_inbox_alone() -> None:
    assert write_units(message()) == {"table": 4, "timeline": 1, "inbox": 2}


def test_a_usual_conversation_and_a_usual_item_stay_within_a_write_unit() -> None:
    assert max(item_size(write.after) for write in [*creation(1), *message()]) <= 1024


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        pytest.param(None, ITEM, 1, id="a new entry"),
        pytest.param(ITEM, {**ITEM, "inboxSK": "2"}, 2, id="an entry that moves"),
        pytest.param(ITEM, {**ITEM, "ttl": 1}, 1, id="an entry that changes where it is"),
        pytest.param(ITEM, {**ITEM, "title": "t"}, 0, id="what is not in the entry"),
        pytest.param(ITEM, {"PK": "p", "SK": "s"}, 1, id="an entry that goes"),
        pytest.param(None, {"PK": "p", "SK": "s"}, 0, id="no entry"),
        pytest.param(None, {**ITEM, "inboxSK": "x" * 1024}, 2, id="an entry of more than a KB"),
    ],
)
def test_an_index_takes_units_for_what_changes_in_it(before: Item | None, after: Item, units: int) -> None:
    assert write_units([Write(after, before)])["inbox"] == units


def test_large_content_is_in_no_index() -> None:
    [timeline] = (index for index in INDEXES if index.name == "timeline")

    entry = timeline.entry({"PK": "p", "SK": "s", "timelineSK": "t", "largeContent": "x", "preview": "y"})

    assert entry == {"PK": "p", "SK": "s", "timelineSK": "t", "preview": "y"}


def test_items_are_read_each_for_itself_and_entries_all_together() -> None:
    items = [ITEM] * 30

    assert read_units(items) == 30
    assert query_units("inbox", items) == 0.5
    assert query_units("timeline", []) == 1


def test_a_page_of_50_takes_7_read_units_and_a_list_one_for_each_conversation_and_last_message() -> None:
    assert page(50) == 7
    assert conversations(6, total=6) == 0.5 + 6 + 6
    assert conversations(6, total=100) == 3 + 100 + 6
