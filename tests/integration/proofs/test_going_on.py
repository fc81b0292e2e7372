"""A conversation that goes on under load: fifty instances at once, clocks that differ, and a database in conflict."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from api.routes import messages, seen
from api.routes import status as statuses
from api.routes.conversations import PATCH
from support.dynamodb.table import Table
from support.values import timestamps
from support.values.conversation import CONVERSATION_SK

from tests.builders import WEBSITE, a_body, a_message, an_event, private
from tests.calls import change, get, open_one, send, timeline, user, visitor
from tests.client import Api, Response, Stored, api_over
from tests.integration.proofs.callers import Callers, Event, calling
from tests.integration.proofs.conftest import Ask
from tests.integration.proofs.invariants import timelines
from tests.integration.proofs.proxy import Exchange, Proxy, meanwhile, pass_on

INSTANCES = 50
#: What is bounded is the attempts: a machine on which fifty instances share two processors is no reason to fail.
TIMEOUT_SECONDS = 60

#: How long a transaction holds what it touches, as AWS's take longer than DynamoDB Local's, in seconds.
_HELD_SECONDS = 0.01


class Conflicts:
    """Does what AWS does and DynamoDB Local never: one transaction at a time may touch an item.

    Another is cancelled with TransactionConflict for that action, and a single write refused (Developer Guide,
    "Transaction conflict handling"). A read that is no transaction sees what was committed.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self.responses: Counter[str] = Counter()

    def __call__(self, exchange: Exchange) -> None:
        request = json.loads(exchange.body)
        if exchange.operation == "TransactWriteItems":
            self._transact(exchange, [_key(action) for action in request["TransactItems"]])
        elif exchange.operation == "UpdateItem" and json.dumps(request["Key"], sort_keys=True) in self._held:
            self.responses["update in conflict"] += 1
            exchange.respond_error(400, "TransactionConflictException")
        else:
            pass_on(exchange)

    def _transact(self, exchange: Exchange, keys: list[str]) -> None:
        with self._lock:
            conflicts = self._held & set(keys)
            if not conflicts:
                self._held |= set(keys)
        if conflicts:
            self.responses["in conflict"] += 1
            reasons = [{"Code": "TransactionConflict" if key in conflicts else "None"} for key in keys]
            exchange.respond_error(400, "TransactionCanceledException", CancellationReasons=reasons)
            return
        try:
            response = exchange.forward()
            time.sleep(_HELD_SECONDS)
        finally:
            with self._lock:
                self._held -= set(keys)
        self.responses["written" if response.status == 200 else "condition failed"] += 1
        exchange.respond(response)


def _key(action: dict[str, Any]) -> str:
    [(kind, request)] = action.items()
    item = request["Item"] if kind == "Put" else request["Key"]
    return json.dumps({"PK": item["PK"], "SK": item["SK"]}, sort_keys=True)


@pytest.fixture(scope="module")
def callers(module_proxy: Proxy, module_table: str) -> Iterator[Callers]:
    with calling(INSTANCES, module_proxy.url, module_table, TIMEOUT_SECONDS) as instances:
        # Each has read its key then.
        instances.at_once([an_event(a_body())] * INSTANCES)
        yield instances


@pytest.fixture
def api(other: Api) -> Api:
    return other


def partition(stored: Stored, name: str) -> Any:
    """The conversation's own item and its timeline; the whole table is checked."""
    found = stored()
    pk = f"CONVERSATION#{WEBSITE}#test#{name}"
    [conversation] = [item for item in found if item["PK"] == pk and item["SK"] == CONVERSATION_SK]
    return conversation, timelines(found)[pk]


def a_write(number: int, name: str) -> Event:
    """One of many writers' events: a visitor's, the company's or a private note, by either route."""
    kind = number % 5
    item = a_message(f"{number}", id=f"w{number}")
    if kind == 1:
        item["visibility"] = "private"
    if kind in {0, 1}:
        return an_event({"conversationId": name, "item": item}, user(), route=messages.SEND)
    if kind in {2, 3}:
        return an_event({"conversationId": name, "item": item}, visitor(), route=messages.SEND)
    return an_event(a_body(conversationId=name, defaultTimelineItems=[item]), visitor())


def require_all(responses: list[Response]) -> None:
    assert Counter(response.status for response in responses) == {200: len(responses)}, [
        response.body for response in responses if response.status != 200
    ][:3]


