"""How often the function asks the database, by its own count and by what came through."""

from collections.abc import Callable
from math import ceil, inf
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import feedback, seen, timelines, uploads, websites
from api.routes.conversations import GET, LIST
from support.deadlines import Deadline
from support.dynamodb.items import marshal
from support.dynamodb.table import Table
from support.store.stores import Stores
from support.values import timestamps
from support.values.conversation import conversation_pk
from support.values.timeline_item import TimelineItem
from ulid import ULID

from local.dynamodb import connect
from tests.builders import ORGANIZATION, OTHER_VISITOR, VISITOR, WEBSITE, a_body, a_message, private, public
from tests.calls import change, erase, get, open_one, patch, rate, read_inbox, remove, see, send, user, visitor
from tests.client import Api, Response, api_over
from tests.integration.proofs.proxy import Fault, Proxy, error, first_reason_alone, pass_on, without_items

A, B, C = (a_message(text, id=text) for text in "abc")
OLD = a_message("old", id="old", createdAt="2020-01-01T00:00:00Z")
SECRET = a_message("secret", id="secret", visibility="private")


@pytest.fixture
def database(module_proxy: Proxy, seeded_table: str) -> Table:  # noqa: ARG001 (sets the endpoint)
    return Table(seeded_table, timeout_seconds=60)


@pytest.fixture
def api(database: Table, proxy: Proxy) -> Api:
    """The API, with both keys read before."""
    api = api_over(database)
    for headers in (private(), public()):
        assert api(a_body(), headers).status == 200
    proxy.lift()
    return api


def test_a_cold_key_is_one_read(proxy: Proxy, database: Table) -> None:
    assert api_over(database)(a_body()).status == 200

    assert proxy.calls == ["GetItem", "TransactWriteItems"]
    assert database.usage.calls == 2


@pytest.mark.parametrize("headers", [private(), public()], ids=["private", "public"])
def test_a_website_is_one_read_with_a_cold_key_and_none_with_a_warm_one(
    proxy: Proxy, database: Table, headers: dict[str, str]
) -> None:
    api = api_over(database)

    for calls in (["GetItem"], []):
        assert api(headers=headers, route=websites.GET).status == 200
        assert proxy.calls == calls
        assert database.usage.calls == len(calls)
        proxy.lift()


def test_a_creation_is_one_write(api: Api, proxy: Proxy, database: Table, name: str) -> None:
    assert api(a_body(conversationId=name, defaultTimelineItems=[A, B, C])).status == 200

    assert proxy.calls == ["TransactWriteItems"]
    assert database.usage.calls == 1


@pytest.mark.parametrize(
    ("headers", "calls"),
    # With a public key, items are read once it is known whose conversation it is.
    [(private(), ["TransactWriteItems"]), (public(), ["TransactWriteItems", "BatchGetItem"])],
    ids=["private", "public"],
)
def test_a_replay_takes_one_call_or_two(
    api: Api, proxy: Proxy, database: Table, name: str, headers: dict[str, str], calls: list[str]
) -> None:
    body = a_body(conversationId=name, defaultTimelineItems=[A, B, C])
    api(body, headers)
    proxy.lift()

    assert api(body, headers).headers["idempotent-replayed"] == "true"

    assert proxy.calls == calls
    assert database.usage.calls == len(calls)


def test_a_replay_whose_last_message_is_not_sent_is_two_calls(
    api: Api, proxy: Proxy, database: Table, name: str
) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=[A, B, C]))
    proxy.lift()

    assert api(a_body(conversationId=name, defaultTimelineItems=[A, B])).status == 200

    assert proxy.calls == ["TransactWriteItems", "BatchGetItem"]
    assert database.usage.calls == 2


def test_a_replay_of_which_nothing_is_returned_is_three_calls(api: Api, proxy: Proxy, name: str) -> None:
    """Whose conversation it is comes before its items."""
    created = api(a_body(conversationId=name, defaultTimelineItems=[A, B, C]))
    proxy.inject(without_items, times=inf)

    assert api(a_body(conversationId=name, defaultTimelineItems=[A, B, C])).body == created.body

    assert proxy.calls == ["TransactWriteItems", "BatchGetItem", "BatchGetItem"]


