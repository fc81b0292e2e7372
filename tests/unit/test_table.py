"""conversations/table.py: what an answer of DynamoDB means. What a table does is tested over DynamoDB Local."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import ANY

import pytest
from support.aws.client import ConnectionClosed, NoResponse, NotConnected
from support.deadlines import Deadline
from support.dynamodb.actions import ConditionFailed, Conflicted, Insert
from support.dynamodb.faults import InvalidRequest
from support.dynamodb.responses import Members
from support.dynamodb.table import TABLE, TIMELINE, VISITOR, Index, KeyRange, Table
from support.errors import Code, Refusal

from tests.scripted import ScriptedDynamoDB

CANARY = "canary-7f3a"
KEY = ("PK", "SK")
CAPACITY = {"TableName": "t", "CapacityUnits": 0.5}
FOUND = {"Item": {"PK": {"S": "PK"}, "SK": {"S": "SK"}}, "ConsumedCapacity": CAPACITY}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    monkeypatch.setattr("support.deadlines.time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.test")
    return Table("t", timeout_seconds=10)


@pytest.fixture
def dynamodb(table: Table) -> Iterator[ScriptedDynamoDB]:
    """DynamoDB, which gives the responses it is told, in their order, and must be asked for all of them."""
    scripted = ScriptedDynamoDB(table)
    yield scripted
    scripted.require_all_asked()


def get(table: Table) -> object:
    return table.get(KEY, Deadline.after(60))


def insert(table: Table) -> None:
    actions = [Insert({"PK": "PK", "SK": sk, "content": CANARY}) for sk in "ab"]
    table.transact(actions, Deadline.after(60))


def cancelled(stubber: ScriptedDynamoDB, *codes: str, item: object = None) -> None:
    reasons: list[dict[str, Any]] = [{"Code": code, "Message": CANARY} for code in codes]
    if item:
        reasons[0]["Item"] = item
    stubber.fails(
        "TransactWriteItems",
        "TransactionCanceledException",
        CANARY,
        CancellationReasons=reasons,
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("TransactionInProgressException", 400),
        ("TransactionConflictException", 400),
        ("LimitExceededException", 400),
        ("RequestTimeout", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("AnythingElse", 502),
    ],
)
def test_what_passes_is_asked_again(table: Table, dynamodb: ScriptedDynamoDB, code: str, status: int) -> None:
    dynamodb.fails("GetItem", code, CANARY, status)
    dynamodb.fails("GetItem", code, CANARY, status)
    dynamodb.responds("GetItem", FOUND)

    assert get(table) == {"PK": "PK", "SK": "SK"}
    assert table.usage.faults == [code, code]
    assert (table.usage.calls, table.usage.capacity_units) == (1, 0.5)


@pytest.mark.parametrize("error", [NoResponse("ReadTimeoutError"), ConnectionClosed("ConnectionClosed")], ids=str)
def test_silence_is_asked_again(table: Table, dynamodb: ScriptedDynamoDB, error: NoResponse) -> None:
    dynamodb.breaks("GetItem", error)
    dynamodb.responds("GetItem", FOUND)

    assert get(table) == {"PK": "PK", "SK": "SK"}
    assert table.usage.faults == [str(error)]


@pytest.mark.parametrize(
    "code", ["ValidationException", "SerializationException", "IdempotentParameterMismatchException"]
)
@pytest.mark.parametrize(("call", "operation"), [(get, "GetItem"), (insert, "TransactWriteItems")])
def test_a_wrong_request_is_a_defect_that_quotes_nothing(
    table: Table, dynamodb: ScriptedDynamoDB, call: Callable[[Table], object], operation: str, code: str
) -> None:
    dynamodb.fails(operation, code, CANARY, 400)

    with pytest.raises(InvalidRequest) as raised:
        call(table)

    assert str(raised.value) == code


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException", "Unknown"]
)
def test_an_outage_that_somebody_must_end_is_not_asked_again(
    table: Table, dynamodb: ScriptedDynamoDB, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    dynamodb.fails("GetItem", code, CANARY, 400)

    with pytest.raises(Refusal) as raised:
        get(table)

    assert raised.value.code == Code.UNAVAILABLE
    assert CANARY not in raised.value.message + capsys.readouterr().out


@pytest.mark.parametrize(
    ("is_local", "message"),
    [(True, "The table t does not exist: start `make run`"), (False, "The service is busy")],
    ids=["on one machine", "in the cloud"],
)
def test_a_table_that_is_not_there_is_named_where_somebody_can_start_it(
    dynamodb: ScriptedDynamoDB, table: Table, is_local: bool, message: str
) -> None:
    table._is_local = is_local
    dynamodb.fails("GetItem", "ResourceNotFoundException", CANARY, 400)

    with pytest.raises(Refusal, match=message) as raised:
        get(table)

    assert raised.value.code == Code.UNAVAILABLE
    assert raised.value.retry_after is not None


def test_so_is_a_database_that_is_not_there(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*_: object) -> object:
        raise NotConnected("NewConnectionError")

    table._is_local = True
    monkeypatch.setattr(table._database, "call", call)

    with pytest.raises(Refusal, match="The table t does not exist: start `make run`"):
        table.get(KEY, Deadline.after(2.1))  # an attempt may take 2 s


def test_a_table_that_was_not_there_can_be_busy_later(dynamodb: ScriptedDynamoDB, table: Table) -> None:
    table._is_local = True
    dynamodb.fails("GetItem", "ResourceNotFoundException", CANARY, 400)
    with pytest.raises(Refusal):
        get(table)

    with pytest.raises(Refusal, match="The service is busy"):
        table.get(KEY, Deadline.after(0))  # not asked at all


@pytest.mark.parametrize(
    "codes",
    [
        ["TransactionConflict", "None"],
        ["None", "ThrottlingError"],
        ["ProvisionedThroughputExceeded", "TransactionConflict"],
        ["None", "None"],
        ["ConditionalCheckFailed", "TransactionConflict"],
    ],
)
def test_a_transaction_that_met_another_is_asked_again(
    table: Table, dynamodb: ScriptedDynamoDB, codes: list[str]
) -> None:
    cancelled(dynamodb, *codes)
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    insert(table)

    assert len(table.usage.faults) == 1


def test_what_met_another_is_made_anew_until_a_response_is_lost(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    cancelled(dynamodb, "TransactionConflict")
    cancelled(dynamodb, "TransactionConflict", "ConditionalCheckFailed")
    dynamodb.fails("TransactWriteItems", "InternalServerError", CANARY, 500)
    cancelled(dynamodb, "TransactionConflict")
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    for sk in "12":
        with pytest.raises(Conflicted):
            table.transact([Insert({"PK": "PK", "SK": sk})], Deadline.after(60), raises_conflicts=True)
    table.transact([Insert({"PK": "PK", "SK": "3"})], Deadline.after(60), raises_conflicts=True)

    sent = [
        (request["TransactItems"][0]["Put"]["Item"]["SK"]["S"], request["ClientRequestToken"])
        for _, request in dynamodb.requests
    ]
    # It may have been carried out then, and only the same under the same token is not carried out again.
    assert [sk for sk, _ in sent] == ["1", "2", "3", "3", "3"]
    assert [len({token for _, token in sent[:3]}), len({token for _, token in sent[2:]})] == [3, 1]


@pytest.mark.parametrize("codes", [["ValidationError", "None"], ["None", "AnythingElse"]])
def test_a_transaction_that_is_wrong_is_a_defect(table: Table, dynamodb: ScriptedDynamoDB, codes: list[str]) -> None:
    cancelled(dynamodb, *codes)

    with pytest.raises(InvalidRequest) as raised:
        insert(table)

    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "codes",
    [
        ["None", "ItemCollectionSizeLimitExceeded"],
        ["ItemCollectionSizeLimitExceeded", "ConditionalCheckFailed"],
        ["TransactionConflict", "ItemCollectionSizeLimitExceeded"],
    ],
)
def test_a_transaction_into_a_full_conversation_is_a_413(
    table: Table, dynamodb: ScriptedDynamoDB, codes: list[str]
) -> None:
    """A partition with a local index holds 10 GB: no defect of ours, and no attempt helps."""
    cancelled(dynamodb, *codes)

    with pytest.raises(Refusal, match="please open a new one") as raised:
        insert(table)

    assert (raised.value.code, table.usage.faults) == (Code.PAYLOAD_TOO_LARGE, [])
    assert CANARY not in raised.value.message


def test_so_is_a_write_that_says_it_by_itself(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    dynamodb.fails("TransactWriteItems", "ItemCollectionSizeLimitExceededException", CANARY, 400)

    with pytest.raises(Refusal, match="please open a new one") as raised:
        insert(table)

    assert (raised.value.code, table.usage.faults) == (Code.PAYLOAD_TOO_LARGE, [])


def test_a_condition_that_failed_tells_what_stands_there(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    cancelled(dynamodb, "ConditionalCheckFailed", "None", item={"PK": {"S": "PK"}, "SK": {"S": "a"}})

    with pytest.raises(ConditionFailed) as raised:
        insert(table)

    assert raised.value.found == [{"PK": "PK", "SK": "a"}, None]


def test_what_dynamodb_does_not_tell_is_named(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    cancelled(dynamodb, "ConditionalCheckFailed", "None")

    with pytest.raises(ConditionFailed) as raised:
        insert(table)

    assert raised.value.found == [None, None]
    assert raised.value.not_returned == [("PK", "a")]


def test_keys_that_dynamodb_left_out_are_asked_for_again(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    a, b = ({"PK": {"S": "PK"}, "SK": {"S": sk}} for sk in "ab")
    rest = {"t": {"Keys": [b], "ConsistentRead": True}}
    dynamodb.responds(
        "BatchGetItem", {"Responses": {"t": [a]}, "UnprocessedKeys": rest, "ConsumedCapacity": [CAPACITY]}
    )
    dynamodb.responds(
        "BatchGetItem",
        {"Responses": {"t": [b]}, "UnprocessedKeys": {}, "ConsumedCapacity": [CAPACITY]},
        {"RequestItems": rest, "ReturnConsumedCapacity": "TOTAL"},
    )

    found = table.get_many([("PK", "a"), ("PK", "b")], Deadline.after(60))

    assert [item["SK"] for item in found] == ["a", "b"]


def test_keys_left_out_for_want_of_room_are_asked_for_at_once(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    """DynamoDB reads a megabyte of a partition at once; that is not throttling, however often it happens."""
    keys = [{"PK": {"S": "PK"}, "SK": {"S": str(number)}} for number in range(6)]
    for number, key in enumerate(keys):
        rest = {"t": {"Keys": keys[number + 1 :]}} if number < 5 else {}
        large = {**key, "content": {"S": "x" * 650_000}}
        # What was read tells, whatever part of it was asked for: a unit for each 4 KB of an item.
        consumed = {"TableName": "t", "CapacityUnits": 159.0}
        dynamodb.responds(
            "BatchGetItem", {"Responses": {"t": [large]}, "UnprocessedKeys": rest, "ConsumedCapacity": [consumed]}
        )

    found = table.get_many([("PK", str(number)) for number in range(6)], Deadline.after(60))

    assert [item["SK"] for item in found] == list("012345")
    assert table.usage.faults == []


def test_what_is_more_than_enough_is_not_read(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    a, b = ({"PK": {"S": "PK"}, "SK": {"S": sk}} for sk in "ab")
    rest = {"t": {"Keys": [b], "ConsistentRead": True}}
    dynamodb.responds(
        "BatchGetItem", {"Responses": {"t": [a]}, "UnprocessedKeys": rest, "ConsumedCapacity": [CAPACITY]}
    )

    found = table.get_many([("PK", "a"), ("PK", "b")], Deadline.after(60), stop_after_bytes=6)

    assert [item["SK"] for item in found] == ["a"]


@pytest.mark.usefixtures("dynamodb")
def test_an_attempt_that_may_outlast_the_deadline_is_not_begun(table: Table) -> None:
    with pytest.raises(Refusal) as raised:
        table.get(KEY, Deadline.after(1.9))  # an attempt may take a fifth of ten seconds

    assert raised.value.code == Code.UNAVAILABLE
    assert table.usage.faults == []


@pytest.mark.parametrize(("ttl", "is_there"), [(None, True), (1_001, True), (1_000, True), (999, False)])
def test_what_has_expired_is_not_there(
    table: Table, dynamodb: ScriptedDynamoDB, monkeypatch: pytest.MonkeyPatch, ttl: int | None, is_there: bool
) -> None:
    """In its last second an item is there, as it is for the condition of an `Insert`."""
    monkeypatch.setattr("support.dynamodb.table.time.time", lambda: 1_000.9)
    item = {"PK": {"S": "PK"}, "SK": {"S": "SK"}, **({} if ttl is None else {"ttl": {"N": str(ttl)}})}
    dynamodb.responds("GetItem", {"Item": item, "ConsumedCapacity": CAPACITY})

    assert (get(table) is not None) == is_there


def test_what_has_expired_is_not_among_many(
    table: Table, dynamodb: ScriptedDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.dynamodb.table.time.time", lambda: 1_000.9)
    found = [{"PK": {"S": "PK"}, "SK": {"S": sk}, "ttl": {"N": ttl}} for sk, ttl in [("a", "999"), ("b", "1000")]]
    dynamodb.responds(
        "BatchGetItem", {"Responses": {"t": found}, "UnprocessedKeys": {}, "ConsumedCapacity": [CAPACITY]}
    )

    standing = table.get_many([("PK", "a"), ("PK", "b")], Deadline.after(60))

    assert [item["SK"] for item in standing] == ["b"]


@pytest.mark.parametrize(("index", "is_consistent"), [(TABLE, True), (TIMELINE, True), (VISITOR, False)])
def test_what_is_queried_is_as_it_is_now_where_dynamodb_can_say_so(
    table: Table, dynamodb: ScriptedDynamoDB, index: Index, is_consistent: bool
) -> None:
    """DynamoDB refuses a consistent read of a global index; DynamoDB Local reads none that is behind."""
    expected = {
        "TableName": "t",
        "KeyConditionExpression": ANY,
        "ExpressionAttributeValues": ANY,
        "ScanIndexForward": True,
        "ConsistentRead": is_consistent,
        "ReturnConsumedCapacity": "TOTAL",
        **({} if index.name is None else {"IndexName": index.name}),
    }
    dynamodb.responds("Query", {"Items": [], "ConsumedCapacity": CAPACITY}, expected)

    assert table.query(index, "PK", KeyRange(), Deadline.after(60)) == []


# Throttling -----------------------------------------------------------------------------------------------------------

THROTTLES = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]


def throttle(dynamodb: ScriptedDynamoDB, times: int, code: str = "ThrottlingException") -> None:
    for _ in range(times):
        dynamodb.fails("GetItem", code, CANARY, 400)


def require_unavailable(call: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as raised:
        call()
    assert raised.value.code == Code.UNAVAILABLE


@pytest.mark.parametrize("code", THROTTLES)
def test_a_table_that_throttles_is_asked_three_times(table: Table, dynamodb: ScriptedDynamoDB, code: str) -> None:
    throttle(dynamodb, 3, code)

    require_unavailable(lambda: get(table))

    assert table.usage.faults == [code] * 3


def test_a_transaction_that_is_throttled_is_tried_three_times(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    cancelled(dynamodb, "ThrottlingError", "None")
    cancelled(dynamodb, "ProvisionedThroughputExceeded", "TransactionConflict")
    cancelled(dynamodb, "ConditionalCheckFailed", "ThrottlingError")

    require_unavailable(lambda: insert(table))


@pytest.mark.parametrize("read", [0, 1], ids=["none", "one"])
def test_keys_left_out_with_room_to_spare_are_throttled(table: Table, dynamodb: ScriptedDynamoDB, read: int) -> None:
    keys = [{"PK": {"S": "PK"}, "SK": {"S": sk}} for sk in "abcd"]
    for number in range(3):
        found, rest = keys[:read], keys[read * (number + 1) :]
        dynamodb.responds(
            "BatchGetItem",
            {"Responses": {"t": found}, "UnprocessedKeys": {"t": {"Keys": rest}}, "ConsumedCapacity": [CAPACITY]},
        )

    require_unavailable(lambda: table.get_many([("PK", sk) for sk in "abcd"], Deadline.after(60)))

    assert len(table.usage.faults) == 3


def test_a_table_that_throttled_to_the_end_is_asked_once_until_it_answers(
    table: Table, dynamodb: ScriptedDynamoDB
) -> None:
    throttle(dynamodb, 3 + 1 + 1)
    dynamodb.responds("GetItem", FOUND)
    throttle(dynamodb, 2)
    dynamodb.responds("GetItem", FOUND)

    for _ in range(3):
        require_unavailable(lambda: get(table))
    for _ in range(2):
        assert get(table) == {"PK": "PK", "SK": "SK"}


def test_a_failed_condition_is_an_answer_of_a_table_that_throttled(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    for code in [*["ThrottlingError"] * 3, "ConditionalCheckFailed", *["ThrottlingError"] * 2]:
        cancelled(dynamodb, code, "None")
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    require_unavailable(lambda: insert(table))
    with pytest.raises(ConditionFailed):
        insert(table)
    insert(table)


def test_reads_and_writes_are_throttled_apart(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    """Each has throughput of its own, and a request that writes may read first."""
    for _ in range(3):
        cancelled(dynamodb, "ThrottlingError", "None")
    throttle(dynamodb, 2)
    dynamodb.responds("GetItem", FOUND)
    cancelled(dynamodb, "ThrottlingError", "None")

    require_unavailable(lambda: insert(table))
    get(table)
    require_unavailable(lambda: insert(table))


def test_conflicts_and_silence_are_bounded_by_time_alone(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    for _ in range(10):
        cancelled(dynamodb, "TransactionConflict", "None")
        dynamodb.fails("TransactWriteItems", "InternalServerError", CANARY, 500)
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    insert(table)

    assert len(table.usage.faults) == 20


def test_throttling_is_counted_between_conflicts_and_silence(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    for _ in range(3):
        cancelled(dynamodb, "TransactionConflict", "None")
        dynamodb.fails("TransactWriteItems", "InternalServerError", CANARY, 500)
        cancelled(dynamodb, "ThrottlingError", "None")

    require_unavailable(lambda: insert(table))


def test_a_throttled_call_waits_longer_than_one_in_conflict(
    table: Table, dynamodb: ScriptedDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB counts throughput by the second."""
    waits: list[float] = []
    monkeypatch.setattr("support.deadlines.time.sleep", waits.append)
    monkeypatch.setattr("support.deadlines._random.uniform", lambda _, longest: longest)
    cancelled(dynamodb, "TransactionConflict", "None")
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})
    throttle(dynamodb, 2)
    dynamodb.responds("GetItem", FOUND)

    insert(table)
    get(table)

    assert waits == [0.025, 0.25, 0.5]


