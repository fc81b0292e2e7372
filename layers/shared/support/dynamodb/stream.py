"""Records of the table's stream, as Lambda hands them to a function: each is one write of one row."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from support.dynamodb.items import Item, Key, unmarshal


class Record(NamedTuple):
    """A row before and after a write; None where there is none.

    `sequence_number` is how Lambda knows the record. `written_at` is when DynamoDB wrote it, in epoch seconds.
    """

    sequence_number: str
    key: Key
    before: Item | None
    after: Item | None
    written_at: float


class BatchItemFailure(TypedDict):
    """A record that failed, by its sequence number."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What became of a batch: Lambda sends again what begins at the first failure (ReportBatchItemFailures)."""

    batchItemFailures: list[BatchItemFailure]


def read_records(event: Mapping[str, Any]) -> list[Record]:
    """Read the records of an event, in their order (Developer Guide, "DynamoDB Streams and AWS Lambda triggers").

    Raises KeyError for an event of another kind.
    """
    return [_read_record(record["dynamodb"]) for record in event["Records"]]


def succeeded() -> BatchResponse:
    """Build the response for a batch of which nothing has to be sent again."""
    return {"batchItemFailures": []}


def failed_from(record: Record) -> BatchResponse:
    """Build the response for a batch that has to be sent again from a record on."""
    return {"batchItemFailures": [{"itemIdentifier": record.sequence_number}]}


def _read_record(record: Mapping[str, Any]) -> Record:
    key = unmarshal(record["Keys"])
    return Record(
        sequence_number=record["SequenceNumber"],
        key=(str(key["PK"]), str(key["SK"])),
        before=_image(record, "OldImage"),
        after=_image(record, "NewImage"),
        written_at=float(record["ApproximateCreationDateTime"]),
    )


def _image(record: Mapping[str, Any], name: str) -> Item | None:
    return unmarshal(record[name]) if name in record else None