def test_a_replay_under_an_idempotency_key_with_one_reason_is_two_calls(api: Api, proxy: Proxy, name: str) -> None:
    headers = {**private(), "idempotency-key": name}
    body = a_body(defaultTimelineItems=[A, B, C])
    created = api(body, headers)
    proxy.inject(first_reason_alone, times=inf)

    replayed = api(body, headers)

    assert replayed.body == created.body
    assert proxy.calls == ["TransactWriteItems", "BatchGetItem"]


def test_an_append_is_two_writes(api: Api, proxy: Proxy, database: Table, name: str) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=[A, B]))
    proxy.lift()

    assert api(a_body(conversationId=name, defaultTimelineItems=[A, C])).status == 200

    assert proxy.calls == ["TransactWriteItems", "TransactWriteItems"]
    assert database.usage.calls == 2


def test_an_append_before_the_last_item_is_three_calls(api: Api, proxy: Proxy, database: Table, name: str) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=[A, B]))
    proxy.lift()

    response = api(a_body(conversationId=name, defaultTimelineItems=[OLD]))

    assert response.conversation["lastTimelineItem"]["id"] == "b"
    assert proxy.calls == ["TransactWriteItems", "BatchGetItem", "TransactWriteItems"]
    assert database.usage.calls == 3


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
@pytest.mark.parametrize("operation", ["TransactWriteItems", "BatchGetItem"])
def test_a_table_that_throttles_gets_three_calls_and_then_one_of_each_request(
    api: Api, proxy: Proxy, name: str, operation: str, code: str
) -> None:
    body = a_body(conversationId=name, defaultTimelineItems=[A, B, C])
    api(body)
    proxy.lift()
    faults: dict[str, Fault] = {"TransactWriteItems": without_items, operation: error(400, code)}
    proxy.faults = lambda called: faults.get(called, pass_on)

    responses, counts = [], []
    for _ in range(4):
        responses.append(api(body))
        counts.append(proxy.calls.count(operation))

    assert {response.code for response in responses} == {"UNAVAILABLE"}
    assert counts == [3, 4, 5, 6]
    proxy.lift()
    assert api(body).status == 200


MANY = [a_message(str(n), id=str(n)) for n in range(99)]


def test_a_replay_of_more_than_is_returned_is_two_calls(api: Api, proxy: Proxy, name: str) -> None:
    created = api(a_body(conversationId=name, defaultTimelineItems=MANY[:98]))
    proxy.lift()

    replayed = api(a_body(conversationId=name, defaultTimelineItems=MANY[:98]))

    assert replayed.body == created.body
    assert proxy.calls == ["TransactWriteItems", "BatchGetItem"]


def test_a_transaction_that_has_no_room_for_the_gate_reads_it_first(api: Api, proxy: Proxy, name: str) -> None:
    for calls in (["BatchGetItem", "TransactWriteItems"], ["BatchGetItem", "TransactWriteItems", "BatchGetItem"]):
        proxy.lift()

        assert api(a_body(conversationId=name, defaultTimelineItems=MANY)).status == 200

        assert proxy.calls == calls


def test_an_append_to_more_than_is_returned_is_three_calls(api: Api, proxy: Proxy, name: str) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=MANY))
    proxy.lift()

    response = api(a_body(conversationId=name, defaultTimelineItems=[*MANY[:50], {**OLD, "id": "older"}]))

    assert response.items[:50] == [item for item in response.items if item["id"] in {item["id"] for item in MANY[:50]}]
    assert response.conversation["lastTimelineItem"]["id"] == "98"
    assert proxy.calls == ["TransactWriteItems", "BatchGetItem", "TransactWriteItems"]


