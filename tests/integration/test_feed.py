"""Who is connected gets what is written, by the records that DynamoDB Local's stream really holds.

Writes at random are told through a Lambda that goes wrong in each way it may: it repeats batches, reads them in
parallel and in any order that keeps each row's own, and is killed amid them; posts fail, the database does not respond,
and connections come and go.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import pytest
from feed.app import Handler
from support.deadlines import unavailable
from support.delivery import Outcome
from support.dynamodb.table import Table
from support.values.connection import Connection

from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    private,
)
from tests.calls import change, patch, rate, see, send, user, visitor
from tests.client import Api, Emitted, api_over
from tests.fakes import FakeTable
from tests.listening import Clients, a_connection, connect_all, feed_over
from tests.samples import SOAK
from tests.stored import let_expire, scan
from tests.streams import mapping_of, matching, read_stream

#: Stands in all that nobody but its own visitor and team may read.
CANARY = "canary-of-"

#: Whose conversations there are: a website, a mode and a visitor, with the private key that writes there.
TENANTS = {
    "own": (WEBSITE, "test", VISITOR, PRIVATE_KEY, PUBLIC_KEY),
    "other-visitor": (WEBSITE, "test", OTHER_VISITOR, PRIVATE_KEY, PUBLIC_KEY),
    "other-website": (OTHER_WEBSITE, "test", VISITOR, OTHER_PRIVATE_KEY, OTHER_PUBLIC_KEY),
    "other-mode": (WEBSITE, "live", VISITOR, LIVE_PRIVATE_KEY, LIVE_PUBLIC_KEY),
}
#: Ids that all of them use, so that nothing but the tenant tells their conversations apart.
IDS = ("a", "b")


class Killed(BaseException):
    """The function ends, wherever it is."""


class FaultyClients(Clients):
    """Clients whose posts fail at random, and that end the function amid them once in a while."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice
        self.kills = False

    def post(self, connection_id: str, message: bytes) -> Outcome:
        number = self._dice.random()
        if self.kills and number < 0.03:
            raise Killed
        if number < 0.2:
            # 429, 500 and silence are one outcome.
            return Outcome.BUSY
        outcome = super().post(connection_id, message)
        # The client has it, and the response is lost.
        return Outcome.BUSY if number > 0.95 and outcome is Outcome.POSTED else outcome


@dataclass
class Lambda:
    """Reads a stream for the function: in lanes, in batches, with repetitions, until all is told."""

    handler: Handler
    dice: random.Random
    lanes: int = field(default_factory=lambda: int(mapping_of("FeedFunction")["ParallelizationFactor"]))

    def tell(self, records: list[dict[str, Any]]) -> None:
        lanes: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for record in matching("FeedFunction", records):
            lanes[crc32(json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()) % self.lanes].append(record)
        while lanes:
            number = self.dice.choice(sorted(lanes))
            lane = lanes[number]
            size = self.dice.randint(1, 5)
            batch, rest = lane[:size], lane[size:]
            self._deliver(batch)
            if self.dice.random() < 0.1:
                # The invocation was done, and Lambda did not learn of it.
                self._deliver(batch)
            if rest:
                lanes[number] = rest
            else:
                del lanes[number]

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        while batch:
            try:
                response = self.handler({"Records": batch}, Context())
            except Killed:
                # Bisected.
                middle = len(batch) // 2
                if middle:
                    self._deliver(batch[:middle])
                batch = batch[middle:]
                continue
            failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            batch = batch[min(map(numbers.index, failed)) :] if failed else []


@dataclass
class Written:
    """The items that were added to standing conversations: by tenant and conversation, in the order of the writes."""

    public: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    private: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))


