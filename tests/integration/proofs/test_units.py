"""What requests cost of DynamoDB at worst: its calls, and the units that AWS charges for them.

What a list shows is bounded, so what it reads must be: otherwise anybody can use up a table's throughput for all
tenants, with a few conversations that are as large as they may be.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from api.routes import contacts, feedback, inbox, messages, removals, seen, timelines, uploads, visitors, websites
from api.routes import status as statuses
from api.routes.conversations import GET, LIST, PATCH
from support.deadlines import Deadline
from support.dynamodb.actions import Insert
from support.dynamodb.items import item_size
from support.dynamodb.table import Table
from support.values.visitor import GATE_SK, Gate, Visitor, visitor_row
from ulid import ULID

from local.dynamodb import connect
from tests.builders import ORGANIZATION, VISITOR, WEBSITE, a_body, a_message, a_token, private
from tests.calls import user, visitor
from tests.client import Api, Response, api_over
from tests.integration.proofs.metering import Meter
from tests.integration.proofs.proxy import Proxy
from tests.units import query_units, read_units

# The rules, held against the engine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 4_096, 4_097, 8_192, 8_193, 390_000])
@pytest.mark.parametrize("is_consistent", [False, True], ids=["eventual", "consistent"])
def test_a_single_read_costs_what_dynamodb_local_says(
    dynamodb: str, seeded_table: str, name: str, size: int, is_consistent: bool
) -> None:
    client: Any = connect(dynamodb)
    key = {"PK": {"S": name}, "SK": {"S": f"{size}"}}
    names = len("PKSK") + len(name) + len(f"{size}") + len("x")
    row = {**key, "x": {"S": "x" * (size - names)}}
    client.put_item(TableName=seeded_table, Item=row)

    of_item = client.get_item(
        TableName=seeded_table, Key=key, ConsistentRead=is_consistent, ReturnConsumedCapacity="TOTAL"
    )
    of_batch = client.batch_get_item(
        RequestItems={seeded_table: {"Keys": [key], "ConsistentRead": is_consistent}}, ReturnConsumedCapacity="TOTAL"
    )
    of_query = client.query(
        TableName=seeded_table,
        KeyConditionExpression="PK = :pk AND SK = :sk",
        ExpressionAttributeValues={":pk": key["PK"], ":sk": key["SK"]},
        ConsistentRead=is_consistent,
        ReturnConsumedCapacity="TOTAL",
    )

    assert of_item["ConsumedCapacity"]["CapacityUnits"] == read_units([row], is_consistent=is_consistent)
    assert of_batch["ConsumedCapacity"][0]["CapacityUnits"] == read_units([row], is_consistent=is_consistent)
    assert of_query["ConsumedCapacity"]["CapacityUnits"] == query_units([row], is_consistent=is_consistent)


@pytest.mark.parametrize("is_consistent", [False, True], ids=["eventual", "consistent"])
def test_a_query_of_many_costs_what_dynamodb_local_says(
    dynamodb: str, seeded_table: str, name: str, is_consistent: bool
) -> None:
    client: Any = connect(dynamodb)
    rows = [
        {"PK": {"S": name}, "SK": {"S": f"{n:02}"}, "timelineSK": {"S": f"{n:02}"}, "content": {"S": "x" * 700}}
        for n in range(30)
    ]
    for row in rows:
        client.put_item(TableName=seeded_table, Item=row)

    for index in ({}, {"IndexName": "timeline"}):
        response = client.query(
            TableName=seeded_table,
            **index,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": name}},
            ConsistentRead=is_consistent,
            ReturnConsumedCapacity="TOTAL",
        )
        assert response["ConsumedCapacity"]["CapacityUnits"] == query_units(rows, is_consistent=is_consistent)


# Usual requests -----------------------------------------------------------------------------------------------------

TEXT = "x" * 100
#: A character that takes four bytes.
WIDE = "😀"
MOMENT = "2026-01-31T12:00:00.000Z"
METADATA = {"page": "/orders", "plan": "pro", "seats": 5, "trial": False}


@pytest.fixture
def measured(proxy: Proxy, seeded_table: str) -> Api:  # noqa: ARG001 (sets the endpoint)
    """An API whose calls pass the proxy, and which has read the public key."""
    api = api_over(Table(seeded_table, timeout_seconds=60))
    assert api(None, visitor(), route=LIST).status == 200
    return api


def an_opening(items: int) -> dict[str, Any]:
    """Return a usual body with so many messages of a hundred characters."""
    return a_body(channel="widget", metadata=METADATA, defaultTimelineItems=[a_message(TEXT)] * items)


# As docs/performance.md says it.
@pytest.mark.parametrize(("items", "units"), [(0, 6), (1, 9), (5, 21), (20, 66)])
def test_a_usual_creation_writes_three_units_an_item_and_six(
    measured: Api, proxy: Proxy, dynamodb: str, items: int, units: int
) -> None:
    with Meter(dynamodb).counting(proxy) as counted:
        assert measured(an_opening(items), visitor()).status == 200

    assert (counted.read, counted.written) == (0, units)


def test_a_usual_message_reads_2_units_and_writes_7(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    id_ = measured(an_opening(1), visitor()).body["conversation"]["id"]

    with Meter(dynamodb).counting(proxy) as counted:
        assert measured({"conversationId": id_, "item": a_message(TEXT)}, visitor(), route=messages.SEND).status == 200

    # The conversation and the gate.
    assert (counted.read, counted.written) == (2, 7)


def test_a_usual_file_reads_2_units_and_writes_2_and_2_more_with_its_message(
    measured: Api, proxy: Proxy, dynamodb: str
) -> None:
    id_ = measured(an_opening(1), visitor()).body["conversation"]["id"]
    scope = {"type": "conversation", "organizationId": ORGANIZATION, "websiteId": WEBSITE, "conversationId": id_}
    upload = {"contentType": "image/png", "fileName": "Screenshot.png", "websiteId": WEBSITE, "scope": scope}

    with Meter(dynamodb).counting(proxy) as signed:
        url = measured(upload, visitor(), route=uploads.SIGN).body["publicUrl"]
    item = a_message(TEXT, parts=[{"type": "image", "url": url, "mediaType": "image/png"}])
    with Meter(dynamodb).counting(proxy) as sent:
        assert measured({"conversationId": id_, "item": item}, visitor(), route=messages.SEND).status == 200

    assert (signed.read, signed.written) == (2, 2)
    assert (sent.read, sent.written) == (2, 9)


def test_a_usual_page_of_50_reads_6_units(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    id_ = measured(an_opening(60), visitor()).body["conversation"]["id"]

    with Meter(dynamodb).counting(proxy) as counted:
        page = measured(None, visitor(), route=timelines.GET, conversationId=id_)

    assert len(page.body["items"]) == 50
    assert counted.read == 6


def test_a_usual_list_of_6_reads_12_and_a_half_units(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    visitor_id = str(ULID())
    for _ in range(6):
        assert measured({**an_opening(1), "visitorId": visitor_id}, visitor(visitor_id)).status == 200

    with Meter(dynamodb).counting(proxy) as counted:
        assert len(measured(None, visitor(visitor_id), route=LIST).body["conversations"]) == 6

    assert counted.read == 12.5


def test_a_usual_removal_reads_3_units_and_writes_7(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    """Of the last one of five messages."""
    opened = measured(an_opening(5), visitor()).body
    in_it = {"conversationId": opened["conversation"]["id"], "itemId": opened["initialTimelineItems"][-1]["id"]}
    measured(None, user(), route=GET, conversationId=in_it["conversationId"])

    with Meter(dynamodb).counting(proxy) as counted:
        assert measured(None, user(), route=removals.ITEM, **in_it).status == 200

    assert (counted.read, counted.written) == (3, 7)


# Visitors and feedback ------------------------------------------------------------------------------------------------

PAGE = {
    "url": "https://shop.example.com/orders",
    "path": "/orders",
    "title": "Your orders",
    "referrerUrl": "https://www.example.com/",
    "updatedAt": "2026-01-31T12:00:00.000Z",
}
ATTRIBUTION = {
    "version": 1,
    "firstTouch": {
        "channel": "organic_search",
        "isDirect": False,
        "referrer": {"url": "https://www.example.com/", "domain": "www.example.com"},
        "landing": {"url": PAGE["url"], "path": PAGE["path"], "title": PAGE["title"]},
        "utm": dict.fromkeys(("source", "medium", "campaign", "content", "term")),
        "clickIds": dict.fromkeys(("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "li_fat_id", "twclid")),
        "capturedAt": "2026-01-31T12:00:00.000Z",
    },
}
BROWSER = {
    "browser": "Chrome",
    "browserVersion": "142.0",
    "os": "Linux",
    "osVersion": "6.1",
    "device": "Linux PC",
    "deviceType": "desktop",
    "language": "en-US",
    "timezone": "Europe/Berlin",
    "screenResolution": "2560x1440",
    "viewport": "1280x720",
}


def tell(api: Api, **told: object) -> Response:
    return api(told, visitor(), route=visitors.PATCH, visitorId=VISITOR)


def act(api: Api, **page: object) -> Response:
    session = "0b0e9a3c-6f5b-4c4e-9a52-2f4f6a4f1c11"
    told = {"activityType": "heartbeat", "sessionId": session, "attribution": ATTRIBUTION, "currentPage": PAGE | page}
    return api(told, visitor(), route=visitors.TELL, visitorId=VISITOR)


#: What a page does, in this order, and what it costs: calls, read units, write units. The counter by address is apart.
OF_A_PAGE: list[tuple[str, Callable[[Api], Response], tuple[int, float, int]]] = [
    ("website", lambda api: api(None, visitor(), route=websites.GET), (1, 2, 0)),
    ("tells of its visitor", lambda api: tell(api, **BROWSER, attribution=ATTRIBUTION, currentPage=PAGE), (3, 4, 10)),
    ("is there for the first time", act, (1, 0, 1)),
    ("is there", act, (1, 0, 1)),
    ("is there, dated anew", lambda api: act(api, updatedAt="2026-01-31T12:02:00.000Z"), (1, 0, 1)),
    ("is another one", lambda api: act(api, path="/"), (2, 0, 5)),
    (
        "tells of another one",
        lambda api: tell(api, currentPage=PAGE | {"path": "/b"}, attribution=ATTRIBUTION),
        (2, 4, 4),
    ),
    ("is that one", lambda api: act(api, path="/b"), (1, 0, 1)),
    ("gives feedback", lambda api: api({"rating": 4, "comment": TEXT}, visitor(), route=feedback.GIVE), (2, 2, 5)),
    ("gives it again", lambda api: api({"rating": 4, "comment": TEXT}, visitor(), route=feedback.GIVE), (2, 2, 4)),
]


def test_what_a_usual_page_costs(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    meter, told, expected = Meter(dynamodb), [], []
    for name, call, (calls, read, written) in OF_A_PAGE:
        with meter.counting(proxy) as units:
            assert call(measured).status < 300, name
        told.append(f"{name}: {len(units.calls)} calls, {units.read:g} read, {units.written} written")
        expected.append(f"{name}: {calls} calls, {read:g} read, {written} written")

    assert told == expected


#: What fits into a row that one unit reads, with the longest texts of a contact.
LARGEST_VISITOR_BYTES = 4_096


def know_of(table: Table, visitor_id: str) -> None:
    """Store all that inbox and lists read of a visitor: a contact as large as it may be, and a gate."""
    row = Visitor(
        visitor_id,
        WEBSITE,
        ORGANIZATION,
        "test",
        visitor_key="0" * 32,
        created_at=MOMENT,
        updated_at=MOMENT,
        last_seen_at=MOMENT,
        contact_id=str(ULID()),
        contact_created_at=MOMENT,
        contact_updated_at=MOMENT,
        external_id="x" * 320,
        name="x" * 320,
        email="x" * 320,
        image="x" * 2_048,
        verified=("externalId", "email", "name"),
        metadata_hash="0" * 8,
        identified=True,
        page_digest="0" * 16,
        page_renewed_on=MOMENT[:10],
        ttl=4_000_000_000,
    )
    assert item_size(row.to_item()) <= LARGEST_VISITOR_BYTES
    gate = Gate(MOMENT, MOMENT, blocked_at=MOMENT, blocked_by_user_id="x" * 64)
    rows = [row.to_item(), gate.to_item(visitor_row(WEBSITE, "test", visitor_id, GATE_SK))]
    table.transact(list(map(Insert, rows)), Deadline.after(60))


def test_visitors_add_two_units_each_and_a_call_for_50_to_what_the_team_lists(
    measured: Api, proxy: Proxy, dynamodb: str, seeded_table: str
) -> None:
    table, ids = Table(seeded_table, timeout_seconds=60), [str(ULID()) for _ in range(100)]
    for id_ in ids:
        assert measured({"visitorId": id_}, private()).status == 200
        know_of(table, id_)
    a_hundred_entries = 3.5

    for limit, calls in ((100, 4), (51, 4), (50, 3)):
        query = {"limit": f"{limit}", "status": "open"}
        with Meter(dynamodb).counting(proxy) as counted:
            assert len(measured(None, private(), route=inbox.LIST, query=query).body["items"]) == limit
        assert len(counted.calls) == calls
        assert 0 < counted.read - 3 * limit <= a_hundred_entries
    with Meter(dynamodb).counting(proxy) as counted:
        headers = {**private(), "x-visitor-id": ids[0]}
        assert len(measured(None, headers, route=LIST).body["conversations"]) == 1
    assert (counted.calls, counted.read) == (["Query", "BatchGetItem", "BatchGetItem"], 3.5)


def test_feedback_is_written_for_27_units_and_listed_for_3_each_at_worst(
    measured: Api, proxy: Proxy, dynamodb: str
) -> None:
    labels = dict.fromkeys(("topic", "trigger", "source"), WIDE * 256)
    for number in range(20):
        body = {"rating": 5, "comment": f"{number:02}" + WIDE * 1_998, **labels}
        with Meter(dynamodb).counting(proxy) as written:
            given = measured(raw=json.dumps(body, ensure_ascii=False), headers=visitor(), route=feedback.GIVE)
        assert given.status == 201
    assert (written.calls, written.read, written.written) == (["BatchGetItem", "TransactWriteItems"], 2, 27)

    assert measured(None, private(), route=feedback.LIST, query={"limit": "1"}).status == 200
    for query, read in (({}, 61), ({"limit": "10"}, 30.5)):
        with Meter(dynamodb).counting(proxy) as listed:
            measured(None, private(), route=feedback.LIST, query=query)
        assert (listed.calls, listed.read) == (["Query", "BatchGetItem"], read)


def test_what_it_costs_to_say_who_a_visitor_is(measured: Api, proxy: Proxy, dynamodb: str) -> None:
    visitor_id, meter = str(ULID()), Meter(dynamodb)
    large = {str(n): "x" * 320 for n in range(49)}
    longest = {"externalId": "x" * 320, "email": "x" * 320, "name": "x" * 320, "image": "x" * 2_048}
    steps: list[tuple[Any, dict[str, Any], dict[str, str]]] = [
        (contacts.IDENTIFY, {"email": "jane@example.com", "name": "Jane"}, {}),
        (contacts.IDENTIFY, {"email": "jane@example.com", "name": "Jane"}, {}),
        (contacts.IDENTIFY, {"identityToken": a_token(email="jane@example.com"), "metadata": large}, {}),
        (contacts.PATCH_METADATA, {"metadata": {**large, "48": None}}, {"visitorId": visitor_id}),
        (contacts.IDENTIFY, {"identityToken": a_token(sub="user-2"), "metadata": large}, {}),
        (contacts.IDENTIFY, {**longest, "identityToken": a_token(sub="x" * 320, email="x" * 320, name="x" * 320)}, {}),
    ]
    costs = []
    for route, body, parameters in steps:
        with meter.counting(proxy) as counted:
            assert measured(body, visitor(visitor_id), route=route, **parameters).status == 200
        costs.append((len(counted.calls), counted.read, counted.written))
    company = user()
    measured(None, company, route=contacts.FIND, query={"email": "nobody"})
    with meter.counting(proxy) as counted:
        assert len(measured(None, company, route=contacts.FIND, query={"email": "x" * 320}).body["visitors"]) == 1
    costs.append((len(counted.calls), counted.read, counted.written))

    # Metadata of 16 KB take most of them, and a contact that begins anew deletes what found the one before.
    assert costs == [(2, 3, 6), (1, 3, 0), (2, 3, 42), (2, 7, 36), (2, 6, 42), (2, 6, 48), (3, 6, 0)]


# The worst conversations ----------------------------------------------------------------------------------------------

#: The largest texts: of characters that take four bytes, where characters are counted, and then as long as they may be.
LONG_TEXT = WIDE * 2_000 + "x" * 374_000
#: What fits into the index `timeline`.
INDEXED_TEXT = "x" * 4_000
#: What is shown of this in a list is the same, and it takes a tenth of the time to write.
SHORTER_TEXT = WIDE * 2_000 + "x"

CONVERSATIONS = 100
#: How many of them have the longest texts; with `make soak` all.
LONG_CONVERSATIONS = 5


def the_largest_metadata() -> dict[str, str]:
    """Return fifty values that take 16 KB of JSON."""
    names = [f"{number:02}" + "n" * 62 for number in range(50)]
    left = 16_384 - len(json.dumps(dict.fromkeys(names, ""), separators=(",", ":")))
    values = [left // 50 + (number < left % 50) for number in range(50)]
    return {name: "v" * length for name, length in zip(names, values, strict=True)}


def an_id() -> str:
    """Return an id as long as ids may be."""
    return f"{uuid.uuid4()}".ljust(64, "-")


def open_the_largest(api: Api, visitor_id: str, text: str) -> str:
    """Open a conversation in which all that can be large is: its last message for both kinds of key, too."""
    id_ = an_id()
    items = [a_message(text, id=an_id()), a_message(text, id=an_id(), visibility="private")]
    opened = api(
        {
            "visitorId": visitor_id,
            "conversationId": id_,
            "channel": WIDE * 64,
            "metadata": the_largest_metadata(),
            "defaultTimelineItems": items,
        }
    )
    assert opened.status == 200, opened.body
    assert api({"title": WIDE * 255}, route=PATCH, conversationId=id_).status == 200
    return id_


def open_the_longest(api: Api, visitor_id: str) -> str:
    """Open a conversation with pages as expensive as they can be, and return its id.

    A page holds 5 MB of the newest items, `large-00` to `large-15`, each of which is read by itself. It finds them
    among as many entries of each visibility as the index reads for a page; the last of these are `public-1-59` and
    `private-1-59`.
    """
    id_ = an_id()
    for visibility in ("public", "private"):
        for batch in range(2):
            items = [a_message(INDEXED_TEXT, id=f"{visibility}-{batch}-{n}", visibility=visibility) for n in range(60)]
            body = {"visitorId": visitor_id, "conversationId": id_, "defaultTimelineItems": items}
            assert api(body).status == 200
    for number in range(16):
        part = {"type": "tool-x", "toolCallId": "1", "toolName": "x", "state": "result", "input": {"x": "x" * 390_000}}
        item = {"id": f"large-{number:02}", "type": "tool", "parts": [part]}
        assert api({"conversationId": id_, "item": item}, route=messages.SEND).status == 200
    return id_


class World(NamedTuple):
    """The conversations that are as expensive as they can be, all of them one visitor's."""

    api: Api
    visitor_id: str
    largest: str
    longest: str
    cursors: dict[str, str]

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers of a caller with such a key."""
        return visitor(self.visitor_id) if key == "public" else {**user(an_id()), "x-visitor-id": self.visitor_id}


@pytest.fixture
def world(dynamodb: str, proxy: Proxy, seeded_table: str, soak: int) -> World:  # noqa: ARG001 (sets the endpoint)
    measured = api_over(Table(seeded_table, timeout_seconds=60))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
        api = api_over(Table(seeded_table, timeout_seconds=60))
    visitor_id = str(ULID())
    longest = open_the_longest(api, visitor_id)
    long = CONVERSATIONS if soak > 1 else LONG_CONVERSATIONS
    texts = [SHORTER_TEXT] * (CONVERSATIONS - long) + [LONG_TEXT] * long
    largest = [open_the_largest(api, visitor_id, text) for text in texts][-1]
    world = World(measured, visitor_id, largest, longest, {})
    for key in ("public", "private"):
        # So that they have read their keys, too.
        page = measured(None, world.headers(key), route=timelines.GET, query={"limit": "1"}, conversationId=longest)
        world.cursors[key] = page.body["nextCursor"]
    return world


Call = Callable[[World, str], Response]


def a_list(route: Any, **query: str) -> Call:
    return lambda world, key: world.api(None, world.headers(key), route=route, query=query)


def a_page(**query: str) -> Call:
    def call(world: World, key: str) -> Response:
        values = {"cursor": world.cursors[key], "newest": "large-15", "near the end": f"{key}-1-59"}
        sent = {name: values.get(value, value) for name, value in query.items()}
        return world.api(None, world.headers(key), route=timelines.GET, query=sent, conversationId=world.longest)

    return call


def a_call(route: Any, body: object = None) -> Call:
    return lambda world, key: world.api(body, world.headers(key), route=route, conversationId=world.largest)


def a_short_message(world: World, key: str) -> Response:
    body = {"conversationId": world.largest, "item": a_message(visitorId=world.visitor_id)}
    return world.api(body, world.headers(key), route=messages.SEND)


#: Requests, and what each costs at worst: calls, read units, write units. What writes comes last, since it changes what
#: is read. All of it is of one visitor; see above for what many visitors add to what the team lists.
WORST: list[tuple[str, str, Call, tuple[int, float, int]]] = [
    ("list of 100", "public", a_list(LIST, limit="100"), (5, 905, 0)),
    ("list of 100", "private", a_list(LIST, limit="100"), (6, 907, 0)),
    ("list", "public", a_list(LIST), (5, 905, 0)),
    ("inbox of 100", "private", a_list(inbox.LIST, limit="100", status="open"), (6, 905.5, 0)),
    ("inbox", "private", a_list(inbox.LIST, status="open"), (4, 454, 0)),
    ("page of 100", "public", a_page(limit="100"), (8, 1285, 0)),
    ("page of 100", "private", a_page(limit="100"), (9, 1392, 0)),
    ("page of 100 by a cursor", "public", a_page(limit="100", cursor="cursor"), (8, 1285, 0)),
    ("page of 100 by a cursor", "private", a_page(limit="100", cursor="cursor"), (9, 1392, 0)),
    ("after the newest item", "public", a_page(limit="100", after="newest"), (1, 1, 0)),
    ("after the newest item", "private", a_page(limit="100", after="newest"), (1, 1, 0)),
    ("after an item near the end", "public", a_page(limit="100", after="near the end"), (9, 1161, 0)),
    ("after an item near the end", "private", a_page(limit="100", after="near the end"), (9, 1161, 0)),
    ("get", "public", a_call(GET), (2, 105, 0)),
    ("get", "private", a_call(GET), (3, 107, 0)),
    ("get seen", "public", a_call(seen.GET), (2, 10, 0)),
    ("get seen", "private", a_call(seen.GET), (2, 10, 0)),
    ("seen", "public", a_call(seen.SEE, {}), (2, 9, 35)),
    ("seen", "private", a_call(seen.SEE, {}), (4, 10, 73)),
    ("message", "public", a_short_message, (2, 10, 75)),
    ("message", "private", a_short_message, (2, 7, 59)),
    ("title", "private", a_call(PATCH, {"title": WIDE * 254}), (4, 10, 56)),
    ("resolve", "private", a_call(statuses.RESOLVE), (4, 10, 59)),
]


def test_what_requests_cost_at_worst(world: World, proxy: Proxy, dynamodb: str) -> None:
    told, expected = [], []
    meter = Meter(dynamodb)
    for name, key, call, (calls, read, written) in WORST:
        with meter.counting(proxy) as units:
            response = call(world, key)
        assert response.status == 200, (name, response.body)
        told.append(f"{name} ({key} key): {len(units.calls)} calls, {units.read:g} read, {units.written} written")
        expected.append(f"{name} ({key} key): {calls} calls, {read:g} read, {written} written")
    print("\n".join(told))  # noqa: T201

    assert told == expected
