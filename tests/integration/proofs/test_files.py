"""No object outlives its file: whatever ends it, whoever looks at it at that moment, and whoever is killed.

From the end of a file's row, by the stream's record, the publisher and the queue, to the objects in the bucket. What
happens between any two calls of the one who looks is enumerated. Files of other conversations stay.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from api.routes.messages import SEND
from erasing.operations import Erasures
from files.app import create_handler
from operators.app import create_handler as create_operators_handler
from operators.events import ERASURES
from support.aws.client import Response
from support.deadlines import Deadline
from support.dynamodb.actions import Action, Change
from support.dynamodb.items import Item, Key
from support.observability import logger
from support.store.erasure import ErasureStore
from support.store.files import FileStore
from support.values.file import File, FilePlace

from tests import demo
from tests.bucket import S3, bucket_of
from tests.builders import (
    EVENTS,
    LIVE_PRIVATE_KEY,
    OTHER_VISITOR,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    an_event,
    private,
)
from tests.calls import erase, remove
from tests.client import api_over
from tests.fakes import FakeTable
from tests.operators import operators_over
from tests.publishing import Services, publisher_over
from tests.streams import Images, a_record, matching

PLACE = FilePlace(WEBSITE, "test", "c1", "0" * 26)
OTHER = PLACE._replace(id="0" * 25 + "1")
#: What is written to the signed address, at first and later.
FIRST, SECOND, LATE = b"first", b"second", b"late"
#: The most calls that somebody who looks makes: of the row, of the upload, a copy, its claim, and a deletion.
CALLS = 5


class Killed(BaseException):
    """The end of a process, of which nothing in it knows."""


class Steps:
    """What happens right after each call of the function of files; after none, before the first one."""

    def __init__(self) -> None:
        self._number = 0
        self._plan: dict[int, list[Callable[[], object]]] = {}

    def plan(self, after: int, act: Callable[[], object]) -> None:
        self._plan.setdefault(after, []).append(act)

    def begin(self) -> None:
        self._number = 0
        self._act()

    def around(self, call: Callable[[], Any]) -> Any:
        result = call()
        self._number += 1
        self._act()
        return result

    def end(self) -> None:
        """Let what has not happened yet happen now; nobody is killed who is not there."""
        for number in sorted(self._plan):
            self._number = number
            with suppress(Killed):
                self._act()

    def _act(self) -> None:
        for act in self._plan.pop(self._number, []):
            act()


class SteppedS3(S3):
    """The bucket, as the function of files calls it."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    def send(self, *args: Any, **named: Any) -> Response:
        response: Response = self._steps.around(lambda: super(SteppedS3, self).send(*args, **named))
        return response


class SteppedTable(FakeTable):
    """The table, as the function of files calls it."""

    def __init__(self, table: FakeTable, steps: Steps) -> None:
        super().__init__()
        self._table = table
        self._steps = steps

    def get(self, key: Key, deadline: Deadline) -> Item | None:
        found: Item | None = self._steps.around(lambda: self._table.get(key, deadline))
        return found

    def transact(self, actions: Sequence[Action], deadline: Deadline, **how: Any) -> None:
        self._steps.around(lambda: self._table.transact(actions, deadline, **how))


