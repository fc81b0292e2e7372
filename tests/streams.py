"""Records of the table's stream, as Lambda hands them to a function."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import boto3
from support.dynamodb.items import Item, marshal
from support.values.conversation import Conversation
from support.values.timeline_item import TimelineItem
from support.values.visitor import Visitor

from local.stages import expand
from local.template import TEMPLATE, resolve
from tests.builders import ORGANIZATION, VISITOR, WEBSITE

#: A row before and after a write.
Images = tuple[Item | None, Item | None]

#: When the records of tests were written, in epoch seconds.
WRITTEN_AT = 1_000

_sequence_numbers = count(100)


def a_record(before: Item | None, after: Item | None, **fields: Any) -> dict[str, Any]:
    """Return the record of a write, with a sequence number of its own."""
    row = after if after is not None else before
    assert row is not None
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventID": "1",
        "eventName": "INSERT" if before is None else "REMOVE" if after is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": WRITTEN_AT,
            "Keys": marshal({"PK": row["PK"], "SK": row["SK"]}),
            "SequenceNumber": str(next(_sequence_numbers)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **{name: marshal(image) for name, image in images.items() if image is not None},
        },
        **fields,
    }


def a_batch(writes: Iterable[Images]) -> dict[str, Any]:
    """Return the event for records of these writes."""
    return {"Records": [a_record(before, after) for before, after in writes]}


def sequence_number(event: dict[str, Any], position: int) -> str:
    """Return the sequence number of a record of an event."""
    number: str = event["Records"][position]["dynamodb"]["SequenceNumber"]
    return number


def a_conversation(**fields: Any) -> Conversation:
    """Return a conversation that has just been opened; `fields` are those of `Conversation`."""
    conversation = Conversation(
        id="c",
        website_id=WEBSITE,
        organization_id=ORGANIZATION,
        mode="test",
        visitor_id=VISITOR,
        visitor_key="0f" * 16,
        channel="widget",
        incarnation="first",
        created_at="2026-01-31T12:00:00.000Z",
        updated_at="2026-01-31T12:00:00.000Z",
        public_updated_at="2026-01-31T12:00:00.000Z",
    )
    return replace(conversation, **fields)


def an_item(id_: str = "i", **fields: Any) -> TimelineItem:
    """Return a public message of the visitor; `fields` are those of `TimelineItem`."""
    item = TimelineItem(
        id=id_,
        created_at="2026-01-31T12:00:00.000Z",
        position=0,
        visibility="public",
        type="message",
        written_by="public",
        content={"text": "Hello"},
        visitor_id=VISITOR,
    )
    return replace(item, **fields)


def a_visitor(**fields: Any) -> Visitor:
    """Return a visitor whose e-mail address has just been proven; `fields` are those of `Visitor`."""
    visitor = Visitor(
        id=VISITOR,
        website_id=WEBSITE,
        organization_id=ORGANIZATION,
        mode="test",
        visitor_key="0f" * 16,
        created_at="2026-01-31T12:00:00.000Z",
        updated_at="2026-01-31T12:00:00.000Z",
        contact_id="01JDEM0C0NTACT000000000000",
        contact_updated_at="2026-01-31T12:00:00.000Z",
        email="canary@example.com",
        name="Canary",
        verified=("email",),
        contact_version=1,
        identified=True,
    )
    return replace(visitor, **fields)


def an_item_row(item: TimelineItem | None = None, conversation: Conversation | None = None) -> Item:
    """Return the row of an item."""
    conversation = a_conversation() if conversation is None else conversation
    return (an_item() if item is None else item).to_item(conversation.item_attributes())


# DynamoDB Local's own ------------------------------------------------------------------------------------------------


def read_stream(endpoint: str, table: str) -> list[dict[str, Any]]:
    """Read the stream of a table in DynamoDB Local from its start, in the form in which Lambda gets it."""
    streams = boto3.client("dynamodbstreams", endpoint_url=endpoint)
    records: list[Any] = []
    arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while found := streams.get_records(ShardIterator=iterator)["Records"]:
            records += found
            iterator = streams.get_shard_iterator(
                StreamArn=arn,
                ShardId=shard["ShardId"],
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=found[-1]["dynamodb"]["SequenceNumber"],
            )["ShardIterator"]
    as_json: list[dict[str, Any]] = json.loads(json.dumps(records, default=lambda time: time.timestamp()))
    return as_json


@cache
def mapping_of(function: str) -> dict[str, Any]:
    """Return how Lambda reads the stream for a function, by its logical id: a mapping in template.yaml."""
    template = resolve(expand(TEMPLATE.read_text()), {"Stage": "prod", "EventBusName": "default"})
    found: dict[str, Any] = template["Resources"][f"{function}Stream"]["Properties"]
    return found


def batches(function: str, records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the events that a function's mapping makes of records: what its filter lets through, in batches."""
    wanted, size = matching(function, records), mapping_of(function)["BatchSize"]
    for start in range(0, len(wanted), size):
        yield {"Records": wanted[start : start + size]}


def matching(function: str, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records that the filter of a function's mapping lets through."""
    patterns = [json.loads(entry["Pattern"]) for entry in mapping_of(function)["FilterCriteria"]["Filters"]]
    return [record for record in records if any(_matches(pattern, record) for pattern in patterns)]


def _matches(pattern: Any, value: Any) -> bool:
    """Tell whether a pattern of exact values and prefixes holds (Lambda Developer Guide, "Filter rule syntax")."""
    if isinstance(pattern, list):
        if {"exists": True} in pattern:
            return value is not None
        prefixes = [entry["prefix"] for entry in pattern if isinstance(entry, dict)]
        return value in pattern or (isinstance(value, str) and value.startswith(tuple(prefixes)))
    return isinstance(value, dict) and all(_matches(wanted, value.get(name)) for name, wanted in pattern.items())