def test_a_conflict_is_one_call(api: Api, proxy: Proxy, database: Table, name: str) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=[A]))
    proxy.lift()

    other = {"visitorId": "01JDEM0V1S1T0R000000000001", "conversationId": name, "defaultTimelineItems": [B]}
    assert api(other).code == "CONVERSATION_ID_CONFLICT"

    assert proxy.calls == ["TransactWriteItems"]
    assert database.usage.calls == 1


# Going on -------------------------------------------------------------------------------------------------------------


def sign(api: Api, id_: str) -> Response:
    """Ask for an address to upload a screenshot to."""
    scope = {"type": "conversation", "organizationId": ORGANIZATION, "websiteId": WEBSITE, "conversationId": id_}
    return api({"contentType": "image/png", "websiteId": WEBSITE, "scope": scope}, visitor(), route=uploads.SIGN)


def an_image(id_: str, file_id: str) -> dict[str, str]:
    """Return a part with a file of a conversation."""
    url = f"https://api.example.com/v1/files/{WEBSITE}/test/{id_}/{file_id}"
    return {"type": "image", "url": url, "mediaType": "image/png"}


FIND, READ_LAST, READ_VISITOR, WRITE = "BatchGetItem", "BatchGetItem", "BatchGetItem", "TransactWriteItems"

#: What is done to a conversation with a message, the calls that it takes, and those that the same again takes.
GOING_ON: dict[str, tuple[Callable[[Api, str], Response], list[str], list[str]]] = {
    # The same again is found by its write: before, it is not known whose conversation it would be read from.
    "a visitor's message": (lambda api, id_: send(api, visitor(), id_, **B), [FIND, WRITE], [FIND, WRITE]),
    "a private note": (lambda api, id_: send(api, user(), id_, **SECRET), [FIND, WRITE], [FIND]),
    "an item of the past": (lambda api, id_: send(api, private(), id_, **OLD), [FIND, WRITE], [FIND]),
    "a status": (
        lambda api, id_: change(api, "resolve", user(), id_),
        [FIND, WRITE, READ_LAST, READ_VISITOR],
        [FIND, READ_LAST, READ_VISITOR],
    ),
    "a title": (
        lambda api, id_: patch(api, {"title": "T"}, id_),
        [FIND, WRITE, READ_LAST, READ_VISITOR],
        [FIND, READ_LAST, READ_VISITOR],
    ),
    "a removal": (lambda api, id_: remove(api, "a", id_=id_), [FIND, "Query", WRITE], [FIND]),
    # Again without those files that are gone.
    "a message with a file that is gone": (
        lambda api, id_: send(api, visitor(), id_, id="f", parts=[an_image(id_, "0" * 26)]),
        [FIND, WRITE, WRITE],
        [FIND, WRITE, WRITE],
    ),
    "an address for an upload": (sign, [FIND, WRITE], [FIND, WRITE]),
    "seen by the visitor": (lambda api, id_: see(api, visitor(), id_), [FIND, "UpdateItem"], [FIND, "UpdateItem"]),
    "seen by the team": (
        lambda api, id_: see(api, user(), id_),
        [FIND, "UpdateItem", "BatchGetItem", WRITE],
        [FIND, "UpdateItem"],
    ),
    "who has seen it": (lambda api, id_: api(route=seen.GET, conversationId=id_), [FIND, "Query"], [FIND, "Query"]),
}


@pytest.mark.parametrize(("call", "calls", "calls_again"), GOING_ON.values(), ids=GOING_ON)
def test_going_on_takes_a_few_calls(
    api: Api,
    proxy: Proxy,
    database: Table,
    name: str,
    call: Callable[[Api, str], Response],
    calls: list[str],
    calls_again: list[str],
) -> None:
    open_one(api, A, id_=name)
    for expected in (calls, calls_again):
        proxy.lift()

        assert call(api, name).status == 200

        assert proxy.calls == expected
        assert database.usage.calls == len(expected)


