"""What each stage's table may take in a second, against what one request can ask of it."""

import json
from collections.abc import Sequence
from math import ceil

import pytest
from api.bodies import MAX_BODY_BYTES
from api.requests.conversations import MAX_ITEMS
from conversations.actions import Action, Insert
from conversations.deadlines import Deadline
from conversations.items import item_size
from conversations.table import Table
from conversations.timeline_item import PREVIEW_CHARACTERS, stored_size

from local.costs import transaction_units
from local.stages import stages
from tests.builders import a_body, a_message
from tests.client import api_over

KB = 1024

#: A preview that stands beside the content, and once more in the index, as large as one can be.
PREVIEW = "😀" * PREVIEW_CHARACTERS


class Scales(Table):
    """A table that weighs what it is to write, in bytes an item, and does not write it."""

    def transact(self, actions: Sequence[Action], deadline: Deadline) -> None:  # noqa: ARG002 (nothing is sent)
        items = [action.item for action in actions if isinstance(action, Insert)]
        self.sizes = [item_size(item) for item in items]
        self.index_sizes = [stored_size(item) - item_size(item) for item in items if "timelineSK" in item]


def a_request(texts: list[int]) -> bytes:
    """A request with a message of each length and its preview, under the longest ids."""
    items = [a_message(id=f"{number:064}", text=PREVIEW + "x" * length) for number, length in enumerate(texts)]
    body = a_body(conversationId="c" * 64, defaultTimelineItems=items)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_largest_request_fits_into_each_stage_s_second(seeded_table: str) -> None:
    scales = Scales(seeded_table, timeout_seconds=25)
    api = api_over(scales)
    assert api(raw=a_request([0] * MAX_ITEMS).decode()).status == 200
    # Each text begins one more KB than it fills: no other ones take more.
    begun = [KB + 1 - size % KB for size in scales.sizes[1:]]
    room, beside = divmod(MAX_BODY_BYTES - len(a_request(begun)), KB)
    texts = [length + (room + number) // MAX_ITEMS * KB for number, length in enumerate(begun)]
    request = a_request(texts)
    assert len(request) == MAX_BODY_BYTES - beside

    assert api(raw=request.decode()).status == 200

    # A local index takes of the table's units, and once: what is prepared is the item alone.
    units = transaction_units(scales.sizes) + sum(ceil(size / KB) for size in scales.index_sizes)
    # As samconfig.toml and docs/performance.md say it.
    assert 4_600 < units < 4_800
    assert [stage for stage, given in stages().items() if units > int(given["TableMaxUnits"])] == []


@pytest.mark.parametrize(
    ("sizes", "units"), [([1], 2), ([1024], 2), ([1025], 4), ([1024, 1], 4), ([400 * 1024], 800), ([], 0)]
)
def test_a_transaction_takes_two_units_for_each_kb_that_an_item_begins(sizes: list[int], units: int) -> None:
    assert transaction_units(sizes) == units
