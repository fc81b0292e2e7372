"""local/event_sources.py and local/filters.py: batches of a stream's records, and what follows a failure."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from local.event_sources import Delivery, Record
from local.filters import matches
from local.runtime import FunctionError
from local.template import EventSource, TemplateError

SOURCE = EventSource(
    name="Feed",
    function="FeedFunction",
    table="conversations-local",
    starts_at="TRIM_HORIZON",
    batch_size=10,
    parallel=1,
    filters=(),
    reports_failures=True,
    bisects=False,
    max_age=None,
    max_retries=None,
)


def a_record(sequence: int, item: str = "one", age: float = 0) -> Record:
    """A record of that number, written to an item so many seconds ago."""
    return Record(
        {
            "eventName": "MODIFY",
            "dynamodb": {
                "SequenceNumber": str(sequence),
                "Keys": {"PK": {"S": item}},
                "ApproximateCreationDateTime": time.time() - age,
            },
        }
    )


class Consumer:
    """A function that takes each record once it was tried as often as it is told, and remembers what it was given."""

    def __init__(self, failing: dict[int, int] | None = None, report: bool = True) -> None:
        self._left = Counter(failing or {})
        self._report = report
        self.batches: list[list[int]] = []
        self.taken: list[int] = []
        self.given_up: list[str] = []

    async def invoke(self, event: dict[str, Any]) -> Any:
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in event["Records"]]
        self.batches.append(numbers)
        for number in numbers:
            if self._left[number] > 0:
                self._left[number] -= 1
                if self._report:
                    return {"batchItemFailures": [{"itemIdentifier": str(number)}]}
                raise FunctionError("it crashed")
            self.taken.append(number)
        return {"batchItemFailures": []}

    def deliver(self, records: list[Record], **settings: Any) -> None:
        async def pause(_: float) -> None: ...

        delivery = Delivery(replace(SOURCE, **settings), self.invoke, self.given_up.append, pause)
        asyncio.run(delivery.deliver(records))


def test_records_come_in_order_in_batches_of_the_mapping_s_size() -> None:
    consumer = Consumer()
    consumer.deliver([a_record(number) for number in range(5)], batch_size=2)

    assert consumer.batches == [[0, 1], [2, 3], [4]]


def test_from_a_reported_failure_on_a_batch_comes_again_and_the_next_one_waits() -> None:
    consumer = Consumer({1: 2})
    consumer.deliver([a_record(number) for number in range(4)], batch_size=3)

    assert consumer.batches == [[0, 1, 2], [1, 2], [1, 2], [3]]
    assert consumer.taken == [0, 1, 2, 3]


def test_of_several_reported_failures_the_first_one_counts() -> None:
    batches: list[list[str]] = []

    async def invoke(event: dict[str, Any]) -> Any:
        batches.append([record["dynamodb"]["SequenceNumber"] for record in event["Records"]])
        return {"batchItemFailures": [{"itemIdentifier": "2"}, {"itemIdentifier": "1"}] if len(batches) == 1 else []}

    asyncio.run(Delivery(SOURCE, invoke, print).deliver([a_record(number) for number in range(3)]))

    assert batches == [["0", "1", "2"], ["1", "2"]]


@pytest.mark.parametrize(
    "response",
    [
        {"batchItemFailures": [{"itemIdentifier": "7"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"wrong": "0"}]},
        {"wrong": []},
        "text",
    ],
)
def test_a_report_that_names_no_record_fails_the_whole_batch(response: Any) -> None:
    calls: list[int] = []

    async def invoke(event: dict[str, Any]) -> Any:
        calls.append(len(event["Records"]))
        return response if len(calls) == 1 else None

    asyncio.run(Delivery(SOURCE, invoke, print).deliver([a_record(0), a_record(1)]))

    assert calls == [2, 2]


def test_a_report_counts_only_where_the_mapping_asks_for_it() -> None:
    consumer = Consumer({0: 1})
    consumer.deliver([a_record(0)], reports_failures=False)

    assert consumer.batches == [[0]]


def test_a_crash_brings_the_whole_batch_again() -> None:
    consumer = Consumer({1: 1}, report=False)
    consumer.deliver([a_record(0), a_record(1)])

    assert consumer.batches == [[0, 1], [0, 1]]


def test_a_crash_splits_the_batch_where_the_mapping_says_so_and_order_stays() -> None:
    consumer = Consumer({2: 3}, report=False)
    consumer.deliver([a_record(number) for number in range(4)], bisects=True)

    assert consumer.batches == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]]


def test_after_its_last_attempt_a_batch_is_given_up_and_the_next_one_comes() -> None:
    consumer = Consumer({0: 9})
    consumer.deliver([a_record(0), a_record(1)], batch_size=1, max_retries=2)

    assert consumer.batches == [[0], [0], [0], [1]]
    assert consumer.given_up == ["Feed: 1 records were given up after the last attempt"]


def test_records_that_are_too_old_are_given_up_but_for_the_minute_that_dynamodb_local_rounds_off() -> None:
    consumer = Consumer()
    consumer.deliver([a_record(0, age=125), a_record(1, age=115)], max_age=60)

    assert consumer.batches == [[1]]
    assert consumer.given_up == ["Feed: 1 records were given up after 60 s"]


def test_in_parallel_what_was_done_to_one_item_stays_in_order() -> None:
    consumer = Consumer({4: 1})
    records = [a_record(number, item=f"item {number % 3}") for number in range(12)]
    consumer.deliver(records, parallel=10, batch_size=2)

    assert sorted(consumer.taken) == list(range(12))
    for item in range(3):
        assert [number for number in consumer.taken if number % 3 == item] == list(range(item, 12, 3))


def test_no_more_batches_are_under_way_than_the_mapping_says() -> None:
    under_way, most = 0, 0

    async def invoke(_: dict[str, Any]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    delivery = Delivery(replace(SOURCE, parallel=3, batch_size=1), invoke, print)
    asyncio.run(delivery.deliver([a_record(number, item=f"item {number}") for number in range(50)]))

    assert most == 3


def test_attempts_are_counted_again_for_each_record_that_a_batch_begins_with() -> None:
    consumer = Consumer({0: 1, 1: 2, 2: 2})
    consumer.deliver([a_record(number) for number in range(3)], max_retries=2)

    assert (consumer.taken, consumer.given_up) == ([0, 1, 2], [])


def test_what_no_filter_lets_through_reaches_no_function() -> None:
    consumer = Consumer()
    wanted = {"dynamodb": {"Keys": {"PK": {"S": [{"prefix": "two"}]}}}}
    consumer.deliver([a_record(0, "one"), a_record(1, "two")], filters=(wanted, {"eventName": ["REMOVE"]}))

    assert consumer.batches == [[1]]


# Filters --------------------------------------------------------------------------------------------------------------

EVENT = {"name": "MODIFY", "count": 3, "tags": ["a", "b"], "image": {"ttl": {"N": "5"}, "none": None}}


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"name": ["INSERT", "MODIFY"]},
        {"name": [{"prefix": "MOD"}]},
        {"name": [{"suffix": "IFY"}]},
        {"name": [{"equals-ignore-case": "modify"}]},
        {"name": [{"anything-but": ["REMOVE"]}]},
        {"name": [{"anything-but": {"prefix": "REM"}}]},
        {"name": [{"exists": True}]},
        {"other": [{"exists": False}]},
        {"other": {"deeper": [{"exists": False}]}},
        {"count": [{"numeric": [">", 2, "<=", 3]}]},
        {"tags": ["b"]},
        {"image": {"ttl": {"N": ["5"]}, "none": [None]}},
        {"$or": [{"name": ["REMOVE"]}, {"count": [3]}]},
    ],
)
def test_an_event_matches(pattern: dict[str, Any]) -> None:
    assert matches(pattern, EVENT)


@pytest.mark.parametrize(
    "pattern",
    [
        {"name": ["modify"]},
        {"name": ["MODIFY"], "count": [4]},
        {"name": [{"prefix": "IFY"}]},
        {"name": [{"suffix": "MOD"}]},
        {"name": [{"anything-but": ["MODIFY"]}]},
        {"name": [{"exists": False}]},
        {"other": [{"exists": True}]},
        {"other": [{"anything-but": "x"}]},
        {"count": ["3"]},
        {"count": [{"numeric": ["<", 3]}]},
        {"name": [{"numeric": ["=", 3]}]},
        {"tags": ["c"]},
        {"image": {"ttl": {"S": ["5"]}}},
        {"$or": [{"name": ["REMOVE"]}, {"count": [4]}]},
    ],
)
def test_an_event_does_not_match(pattern: dict[str, Any]) -> None:
    assert not matches(pattern, EVENT)


def test_a_filter_that_is_not_known_is_an_error() -> None:
    with pytest.raises(TemplateError, match="wildcard"):
        matches({"name": [{"wildcard": "M*"}]}, EVENT)
