"""The limits of DynamoDB and of Lambda: where they are, and that the largest requests stay within them."""

import json

import pytest
from api.http.requests.conversations import MAX_ITEMS
from botocore.exceptions import ClientError
from support.dynamodb.items import MAX_ITEM_BYTES, Item, item_size, marshal
from support.dynamodb.table import Table
from support.dynamodb.transactions import MAX_RETURNED_ITEMS
from support.values.conversation import Conversation
from support.values.timeline_item import PREVIEW_CHARACTERS, Content, TimelineItem, stored_size

from local.dynamodb import connect
from tests.builders import OTHER_VISITOR, VISITOR, a_body, a_message
from tests.client import Api, Stored, api_over
from tests.integration.proofs.invariants import timelines
from tests.samples import sample

#: AWS Lambda quotas: a synchronous answer, as JSON. DynamoDB API Reference: a TransactWriteItems.
LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024
TRANSACTION_BYTES = 4 * 1024 * 1024
BODY_BYTES = 1_048_576

KEYS: Item = {"PK": "CONVERSATION#sizes", "SK": "ITEM#1", "form": 1}


@pytest.fixture
def database(module_proxy: object, seeded_table: str) -> Table:  # noqa: ARG001 (sets the endpoint)
    return Table(seeded_table, timeout_seconds=60)


@pytest.fixture
def api(database: Table) -> Api:
    return api_over(database)


def filled(item: Item, text: str, size: int) -> Item:
    """An item of exactly that size: as much of the text as goes in, then ASCII."""
    room = size - item_size({**item, "content": ""})
    whole = room // len(text.encode())
    return {**item, "content": text * whole + "x" * (room - whole * len(text.encode()))}


@pytest.mark.parametrize(
    "item",
    [
        filled(KEYS, "a", MAX_ITEM_BYTES),
        filled(KEYS, "é", MAX_ITEM_BYTES),
        filled(KEYS, "漢", MAX_ITEM_BYTES),
        filled(KEYS, "😀", MAX_ITEM_BYTES),
        filled({**KEYS, "list": ["one", "two", "é"]}, "a", MAX_ITEM_BYTES),
        filled({**KEYS, "empty": "", "flag": True}, "a", MAX_ITEM_BYTES),
        *(filled({**KEYS, "number": number}, "a", MAX_ITEM_BYTES) for number in (0, 1, 12, 123, 99_999, 123_456_789)),
    ],
)
def test_400_kb_by_our_count_is_the_largest_item_dynamodb_takes(dynamodb: str, seeded_table: str, item: Item) -> None:
    client = connect(dynamodb)
    assert item_size(item) == MAX_ITEM_BYTES

    client.put_item(TableName=seeded_table, Item=marshal(item))

    # Our count of a number may be a byte too many, never too few.
    spare = sum(1 for value in item.values() if isinstance(value, int) and not isinstance(value, bool))
    longer = {**item, "content": str(item["content"]) + "x" * (1 + spare)}
    with pytest.raises(ClientError, match="Item size has exceeded"):
        client.put_item(TableName=seeded_table, Item=marshal(longer))
    client.delete_item(TableName=seeded_table, Key=marshal({"PK": item["PK"], "SK": item["SK"]}))