@pytest.mark.parametrize("database", ["in peace", "in conflict"])
def test_what_fifty_write_at_once_is_there_once_and_in_one_order(
    callers: Callers, api: Api, proxy: Proxy, stored: Stored, name: str, soak: int, database: str
) -> None:
    for round_ in range(soak):
        id_ = f"{name}-{round_}"
        open_one(api, a_message("first", id="first"), id_=id_)
        proxy.lift()
        conflicts = Conflicts()
        if database == "in conflict":
            proxy.faults = lambda _: conflicts  # noqa: B023 (it is lifted in this round)

        # Each message twice, half a round apart: with the others between them.
        responses = []
        started = time.monotonic()
        for shift in (0, INSTANCES // 2):
            numbers = [(shift + number) // 2 for number in range(INSTANCES)]
            responses += callers.at_once([a_write(number, id_) for number in numbers])
        seconds = time.monotonic() - started

        calls = Counter(proxy.calls)
        proxy.lift()
        print(f"{database}: {dict(calls)} {dict(conflicts.responses)}, {seconds:.1f} s for two rounds")  # noqa: T201
        require_all(responses)
        count = len({number // 2 for number in range(INSTANCES + INSTANCES // 2)})
        assert sum("idempotent-replayed" not in response.headers for response in responses) == count
        conversation, items = partition(stored, id_)
        assert sorted(item.id for item in items) == sorted(["first", *(f"w{n}" for n in range(count))])
        assert conversation["itemCount"] == count + 1
        assert conversation["version"] == count + 1
        theirs, ours = timeline(api, visitor(), id_), timeline(api, private(), id_)
        assert [item["id"] for item in ours] == [item.id for item in items]
        assert theirs == [item for item in ours if item["visibility"] == "public"]
        assert get(api, visitor(), id_)["lastTimelineItem"] == theirs[-1]
        assert get(api, private(), id_)["lastTimelineItem"] == ours[-1]


def test_fifty_writers_of_one_conversation_are_all_answered_within_few_attempts(
    callers: Callers, api: Api, proxy: Proxy, stored: Stored, name: str, soak: int
) -> None:
    for round_ in range(soak):
        id_ = f"{name}-{round_}"
        open_one(api, id_=id_)
        proxy.lift()
        conflicts = Conflicts()
        proxy.faults = lambda _: conflicts  # noqa: B023 (it is lifted in this round)
        events = [
            an_event({"conversationId": id_, "item": a_message(f"{number}")}, visitor(), route=messages.SEND)
            for number in range(INSTANCES)
        ]

        started = time.monotonic()
        responses = callers.at_once(events)
        seconds = time.monotonic() - started

        transactions, reads = (proxy.calls.count(operation) for operation in ("TransactWriteItems", "BatchGetItem"))
        proxy.lift()
        print(  # noqa: T201
            f"50 at once: {transactions} transactions and {reads} reads, {dict(conflicts.responses)}, {seconds:.1f} s"
        )
        require_all(responses)
        _, items = partition(stored, id_)
        assert sorted(str(item.content["text"]) for item in items) == sorted(map(str, range(INSTANCES)))
        # Some 300 on a machine at rest; each is one of DynamoDB, too.
        assert transactions < 30 * INSTANCES
        assert reads == INSTANCES


def test_who_reads_does_not_slow_who_writes(
    callers: Callers, api: Api, proxy: Proxy, stored: Stored, name: str
) -> None:
    open_one(api, a_message("Hi!"), id_=name)
    for number in range(INSTANCES):
        assert api({}, user(f"u{number}"), route=seen.SEE, conversationId=name).status == 200
    proxy.lift()
    conflicts = Conflicts()
    proxy.faults = lambda _: conflicts
    events = [
        an_event({}, visitor() if number % 2 else user(f"u{number}"), route=seen.SEE, conversationId=name)
        for number in range(INSTANCES - 1)
    ]
    message = an_event({"conversationId": name, "item": a_message("More", id="m")}, visitor(), route=messages.SEND)

    responses = callers.at_once([*events, message])

    print(dict(conflicts.responses), Counter(proxy.calls))  # noqa: T201
    proxy.lift()
    require_all(responses)
    assert conflicts.responses["in conflict"] == conflicts.responses["condition failed"] == 0
    assert [item.id for item in partition(stored, name)[1]][-1] == "m"


def test_a_message_is_in_before_the_resolution_or_refused(
    callers: Callers, api: Api, proxy: Proxy, stored: Stored, name: str, soak: int
) -> None:
    per_round = INSTANCES // 2
    outcomes: Counter[int] = Counter()
    for round_ in range(2 * soak):
        ids = [f"{name}-{round_}-{number}" for number in range(per_round)]
        for id_ in ids:
            open_one(api, id_=id_)
        proxy.lift()
        conflicts = Conflicts()
        if round_ % 2:
            proxy.faults = lambda _: conflicts  # noqa: B023 (it is lifted in this round)
        events = [
            event
            for number, id_ in enumerate(ids)
            for event in (
                an_event({"conversationId": id_, "item": a_message("Wait!", id="m")}, visitor(), route=messages.SEND)
                if number % 2
                else an_event(a_body(conversationId=id_, defaultTimelineItems=[a_message("Wait!", id="m")]), visitor()),
                an_event(None, user(), route=statuses.RESOLVE, conversationId=id_),
            )
        ]

        responses = callers.at_once(events)

        proxy.lift()
        found = timelines(stored())
        for id_, sent, resolved in zip(ids, responses[::2], responses[1::2], strict=True):
            assert resolved.status == 200, resolved.body
            assert (sent.status, sent.code) in {(200, None), (409, "CONVERSATION_CLOSED")}
            outcomes[sent.status] += 1
            items = [item.type for item in found[f"CONVERSATION#{WEBSITE}#test#{id_}"]]
            assert items == (["message", "event"] if sent.status == 200 else ["event"])
    print(f"{sum(outcomes.values())} resolutions against a message: {dict(outcomes)}")  # noqa: T201
    assert outcomes[409] > 0


@pytest.mark.parametrize("database", ["in peace", "in conflict"])
def test_of_many_resolutions_at_once_one_leaves_an_event(
    callers: Callers, api: Api, proxy: Proxy, stored: Stored, name: str, soak: int, database: str
) -> None:
    for round_ in range(soak):
        ids = [f"{name}-{round_}-{number}" for number in range(INSTANCES // 2)]
        for id_ in ids:
            open_one(api, id_=id_)
        proxy.lift()
        if database == "in conflict":
            conflicts = Conflicts()
            proxy.faults = lambda _: conflicts  # noqa: B023 (it is lifted in this round)

        responses = callers.at_once(
            [an_event(None, user(), route=statuses.RESOLVE, conversationId=id_) for id_ in ids for _ in range(2)]
        )

        proxy.lift()
        require_all(responses)
        found = timelines(stored())
        for id_, *two in zip(ids, responses[::2], responses[1::2], strict=True):
            assert sorted("idempotent-replayed" in response.headers for response in two) == [False, True]
            assert {response.conversation["status"] for response in two} == {"resolved"}
            assert [item.type for item in found[f"CONVERSATION#{WEBSITE}#test#{id_}"]] == ["event"]


# Clocks ---------------------------------------------------------------------------------------------------------------


class Clocks:
    """Two instances of the function, one of whose clocks is an hour behind."""

    def __init__(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        self._table = table
        self._monkeypatch = monkeypatch
        self._now = timestamps.now

    def instance(self, *, is_behind: bool) -> Api:
        api = api_over(self._table)

        def call(*arguments: Any, **fields: Any) -> Response:
            with self._monkeypatch.context() as clock:
                if is_behind:
                    clock.setattr(timestamps, "now", lambda: timestamps.from_epoch(time.time() - 3_600))
                return api(*arguments, **fields)

        return call


@pytest.fixture
def clocks(tables: dict[int, Table], proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Clocks:  # noqa: ARG001
    return Clocks(tables[10], monkeypatch)


@pytest.mark.parametrize("overtaken", [False, True])
def test_what_the_server_dates_never_comes_before_what_was_there(
    clocks: Clocks, proxy: Proxy, stored: Stored, name: str, seed_number: int, soak: int, overtaken: bool
) -> None:
    choices = random.Random(seed_number)
    right, behind = clocks.instance(is_behind=False), clocks.instance(is_behind=True)
    for round_ in range(soak):
        id_ = f"{name}-{round_}"
        open_one(choices.choice([right, behind]), id_=id_)
        written: list[str] = []
        backdated: set[str] = set()
        before: dict[str, Any] = {}

        def write(number: str) -> None:
            api = choices.choice([right, behind])
            kind = choices.choice(["visitor", "company", "note", "old", "add", "resolve"])
            fields: dict[str, Any] = {"id": f"m{number}", "text": "Hi"}
            if kind == "resolve":
                for verb in ("resolve", "reopen"):
                    assert change(api, verb, id_=id_).status == 200  # noqa: B023
                return
            if kind == "old":
                seconds = choices.randint(1, 7_200)
                fields["createdAt"] = timestamps.from_epoch(time.time() - seconds)
                backdated.add(f"m{number}")  # noqa: B023
            if kind == "note":
                fields["visibility"] = "private"
            if kind == "add":
                response = api(a_body(conversationId=id_, defaultTimelineItems=[fields]), visitor())  # noqa: B023
            else:
                response = send(api, visitor() if kind == "visitor" else private(), id_, **fields)  # noqa: B023
            assert response.status == 200, response.body
            written.append(f"m{number}")  # noqa: B023

        for number in range(30):
            if overtaken:
                proxy.inject(meanwhile(lambda n=number: write(f"{n}-first")))  # type: ignore[misc]
            write(str(number))
            proxy.lift()
            conversation, items = partition(stored, id_)
            for reference in ("lastPublicItem", "lastPrivateItem", "lastPublicMessage", "lastPrivateMessage"):
                assert str(before.get(reference, "")) <= str(conversation.get(reference, "")), reference
            assert before.get("updatedAt", "") < conversation["updatedAt"]
            assert before.get("publicUpdatedAt", "") <= conversation["publicUpdatedAt"]
            before = conversation
            # What the server dated stands after all that was there then, and of one time the order of writing is kept.
            place = {item.id: (n, item.created_at) for n, item in enumerate(items)}
            for item_id in written[-2:]:
                for earlier in written[: written.index(item_id)]:
                    if item_id not in backdated or place[earlier][1] == place[item_id][1]:
                        assert place[earlier] < place[item_id], (earlier, item_id)


def test_of_one_time_in_the_past_the_order_of_writing_is_kept(
    clocks: Clocks, proxy: Proxy, api: Api, name: str
) -> None:
    right, behind = clocks.instance(is_behind=False), clocks.instance(is_behind=True)
    open_one(api, a_message("Hi!", id="now"), id_=name)
    old = {"text": "Hi", "createdAt": "2020-01-01T00:00:00Z"}
    proxy.inject(meanwhile(lambda: send(behind, private(), name, id="z", **old)))

    assert send(right, private(), name, id="a", **old).status == 200

    proxy.lift()
    assert [item["id"] for item in timeline(api, private(), name)] == ["z", "a", "now"]


Meanwhile = Callable[[], object]


def test_of_two_patches_of_different_names_both_are_kept(
    ask: Ask, api: Api, proxy: Proxy, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one(api, id_=name, metadata={"kept": 1})
    others: list[tuple[str, Meanwhile]] = [
        ("b", lambda: api({"metadata": {"b": 2}}, route=PATCH, conversationId=name)),
        ("title", lambda: api({"title": "T"}, route=PATCH, conversationId=name)),
        ("m", lambda: send(api, visitor(), name, id="m", text="Hi")),
        ("resolve", lambda: change(api, "resolve", id_=name)),
    ]
    for what, other in others:

        def overtake(other: Meanwhile = other) -> None:
            with monkeypatch.context() as clock:
                clock.setattr(timestamps, "now", lambda: timestamps.from_epoch(time.time() - 3_600))
                other()

        proxy.inject(meanwhile(overtake))
        response = ask({"metadata": {f"beside-{what}": True}}, route=PATCH, conversationId=name)
        assert response.status == 200
        assert response.conversation["metadata"][f"beside-{what}"] is True
        proxy.lift()

    conversation = get(api, private(), name)
    assert conversation["metadata"] == {"kept": 1, "b": 2, **{f"beside-{what}": True for what, _ in others}}
    assert (conversation["title"], conversation["status"]) == ("T", "resolved")
    assert conversation["lastTimelineItem"]["id"] == "m"
