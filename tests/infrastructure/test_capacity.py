"""What each stage's table may take in a second, against what one request can ask of it."""

import json
from collections.abc import Sequence

from api.http.bodies import MAX_BODY_BYTES
from api.http.requests.conversations import MAX_ITEMS
from support.deadlines import Deadline
from support.dynamodb.actions import Action, Insert
from support.dynamodb.items import Item, item_size, marshal
from support.dynamodb.table import Table
from support.values.timeline_item import PREVIEW_CHARACTERS

from local.stages import stages
from tests.builders import a_body, a_message
from tests.client import api_over
from tests.units import Write, write_units

KB = 1024


class Scales(Table):
    """A table that keeps what it is to write, and does not write it."""

    written: Sequence[Item] = ()

    def transact(self, actions: Sequence[Action], deadline: Deadline, *, raises_conflicts: bool = False) -> None:  # noqa: ARG002 (nothing is sent)
        self.written = [action.item for action in actions if isinstance(action, Insert)]


def a_request(lengths: list[int]) -> str:
    """A request with a message for each length: the longest id, the preview with the most bytes, and so many more."""
    items = [
        a_message(id=f"{number:064}", text="\U0001f4e6" * PREVIEW_CHARACTERS + "x" * length)
        for number, length in enumerate(lengths)
    ]
    body = a_body(conversationId="c" * 64, defaultTimelineItems=items)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def test_the_largest_request_fits_into_each_stage_s_second(seeded_table: str) -> None:
    scales = Scales(seeded_table, timeout_seconds=25)
    api = api_over(scales)
    assert api(raw=a_request([0] * MAX_ITEMS)).status == 200
    # Each text begins one more KB than it fills: no other ones take more.
    begun = [(1 - item_size(item)) % KB for item in scales.written[1:]]
    room, beside = divmod(MAX_BODY_BYTES - len(a_request(begun).encode()), KB)
    lengths = [length + (room + number) // MAX_ITEMS * KB for number, length in enumerate(begun)]
    request = a_request(lengths)
    assert len(request.encode()) == MAX_BODY_BYTES - beside

    assert api(raw=request).status == 200

    units = write_units([Write(None, marshal(item)) for item in scales.written], is_transaction=True)
    # As samconfig.toml and docs/performance.md say it.
    assert 4_700 < units < 4_900
    assert [stage for stage, given in stages().items() if units > int(given["TableMaxUnits"])] == []
