"""The limit on public keys, over a table that several execution environments share."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest
from api.app import create_handler
from support.aws.client import NoResponse
from support.deadlines import Deadline, unavailable
from support.dynamodb.actions import Change, Insert
from support.dynamodb.items import Item
from support.dynamodb.table import Table
from support.errors import Code
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values.visitor import GATE_SK, Gate, visitor_row

from local.template import latest
from tests.builders import (
    API_CODES,
    LIVE_PUBLIC_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    PUBLIC_KEY,
    SETTINGS,
    WEBSITE,
    Context,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.client import NOW, Emitted, Response, Stored, a_limiter
from tests.scripted import before
from tests.stored import Storage

Call = Callable[..., Response]
Counters = Callable[[], list[Item]]

ADDRESS = "203.0.113.7"

#: Longer than any call takes on the slowest machine.
_HANGING_SECONDS = 120

RATE_LIMIT, POLICY = "ratelimit", "ratelimit-policy"


def an_environment(table: Table, limiter: RateLimiter) -> Call:
    """Start an execution environment; `call(body, headers, source=...)` is a widget's request unless told otherwise."""
    handler: Any = create_handler(table, KeyRing(table, 60), limiter, SETTINGS)

    def call(
        body: object = None, headers: dict[str, str] | None = None, *, source: object = ADDRESS, **fields: Any
    ) -> Response:
        event = an_event(a_body() if body is None else body, public() if headers is None else headers, **fields)
        event["requestContext"]["http"]["sourceIp"] = source
        if source is ...:
            del event["requestContext"]["http"]["sourceIp"]
        return Response.of(handler(event, Context()))

    return call


@pytest.fixture
def call(database: Table) -> Call:
    """Make requests to one execution environment that lets an address make three in a minute."""
    return an_environment(database, a_limiter(database))


@pytest.fixture
def counters(storage: Storage) -> Counters:
    """Read all counters."""
    return lambda: storage.scan("RATE#")


def test_an_address_over_its_limit_is_refused(call: Call, stored: Stored) -> None:
    assert [call().status for _ in range(5)] == [200, 200, 200, 429, 429]
    assert len(stored()) == 3


def test_a_refusal_says_when_to_come_back(call: Call) -> None:
    for _ in range(3):
        call()

    response = call(request_id="request-1")

    message = "Too many requests from this address. Please wait."
    assert response.body == {"error": message, "message": message, "code": "RATE_LIMITED", "requestId": "request-1"}
    assert response.headers["retry-after"] == "50"
    assert response.headers["cache-control"] == "no-store"


def test_every_answer_says_what_is_left(call: Call) -> None:
    """As IETF draft-ietf-httpapi-ratelimit-headers-10 writes it."""
    responses = [call(), call({}), call(), call(), call()]

    assert [response.status for response in responses] == [200, 400, 200, 429, 429]
    assert [response.headers[RATE_LIMIT] for response in responses] == [
        f'"address";r={left};t=50' for left in (2, 1, 0, 0, 0)
    ]
    assert {response.headers[POLICY] for response in responses} == {'"address";q=3;w=60'}


def test_a_browser_can_read_the_limit() -> None:
    cors = latest().cors()

    assert cors is not None
    assert {RATE_LIMIT, POLICY, "retry-after"} <= set(cors.expose_headers)


def test_there_is_no_limit_unless_asked_for(database: Table, counters: Counters) -> None:
    call = an_environment(database, a_limiter(database, per_minute=0))
    responses = [call() for _ in range(10)]

    assert {response.status for response in responses} == {200}
    assert not {RATE_LIMIT, POLICY} & {name for response in responses for name in response.headers}
    assert counters() == []


def test_private_keys_are_never_limited(call: Call, counters: Counters) -> None:
    responses = [call(headers=private()) for _ in range(10)]

    assert {response.status for response in responses} == {200}
    assert RATE_LIMIT not in responses[-1].headers
    assert counters() == []


@pytest.mark.parametrize(
    "other",
    [
        {"source": "203.0.113.8"},
        {"source": "2001:db8::1"},
        {"headers": public(LIVE_PUBLIC_KEY)},
        {"headers": public(OTHER_PUBLIC_KEY, "https://other.example.net")},
    ],
    ids=["address", "IPv6", "mode", "website"],
)
def test_another_address_website_or_mode_has_its_own_limit(call: Call, other: dict[str, Any]) -> None:
    for _ in range(4):
        call()

    assert call(**other).status == 200
    assert call().status == 429


def test_an_address_can_not_be_forged(call: Call) -> None:
    responses = [call(headers={**public(), "x-forwarded-for": f"198.51.100.{n}"}) for n in range(4)]

    assert responses[-1].status == 429


def test_who_calls_through_a_trusted_proxy_has_a_limit_of_their_own(database: Table) -> None:
    call = an_environment(database, a_limiter(database, trusted_proxies=["10.0.0.0/8"]))

    def behind_the_proxy(address: str) -> int:
        return call(source="10.0.0.1", headers={**public(), "X-Forwarded-For": address}).status

    assert [behind_the_proxy("198.51.100.1") for _ in range(4)] == [200, 200, 200, 429]
    assert behind_the_proxy("198.51.100.2") == 200