TEXTS = {"a": "a", "of two bytes": "é", "of three": "漢", "of four": "😀", "quote": '"', "control": "\0"}
#: What numbers an item has: its position, and the end of its conversation.
NUMBERS = {
    f"{position}, {ttl}": (position, ttl)
    for position in (0, 12, 123_456)
    for ttl in (None, 1_900_000_000, 2_000_000_001)
}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param(TEXTS[text], NUMBERS[number], id=f"{text}, {number}")
        for text, numbers in sample({text: list(NUMBERS) for text in TEXTS}, of_each=1).items()
        for number in numbers
    ],
)
def test_what_an_item_takes_with_its_entry_in_the_index_is_counted_as_dynamodb_counts_it(
    dynamodb: str, seeded_table: str, text: str, numbers: tuple[int, int | None]
) -> None:
    client = connect(dynamodb)
    position, ttl = numbers

    def stored(characters: int, beside: int) -> Item:
        content: Content = {"text": text * characters + "x" * beside}
        item = TimelineItem("i", "2026-01-31T12:00:00.000Z", position, "public", "message", "public", content, "u")
        return item.to_item({"PK": "CONVERSATION#sizes", "incarnation": "i", **({} if ttl is None else {"ttl": ttl})})

    share = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    characters = 390_000 // share
    room = MAX_ITEM_BYTES - stored_size(stored(characters, 0))
    largest = stored(characters, room)
    assert stored_size(largest) == MAX_ITEM_BYTES

    client.put_item(TableName=seeded_table, Item=marshal(largest))

    # Our count of numbers, each of which counts twice, is a few bytes too many (zeros at their ends), never too few.
    with pytest.raises(ClientError, match="Item size has exceeded"):
        client.put_item(TableName=seeded_table, Item=marshal(stored(characters, room + 20)))
    client.delete_item(TableName=seeded_table, Key=marshal({"PK": largest["PK"], "SK": largest["SK"]}))


def test_the_largest_text_that_fits_is_stored_and_one_byte_more_is_a_413(api: Api, stored: Stored) -> None:
    low, high = 0, BODY_BYTES
    while high - low > 1:
        middle = (low + high) // 2
        status = api(a_body(conversationId=f"size-{middle}", defaultTimelineItems=[a_message("a" * middle)])).status
        assert status in {200, 413}
        low, high = (middle, high) if status == 200 else (low, middle)

    # Its preview and its keys count twice.
    assert MAX_ITEM_BYTES - 2 * PREVIEW_CHARACTERS - 800 < low < MAX_ITEM_BYTES - 2 * PREVIEW_CHARACTERS
    response = api(a_body(conversationId=f"size-{high}", defaultTimelineItems=[a_message("a" * high)]))
    assert (response.code, response.body["details"][0]["path"]) == ("PAYLOAD_TOO_LARGE", "defaultTimelineItems.0")
    assert all(f"#size-{high}" not in pk for pk in timelines(stored()))


def test_an_append_of_what_does_not_fit_is_a_413_and_changes_nothing(api: Api, stored: Stored) -> None:
    first = a_message("first", id="first")
    api(a_body(conversationId="append-413", defaultTimelineItems=[first]))

    response = api(a_body(conversationId="append-413", defaultTimelineItems=[first, a_message("a" * 410_000)]))

    assert (response.status, response.body["details"][0]["path"]) == (413, "defaultTimelineItems.1")
    [pk] = [pk for pk in timelines(stored()) if pk.endswith("#append-413")]
    assert [item.id for item in timelines(stored())[pk]] == ["first"]


def test_the_largest_metadata_makes_no_large_conversation(api: Api, stored: Stored) -> None:
    metadata = {f"{number:064}": "é" * 120 for number in range(50)}

    assert api(a_body(conversationId="metadata", metadata=metadata)).status == 200

    [item] = [item for item in stored() if str(item["PK"]).endswith("#metadata")]
    assert item_size(item) < 20_000
    assert Conversation.from_item(item).metadata == metadata


def floats() -> list[dict[str, object]]:
    """Numbers that take four characters when they are sent, and 18 when they are stored."""
    part = {"type": "tool-x", "toolCallId": "1", "toolName": "x", "state": "result"}
    return [a_message(parts=[{**part, "input": {"n": [1e15] * 20_400}}]) for _ in range(10)]