class StreamedTable(FakeTable):
    """A table with the records of its writes."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        super().__init__(items)
        self.writes: list[Images] = []

    def transact(self, actions: Sequence[Action], deadline: Deadline, **how: Any) -> None:
        keys = [action.key for action in actions]
        before = list(map(self.items.get, keys))
        super().transact(actions, deadline, **how)
        self._note(keys, before)

    def delete_many(self, keys: Sequence[Key], deadline: Deadline) -> None:
        before = list(map(self.items.get, keys))
        super().delete_many(keys, deadline)
        self._note(keys, before)

    def expire(self, key: Key) -> None:
        """Delete an item as DynamoDB does, some time after it has expired."""
        self.writes.append((self.items.pop(key), None))

    def _note(self, keys: Sequence[Key], before: Sequence[Item | None]) -> None:
        images = zip(before, map(self.items.get, keys), strict=True)
        self.writes += [(old, new) for old, new in images if old != new]


class World:
    """A table, a bucket, the queues between, and all functions that know of files."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.steps = Steps()
        self.table, self.s3 = StreamedTable(items), SteppedS3(self.steps)
        self.handler = create_handler(bucket_of(self.s3), FileStore(SteppedTable(self.table, self.steps)), "local")
        self.services = Services()
        self.publish_batch = publisher_over(self.services)
        #: Messages of the queue that wait, and those that its delay holds back.
        self.arrived: list[Any] = []

    def clear(self) -> None:
        """Begin with nothing, to spare a new world for each case."""
        for one in (self.table.items, self.table.writes, self.s3.objects, self.arrived, self.services.files):
            one.clear()

    def put(self, place: FilePlace, content: bytes) -> None:
        """Write to the signed address of a file, of which the bucket tells."""
        etag = self.s3.put(place.upload_key, content, "text/plain")
        self.arrived.append({"Records": [{"s3": {"object": {"key": place.upload_key, "eTag": etag}}}]})

    def publish(self) -> None:
        """Let the publisher read the stream; what it has erased is erased, and so on."""
        while self.table.writes:
            records = [a_record(*images) for images in self.table.writes]
            self.table.writes.clear()
            assert self.publish_batch({"Records": matching("PublisherFunction", records)}, Context()) == {
                "batchItemFailures": []
            }
            for erasure in self.services.erasures:
                assert ErasureStore(self.table, pause=lambda _: None).finish(erasure["conversationPK"], soon()).is_done
            self.services.erasures.clear()

    def take(self, message: object) -> None:
        """Let the function take a message until it has."""
        self.steps.begin()
        while True:
            try:
                event = {"Records": [{"messageId": "1", "body": json.dumps(message)}]}
                assert self.handler(event, Context()) == {"batchItemFailures": []}
            except Killed:
                continue
            return

    def take_all(self, *, gone_first: bool) -> None:
        """Let the function take all messages, those of files that are gone twice: any may come late, or again."""
        self.publish()
        assert all(delay >= 60 for _, delay in self.services.files)
        gone = [message for message, _ in self.services.files] * 2
        for message in (*gone, *self.arrived) if gone_first else (*self.arrived, *gone):
            self.take(message)
        self.arrived.clear()
        self.services.files.clear()

    def read(self, place: FilePlace = PLACE) -> int:
        """Ask for a file, and return the status."""
        event = an_event(headers={})
        event |= {"routeKey": "GET /v1/files/{websiteId}/{mode}/{conversationId}/{fileId}", "rawPath": place.web_path}
        event["requestContext"]["http"] |= {"method": "GET", "path": place.web_path}
        status: int = self.handler(event, Context())["statusCode"]
        return status

    def left(self, place: FilePlace) -> list[str]:
        """Return the keys of what the bucket has of a file."""
        return [key for key in self.s3.objects if key == place.upload_key or key.startswith(place.copies)]


def soon() -> Deadline:
    return Deadline.after(60)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("info", "error", "warning"):
        monkeypatch.setattr(logger, name, lambda *_, **__: None)


# A row that goes while somebody looks --------------------------------------------------------------------------------


def a_file(world: World, place: FilePlace) -> None:
    """Let a file have been signed and uploaded."""
    file = File(place, "text/plain", "a.txt", "2026-01-01T00:00:00.000Z")
    FileStore(world.table).add(file, soon())
    world.put(place, FIRST)


def change_row(world: World, **values: Any) -> None:
    world.table.transact([Change(PLACE.key, values, even_expired=True)], soon())


def kill() -> None:
    raise Killed


def read_once(world: World) -> None:
    """Be the first who reads the file; nobody reads it again for who is killed."""
    world.steps.begin()
    with suppress(Killed):
        world.read()


def take_first(world: World) -> None:
    """Be the function that the bucket tells of the file."""
    world.take(world.arrived.pop(0))


LOOKERS: dict[str, Callable[[World], None]] = {"a reader": read_once, "the function": take_first}

#: What becomes of a row: DynamoDB deletes it, its message is removed, or it expires.
GOES: dict[str, Callable[[World], None]] = {
    "deleted": lambda world: world.table.expire(PLACE.key),
    "removed": lambda world: change_row(world, deletedAt="2026-01-01T00:00:00.000Z", ttl=1),
    "expired": lambda world: change_row(world, ttl=1),
}
#: When something happens: after so many calls, or never.
MOMENTS = (None, *range(CALLS + 1))


@pytest.mark.parametrize("look", LOOKERS.values(), ids=LOOKERS)
@pytest.mark.parametrize("goes", [*GOES.values(), None], ids=[*GOES, "kept"])
def test_no_object_is_left_of_a_file_that_goes_while_somebody_looks_at_it(
    goes: Callable[[World], None] | None, look: Callable[[World], None], soak: int
) -> None:
    moments = itertools.product([None] if goes is None else MOMENTS[1:], MOMENTS, (None, *MOMENTS[2:]))
    orders = itertools.cycle((True, False))
    world = World()
    for gone_at, written_at, killed_at in moments:
        if soak == 1 and None not in (written_at, killed_at):
            continue
        gone_first = next(orders)
        case = (gone_at, written_at, killed_at, gone_first)
        world.clear()
        for place in (PLACE, OTHER):
            a_file(world, place)
        if goes is not None and gone_at is not None:
            world.steps.plan(gone_at, partial(goes, world))
        if written_at is not None:
            world.steps.plan(written_at, partial(world.put, PLACE, SECOND))
        if killed_at is not None:
            world.steps.plan(killed_at, kill)

        look(world)
        world.steps.end()
        world.take_all(gone_first=gone_first)

        require_kept(world, OTHER)
        if goes is None:
            require_kept(world, PLACE)
        elif goes is GOES["expired"]:
            # It is no longer served; what there was goes with its row.
            assert world.read() == 404, case
            world.table.expire(PLACE.key)
        world.put(PLACE, LATE)
        if goes is not None:
            world.take_all(gone_first=gone_first)
            assert (world.read(), world.left(PLACE)) == (404, []), case


