"""Who may connect, and as whom; refusals come before the upgrade, by status."""

import json
import time
from collections.abc import Mapping
from itertools import count

import pytest
from support.deadlines import Deadline
from support.dynamodb.table import Table

from tests.builders import (
    EXPIRED_KEY,
    LIVE_PUBLIC_KEY,
    ORGANIZATION,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REVOKED_KEY,
    UNKNOWN_KEY,
    VISITOR,
    WEBSITE,
    private,
)
from tests.client import Emitted
from tests.live import BROWSER, Live, a_farewell, a_handshake, as_visitor
from tests.stored import Storage


@pytest.fixture
def live(database: Table) -> Live:
    return Live(database)


def soon() -> Deadline:
    return Deadline.after(10)


def test_a_browser_connects_as_its_visitor(live: Live) -> None:
    assert live.connect() == 200

    [connection] = live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())
    assert (connection.id, connection.organization_id, connection.user_id) == ("c1", ORGANIZATION, None)
    assert connection.key_type == "public"
    assert live.connections.of_team(WEBSITE, "test", soon()) == []


PRIVATE = {
    "header": ({}, {"Authorization": f"Bearer {PRIVATE_KEY}", "X-Actor-User-Id": "user-1"}),
    "address": ({"token": PRIVATE_KEY, "actorUserId": "user-1"}, {}),
    "header and address": ({"actorUserId": "user-1"}, private()),
    "both, of which the header counts": (
        {"token": OTHER_PRIVATE_KEY, "actorUserId": "user-2"},
        {**private(), "x-actor-user-id": "user-1"},
    ),
    "the Basic of a staging site": ({"token": PRIVATE_KEY, "actorUserId": "user-1"}, {"authorization": "Basic eDp5"}),
    "with a public one": ({"token": PRIVATE_KEY, "actorUserId": "user-1", **as_visitor()}, {}),
    "with its website": ({"token": PRIVATE_KEY, "actorUserId": "user-1", "websiteId": WEBSITE}, {}),
}


@pytest.mark.parametrize(("query", "headers"), PRIVATE.values(), ids=PRIVATE)
def test_a_server_connects_as_one_of_the_team(live: Live, query: dict[str, str], headers: dict[str, str]) -> None:
    assert live.connect(query=query, headers=headers) == 200

    [connection] = live.connections.of_team(WEBSITE, "test", soon())
    assert (connection.user_id, connection.visitor_id, connection.key_type) == ("user-1", None, "private")


def test_a_server_need_not_name_anybody(live: Live) -> None:
    assert live.connect(query={"token": PRIVATE_KEY}, headers={}) == 200

    assert [one.user_id for one in live.connections.of_team(WEBSITE, "test", soon())] == [None]


def test_the_visitor_of_a_header_comes_before_that_of_the_address(live: Live) -> None:
    assert live.connect(headers={**BROWSER, "X-Visitor-Id": OTHER_VISITOR}) == 200

    assert live.connections.of_visitor(WEBSITE, "test", VISITOR, soon()) == []
    assert len(live.connections.of_visitor(WEBSITE, "test", OTHER_VISITOR, soon())) == 1


def test_a_mode_has_connections_of_its_own(live: Live) -> None:
    assert live.connect(query=as_visitor(key=LIVE_PUBLIC_KEY)) == 200

    assert live.connections.of_visitor(WEBSITE, "test", VISITOR, soon()) == []
    assert len(live.connections.of_visitor(WEBSITE, "live", VISITOR, soon())) == 1


REFUSED: dict[str, tuple[int, str, Mapping[str, str], Mapping[str, str]]] = {
    "no key": (401, "API_KEY_MISSING", {"visitorId": VISITOR}, BROWSER),
    "an unknown key": (401, "INVALID_API_KEY", {"token": UNKNOWN_KEY}, {}),
    "a revoked key": (401, "INVALID_API_KEY", {"token": REVOKED_KEY}, {}),
    "an expired key": (401, "INVALID_API_KEY", {"token": EXPIRED_KEY}, {}),
    "a malformed key": (401, "INVALID_API_KEY", as_visitor(key="pk_test_1"), BROWSER),
    "a private key for a public one": (401, "INVALID_API_KEY", as_visitor(key=PRIVATE_KEY), BROWSER),
    "a public key for a private one": (401, "INVALID_API_KEY", {"token": PUBLIC_KEY}, BROWSER),
    "a bad header over a good address": (401, "INVALID_API_KEY", {"token": PRIVATE_KEY}, private(UNKNOWN_KEY)),
    "no origin": (403, "ORIGIN_REQUIRED", as_visitor(), {}),
    "another origin": (403, "ORIGIN_NOT_ALLOWED", as_visitor(), {"Origin": "https://evil.example"}),
    "another website": (403, "WEBSITE_MISMATCH", {"token": PRIVATE_KEY, "websiteId": OTHER_WEBSITE}, {}),
    "an empty website": (403, "WEBSITE_MISMATCH", {"token": PRIVATE_KEY, "websiteId": ""}, {}),
    "no visitor": (400, "VISITOR_ID_REQUIRED", {"publicKey": PUBLIC_KEY}, BROWSER),
    "a malformed visitor": (400, "VALIDATION_FAILED", as_visitor("visitor-1"), BROWSER),
    "a malformed actor": (400, "VALIDATION_FAILED", {"token": PRIVATE_KEY, "actorUserId": "user 1"}, {}),
}