class Writer:
    """Writes at random, in all tenants."""

    def __init__(self, api: Api, dice: random.Random, endpoint: str, table: str) -> None:
        self._api, self._dice, self._endpoint, self._table = api, dice, endpoint, table
        self._number = 0

    def open_all(self) -> None:
        """Open each conversation that does not exist."""
        for tenant, (_, _, visitor_id, key, _) in TENANTS.items():
            for id_ in IDS:
                body = a_body(
                    conversationId=self._id(tenant, id_), visitorId=visitor_id, metadata={"x": CANARY + tenant}
                )
                self._api(body, private(key))

    def write(self) -> Written:
        """Write some times, and return which items were added."""
        written = Written()
        for _ in range(self._dice.randint(8, 14)):
            tenant, id_ = self._dice.choice(sorted(TENANTS)), self._dice.choice(IDS)
            self._write_once(tenant, id_, written)
        return written

    def expire(self) -> None:
        """Let a conversation end with all that it has, and another one have its id."""
        tenant, id_ = self._dice.choice(sorted(TENANTS)), self._dice.choice(IDS)
        website, mode, *_ = TENANTS[tenant]
        rows = scan(self._endpoint, self._table, f"CONVERSATION#{website}#{mode}#{self._id(tenant, id_)}")
        let_expire(self._endpoint, self._table, rows)

    def _id(self, tenant: str, id_: str) -> str:
        # Visitors of one website and mode share its ids.
        return f"{id_}-2" if tenant == "other-visitor" else id_

    def _write_once(self, tenant: str, id_: str, written: Written) -> None:
        website, mode, visitor_id, key, public_key = TENANTS[tenant]
        here, place = self._id(tenant, id_), (tenant, id_)
        of_team, of_visitor = user(key=key), {**visitor(visitor_id), "x-public-key": public_key}
        if mode == "live" or website == OTHER_WEBSITE:
            # The demo's origin may not use these keys.
            of_visitor = {**private(key), "x-visitor-id": visitor_id}
        self._number += 1
        item, text = f"{tenant}-{self._number}", CANARY + tenant
        match self._dice.randint(0, 7):
            case 0 | 1:
                if send(self._api, of_visitor, id_=here, id=item, text=text).status == 200:
                    written.public[place].append(item)
            case 2:
                send(self._api, of_team, id_=here, id=item, text=text)
                written.public[place].append(item)
            case 3:
                send(self._api, of_team, id_=here, id=item, text=text, visibility="private")
                written.private[place].append(item)
            case 4:
                items = [a_message(text, id=f"{item}-{number}", userId="user-1") for number in range(3)]
                items[1]["visibility"] = "private"
                body = a_body(conversationId=here, visitorId=visitor_id, defaultTimelineItems=items)
                assert self._api(body, private(key)).status == 200
                written.public[place] += [f"{item}-0", f"{item}-2"]
                written.private[place].append(f"{item}-1")
            case 5:
                change(self._api, self._dice.choice(["resolve", "reopen", "spam", "not-spam"]), of_team, id_=here)
            case 6:
                patch(self._api, {"title": f"{CANARY}{tenant}-{self._number}"}, id_=here, headers=of_team)
            case 7:
                see(self._api, of_team, id_=here)
                rate(self._api, private(key), id_=here, rating=self._dice.randint(1, 5))


def connections() -> Iterator[tuple[str, Connection]]:
    """Give a visitor's and a team's connection of each tenant, with the tenant."""
    for tenant, (website, mode, visitor_id, key, public_key) in TENANTS.items():
        place: dict[str, Any] = {"website_id": website, "mode": mode}
        yield tenant, a_connection(f"{tenant}/visitor", visitor_id, public_key, **place)
        yield tenant, a_connection(f"{tenant}/team", None, key, **place)


def told_of(clients: Clients, connection_id: str, since: int, conversation_id: str) -> list[str]:
    """Return the ids of a conversation's items in the order in which a connection was first told of them."""
    frames = clients.frames[connection_id][since:]
    ids = [
        frame["payload"]["item"]["id"]
        for frame in frames
        if frame["type"] == "timelineItemCreated" and frame["payload"]["conversationId"] == conversation_id
    ]
    return list(dict.fromkeys(ids))


@pytest.mark.parametrize("seed", range(1 if SOAK == 1 else 3))
def test_each_item_reaches_who_may_see_it_in_order_and_nobody_else(
    seed: int, dynamodb: str, streamed: str, monkeypatch: pytest.MonkeyPatch, emitted: Emitted
) -> None:
    dice = random.Random(seed)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
    table, listening, clients = Table(streamed, timeout_seconds=10), FakeTable(), FaultyClients(dice)
    query = listening.query

    def query_or_fail(*args: Any, **options: Any) -> Any:
        if dice.random() < 0.05:
            raise unavailable()
        return query(*args, **options)

    monkeypatch.setattr(listening, "query", query_or_fail)
    function = Lambda(feed_over(table, listening, clients), dice)
    writer = Writer(api_over(Table(streamed, timeout_seconds=60)), dice, dynamodb, streamed)
    of_tenant = {connection.id: tenant for tenant, connection in connections()}
    told = 0
    for phase in range(5):
        # Come and go: in each phase others are connected.
        present = [connection for _, connection in connections() if dice.random() < 0.7]
        listening.items.clear()
        connect_all(listening, *present)
        since = {connection.id: len(clients.frames[connection.id]) for connection in present}
        if phase:
            writer.expire()
        writer.open_all()
        written = writer.write()
        clients.kills = True

        records = read_stream(dynamodb, streamed)
        function.tell(records[told:])
        told = len(records)

        for connection in present:
            tenant = of_tenant[connection.id]
            is_team = connection.visitor_id is None
            for id_ in IDS:
                found = told_of(clients, connection.id, since[connection.id], writer._id(tenant, id_))
                # A team also hears of its website's other visitor, whose conversations have other ids.
                expected = written.public[tenant, id_]
                assert [item for item in found if item in expected] == expected, (phase, connection.id)
                if is_team:
                    assert set(written.private[tenant, id_]) <= set(found)
                else:
                    assert not set(written.private[tenant, id_]) & set(found)

    lines = json.dumps(emitted())
    assert CANARY not in lines
    assert VISITOR not in lines
    for _, connection in connections():
        heard = json.dumps(clients.frames[connection.id])
        website, mode, visitor_id, *_ = TENANTS[of_tenant[connection.id]]
        strangers = [
            tenant
            for tenant, (site, its_mode, its_visitor, *_) in TENANTS.items()
            if (site, its_mode) != (website, mode) or (connection.visitor_id is not None and its_visitor != visitor_id)
        ]
        assert not [tenant for tenant in strangers if CANARY + tenant in heard]
        if connection.visitor_id is not None:
            assert '"visibility": "private"' not in heard
            assert '"spam"' not in heard
