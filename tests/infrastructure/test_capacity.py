"""What each stage's table may take in a second, against what one request can ask of it."""

import json
from collections.abc import Sequence

import pytest
from api.bodies import MAX_BODY_BYTES
from api.requests.conversations import MAX_ITEMS
from conversations.actions import Action, Insert
from conversations.deadlines import Deadline
from conversations.items import item_size
from conversations.table import Table

from local.costs import transaction_units
from local.stages import stages
from tests.builders import a_body, a_message
from tests.client import api_over

KB = 1024


class Scales(Table):
    """A table that weighs what it is to write, in bytes an item, and does not write it."""

    def transact(self, actions: Sequence[Action], deadline: Deadline) -> None:  # noqa: ARG002 (nothing is sent)
        self.sizes = [item_size(action.item) for action in actions if isinstance(action, Insert)]


def a_request(texts: list[int]) -> str:
    """A request with a message of each length, under the longest ids."""
    items = [a_message(id=f"{number:064}", text="x" * length) for number, length in enumerate(texts)]
    return json.dumps(a_body(conversationId="c" * 64, defaultTimelineItems=items), separators=(",", ":"))


def test_the_largest_request_fits_into_each_stage_s_second_with_room_for_indexes(seeded_table: str) -> None:
    scales = Scales(seeded_table, timeout_seconds=25)
    api = api_over(scales)
    assert api(raw=a_request([0] * MAX_ITEMS)).status == 200
    # Each text begins one more KB than it fills: no other ones take more.
    begun = [KB + 1 - size % KB for size in scales.sizes[1:]]
    room, beside = divmod(MAX_BODY_BYTES - len(a_request(begun)), KB)
    texts = [length + (room + number) // MAX_ITEMS * KB for number, length in enumerate(begun)]
    request = a_request(texts)
    assert len(request) == MAX_BODY_BYTES - beside

    assert api(raw=request).status == 200

    units = transaction_units(scales.sizes)
    # As samconfig.toml and docs/performance.md say it. An index of all that is written would add half of it once more.
    assert 2_200 < units < 2_400
    assert [stage for stage, given in stages().items() if units * 3 / 2 > int(given["TableMaxUnits"])] == []


@pytest.mark.parametrize(
    ("sizes", "units"), [([1], 2), ([1024], 2), ([1025], 4), ([1024, 1], 4), ([400 * 1024], 800), ([], 0)]
)
def test_a_transaction_takes_two_units_for_each_kb_that_an_item_begins(sizes: list[int], units: int) -> None:
    assert transaction_units(sizes) == units
