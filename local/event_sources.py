"""What Lambda does with the records of a stream: batches, filters, and what it repeats after a failure.

The rules are those of "Process DynamoDB records with Lambda" in its Developer Guide. A batch that fails holds up those
behind it until it is taken or given up, since order is kept.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from local.filters import matches
from local.runtime import FunctionError
from local.template import EventSource, TemplateError

_LONGEST_PAUSE = 5.0
#: DynamoDB Local dates records by the minute, so that one may be a minute younger than it says.
_MINUTE = 60


@dataclass(frozen=True)
class Record:
    """A record of a stream, as Lambda hands it to a function; `created_at` is in seconds since 1970."""

    event: dict[str, Any]

    @property
    def sequence(self) -> str:
        """The sequence number: what a checkpoint and a function's response name a record by."""
        number: str = self.event["dynamodb"]["SequenceNumber"]
        return number

    @property
    def item(self) -> str:
        """What names the item that was written: order is kept by it."""
        return json.dumps(self.event["dynamodb"]["Keys"], sort_keys=True)

    @property
    def created_at(self) -> float:
        """When the item was written, which DynamoDB Local says by the minute."""
        return float(self.event["dynamodb"]["ApproximateCreationDateTime"])


class Delivery:
    """Hands records to a mapping's function.

    Parameters
    ----------
    source
        The mapping.
    invoke
        Gives what the function returns for an event, or raises `FunctionError`.
    given_up
        Is told why, and of how many records, when some are given up.
    pause
        Waits for so many seconds before a batch is tried again.
    """

    def __init__(
        self,
        source: EventSource,
        invoke: Callable[[dict[str, Any]], Awaitable[Any]],
        given_up: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._invoke = invoke
        self._given_up = given_up
        self._pause = pause

    async def deliver(self, records: Iterable[Record]) -> None:
        """Hand over records of one shard, in their order; return once each was taken or given up."""
        lanes: dict[int, list[Record]] = {}
        for record in records:
            if not self._source.filters or any(matches(one, record.event) for one in self._source.filters):
                # In parallel, what was done to one item stays in order, and nothing else does.
                lanes.setdefault(crc32(record.item.encode()) % self._source.parallel, []).append(record)
        await asyncio.gather(*(self._deliver_lane(lane) for lane in lanes.values()))

    async def _deliver_lane(self, records: list[Record]) -> None:
        for batch in _batches(records, self._source.batch_size):
            await self._deliver_batch(batch)

    async def _deliver_batch(self, batch: list[Record]) -> None:
        retries = 0
        while batch := self._without_old_ones(batch):
            try:
                response = await self._invoke({"Records": [record.event for record in batch]})
                first = self._first_failed(batch, response)
            except (FunctionError, TemplateError):
                if self._source.bisects and len(batch) > 1:
                    middle = len(batch) // 2
                    await self._deliver_batch(batch[:middle])
                    await self._deliver_batch(batch[middle:])
                    return
                first = 0
            if first is None:
                return
            retries = 0 if first else retries + 1
            batch = batch[first:]
            if self._source.max_retries is not None and retries > self._source.max_retries:
                self._give_up(batch, "after the last attempt")
                return
            await self._pause(min(0.1 * 2**retries, _LONGEST_PAUSE))

    def _first_failed(self, batch: list[Record], response: Any) -> int | None:
        """Return the index of the record to go on with, None if all were taken."""
        if not self._source.reports_failures or not response:
            return None
        places = {record.sequence: index for index, record in enumerate(batch)}
        try:
            failed = [places[one["itemIdentifier"]] for one in response["batchItemFailures"] or ()]
        except (KeyError, TypeError):
            return 0  # what names no record of the batch fails all of it
        return min(failed, default=None)

    def _without_old_ones(self, batch: list[Record]) -> list[Record]:
        if self._source.max_age is None:
            return batch
        oldest = time.time() - self._source.max_age - _MINUTE
        kept = [record for record in batch if record.created_at >= oldest]
        if len(kept) < len(batch):
            self._give_up(batch[: len(batch) - len(kept)], f"after {self._source.max_age} s")
        return kept

    def _give_up(self, records: list[Record], why: str) -> None:
        self._given_up(f"{self._source.name}: {len(records)} records were given up {why}")


def _batches(records: list[Record], size: int) -> Iterator[list[Record]]:
    return (records[start : start + size] for start in range(0, len(records), size))
