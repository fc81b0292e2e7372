"""Reading while calls of DynamoDB fail, and right after others have written: the right answer, or a 503."""

from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import timelines
from api.routes.conversations import GET, LIST

from tests.builders import VISITOR, a_body, a_message, an_event, private, public
from tests.calls import visitor
from tests.client import Stored
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.callers import Caller
from tests.integration.proofs.conftest import Ask, Clock
from tests.integration.proofs.proxy import Fault, Proxy, meanwhile
from tests.integration.proofs.test_faults import EVERYWHERE, HEADERS, OUTAGES
from tests.samples import cuts, sample
from tests.stored import let_expire


@dataclass(frozen=True)
class Moment:
    """A call of a route to DynamoDB: the n-th of its operation."""

    route: AnyRoute
    operation: str
    nth: int = 1


MOMENTS = {
    "key lookup": Moment(timelines.GET, "GetItem"),
    "conversation": Moment(GET, "BatchGetItem"),
    "its last message": Moment(GET, "BatchGetItem", nth=2),
    "conversation of a page": Moment(timelines.GET, "BatchGetItem"),
    "page": Moment(timelines.GET, "Query"),
    "private page": Moment(timelines.GET, "Query", nth=2),
    "large items of a page": Moment(timelines.GET, "BatchGetItem", nth=2),
    "index of a visitor": Moment(LIST, "Query"),
    "conversations of a list": Moment(LIST, "BatchGetItem"),
    "last messages of a list": Moment(LIST, "BatchGetItem", nth=2),
}
OF_OPERATIONS: dict[str, dict[str, Fault]] = {
    "BatchGetItem": {"nothing processed": faults.nothing_processed},
    "Query": {},
    "GetItem": {},
}
PASSING_OF_OPERATIONS: dict[str, dict[str, Fault]] = {
    **OF_OPERATIONS,
    "BatchGetItem": {**OF_OPERATIONS["BatchGetItem"], "half processed": faults.half_processed},
    "Query": {"one at a time": faults.one_at_a_time},
}


def at(general: dict[str, Fault], of_operations: dict[str, dict[str, Fault]]) -> list[Any]:
    """Faults at moments at which they can be."""
    product = {when: {**general, **of_operations[moment.operation]} for when, moment in MOMENTS.items()}
    return [
        pytest.param(MOMENTS[when], product[when][what], id=f"{when}-{what}")
        for when, chosen in sample({when: list(of_moment) for when, of_moment in product.items()}).items()
        for what in chosen
    ]


@pytest.fixture
def past(ask: Ask, proxy: Proxy) -> dict[str, str]:
    """Write conversations of a visitor with public, private and large items; give the query of a page of one."""
    for name in ("reading-1", "reading-2", "reading-3"):
        items = [
            a_message(f"{n}" * (5_000 if n == 6 else 1), id=f"{n}", visibility="private" if n % 2 else "public")
            for n in range(9)
        ]
        assert ask(a_body(conversationId=name, defaultTimelineItems=items)).status == 200
    headers = {**private(), "x-visitor-id": VISITOR}
    newest = ask(headers=headers, route=timelines.GET, query={"limit": "1"}, conversationId="reading-1")
    proxy.lift()
    return {"limit": "4", "cursor": newest.body["nextCursor"]}


@pytest.fixture
def request_of(past: dict[str, str]) -> Any:
    """Give the request in which a moment comes."""

    def make(moment: Moment) -> dict[str, Any]:
        query = past if moment.route is timelines.GET else {}
        headers = {**private(), "x-visitor-id": VISITOR}
        return {"headers": headers, "route": moment.route, "query": query, "conversationId": "reading-1"}

    return make


@pytest.mark.parametrize(
    ("moment", "fault"), at({**EVERYWHERE, "no connection": faults.refused_for_a_moment}, PASSING_OF_OPERATIONS)
)
def test_a_fault_that_passes_is_not_seen(ask: Ask, proxy: Proxy, request_of: Any, moment: Moment, fault: Fault) -> None:
    request = request_of(moment)
    right = ask(**request)
    assert right.status == 200
    assert proxy.calls.count(moment.operation) >= moment.nth
    proxy.inject(fault, moment.operation, moment.nth)

    response = ask(**request, timeout_seconds=5)

    assert response == right


@pytest.mark.parametrize(("moment", "fault"), at({**EVERYWHERE, "no connection": faults.refused}, OF_OPERATIONS))
def test_a_fault_that_lasts_is_a_503(
    ask: Ask, clock: Clock, proxy: Proxy, request_of: Any, moment: Moment, fault: Fault
) -> None:
    request = request_of(moment)
    right = ask(**request)
    proxy.lift()
    proxy.inject(fault, moment.operation, moment.nth, times=inf)

    started = clock.monotonic()
    response = ask(**request, timeout_seconds=1)

    assert (response.status, response.code) == (503, "UNAVAILABLE"), response.body
    assert int(response.headers["retry-after"]) >= 1
    assert clock.monotonic() - started < 1
    assert len(proxy.calls) < 30
    proxy.lift()
    assert ask(**request) == right