@pytest.mark.parametrize(("status", "code", "query", "headers"), REFUSED.values(), ids=REFUSED)
def test_a_client_is_refused_before_it_is_connected(
    live: Live, status: int, code: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> None:
    response = live.call(a_handshake("c1", query, headers))

    assert (response["statusCode"], json.loads(response["body"])["code"]) == (status, code)
    assert live.records() == []
    assert live.waiting == []


@pytest.mark.parametrize("name", ["publicKey", "token", "visitorId"])
def test_what_an_address_says_twice_is_refused(live: Live, name: str) -> None:
    query = {"token": PRIVATE_KEY} if name == "token" else as_visitor()
    event = a_handshake("c1", query)
    event["multiValueQueryStringParameters"][name].append(query[name])

    assert live.call(event)["statusCode"] in {400, 401}


def test_an_origin_that_was_sent_twice_is_refused(live: Live) -> None:
    event = a_handshake()
    event["multiValueHeaders"]["Origin"] = [ORIGIN, ORIGIN]

    assert live.call(event)["statusCode"] == 403


def test_handshakes_are_limited_by_address(database: Table) -> None:
    live = Live(database, rate_limit=2)

    assert [live.connect(f"c{number}") for number in range(3)] == [200, 200, 429]
    assert len(live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())) == 2


def test_handshakes_without_a_visitor_count_as_well(database: Table) -> None:
    live = Live(database, rate_limit=1)

    assert live.connect(query={"publicKey": PUBLIC_KEY}) == 400
    assert live.connect() == 429


def test_servers_are_not_limited(database: Table) -> None:
    live = Live(database, rate_limit=1)

    assert {live.connect(f"c{number}", {"token": PRIVATE_KEY}, {}) for number in range(3)} == {200}


def test_the_limit_of_handshakes_takes_nothing_from_that_of_messages(database: Table, storage: Storage) -> None:
    live = Live(database, rate_limit=1)
    live.connect()

    assert [str(counter["SK"]).split("#")[0] for counter in storage.scan("RATE#")] == ["SOCKETS"]


def test_a_handshake_that_is_repeated_makes_one_connection(live: Live) -> None:
    assert [live.connect(), live.connect()] == [200, 200]

    assert len(live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())) == 1


def test_a_handshake_with_the_id_of_a_connection_takes_it_from_nobody(live: Live) -> None:
    live.connect("c1")
    live.connect("c1", as_visitor(OTHER_VISITOR))

    assert len(live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())) == 1
    assert live.connections.of_visitor(WEBSITE, "test", OTHER_VISITOR, soon()) == []


def test_a_client_that_could_not_be_welcomed_is_refused(database: Table) -> None:
    live = Live(database, invokes=False)

    assert live.connect() == 503
    assert live.connections.of_visitor(WEBSITE, "test", VISITOR, soon()) == []


def test_a_connection_ends(live: Live) -> None:
    live.connect("c1")
    live.connect("c2")

    assert live.call(a_farewell("c1"))["statusCode"] == 200
    assert live.call(a_farewell("c1"))["statusCode"] == 200

    assert [one.id for one in live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())] == ["c2"]
    assert {item["SK"] for item in live.records()} == {"c2", "CONNECTION"}


def test_a_record_outlives_the_two_hours_of_a_connection_by_little(database: Table) -> None:
    now = int(time.time())
    live = Live(database, clock=lambda: now)
    live.connect()

    [connection] = live.connections.of_visitor(WEBSITE, "test", VISITOR, soon())
    assert connection.connected_at == now * 1000
    assert 7_200 < connection.ttl - now < 2 * 7_200


@pytest.mark.parametrize("event", [{}, [], None, "ping", {"requestContext": {}}, {"source": "aws.events"}])
def test_an_event_of_another_kind_is_no_crash(live: Live, event: object) -> None:
    assert live.call(event)["statusCode"] == 404


def test_no_secret_is_logged_or_measured(database: Table, emitted: Emitted) -> None:
    live, ids = Live(database, rate_limit=5), count()
    for _, _, query, headers in REFUSED.values():
        live.connect(f"c{next(ids)}", query, headers)
    for query, headers in PRIVATE.values():
        live.connect(f"c{next(ids)}", query, headers)
    for _ in range(6):
        live.connect(f"c{next(ids)}")
    live.welcome()
    live.call(a_farewell("c1"))

    text = json.dumps(emitted())
    hashes = {str(item["keyHash"]) for item in live.records()}
    assert len(hashes) > 1
    for canary in (VISITOR, OTHER_VISITOR, "sk_test", "pk_test", "a" * 64, *hashes):
        assert canary not in text


def test_a_handshake_is_logged_and_counted(live: Live, emitted: Emitted) -> None:
    live.connect()
    live.connect(query={"visitorId": VISITOR})

    lines = emitted()
    logged = [(line["event"], line["status"], line.get("code")) for line in lines if line.get("message") == "socket"]
    assert logged == [("Handshake", 200, None), ("Handshake", 401, "API_KEY_MISSING")]
    assert [name for line in lines for name in ("Connected", "Refused.API_KEY_MISSING") if name in line] == [
        "Connected",
        "Refused.API_KEY_MISSING",
    ]