def shortly(items: list[dict[str, object]], **fields: object) -> str:
    """The body, with floats as short as JSON allows, filled up to its largest size by an unknown field."""
    raw = json.dumps({"visitorId": VISITOR, "defaultTimelineItems": items, **fields}, separators=(",", ":"))
    raw = raw.replace("1000000000000000.0", "1e15")
    assert len(raw) < BODY_BYTES - 10
    return f'{raw[:-1]},"x":"{"x" * (BODY_BYTES - len(raw) - 7)}"}}'


def texts(text: str, share: int) -> list[dict[str, object]]:
    """Three texts that fill a body with a text of `share` bytes of JSON."""
    longest = 404_000
    return [a_message(text * (size // share)) for size in (longest, longest, BODY_BYTES - 2 * longest - 600)]


WORST: dict[str, list[dict[str, object]]] = {
    "99 items": [a_message("a" * 10_300, id=f"{n}") for n in range(99)],
    "99 empty items": [{} for _ in range(99)],
    "floats": floats(),
    "quotes": texts('"', 2),
    "backslashes": texts("\\", 2),
    "control characters": texts("\u0001", 6),
    "many small parts": [{"parts": [{"type": "step-start"}] * 100} for _ in range(99)],
}


@pytest.mark.parametrize("items", WORST.values(), ids=WORST)
def test_the_largest_bodies_stay_within_a_transaction_and_an_answer(
    database: Table, api: Api, stored: Stored, request: pytest.FixtureRequest, items: list[dict[str, object]]
) -> None:
    name = f"worst-{abs(hash(request.node.name)):x}"
    raw = shortly(items, conversationId=name)
    assert len(raw.encode()) == BODY_BYTES

    created = api(raw=raw)
    assert database.usage.calls <= 3  # a key that may be new, the gate where the write has no room for it, the write
    replayed = api(raw=raw)
    # The gate is read where the write has no room for it, and items that are not returned are.
    reads = [len(items) == MAX_ITEMS, len(items) >= MAX_RETURNED_ITEMS]
    assert database.usage.calls == 1 + sum(reads)

    assert (created.status, replayed.status) == (200, 200), (created.body, replayed.body)
    assert created.body == replayed.body
    assert len(created.items) == len(items)
    for response in (created, replayed):
        # The body is a string in Lambda's own JSON.
        assert len(json.dumps(json.dumps(response.body, ensure_ascii=False), ensure_ascii=False).encode()) < (
            LAMBDA_ANSWER_BYTES - 4096
        )
    written = [item for item in stored() if str(item["PK"]).endswith(f"#{name}")]
    assert sum(map(item_size, written)) < TRANSACTION_BYTES


#: Items by number and characters. DynamoDB tells 4 MB at once.
MUCH = {"more than is returned at once": (99, 43_000), "more than a response holds": (13, 400_000)}


@pytest.mark.parametrize(("count", "characters"), MUCH.values(), ids=MUCH)
def test_a_request_that_names_much_that_is_stored_without_its_content_is_a_409(
    api: Api, stored: Stored, count: int, characters: int
) -> None:
    name = f"much-{count}-{characters}"
    items = [{"id": f"{n}", "type": "event", "text": "a" * characters} for n in range(count)]
    at_once = 1_000_000 // characters
    for start in range(0, count, at_once):
        written = api(a_body(conversationId=name, defaultTimelineItems=items[start : start + at_once]))
        assert written.status == 200
    named = [{"id": item["id"]} for item in items]

    replay = api(a_body(conversationId=name, defaultTimelineItems=named))
    append = api(a_body(conversationId=name, defaultTimelineItems=[*named[1:], a_message("new", id="new")]))
    other = api({"visitorId": OTHER_VISITOR, "conversationId": name, "defaultTimelineItems": named})

    assert {response.status for response in (replay, append)} <= {409, 413}
    assert other.code == "CONVERSATION_ID_CONFLICT"
    [pk] = [pk for pk in timelines(stored()) if pk.endswith(f"#{name}")]
    assert [item.id for item in timelines(stored())[pk]] == [item["id"] for item in items]
