"""Reads the stream of a table in DynamoDB Local, in place of Lambda's pollers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.aws.client import Client, NoResponse

from local.event_sources import Delivery, Record
from local.template import REGION, EventSource

#: Lambda asks each shard four times a second (Developer Guide, "Polling and batching streams").
_POLL_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
#: GetRecords gives no more at a time.
_MAX_RECORDS = 1000


class StreamError(Exception):
    """DynamoDB Local refused a call; `code` is the name of its error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Streams:
    """DynamoDB Streams at an endpoint URL. Its methods block, and raise `StreamError` or `NoResponse`."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._client = Client(_TIMEOUT_SECONDS)

    def stream_of(self, table: str) -> str:
        """Return the ARN of a table's stream."""
        found = self._call("DynamoDB_20120810.DescribeTable", TableName=table)
        arn: str = found["Table"]["LatestStreamArn"]
        return arn

    def shards(self, stream: str) -> list[str]:
        """Return the ids of a stream's shards, parents first."""
        described = self._call("DynamoDBStreams_20120810.DescribeStream", StreamArn=stream)
        return [shard["ShardId"] for shard in described["StreamDescription"]["Shards"]]

    def iterator(self, stream: str, shard: str, starts_at: str, after: str | None) -> str:
        """Return where to read on: after a sequence number or, without one, at TRIM_HORIZON or LATEST."""
        place = {"ShardIteratorType": starts_at}
        if after is not None:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        target = "DynamoDBStreams_20120810.GetShardIterator"
        found: str = self._call(target, StreamArn=stream, ShardId=shard, **place)["ShardIterator"]
        return found

    def records(self, iterator: str, most: int) -> tuple[list[Record], str | None]:
        """Return the next records, and where to read on; that is None at the end of a shard."""
        found = self._call("DynamoDBStreams_20120810.GetRecords", ShardIterator=iterator, Limit=most)
        return [Record(one) for one in found["Records"]], found.get("NextShardIterator")

    def _call(self, target: str, **parameters: Any) -> dict[str, Any]:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        body = json.dumps(parameters).encode()
        response = self._client.send("dynamodb", REGION, "POST", f"{self._endpoint}/", headers, body)
        answer: dict[str, Any] = json.loads(response.body)
        if response.status != 200:
            raise StreamError(str(answer.get("__type", response.status)).rpartition("#")[2])
        return answer


@dataclass(frozen=True)
class Checkpoints:
    """How far each mapping has read, kept in a file: a later `make run` goes on there, as Lambda does."""

    file: Path

    def after(self, source: str, shard: str) -> str | None:
        """Return the sequence number that was read last, None if none was."""
        return self._all().get(f"{source}/{shard}")

    def set(self, source: str, shard: str, sequence: str) -> None:
        """Keep the sequence number that was read last."""
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps({**self._all(), f"{source}/{shard}": sequence}))
        written.replace(self.file)

    def _all(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self.file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return known


class Reader:
    """Reads what a mapping's stream brings, from where it stopped the last time, until it is cancelled."""

    def __init__(
        self,
        source: EventSource,
        streams: Streams,
        delivery: Delivery,
        checkpoints: Checkpoints,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._streams = streams
        self._delivery = delivery
        self._checkpoints = checkpoints
        self._pause = pause

    async def run(self) -> None:
        """Read on and on. What DynamoDB Local refuses or does not say for a moment is asked again."""
        while True:
            try:
                stream = await asyncio.to_thread(self._streams.stream_of, self._source.table)
                # One after the other: of a table of this size only the last one is still written to.
                for shard in await asyncio.to_thread(self._streams.shards, stream):
                    await self._read(stream, shard)
            except (StreamError, NoResponse):
                await self._pause(_RETRY_SECONDS)

    async def _read(self, stream: str, shard: str) -> None:
        """Read a shard to its end, which the last one does not have."""
        iterator: str | None = await asyncio.to_thread(self._start, stream, shard)
        most = min(self._source.batch_size * self._source.parallel, _MAX_RECORDS)
        while iterator is not None:
            records, iterator = await asyncio.to_thread(self._streams.records, iterator, most)
            if records:
                await self._delivery.deliver(records)
                self._checkpoints.set(self._source.name, shard, records[-1].sequence)
            elif iterator is not None:
                await self._pause(_POLL_SECONDS)

    def _start(self, stream: str, shard: str) -> str:
        after = self._checkpoints.after(self._source.name, shard)
        try:
            return self._streams.iterator(stream, shard, self._source.starts_at, after)
        except StreamError as error:
            if error.code != "TrimmedDataAccessException":
                raise
            return self._streams.iterator(stream, shard, "TRIM_HORIZON", None)