def test_one_ipv6_host_has_one_limit_for_all_its_addresses(call: Call) -> None:
    responses = [call(source=f"2001:db8:1:2::{n}") for n in range(4)]

    assert responses[-1].status == 429


def test_environments_share_a_limit_and_pass_it_by_one_call_each_at_most(storage: Storage, counters: Counters) -> None:
    tables = [storage.table() for _ in range(2)]
    environments = [an_environment(table, a_limiter(table, per_minute=6)) for table in tables]

    let_through = sum(call().status == 200 for _ in range(6) for call in environments)

    assert 6 <= let_through <= 6 + 1
    assert counters()[0]["count"] == let_through


@pytest.mark.usefixtures("dynamodb")  # a race
def test_calls_at_once_are_all_counted(storage: Storage) -> None:
    environments = [storage.table() for _ in range(4)]

    def count_five(table: Table) -> list[int]:
        return [table.increment((f"RATE#{WEBSITE}#test#{ADDRESS}", "RATE#1"), NOW) for _ in range(5)]

    with ThreadPoolExecutor(len(environments)) as pool:
        counts = [count for counts in pool.map(count_five, environments) for count in counts]

    assert sorted(counts) == list(range(1, 21))


#: What is not known of a caller yet, whose limit it would be.
NOBODY_S: dict[str, dict[str, Any]] = {
    "API_KEY_MISSING": {"headers": {}},
    "INVALID_API_KEY": {"headers": public(PUBLIC_KEY[:-1])},
    "ORIGIN_REQUIRED": {"headers": {"x-public-key": PUBLIC_KEY}},
    "ORIGIN_NOT_ALLOWED": {"headers": public(origin="https://evil.example")},
}

BLOCKED, NEVER = "01JDEM0V1S1T0R000000000002", "2026-01-01T00:00:00.000Z"
_PRIVATE_ITEM = {"visibility": "private"}

#: All else that a call may come to.
COUNTED: dict[str, dict[str, Any]] = {
    "UNSUPPORTED_MEDIA_TYPE": {"headers": {**public(), "content-type": "text/plain"}},
    "INVALID_JSON": {"raw": "{"},
    "PAYLOAD_TOO_LARGE": {"raw": " " * 1_048_577},
    "VISITOR_ID_REQUIRED": {"body": {}},
    "VALIDATION_FAILED": {"body": {"visitorId": 1}},
    "PRIVATE_KEY_REQUIRED": {"body": a_body(defaultTimelineItems=[_PRIVATE_ITEM])},
    "CONVERSATION_ID_CONFLICT": {"body": a_body(conversationId="another-s")},
    "CONVERSATION_CLOSED": {"body": a_body(conversationId="closed", defaultTimelineItems=[a_message()])},
    "IDEMPOTENCY_KEY_REUSED": {"headers": {**public(), "idempotency-key": "used"}, "body": a_body(channel="other")},
    "VISITOR_BLOCKED": {"body": a_body(visitorId=BLOCKED)},
    "UNAVAILABLE": {},
    "INTERNAL_ERROR": {},
}


@pytest.mark.parametrize("code", NOBODY_S)
def test_a_call_without_a_good_key_and_origin_is_not_counted(call: Call, counters: Counters, code: str) -> None:
    responses = [call(**NOBODY_S[code]) for _ in range(4)]

    assert {response.code for response in responses} == {code}
    assert not {RATE_LIMIT, POLICY} & responses[-1].headers.keys()
    assert counters() == []


def test_every_way_to_be_refused_is_counted_or_nobody_s() -> None:
    of_private_keys = {Code.ITEM_ID_CONFLICT, Code.STATUS_CONFLICT}
    # Of routes that count as this one does, by their own tests.
    of_others = {
        *(Code.HTTP_404, Code.CONVERSATION_NOT_RESOLVED),
        *(Code.INVALID_IDENTITY_TOKEN, Code.CONTACT_VERIFIED),
    }
    assert NOBODY_S.keys() | COUNTED.keys() == API_CODES - {Code.RATE_LIMITED} - of_private_keys - of_others