def require_kept(world: World, place: FilePlace) -> None:
    """Require that a file is served as it was found first, and that no upload of it is left."""
    assert world.read(place) == 302
    etag = str(world.table.items[place.key]["etag"])
    assert place.copy_key(etag) in world.s3.objects
    assert place.upload_key not in world.s3.objects
    assert world.s3.objects[place.copy_key(etag)].content in {FIRST, SECOND}


@pytest.mark.parametrize("killed_at", range(1, 5))
def test_a_deletion_that_is_killed_is_finished_by_the_next(killed_at: int) -> None:
    world = World()
    a_file(world, PLACE)
    for content in (FIRST, SECOND, LATE):
        world.s3.put(PLACE.copy_key(content.decode()), content)
    world.table.expire(PLACE.key)
    world.publish()
    [(message, _)] = world.services.files
    world.steps.plan(killed_at, kill)

    world.take(message)

    assert world.left(PLACE) == []


# What ends a file ----------------------------------------------------------------------------------------------------

A = PLACE
B, C = (PLACE._replace(conversation_id=id_, id=n * 26) for id_, n in (("c1", "2"), ("c2", "3")))
THEIRS = PLACE._replace(conversation_id="theirs")
LIVE = PLACE._replace(mode="live")
ALL = (A, B, C, THEIRS, LIVE)


class Chat(World):
    """Conversations with a file each, or two; the first file has yet to be looked at."""

    def __init__(self) -> None:
        super().__init__(demo.items())
        self.api, self.operate = api_over(self.table), operators_over(self.table)
        self.now = 1_800_000_000.0
        self.erasing = create_operators_handler(Erasures(self.table, lambda: self.now), ERASURES)
        for place in ALL:
            who = OTHER_VISITOR if place is THEIRS else VISITOR
            headers = private(LIVE_PRIVATE_KEY) if place is LIVE else private()
            body = a_body(conversationId=place.conversation_id, visitorId=who)
            assert self.api(body, headers).status == 200
            a_file(self, place)
            item = a_message(id=f"m{place.id[0]}", visitorId=who, parts=[an_image(place)])
            assert self.api({"conversationId": place.conversation_id, "item": item}, headers, route=SEND).status == 200
        [of_first, *others] = self.arrived
        for message in others:
            self.take(message)
        self.arrived[:] = [of_first]
        self.table.writes.clear()

    def erase(self, event: dict[str, Any]) -> None:
        """Erase all of a visitor, or of a website."""
        while not (result := self.erasing(event, Context()))["done"]:
            event = result["then"]
            self.now += result["waitSeconds"]
            self.publish()


def an_image(place: FilePlace) -> dict[str, Any]:
    return {"type": "image", "url": f"https://api.example.com{place.web_path}", "mediaType": "image/png"}


def end_retention(chat: Chat) -> None:
    for sk in ("ITEM#m0", A.key[1]):
        chat.table.expire((A.key[0], sk))


def delete_website(chat: Chat) -> None:
    chat.erase(chat.operate("delete_website", websiteId=WEBSITE, force=True, erase=True)["then"])


ERASE_VISITOR: dict[str, Any] = json.loads((EVENTS / "erasing" / "erase_visitor.json").read_text())
#: What ends files, and which.
ENDS: dict[str, tuple[Callable[[Chat], object], set[FilePlace]]] = {
    "its message is removed": (lambda chat: remove(chat.api, "m0", id_="c1"), {A}),
    "its conversation is erased": (lambda chat: erase(chat.api, id_="c1"), {A, B}),
    "its visitor is erased": (lambda chat: chat.erase(ERASE_VISITOR), {A, B, C}),
    "its website is erased": (delete_website, set(ALL)),
    "its retention is over": (end_retention, {A}),
}


@pytest.mark.parametrize(("end", "gone"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("look", LOOKERS.values(), ids=LOOKERS)
def test_all_files_of_what_is_gone_are_gone_and_no_others(
    end: Callable[[Chat], object], gone: set[FilePlace], look: Callable[[World], None]
) -> None:
    for moment in range(CALLS):
        chat = Chat()
        chat.steps.plan(moment, partial(end, chat))

        look(chat)
        chat.steps.end()
        chat.take_all(gone_first=moment % 2 == 0)

        assert {place for place in ALL if chat.left(place)} == set(ALL) - gone
        assert {place for place in ALL if chat.read(place) == 302} == set(ALL) - gone
