"""conversations/dynamodb/responses.py: what counts as a response, byte by byte, through all that reads it."""

import json
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from zlib import crc32

import pytest
from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Insert
from support.dynamodb.table import TABLE, KeyRange, Table
from support.errors import Code, Refusal

KEY = ("p", "s")
ITEM = {"PK": {"S": "p"}, "SK": {"S": "s"}}
CAPACITY = {"TableName": "table", "CapacityUnits": 0.5}


def wire(body: bytes, status: int = 200, **headers: str) -> bytes:
    """A response as it comes through the connection, its checksum among the last headers."""
    lines = {
        "Server": "Server",
        "x-amzn-RequestId": "R2FQ",
        "Content-Type": "application/x-amz-json-1.0",
        "x-amz-crc32": str(crc32(body)),
        "Content-Length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *map(": ".join, lines.items()), "", ""]
    return "\r\n".join(head).encode() + body


def response(**members: object) -> bytes:
    """A success of DynamoDB."""
    return wire(json.dumps(members).encode())


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What comes through each next connection before it ends."""
    responses: list[bytes] = []
    ends: list[socket.socket] = []

    def connect(_: object) -> socket.socket:
        ours, theirs = socket.socketpair()
        ends.extend([ours, theirs])
        theirs.sendall(responses.pop(0))
        theirs.shutdown(socket.SHUT_WR)
        return ours

    monkeypatch.setattr("urllib3.connection.HTTPConnection._new_conn", connect)
    yield responses
    for end in ends:
        end.close()


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.test")
    monkeypatch.setattr("support.deadlines.time.sleep", lambda _: None)
    return Table("table", timeout_seconds=10)


def transact(table: Table) -> object:
    try:
        table.transact([Insert({"PK": "p", "SK": "s"})], Deadline.after(60))
    except ConditionFailed as failure:
        return failure.found
    return "written"


Call = Callable[[Table], object]

#: Each call with a whole response to it, and what that means.
CALLS: dict[str, tuple[Call, bytes, object]] = {
    "an item": (
        lambda table: table.get(KEY, Deadline.after(60)),
        response(Item=ITEM, ConsumedCapacity=CAPACITY),
        {"PK": "p", "SK": "s"},
    ),
    "no item": (lambda table: table.get(KEY, Deadline.after(60)), response(ConsumedCapacity=CAPACITY), None),
    "items": (
        lambda table: table.get_many([KEY], Deadline.after(60)),
        response(Responses={"table": [ITEM]}, UnprocessedKeys={}, ConsumedCapacity=[CAPACITY]),
        [{"PK": "p", "SK": "s"}],
    ),
    "a page": (
        lambda table: table.query(TABLE, "p", KeyRange(), Deadline.after(60)),
        response(Items=[ITEM], Count=1, ConsumedCapacity=CAPACITY),
        [{"PK": "p", "SK": "s"}],
    ),
    "written": (transact, response(ConsumedCapacity=[CAPACITY]), "written"),
    "a failed condition": (
        transact,
        wire(
            json.dumps(
                {
                    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "CancellationReasons": [{"Code": "ConditionalCheckFailed", "Item": ITEM}],
                }
            ).encode(),
            400,
        ),
        [{"PK": "p", "SK": "s"}],
    ),
}
COUNT = response(Attributes={"count": {"N": "7"}, "ttl": {"N": "1"}}, ConsumedCapacity=CAPACITY)

each_call = pytest.mark.parametrize(("call", "whole", "meaning"), CALLS.values(), ids=CALLS)


@each_call
def test_a_response_that_is_cut_after_any_byte_counts_as_none(
    table: Table, connections: list[bytes], call: Call, whole: bytes, meaning: object
) -> None:
    for length in range(len(whole)):
        connections[:] = [whole[:length], whole]
        table.usage.faults.clear()

        assert call(table) == meaning, length
        assert len(table.usage.faults) == 1, length


def test_a_count_that_is_cut_after_any_byte_is_none(table: Table, connections: list[bytes]) -> None:
    for length in range(len(COUNT)):
        connections[:] = [COUNT[:length]]
        with pytest.raises(Refusal) as raised:
            table.increment(KEY, 1)
        assert raised.value.code == Code.UNAVAILABLE

    connections[:] = [COUNT]
    assert table.increment(KEY, 1) == 7


#: Bodies that no call of ours gets from DynamoDB.
FOREIGN = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b'"written"',
    b"\xff\xfe",
    b"<!doctype html><title>Please sign in</title>",
    b"<html>Service Unavailable</html>",
    b'{"message": "Forbidden"}',
    b'{"__type": 7}',
    b'{"__type": ""}',
    b'{"__type": "ValidationException", "CancellationReasons": 7}',
    b'{"__type": "ValidationException", "CancellationReasons": [{"Code": "None", "Item": 7}]}',
    b'{"ConsumedCapacity": null, "Item": null, "Items": null, "Responses": null, "Attributes": null}',
    b'{"ConsumedCapacity": 7, "Item": 7, "Items": 7, "Responses": 7, "UnprocessedKeys": 7, "Attributes": 7}',
    b'{"ConsumedCapacity": {"CapacityUnits": "x"}, "Items": [7], "Responses": {"table": [7]}, "Attributes": {"a": {}}}',
]


@pytest.mark.parametrize("status", [200, 201, 302, 400, 403, 413, 500, 502])
@each_call
def test_a_foreign_response_is_retried(
    table: Table, connections: list[bytes], call: Call, whole: bytes, meaning: object, status: int
) -> None:
    for body in FOREIGN:
        connections[:] = [wire(body, status), wire(body, status, x_amz_crc32="0"), whole]
        table.usage.faults.clear()

        assert call(table) == meaning, body
        assert table.usage.faults == [f"BrokenResponse {status}"] * 2, body


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_foreign_response_is_no_count(table: Table, connections: list[bytes], body: bytes, status: int) -> None:
    connections[:] = [wire(body, status)]

    with pytest.raises(Refusal) as raised:
        table.increment(KEY, 1)

    assert raised.value.code == Code.UNAVAILABLE


@pytest.mark.parametrize("checksum", ["", " ", "0", "-1", "x", "1e3", "99999999999999999999"])
@each_call
def test_a_response_under_another_checksum_is_retried(
    table: Table, connections: list[bytes], call: Call, whole: bytes, meaning: object, checksum: str
) -> None:
    head, _, body = whole.partition(b"\r\n\r\n")
    connections[:] = [wire(body, int(head[9:12]), x_amz_crc32=checksum), whole]

    assert call(table) == meaning
    assert len(table.usage.faults) == 1


@each_call
def test_a_success_without_a_checksum_is_retried(
    table: Table, connections: list[bytes], call: Call, whole: bytes, meaning: object
) -> None:
    bare = whole.replace(b"x-amz-crc32", b"x-other")
    connections[:] = [bare, whole]

    assert call(table) == meaning
    # DynamoDB Local bears none on errors.
    assert len(table.usage.faults) == whole.startswith(b"HTTP/1.1 200")
