"""Reading on: what has come to a conversation since an item, as a client without a socket asks for it."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dynamodb.table import Table

from tests import demo
from tests.calls import open_one, send, visitor
from tests.client import Api, api_over
from tests.fakes import FakeTable
from tests.reading import CALLERS, ids, pages, timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTE: dict[str, Any] = {"visibility": "private"}
EVERY_CALLER = pytest.mark.parametrize("headers", CALLERS.values(), ids=CALLERS)


def read_on(api: Api, headers: dict[str, str], after: str, **query: str) -> tuple[list[str], bool]:
    """Return the ids of what is after an item, and whether there is more."""
    response = timeline(api, "c", headers, after=after, **query)
    assert response.status == 200, response.body
    assert response.body["nextCursor"] is None
    return ids(response.body["items"]), response.body["hasNextPage"]


@pytest.fixture
def five(api: Api) -> None:
    """Five messages and a note before the last of them."""
    open_one(api, *({"id": f"m{n}", "text": str(n)} for n in range(4)), {"id": "note", **NOTE}, {"id": "m4"})


@pytest.mark.usefixtures("five")
def test_what_is_after_an_item_comes_with_the_oldest_first(api: Api) -> None:
    assert read_on(api, visitor(), "m1") == (["m2", "m3", "m4"], False)
    assert read_on(api, CALLERS["private"], "m1") == (["m2", "m3", "note", "m4"], False)
    assert read_on(api, CALLERS["private"], "note") == (["m4"], False)


@pytest.mark.usefixtures("five")
@EVERY_CALLER
def test_it_goes_on_with_the_last_id_until_there_is_no_more(api: Api, headers: dict[str, str]) -> None:
    found, has_more, last = [], True, "m0"
    while has_more:
        page, has_more = read_on(api, headers, last, limit="2")
        found += page
        last = page[-1]

    assert found == [id_ for id_ in ("m1", "m2", "m3", "note", "m4") if id_ != "note" or headers != visitor()]
    assert read_on(api, headers, "m4") == ([], False)


@pytest.mark.usefixtures("five")
@EVERY_CALLER
@pytest.mark.parametrize("unknown", ["unknown", "C", "x" * 64])
def test_an_id_that_is_not_there_begins_with_the_oldest_item(api: Api, headers: dict[str, str], unknown: str) -> None:
    assert read_on(api, headers, unknown, limit="2") == (["m0", "m1"], True)


@pytest.mark.usefixtures("five")
def test_a_private_item_s_id_counts_as_unknown_with_a_public_key(api: Api) -> None:
    assert read_on(api, visitor(), "note") == read_on(api, visitor(), "unknown")


@pytest.mark.usefixtures("dynamodb")  # which tells what a call costs
@pytest.mark.usefixtures("five")
@EVERY_CALLER
def test_where_nothing_is_new_the_conversation_alone_is_read(
    api: Api, database: Table, headers: dict[str, str]
) -> None:
    timeline(api, "c", headers)
    before = database.usage.calls

    # The key is known by now.
    assert read_on(api, headers, "m4") == ([], False)
    assert (database.usage.calls, database.usage.capacity_units) == (1, 1.0), before


def test_in_an_empty_conversation_nothing_is_new(api: Api) -> None:
    open_one(api)

    assert read_on(api, visitor(), "m0") == ([], False)


@pytest.mark.usefixtures("five")
def test_no_id_and_both_directions_at_once_are_a_400(api: Api) -> None:
    cursor = timeline(api, "c", visitor(), limit="1").body["nextCursor"]

    assert timeline(api, "c", visitor(), after="").paths == ["after"]
    assert timeline(api, "c", visitor(), after="m1", cursor=cursor).paths == ["after"]
    assert timeline(api, "c", visitor(), after="a b").paths == ["after"]


def test_a_page_of_large_items_is_cut_after_the_oldest_ones(api: Api) -> None:
    text = "x" * 380_000
    for number in range(20):
        send_or_open(api, {"id": f"m{number:02}", "text": text})

    page, has_more = read_on(api, visitor(), "m00", limit="100")
    rest, has_even_more = read_on(api, visitor(), page[-1], limit="100")

    assert 1 < len(page) < 19
    assert has_more
    assert page + rest == [f"m{number:02}" for number in range(1, 1 + len(page) + len(rest))]
    assert has_even_more == (len(page) + len(rest) < 19)


def send_or_open(api: Api, item: dict[str, str]) -> None:
    if item["id"] == "m00":
        open_one(api, item)
    else:
        assert send(api, visitor(), **item).status == 200


class Interrupted(FakeTable):
    """A table to which others write before some of its reads."""

    def __init__(self) -> None:
        super().__init__(demo.items())
        self.others: Iterator[Callable[[], object]] = iter(())

    def query(self, *args: Any, **how: Any) -> Any:
        others, self.others = self.others, iter(())
        next(others, lambda: None)()
        try:
            return super().query(*args, **how)
        finally:
            self.others = others


WRITES = st.lists(st.lists(st.sampled_from(["message", "note", "import"]), max_size=3), min_size=8, max_size=8)


@settings(deadline=None)
@given(writes=WRITES, limit=st.integers(1, 4), is_private=st.booleans(), goes_back=st.booleans())
def test_nothing_that_comes_between_two_reads_is_missed_doubled_or_out_of_order(
    writes: list[list[str]], limit: int, is_private: bool, goes_back: bool
) -> None:
    """A page for a private key is two queries: without a bound, what comes between them tears it."""
    table = Interrupted()
    api, other = api_over(table), api_over(table)
    headers = CALLERS["private" if is_private else "public"]
    open_one(api, {"id": "first"})
    for number in range(6):
        send(api, None, id=f"b{number}", **(NOTE if number % 2 else {}))
    written = iter(range(1_000))

    def write(kinds: list[str]) -> None:
        for kind in kinds:
            fields: dict[str, Any] = {"message": {}, "note": NOTE, "import": {"createdAt": "2020-01-01T00:00:00Z"}}[
                kind
            ]
            assert send(other, None, id=f"w{next(written)}", **fields).status == 200

    table.others = iter([lambda kinds=kinds: write(kinds) for kinds in writes])  # type: ignore[misc]  # bound at once
    if goes_back:
        found = [item for page in reversed(pages(api, "c", headers, limit=str(limit))) for item in page]
    else:
        newest = timeline(api, "c", headers, limit=str(limit)).body["items"]
        found = list(newest)
        has_more = True
        while has_more:
            response = timeline(api, "c", headers, limit=str(limit), after=found[-1]["id"]).body
            found += response["items"]
            has_more = response["hasNextPage"] or bool(response["items"])
    table.others = iter(())
    everything = [item for page in reversed(pages(api, "c", headers, limit="100")) for item in page]

    read = ids(found)
    assert len(read) == len(set(read))
    assert read == [id_ for id_ in ids(everything) if id_ in set(read)]
    imports = {item["id"] for item in everything if item["createdAt"] < "2021"}
    if goes_back:
        assert {"first", *(f"b{n}" for n in range(6) if is_private or n % 2 == 0)} <= set(read)
    else:
        # All that is not dated back has come, from the first page on.
        newer = ids(everything)[ids(everything).index(read[0]) :]
        assert set(newer) - imports <= set(read)