def test_a_message_with_a_file_is_two_calls(api: Api, proxy: Proxy, name: str) -> None:
    open_one(api, A, id_=name)
    file_id = sign(api, name).body["key"].rpartition("/")[2]
    proxy.lift()

    assert send(api, visitor(), name, parts=[an_image(name, file_id)]).status == 200

    assert proxy.calls == [FIND, WRITE]


def test_a_removal_of_what_is_no_last_message_is_two_calls(api: Api, proxy: Proxy, name: str) -> None:
    open_one(api, A, B, id_=name)
    proxy.lift()

    assert remove(api, "a", id_=name).status == 200

    assert proxy.calls == [FIND, WRITE]


def test_an_erasure_is_two_calls(api: Api, proxy: Proxy, name: str) -> None:
    open_one(api, A, id_=name)
    proxy.lift()

    assert erase(api, id_=name).status == 202

    assert proxy.calls == [FIND, "UpdateItem"]


def test_the_last_message_is_found_behind_thousands_of_events(
    api: Api, proxy: Proxy, database: Table, dynamodb: str, seeded_table: str, name: str, soak: int
) -> None:
    """The first call sees the nearest hundred; each other one a megabyte, some 2,500 events of this size."""
    count = 5_000 if soak > 1 else 1_200
    open_one(api, A, id_=name)
    pk = conversation_pk(WEBSITE, "test", name)
    stored = Stores.over(database).conversations.read(pk, Deadline.after(60))
    assert stored is not None
    shared, now = stored.conversation.item_attributes(), timestamps.now()
    part: Any = {"type": "event", "eventType": "tag_added", "actorUserId": "user-1", "message": "Added a tag"}
    for start in range(1, count, 25):
        events = [
            TimelineItem(str(ULID()), now, n, "public", "event", "private", {"parts": [part]}, user_id="user-1")
            for n in range(start, start + 25)
        ]
        puts: Any = [{"PutRequest": {"Item": marshal(event.to_item(shared))}} for event in events]
        connect(dynamodb).batch_write_item(RequestItems={seeded_table: puts})
    send(api, visitor(), name, id="b", text="b")
    assert get(api, visitor(), name)["lastTimelineItem"]["id"] == "b"
    proxy.lift()

    assert remove(api, "b", id_=name).status == 200

    assert proxy.calls == [FIND, "Query", "Query", WRITE]
    # Some 390 bytes for each event, and the hundred that are near.
    assert database.usage.capacity_units < (count + 100) * 400 / 4_096 + 20
    assert get(api, visitor(), name)["lastTimelineItem"]["id"] == "a"


def test_a_rating_is_two_calls_and_again_one(api: Api, proxy: Proxy, name: str) -> None:
    open_one(api, A, id_=name)
    change(api, "resolve", id_=name)
    for expected in ([FIND, WRITE], [FIND]):
        proxy.lift()

        assert rate(api, visitor(), name, rating=5).status == 200

        assert proxy.calls == expected


def test_feedback_is_two_calls_again_too_and_one_more_about_a_conversation(api: Api, proxy: Proxy, name: str) -> None:
    open_one(api, id_=name)
    for body, expected in (
        ({"rating": 5}, [READ_VISITOR, WRITE]),
        ({"rating": 5}, [READ_VISITOR, WRITE]),
        ({"rating": 5, "conversationId": name}, [FIND, READ_VISITOR, WRITE]),
    ):
        proxy.lift()

        assert api(body, visitor(), route=feedback.GIVE).status == 201

        assert proxy.calls == expected


# Reading --------------------------------------------------------------------------------------------------------------

LARGE = a_message("x" * 5_000, id="large")
NOTE = a_message("note", id="note", visibility="private", createdAt="2020-01-01T00:00:00Z")