@pytest.mark.parametrize("when", MOMENTS)
def test_an_answer_that_is_cut_is_not_seen(ask: Ask, proxy: Proxy, request_of: Any, when: str) -> None:
    """Within its headers, or at any place of its body."""
    moment = MOMENTS[when]
    request = request_of(moment)
    right = ask(**request)

    for cut in (*cuts(when, HEADERS), *cuts(when, range(-230, -1)), -1):
        proxy.lift()
        proxy.inject(faults.cut_at(cut), moment.operation, moment.nth)
        assert ask(**request) == right, cut
        assert proxy.calls.count(moment.operation) > moment.nth, cut


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_what_dynamodb_reads_by_and_by_is_read_to_its_end(
    ask: Ask, proxy: Proxy, request_of: Any, moment: Moment
) -> None:
    request = request_of(moment)
    right = ask(**request)
    by_and_by: dict[str, Fault] = {"Query": faults.one_at_a_time, "BatchGetItem": faults.a_megabyte_at_once}
    proxy.faults = lambda operation: by_and_by.get(operation, faults.pass_on)

    assert ask(**request) == right


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (MOMENTS[when], code)
        for when, codes in sample(dict.fromkeys(MOMENTS, OUTAGES), of_each=1).items()
        for code in codes
    ],
)
def test_an_outage_that_somebody_must_end_is_a_503(
    ask: Ask, proxy: Proxy, request_of: Any, moment: Moment, code: str
) -> None:
    request = request_of(moment)
    proxy.inject(faults.error(400, code), moment.operation, moment.nth, times=inf)

    assert ask(**request).code == "UNAVAILABLE"
    assert proxy.calls.count(moment.operation) == moment.nth


#: Far from now: DynamoDB itself deletes what has expired by its own clock.
END = 4_000_000_000


@pytest.mark.parametrize("seconds_left", [0, -1], ids=["in its last second", "after it"])
@pytest.mark.parametrize(
    "moment", [moment for moment in MOMENTS.values() if moment.operation != "GetItem" and moment.route is not LIST]
)
def test_a_conversation_that_expires_while_it_is_read_is_there_as_a_whole_or_not_at_all(
    ask: Ask,
    proxy: Proxy,
    dynamodb: str,
    seeded_table: str,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    moment: Moment,
    seconds_left: int,
) -> None:
    def let_time_pass(to: float) -> None:
        monkeypatch.setattr("support.dynamodb.table.time.time", lambda: to)

    items = [a_message("x" * n * 2_000, id=f"{n}", visibility="private" if n % 2 else "public") for n in range(4)]
    assert ask(a_body(conversationId=name, defaultTimelineItems=items)).status == 200
    ours = [item for item in stored() if str(item["PK"]).endswith(f"#{name}")]
    let_expire(dynamodb, seeded_table, ours, after=END)
    request: dict[str, Any] = {"headers": private(), "route": moment.route, "conversationId": name}
    let_time_pass(END - 1)
    right = ask(**request)
    assert right.status == 200
    proxy.lift()
    proxy.inject(meanwhile(lambda: let_time_pass(END - seconds_left)), moment.operation, moment.nth)

    response = ask(**request)

    assert response == right if seconds_left == 0 else response.code == "HTTP_404"


WRITES = 60
#: After so many the next conversation begins.
OF_ONE = 30


def test_what_was_answered_with_200_is_in_the_next_read_of_another_instance(
    dynamodb: str, seeded_table: str, name: str, soak: int
) -> None:
    with ExitStack() as stack:
        writer, reader = (Caller(dynamodb, seeded_table, timeout=60) for _ in range(2))
        for instance in (writer, reader):
            stack.callback(instance.kill)
            instance.wait_until_ready()
        for number in range(WRITES * soak):
            body = a_body(conversationId=f"{name}-{number // OF_ONE}", defaultTimelineItems=[a_message(id=f"{number}")])
            writer.send(an_event(body, private() if number % 2 else public()))
            written = writer.response()
            assert written is not None
            assert written.status == 200

            event = an_event(
                headers=visitor() if number % 3 else private(),
                route=timelines.GET,
                query={"limit": "2"},
                conversationId=f"{name}-{number // OF_ONE}",
            )
            reader.send(event)
            read = reader.response()

            assert read is not None
            expected = [f"{number - 1}", f"{number}"] if number % OF_ONE else [f"{number}"]
            assert [item["id"] for item in read.body["items"]] == expected
