"""local/streams.py: reading a stream's shards, and going on where an earlier reader stopped."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from local.event_sources import Delivery, Record
from local.streams import Checkpoints, Reader, StreamError, Streams
from tests.unit.test_local_event_sources import SOURCE, a_record


class Stream:
    """A stream of two shards, of which the first is closed, and the faults that it is told to have."""

    def __init__(self, *shards: list[int]) -> None:
        self._shards = {f"shard-{number}": records for number, records in enumerate(shards)}
        self.faults: dict[str, list[StreamError]] = {}
        self.asked: list[int] = []

    def _fail(self, call: str) -> None:
        if self.faults.get(call):
            raise self.faults[call].pop()

    def stream_of(self, table: str) -> str:
        self._fail("stream_of")
        return f"stream of {table}"

    def shards(self, _: str) -> list[str]:
        return list(self._shards)

    def iterator(self, _: str, shard: str, starts_at: str, after: str | None) -> str:
        self._fail("iterator")
        assert starts_at == "TRIM_HORIZON"
        return f"{shard} {after or -1}"

    def records(self, iterator: str, most: int) -> tuple[list[Record], str | None]:
        self._fail("records")
        self.asked.append(most)
        shard, _, after = iterator.partition(" ")
        numbers = [number for number in self._shards[shard] if number > int(after)][:most]
        is_closed = shard != list(self._shards)[-1]
        following = None if is_closed and not numbers else f"{shard} {numbers[-1] if numbers else after}"
        return [a_record(number) for number in numbers], following


class World:
    """A mapping of that stream, and what its function was given."""

    def __init__(self, folder: Path, stream: Stream) -> None:
        self._stream = stream
        self._checkpoints = Checkpoints(folder / "streams.json")
        self.taken: list[int] = []
        self.pauses: list[float] = []

    def read(self, stop_after: int) -> None:
        """Read until that many records were taken, as if the process ended then."""

        async def main() -> None:
            done = asyncio.Event()

            async def invoke(event: dict[str, list[dict[str, dict[str, str]]]]) -> None:
                for record in event["Records"]:
                    self.taken.append(int(record["dynamodb"]["SequenceNumber"]))

            async def pause(seconds: float) -> None:
                self.pauses.append(seconds)
                if len(self.taken) >= stop_after:
                    done.set()
                await asyncio.sleep(0)

            delivery = Delivery(SOURCE, invoke, print)
            reader = asyncio.create_task(
                Reader(SOURCE, cast("Streams", self._stream), delivery, self._checkpoints, pause).run()
            )
            async with asyncio.timeout(20):
                await done.wait()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

        asyncio.run(main())


def test_shards_are_read_one_after_the_other_from_the_oldest_record_on(tmp_path: Path) -> None:
    world = World(tmp_path, Stream(list(range(25)), [25, 26]))
    world.read(stop_after=27)

    assert world.taken == list(range(27))


def test_a_later_reader_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    World(tmp_path, Stream([0, 1, 2])).read(stop_after=3)
    world = World(tmp_path, Stream([0, 1, 2, 3, 4]))
    world.read(stop_after=2)

    assert world.taken == [3, 4]


def test_each_mapping_has_checkpoints_of_its_own(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "streams.json")
    checkpoints.set("Feed", "shard-0", "7")

    assert (checkpoints.after("Feed", "shard-0"), checkpoints.after("Other", "shard-0")) == ("7", None)


def test_checkpoints_that_can_not_be_read_count_as_none(tmp_path: Path) -> None:
    (tmp_path / "streams.json").write_text("{")

    assert Checkpoints(tmp_path / "streams.json").after("Feed", "shard-0") is None


def test_records_that_were_trimmed_since_are_passed_over(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "streams.json").set(SOURCE.name, "shard-0", "99")
    stream = Stream([100, 101])
    stream.faults["iterator"] = [StreamError("TrimmedDataAccessException")]
    world = World(tmp_path, stream)
    world.read(stop_after=2)

    assert world.taken == [100, 101]


@pytest.mark.parametrize("call", ["stream_of", "iterator", "records"])
def test_a_call_that_fails_is_made_again(tmp_path: Path, call: str) -> None:
    Checkpoints(tmp_path / "streams.json").set(SOURCE.name, "shard-0", "0")
    stream = Stream([0, 1, 2])
    stream.faults[call] = [StreamError("InternalServerError")]
    world = World(tmp_path, stream)
    world.read(stop_after=2)

    assert world.taken == [1, 2]


def test_as_many_records_are_read_as_a_batch_holds(tmp_path: Path) -> None:
    stream = Stream([0])
    World(tmp_path, stream).read(stop_after=1)

    assert set(stream.asked) == {SOURCE.batch_size}