#: A conversation by its items, and the calls that reading it takes with each kind of key.
READS: dict[str, tuple[AnyRoute, list[dict[str, object]], list[str], list[str]]] = {
    # The team is told of the visitor, too.
    "an empty conversation": (GET, [], ["BatchGetItem"], ["BatchGetItem"] * 2),
    "a conversation with a message": (GET, [A], ["BatchGetItem"] * 2, ["BatchGetItem"] * 3),
    "a timeline": (
        timelines.GET,
        [A, B, C, OLD],
        ["BatchGetItem", "Query"],
        ["BatchGetItem", "Query"],
    ),
    "a timeline with a private item": (
        timelines.GET,
        [A, B, NOTE],
        ["BatchGetItem", "Query"],
        ["BatchGetItem", "Query", "Query"],
    ),
    "a timeline with a large item": (
        timelines.GET,
        [A, LARGE, NOTE],
        ["BatchGetItem", "Query", "BatchGetItem"],
        ["BatchGetItem", "Query", "Query", "BatchGetItem"],
    ),
    "a list": (LIST, [A], ["Query", *["BatchGetItem"] * 2], ["Query", *["BatchGetItem"] * 3]),
}


def test_a_list_whose_last_message_is_large_reads_no_item(api: Api, proxy: Proxy, name: str) -> None:
    opened = {"visitorId": OTHER_VISITOR, "conversationId": name, "defaultTimelineItems": [A, LARGE]}
    assert api(opened).status == 200
    proxy.lift()

    listed = api(headers=visitor(OTHER_VISITOR), route=LIST, query={"limit": "1"}).body

    assert listed["conversations"][0]["lastTimelineItem"]["text"] == "x" * 2_000
    assert proxy.calls == ["Query", "BatchGetItem"]


@pytest.mark.parametrize(("status", "queries"), [("all", 3), ("open", 1)])
def test_a_page_of_the_inbox_is_a_query_a_status_and_three_calls(
    api: Api, proxy: Proxy, name: str, status: str, queries: int
) -> None:
    open_one(api, A, id_=name)
    proxy.lift()

    assert read_inbox(api, limit="1", status=status).status == 200

    # The conversations, their last messages, and their visitors.
    assert proxy.calls == ["Query"] * queries + ["BatchGetItem"] * 3


@pytest.mark.parametrize("query", [{}, {"limit": "1"}], ids=["whole", "of one"])
@pytest.mark.parametrize(("route", "items", "by_visitor", "by_company"), READS.values(), ids=READS)
def test_a_read_takes_a_few_calls(
    api: Api,
    proxy: Proxy,
    database: Table,
    name: str,
    route: AnyRoute,
    items: list[dict[str, object]],
    by_visitor: list[str],
    by_company: list[str],
    query: dict[str, str],
) -> None:
    api(a_body(conversationId=name, defaultTimelineItems=items))
    for headers, calls in ((public(), by_visitor), (private(), by_company)):
        proxy.lift()

        asked = {**headers, "x-visitor-id": VISITOR}
        assert api(headers=asked, route=route, query=query, conversationId=name).status == 200

        assert proxy.calls == calls
        assert database.usage.calls == len(calls)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_page_takes_the_same_calls_however_long_the_timeline_is(
    api: Api, proxy: Proxy, database: Table, name: str, count: int
) -> None:
    """As it does after a cursor, which holds the place from which to go on."""
    for start in range(0, count, 99):
        numbers = range(start, min(start + 99, count))
        notes = [a_message(id=f"{n}", visibility="private" if n % 10 else "public") for n in numbers]
        assert api(a_body(conversationId=name, defaultTimelineItems=notes)).status == 200
    api(a_body(conversationId=name, defaultTimelineItems=[a_message(id="last")]))
    units = []
    first = api(headers=visitor(), route=timelines.GET, query={"limit": "1"}, conversationId=name).body["nextCursor"]
    for query in ({"limit": "20"}, {"limit": "20", "cursor": first}) if first else ({"limit": "20"},):
        proxy.lift()
        response = api(headers=visitor(), route=timelines.GET, query=query, conversationId=name)
        assert len(response.body["items"]) == min(20, ceil(count / 10) + ("cursor" not in query))
        assert proxy.calls == ["BatchGetItem", "Query"]
        units.append(database.usage.capacity_units)
    assert max(units) < 12