def test_a_connection_that_was_closed_upon_a_request_is_replaced_at_once(
    table: Table, dynamodb: ScriptedDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes one that was idle for long; what ends another one, too, is nothing that passes by itself."""
    waits: list[float] = []
    monkeypatch.setattr("support.deadlines.time.sleep", waits.append)
    for _ in range(2):
        dynamodb.breaks("TransactWriteItems", ConnectionClosed("ConnectionClosed"))
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    insert(table)

    assert len(waits) == 1
    assert len({request["ClientRequestToken"] for _, request in dynamodb.requests}) == 1
    assert table.usage.faults == ["ConnectionClosed"] * 2


def test_a_conflict_after_a_closed_connection_is_none_that_surely_wrote_nothing(
    table: Table, dynamodb: ScriptedDynamoDB
) -> None:
    """What came through the closed connection may be what the repetition is in conflict with."""
    dynamodb.breaks("TransactWriteItems", ConnectionClosed("ConnectionClosed"))
    cancelled(dynamodb, "TransactionConflict")
    dynamodb.responds("TransactWriteItems", {"ConsumedCapacity": [CAPACITY]})

    table.transact([Insert({"PK": "PK", "SK": "1"})], Deadline.after(60), raises_conflicts=True)

    assert len({request["ClientRequestToken"] for _, request in dynamodb.requests}) == 1


@pytest.mark.parametrize("error", [ConnectionClosed("ConnectionClosed"), NoResponse("ReadTimeoutError")], ids=str)
def test_a_count_is_never_repeated(table: Table, dynamodb: ScriptedDynamoDB, error: NoResponse) -> None:
    dynamodb.breaks("UpdateItem", error)

    require_unavailable(lambda: table.increment(KEY, 1))

    assert [operation for operation, _ in dynamodb.requests] == ["UpdateItem"]


def test_a_query_reads_on_in_large_steps_where_much_has_expired(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    def entry(sk: str, ttl: str = "1") -> dict[str, Any]:
        return {"PK": {"S": "p"}, "SK": {"S": sk}, "ttl": {"N": ttl}}

    later = str(2**40)
    asked = {"TableName": "t", "KeyConditionExpression": ANY, "ExpressionAttributeValues": ANY} | {
        "ScanIndexForward": True,
        "ConsistentRead": True,
        "ReturnConsumedCapacity": "TOTAL",
    }
    dynamodb.responds(
        "Query",
        {"Items": [entry("a"), entry("b")], "LastEvaluatedKey": entry("b"), "ConsumedCapacity": CAPACITY},
        {**asked, "Limit": 2},
    )
    living = [entry("c", later), entry("d", later), entry("e", later)]
    dynamodb.responds("Query", {"Items": living, "ConsumedCapacity": CAPACITY}, {**asked, "Limit": 1_000})

    found = table.query(TABLE, "p", KeyRange(), Deadline.after(60), limit=2)

    assert [item["SK"] for item in found] == ["c", "d"]


def test_what_was_not_deleted_is_deleted_again(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    a, b = ({"DeleteRequest": {"Key": {"PK": {"S": "p"}, "SK": {"S": sk}}}} for sk in "ab")

    def left(*requests: object) -> Members:
        return {"UnprocessedItems": {"t": [*requests]} if requests else {}, "ConsumedCapacity": [CAPACITY]}

    dynamodb.responds("BatchWriteItem", left(b), {"RequestItems": {"t": [a, b]}, "ReturnConsumedCapacity": "TOTAL"})
    dynamodb.responds("BatchWriteItem", left(), {"RequestItems": {"t": [b]}, "ReturnConsumedCapacity": "TOTAL"})

    table.delete_many([("p", "a"), ("p", "b")], Deadline.after(60))


def test_what_is_not_deleted_three_times_is_left(table: Table, dynamodb: ScriptedDynamoDB) -> None:
    a = {"DeleteRequest": {"Key": {"PK": {"S": "p"}, "SK": {"S": "a"}}}}
    for _ in range(3):
        dynamodb.responds("BatchWriteItem", {"UnprocessedItems": {"t": [a]}, "ConsumedCapacity": [CAPACITY]})

    with pytest.raises(Refusal, match="busy"):
        table.delete_many([("p", "a")], Deadline.after(60))