@pytest.mark.parametrize("code", COUNTED)
def test_every_other_call_counts_whatever_it_comes_to(
    call: Call, counters: Counters, database: Table, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    call(a_body(conversationId="another-s", visitorId=OTHER_VISITOR), private())
    call(a_body(conversationId="closed"), private())
    closed = Change((f"CONVERSATION#{WEBSITE}#test#closed", "CONVERSATION"), {"status": "resolved"})
    database.transact([closed], Deadline.after(60))
    gate = Gate(NEVER, NEVER, blocked_at=NEVER).to_item(visitor_row(WEBSITE, "test", BLOCKED, GATE_SK))
    database.transact([Insert(gate)], Deadline.after(60))
    call(a_body(), {**public(), "idempotency-key": "used"}, source="203.0.113.8")
    if code in {"UNAVAILABLE", "INTERNAL_ERROR"}:
        error = unavailable() if code == "UNAVAILABLE" else RuntimeError()
        monkeypatch.setattr("api.routes.conversations.open_conversation", Mock(side_effect=error))

    responses = [call(**COUNTED[code]) for _ in range(3)]

    assert {response.code for response in responses} == {code}
    assert [response.headers[RATE_LIMIT] for response in responses] == [
        f'"address";r={left};t=50' for left in (2, 1, 0)
    ]
    assert {response.headers[POLICY] for response in responses} == {'"address";q=3;w=60'}
    assert [counter["count"] for counter in counters() if str(counter["PK"]).endswith(ADDRESS)] == [3]
    assert call(**COUNTED[code]).code == call().code == "RATE_LIMITED"


def test_the_line_tells_the_wait_for_the_counter(call: Call, emitted: Emitted) -> None:
    call()
    call(headers=private())

    counted, other = (line["milliseconds"] for line in emitted() if line.get("message") == "request")
    assert "counter" in counted
    assert "counter" not in other


@pytest.mark.parametrize("source", ["", "unknown", None, 1, ["203.0.113.7"], ...])
def test_what_is_no_address_has_no_limit(database: Table, counters: Counters, emitted: Emitted, source: object) -> None:
    call = an_environment(database, a_limiter(database, per_minute=1))

    responses = [call(source=source) for _ in range(3)]
    assert [response.status for response in responses] == [200] * 3
    assert not {RATE_LIMIT, POLICY} & responses[-1].headers.keys()
    assert [document["RateLimitFailed"] for document in emitted() if "_aws" in document] == [[1]] * 3
    assert counters() == []

    assert call(headers=private(), source=source).status == 200
    assert not [document for document in emitted() if "RateLimitFailed" in document]


def test_a_counter_is_one_small_item_that_expires(call: Call, counters: Counters) -> None:
    call()
    call()

    window = NOW // 60
    assert counters() == [
        {"PK": f"RATE#{WEBSITE}#test#{ADDRESS}", "SK": f"RATE#{window}", "count": 2, "ttl": (window + 2) * 60}
    ]


def test_the_table_forgets_what_has_expired() -> None:
    resources = latest()._body["Resources"]

    assert resources["Table"]["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


# A counter that fails -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("dynamodb")
def test_a_counter_that_is_refused_lets_calls_through_and_is_measured(database: Table, emitted: Emitted) -> None:
    call = an_environment(database, a_limiter(database, per_minute=1))
    _before_counting(database, _time_out)

    responses = [call() for _ in range(3)]

    assert [response.status for response in responses] == [200] * 3
    assert [response.headers[RATE_LIMIT] for response in responses] == ['"address";r=1;t=50'] * 3
    assert [document["RateLimitFailed"] for document in emitted() if "_aws" in document] == [[1]] * 3


@pytest.mark.usefixtures("dynamodb")
def test_a_counter_that_hangs_holds_no_call_up(database: Table, emitted: Emitted) -> None:
    limiter = a_limiter(database, patience=0.01)
    call = an_environment(database, limiter)
    release = threading.Event()
    # Were a call to wait for it, it would be counted in the end.
    _before_counting(database, lambda: release.wait(_HANGING_SECONDS))

    response = call()
    release.set()
    limiter._thread.shutdown()  # the count ends within this test, and is in no other's table

    assert response.status == 200
    assert [document["RateLimitFailed"] for document in emitted() if "_aws" in document] == [[1]]


@pytest.mark.usefixtures("dynamodb")
def test_a_counter_that_hangs_leaves_the_next_calls_alone(
    database: Table, emitted: Emitted, counters: Counters, stored: Stored
) -> None:
    limiter = a_limiter(database, patience=0.01)
    call = an_environment(database, limiter)
    hangs, release = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        release.wait(_HANGING_SECONDS)

    _before_counting(database, hang)
    with limiter.counting((f"RATE#{WEBSITE}#test#{ADDRESS}", f"RATE#{NOW // 60}")):
        hangs.wait()

    responses = [call(a_body(conversationId="c")) for _ in range(2)]
    release.set()
    limiter._thread.shutdown()

    assert [response.status for response in responses] == [200, 200]
    assert ["idempotent-replayed" in response.headers for response in responses] == [False, True]
    lines = [line for line in emitted() if line.get("message") == "request"]
    assert [line["database_calls"] for line in lines] == [2, 1]
    assert not [line for line in lines if "database_faults" in line]
    assert len(stored()) == 1
    # The one that hung; those that came while it did were given up.
    assert counters()[0]["count"] == 1


def _before_counting(table: Table, do: Callable[[], object]) -> None:
    before(table, "UpdateItem", do)


def _time_out() -> None:
    raise NoResponse("ReadTimeoutError")
