"""Faults of the network and of DynamoDB, at each call of the function: once, and for as long as a request lasts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import pytest
from api.app import create_handler
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from tests.builders import SETTINGS, WEBSITE, Context, a_body, a_message, an_event
from tests.client import Stored
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.conftest import Ask, Clock
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Fault, Proxy, Response, as_dynamodb
from tests.operators import operators_over
from tests.samples import cuts, sample


@dataclass(frozen=True)
class Moment:
    """A call of the function to DynamoDB: the n-th of its operation in a request that has this past."""

    operation: str
    before: list[dict[str, Any]]
    request: list[dict[str, Any]]
    nth: int = 1


ONE, TWO = a_message("one", id="one"), a_message("two", id="two")
FIRST = a_message("first", id="first", createdAt="2020-01-01T00:00:00Z")

MOMENTS = {
    "key lookup": Moment("GetItem", [], [ONE, TWO]),
    "creation": Moment("TransactWriteItems", [], [ONE, TWO]),
    "replay": Moment("TransactWriteItems", [ONE, TWO], [ONE, TWO]),
    "read of a replay": Moment("BatchGetItem", [FIRST, ONE], [FIRST]),
    "append": Moment("TransactWriteItems", [ONE], [ONE, TWO], nth=2),
    "read after an append": Moment("BatchGetItem", [ONE, TWO], [ONE, FIRST]),
}

EVERYWHERE: dict[str, Fault] = {
    "silence before": faults.silence_before,
    "silence after": faults.silence_after,
    "reset before": faults.reset_before,
    "reset after": faults.reset_after,
    "half an answer": faults.half_an_answer,
    "garbled answer": faults.garbled_answer,
    "half the headers": faults.cut_at(100),
    "checksum without a value": faults.no_checksum,
    "200 of somebody else": faults.says(Response(200, {"Content-Type": "text/html"}, faults.HTML)),
    "200 that says nothing": faults.says(as_dynamodb(200, b"{}")),
    "403 of somebody else": faults.says(Response(403, {"Content-Type": "text/html"}, faults.HTML)),
    "500": faults.error(500, "InternalServerError"),
    "503": faults.error(503, "ServiceUnavailable"),
    "503 of a load balancer": faults.html_503,
    **{
        code: faults.error(400, code)
        for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")
    },
}
TRANSACTIONS: dict[str, Fault] = {
    "TransactionInProgressException": faults.error(400, "TransactionInProgressException"),
    "conflict": faults.cancelled("TransactionConflict"),
    "conflict of an item": faults.cancelled("None", "TransactionConflict"),
    "conflict beside a failed condition": faults.cancelled("TransactionConflict", "ConditionalCheckFailed"),
    "throttled beside a failed condition": faults.cancelled("ThrottlingError", "ConditionalCheckFailed"),
    "throttled transaction": faults.cancelled("ThrottlingError", "ProvisionedThroughputExceeded"),
}
#: Somebody must act: the account's access, or the table, is gone.
OUTAGES = ("AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException")
OUTAGES_AT = sample(dict.fromkeys(MOMENTS, OUTAGES), of_each=1)
DEFECTS = ("ValidationException", "SerializationException")
DEFECTS_OF_TRANSACTIONS: dict[str, Fault] = {
    "IdempotentParameterMismatchException": faults.error(400, "IdempotentParameterMismatchException"),
    "wrong beside a failed condition": faults.cancelled("ValidationError", "ConditionalCheckFailed"),
    "wrong": faults.cancelled("ValidationError"),
}


def at(moments: dict[str, Moment], general: dict[str, Fault], of_transactions: dict[str, Fault]) -> list[Any]:
    """Faults at moments at which they can be."""
    product = {
        when: {
            **general,
            **(of_transactions if moment.operation == "TransactWriteItems" else {}),
            **({"nothing processed": faults.nothing_processed} if moment.operation == "BatchGetItem" else {}),
        }
        for when, moment in moments.items()
    }
    return [
        pytest.param(moments[when], product[when][what], id=f"{when}-{what}")
        for when, chosen in sample({when: list(of_moment) for when, of_moment in product.items()}).items()
        for what in chosen
    ]


@pytest.fixture
def check(stored: Stored, name: str) -> Callable[[Moment], None]:
    """Check the whole table, and that this conversation holds each message once."""

    def table_is_right(moment: Moment) -> None:
        timeline = timelines(stored())[f"CONVERSATION#{WEBSITE}#test#{name}"]
        expected = {item["id"]: item["text"] for item in [*moment.before, *moment.request]}
        assert {item.id: item.content["text"] for item in timeline} == expected
        assert len(timeline) == len(expected)

    return table_is_right


@pytest.fixture
def body(ask: Ask, name: str) -> Callable[[Moment], dict[str, object]]:
    """Make the past of a moment, and return the request in which it comes."""

    def prepare(moment: Moment) -> dict[str, object]:
        if moment.before:
            assert ask(a_body(conversationId=name, defaultTimelineItems=moment.before)).status == 200
        return a_body(conversationId=name, defaultTimelineItems=moment.request)

    return prepare


Prepare = Callable[[Moment], dict[str, object]]
Check = Callable[[Moment], None]
PASSING = {**EVERYWHERE, "no connection": faults.refused_for_a_moment}
LASTING = {**EVERYWHERE, "no connection": faults.refused}


@pytest.mark.parametrize(
    ("moment", "fault"), at(MOMENTS, PASSING, {**TRANSACTIONS, "half in conflict": faults.half_in_conflict})
)
def test_a_fault_that_passes_is_not_seen(
    ask: Ask, proxy: Proxy, body: Prepare, check: Check, moment: Moment, fault: Fault
) -> None:
    request = body(moment)
    proxy.inject(fault, moment.operation, moment.nth)

    response = ask(request, timeout_seconds=5)

    assert response.status == 200, response.body
    assert [item["id"] for item in response.items] == [item["id"] for item in moment.request]
    # A write whose answer was lost is still this call's own.
    assert ("idempotent-replayed" in response.headers) == (moment in (MOMENTS["replay"], MOMENTS["read of a replay"]))
    check(moment)
    proxy.lift()
    again = ask(request)
    assert (again.status, again.items, again.headers["idempotent-replayed"]) == (200, response.items, "true")
    assert again.conversation == response.conversation
    check(moment)


@pytest.mark.parametrize(("moment", "fault"), at(MOMENTS, LASTING, TRANSACTIONS))
def test_a_fault_that_lasts_is_a_503_and_the_retry_finds_or_writes_all(
    ask: Ask, clock: Clock, proxy: Proxy, body: Prepare, check: Check, stored: Stored, moment: Moment, fault: Fault
) -> None:
    request = body(moment)
    proxy.inject(fault, moment.operation, moment.nth, times=inf)

    started = clock.monotonic()
    response = ask(request, timeout_seconds=1)
    seconds = clock.monotonic() - started

    assert (response.status, response.code) == (503, "UNAVAILABLE"), response.body
    assert int(response.headers["retry-after"]) >= 1
    assert seconds < 1
    assert len(proxy.calls) < 30
    timelines(stored())
    proxy.lift()
    assert ask(request).status == 200
    check(moment)


#: Bytes of an answer's status line and headers, after which it may end.
HEADERS = range(9, 230)


@pytest.mark.parametrize("when", MOMENTS)
def test_an_answer_that_ends_within_its_headers_is_not_seen(
    ask: Ask, proxy: Proxy, stored: Stored, name: str, when: str
) -> None:
    moment = MOMENTS[when]
    for cut in cuts(when, HEADERS):
        conversation_id = f"{name}-{cut}"
        if moment.before:
            ask(a_body(conversationId=conversation_id, defaultTimelineItems=moment.before))
        proxy.inject(faults.cut_at(cut), moment.operation, moment.nth)

        response = ask(a_body(conversationId=conversation_id, defaultTimelineItems=moment.request))

        assert response.status == 200, (cut, response.body)
        assert [item["id"] for item in response.items] == [item["id"] for item in moment.request]
        assert proxy.calls.count(moment.operation) == moment.nth + 1
        proxy.lift()
    timelines(stored())


def test_operators_see_no_answer_that_ends_within_its_headers(proxy: Proxy, tables: dict[int, Table]) -> None:
    operate = operators_over(tables[10])
    website = operate("get_website", websiteId=WEBSITE)
    keys = operate("list_keys", websiteId=WEBSITE)
    for cut in cuts("operators", HEADERS):
        for operation in ("GetItem", "Query"):
            proxy.inject(faults.cut_at(cut), operation)
            assert operate("get_website", websiteId=WEBSITE) == website
            assert operate("list_keys", websiteId=WEBSITE) == keys
            proxy.lift()


@pytest.mark.parametrize(
    "fault", [faults.cut_at(17), faults.cut_at(100), faults.no_checksum, EVERYWHERE["200 that says nothing"]]
)
@pytest.mark.usefixtures("clock")
def test_half_an_answer_makes_no_key_unknown(proxy: Proxy, tables: dict[int, Table], name: str, fault: Fault) -> None:
    """A key that is unknown is remembered as such for a few seconds."""
    table = tables[1]
    handler = create_handler(table, KeyRing(table, cache_seconds=60), RateLimiter(table, 0), SETTINGS)
    event = an_event(a_body(conversationId=name))
    proxy.inject(fault, "GetItem", times=inf)

    assert handler(event, Context(remaining_ms=1_000))["statusCode"] == 503
    proxy.lift()
    assert handler(event, Context())["statusCode"] == 200


@pytest.mark.parametrize(
    ("moment", "code"), [(MOMENTS[when], code) for when, codes in OUTAGES_AT.items() for code in codes]
)
def test_an_outage_that_somebody_must_end_is_a_503_with_an_error_in_the_log(
    ask: Ask,
    proxy: Proxy,
    body: Prepare,
    check: Check,
    caplog: pytest.LogCaptureFixture,
    moment: Moment,
    code: str,
) -> None:
    request = body(moment)
    proxy.inject(faults.error(400, code), moment.operation, moment.nth, times=inf)
    caplog.clear()

    response = ask(request)

    assert (response.status, response.code) == (503, "UNAVAILABLE")
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [vars(record)["database_error"] for record in errors] == [code]
    proxy.lift()
    assert ask(request).status == 200
    check(moment)


@pytest.mark.parametrize(
    ("moment", "fault"),
    at(
        {when: moment for when, moment in MOMENTS.items() if moment.operation != "BatchGetItem"},
        {code: faults.error(400, code) for code in DEFECTS},
        DEFECTS_OF_TRANSACTIONS,
    ),
)
def test_a_request_that_dynamodb_finds_wrong_is_a_500(
    ask: Ask, proxy: Proxy, body: Prepare, check: Check, moment: Moment, fault: Fault
) -> None:
    request = body(moment)
    proxy.inject(fault, moment.operation, moment.nth)

    response = ask(request)

    assert (response.status, response.code) == (500, "INTERNAL_ERROR")
    assert "injected" not in json.dumps(response.body)
    proxy.lift()
    assert ask(request).status == 200
    check(moment)


@pytest.mark.parametrize("fault", [faults.without_items, faults.first_reason_alone, faults.last_reason_alone])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_what_dynamodb_does_not_tell_is_read(
    ask: Ask, proxy: Proxy, body: Prepare, check: Check, moment: Moment, fault: Fault
) -> None:
    request = body(moment)
    proxy.inject(fault, times=inf)

    response = ask(request)

    assert response.status == 200, response.body
    assert [item["id"] for item in response.items] == [item["id"] for item in moment.request]
    check(moment)
