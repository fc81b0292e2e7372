"""A conversation that ends between two calls of a request, and whose id names another conversation from then on.

Every route is stopped before each of its calls of the database. Then the conversation expires, and in most tests
somebody opens its id again, in a state in which the request could be carried out just as well. The request must not
touch, nor tell of, a conversation that it was not about.
"""

import itertools
import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

import pytest
from api.route import AnyRoute
from api.routes import (
    all_routes,
    contacts,
    feedback,
    inbox,
    messages,
    ratings,
    removals,
    seen,
    support_state,
    timelines,
    typing,
    uploads,
    visitors,
    websites,
)
from api.routes import status as statuses
from api.routes.conversations import CREATE, GET, LIST, PATCH
from support.dynamodb.items import Item, Key, marshal, unmarshal
from support.dynamodb.table import Table
from support.values import timestamps

from local.dynamodb import connect
from tests import demo
from tests.builders import OTHER_VISITOR, SETTINGS, VISITOR, WEBSITE, a_message, private
from tests.calls import change, user, visitor
from tests.client import Api, Response, api_over
from tests.conversation_model import KeyType
from tests.fakes import FakeTable
from tests.integration.proofs.proxy import Proxy, meanwhile
from tests.integration.proofs.watched import watched
from tests.samples import some

#: When conversations are opened, in epoch seconds: far from now, since DynamoDB deletes by its own clock.
OPENED = 4_000_000_000
HOUR, DAY = 3_600, 86_400

#: Whose words are whose, in all that a conversation says.
OLD, THEIRS, AGAIN, OURS = "OLD", "THEIRS", "AGAIN", "OURS"


class Clock:
    """The time of day; what is dated by it may be some seconds `behind`, as between instances."""

    def __init__(self) -> None:
        self.seconds = OPENED
        self.behind = 0

    def time(self) -> float:
        return float(self.seconds)

    def now(self) -> str:
        moment = datetime.fromtimestamp(self.seconds - self.behind, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(timestamps, "now", clock.now)
    return clock


# Requests -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A conversation of the first visitor, with what a caller knows of it."""

    api: Api
    id: str
    key: KeyType
    cursor: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return visitor() if self.key == "public" else {**user(), "x-visitor-id": VISITOR}


class Request(NamedTuple):
    """A request that is carried out on a conversation which has a status; `writes` says that it changes it."""

    route: AnyRoute
    name: str
    call: Callable[[World], Response]
    writes: bool = False
    status: str = "open"
    keys: Sequence[KeyType] = ("public", "private")
    idempotency_key: str | None = None


def open_(*items: object, idempotency_key: str | None = None) -> Callable[[World], Response]:
    def call(world: World) -> Response:
        body = {"visitorId": VISITOR, "defaultTimelineItems": items}
        if idempotency_key is not None:
            return world.api(body, {**world.headers, "idempotency-key": idempotency_key})
        return world.api({**body, "conversationId": world.id}, world.headers)

    return call


def read(route: AnyRoute, **query: str) -> Callable[[World], Response]:
    def call(world: World) -> Response:
        parameters = {"conversationId": world.id} if "{" in route.path else {}
        sent = {name: value or world.cursor for name, value in query.items()}
        return world.api(None, world.headers, route=route, query=sent, **parameters)

    return call


def write(route: AnyRoute, body: object = None) -> Callable[[World], Response]:
    return lambda world: world.api(body, world.headers, route=route, conversationId=world.id)


def remove(item_id: str) -> Callable[[World], Response]:
    return lambda world: world.api(None, world.headers, route=removals.ITEM, conversationId=world.id, itemId=item_id)


def send(item: Mapping[str, object]) -> Callable[[World], Response]:
    return lambda world: world.api({"conversationId": world.id, "item": item}, world.headers, route=messages.SEND)


#: The same in every conversation of a test: who repeats it may find it, whoever's it is.
HELLO = a_message("Hello", id="hello", visitorId=VISITOR)
NEW = a_message(OURS, id="new")

REQUESTS = [
    Request(CREATE, "add to it", open_(HELLO, NEW), writes=True),
    Request(CREATE, "open it again", open_(HELLO)),
    Request(CREATE, "open it by its key", open_(HELLO, idempotency_key="key"), idempotency_key="key"),
    Request(LIST, "list", read(LIST)),
    Request(inbox.LIST, "inbox", read(inbox.LIST, status="open"), keys=["private"]),
    Request(
        inbox.LIST, "inbox of the resolved", read(inbox.LIST, status="resolved"), status="resolved", keys=["private"]
    ),
    Request(GET, "get", read(GET)),
    Request(PATCH, "title", write(PATCH, {"title": OURS}), writes=True, keys=["private"]),
    Request(PATCH, "metadata", write(PATCH, {"metadata": {"of": OURS}}), writes=True, keys=["private"]),
    Request(timelines.GET, "timeline", read(timelines.GET)),
    Request(timelines.GET, "timeline by its cursor", read(timelines.GET, limit="2", cursor="")),
    Request(timelines.GET, "timeline after an item", read(timelines.GET, after="hello")),
    Request(messages.SEND, "send", send(NEW), writes=True),
    Request(messages.SEND, "send without an id", send(a_message(OURS)), writes=True),
    Request(messages.SEND, "send again", send(HELLO), keys=["public"]),
    Request(seen.SEE, "mark as seen", write(seen.SEE, {}), writes=True),
    Request(seen.GET, "get seen", read(seen.GET)),
    Request(typing.SIGNAL, "type", write(typing.SIGNAL, {"isTyping": True})),
    Request(ratings.RATE, "rate", write(ratings.RATE, {"rating": 1, "comment": OURS}), writes=True, status="resolved"),
    Request(statuses.RESOLVE, "resolve", write(statuses.RESOLVE), writes=True, keys=["private"]),
    Request(statuses.REOPEN, "reopen", write(statuses.REOPEN), writes=True, status="resolved", keys=["private"]),
    Request(statuses.SPAM, "spam", write(statuses.SPAM), writes=True, keys=["private"]),
    Request(statuses.NOT_SPAM, "not-spam", write(statuses.NOT_SPAM), writes=True, status="spam", keys=["private"]),
    Request(removals.ITEM, "remove an item", remove("last"), writes=True, keys=["private"]),
    Request(removals.CONVERSATION, "erase", write(removals.CONVERSATION), writes=True, keys=["private"]),
    Request(websites.GET, "website", read(websites.GET)),
]

#: These read and write no conversation, or that of nobody else.
_OF_NO_CONVERSATION: set[AnyRoute] = {
    support_state.GET,
    visitors.PATCH,
    visitors.TELL,
    visitors.TELL_OWN,
    visitors.GET,
    visitors.BLOCK,
    visitors.UNBLOCK,
    contacts.IDENTIFY,
    contacts.PATCH_METADATA,
    contacts.FIND,
    feedback.GIVE,
    feedback.LIST,
    # Its row is told of to nobody, and goes, unless a message of the conversation names it.
    uploads.SIGN,
}

Case = tuple[Request, KeyType]

CASES = [pytest.param((request, key), id=f"{request.name}-{key}") for request in REQUESTS for key in request.keys]


def place(case: Case) -> int:
    """Return the place of a case among all of them."""
    return [parameters.values[0] for parameters in CASES].index(case)


#: With a private key these are about any conversation of the website. What is taken over before their first call is the
#: only one that they ever see.
_ABOUT_ANY_VISITOR = {route.id for route in all_routes()} - {CREATE.id, LIST.id}


#: How a new conversation gets a status.
_VERBS = {"open": [], "resolved": ["resolve"], "spam": ["spam"]}


def a_conversation(api: Api, id_: str, visitor_id: str, words: str, request: Request, headers: dict[str, str]) -> str:
    """Open a conversation in which all that can be said is said in these words; return its id, "" if it is taken."""
    key = {} if id_ or request.idempotency_key is None else {"idempotency-key": request.idempotency_key}
    named = {} if key else {"conversationId": id_ or f"c-{uuid.uuid4()}", "metadata": {"n": 1}}
    greeting = {**HELLO, "visitorId": visitor_id}
    opened = api({"visitorId": visitor_id, "defaultTimelineItems": [greeting], **named}, {**headers, **key})
    if opened.code == "CONVERSATION_ID_CONFLICT":
        return ""
    assert opened.status == 200, opened.body
    id_ = opened.conversation["id"]
    more = [
        a_message(words, id="note", visibility="private"),
        a_message(f"{words} " * 1_000, id="large", userId="user-1"),
        a_message(words, id="last", aiAgentId="agent-1"),
        a_message(words, id="event", type="event", visibility="private"),
    ]
    for response in (
        api({"visitorId": visitor_id, "conversationId": id_, "defaultTimelineItems": more}),
        api({"title": words}, route=PATCH, conversationId=id_),
        api({}, user(), route=seen.SEE, conversationId=id_),
        *(change(api, verb, id_=id_) for verb in _VERBS[request.status]),
    ):
        assert response.status == 200, response.body
    return id_


# Tables ---------------------------------------------------------------------------------------------------------------


Rows = Mapping[Key, Item]


class Backend(Protocol):
    """A table with two instances of the function: one can be stopped, the other keeps for ever what it opens."""

    api: Api
    keeping: Api

    def stop(self, call: int, happens: Callable[[], None]) -> None:
        """Let something happen before the n-th call of the next request."""

    def resume(self) -> None:
        """Stop nobody from now on."""

    def rows(self, id_: str) -> Rows:
        """Read all that is stored of a conversation, and of earlier ones of its id."""

    def put(self, rows: Rows) -> None:
        """Store rows."""

    def delete(self, keys: Collection[Key]) -> None:
        """Delete rows, as DynamoDB does once they have expired."""


#: How long a conversation is kept by the instance that opens it.
FOR_A_DAY = replace(SETTINGS, retention_days={"live": 0, "test": 1})


def partition(id_: str) -> str:
    return f"CONVERSATION#{WEBSITE}#test#{id_}"


class InMemory:
    """A table in memory."""

    def __init__(self) -> None:
        self._table = FakeTable(demo.items())
        self._calls_left = 0
        self._happens: Callable[[], None] = self.resume
        self.api = api_over(watched(self._table, self._before), settings=FOR_A_DAY, clock=Clock().time)
        self.keeping = api_over(self._table)

    def _before(self) -> None:
        self._calls_left -= 1
        if self._calls_left == 0:
            self._happens()

    def stop(self, call: int, happens: Callable[[], None]) -> None:
        self._calls_left, self._happens = call, happens

    def resume(self) -> None:
        self._calls_left = 0

    def rows(self, id_: str) -> Rows:
        return {key: item for key, item in self._table.items.items() if key[0] == partition(id_)}

    def put(self, rows: Rows) -> None:
        self._table.items |= rows

    def delete(self, keys: Collection[Key]) -> None:
        for key in keys:
            del self._table.items[key]


class OverEngine:
    """DynamoDB Local, through a proxy."""

    def __init__(self, endpoint: str, table: str, proxy: Proxy) -> None:
        self._client, self._name, self._proxy = connect(endpoint), table, proxy
        self.api = api_over(Table(table, timeout_seconds=60), settings=FOR_A_DAY, clock=Clock().time)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
            self.keeping = api_over(Table(table, timeout_seconds=60))

    def stop(self, call: int, happens: Callable[[], None]) -> None:
        self._proxy.inject(meanwhile(happens), None, nth=call)

    def resume(self) -> None:
        self._proxy.lift()

    def rows(self, id_: str) -> Rows:
        found = self._client.query(
            TableName=self._name,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues=marshal({":pk": partition(id_)}),
            ConsistentRead=True,
        )
        return {(str(row["PK"]), str(row["SK"])): row for row in map(unmarshal, found["Items"])}

    def put(self, rows: Rows) -> None:
        self._write([{"PutRequest": {"Item": marshal(row)}} for row in rows.values()])

    def delete(self, keys: Collection[Key]) -> None:
        self._write([{"DeleteRequest": {"Key": marshal({"PK": pk, "SK": sk})}} for pk, sk in keys])

    def _write(self, requests: list[Any]) -> None:
        if requests:
            self._client.batch_write_item(RequestItems={self._name: requests})


@pytest.fixture(scope="module")
def in_memory() -> InMemory:
    return InMemory()


@pytest.fixture
def over_engine(dynamodb: str, seeded_table: str, proxy: Proxy) -> OverEngine:
    return OverEngine(dynamodb, seeded_table, proxy)


# Runs -----------------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What was stored when a request began, when it was stopped, and when it went on; and what came of it."""

    stopped_at: int
    response: Response
    began: Rows
    stopped: Rows
    resumed: Rows
    ended: Rows
    is_taken: bool

    @property
    def told(self) -> str:
        """All that the answer says."""
        return json.dumps([self.response.body, self.response.headers])

    @property
    def had_written(self) -> bool:
        """Whether it had changed the conversation before it was stopped."""
        return self.began != self.stopped

    @property
    def written(self) -> list[str]:
        """The sort keys of what it changed when it went on."""
        keys = self.resumed.keys() | self.ended.keys()
        return sorted(key[1] for key in keys if self.resumed.get(key) != self.ended.get(key))

    @property
    def is_replay(self) -> bool:
        return "idempotent-replayed" in self.response.headers

    def __str__(self) -> str:
        return f"before call {self.stopped_at}: {self.response.status} {self.response.code or ''} {self.told}"


#: What happens to a conversation while a request is stopped; it may return the id of the one that took its place.
Happening = Callable[[Backend, Clock, Request, str], str]


def runs(backend: Backend, clock: Clock, case: Case, happening: Happening) -> Iterator[Run]:
    """Stop a request before each of its calls, on the same conversation in the last second that it has."""
    request, key = case
    clock.seconds = OPENED
    backend.resume()
    world = World(backend.api, "", key)
    id_ = a_conversation(backend.api, "", VISITOR, OLD, request, world.headers)
    page = read(timelines.GET, limit="2")(replace(world, id=id_))
    world = replace(world, id=id_, cursor=page.body["nextCursor"])
    began = backend.rows(id_)
    for call in itertools.count(1):
        clock.seconds = OPENED + DAY
        run = _run(backend, clock, request, world, happening, call)
        backend.delete(backend.rows(id_).keys())
        if run is None:
            return
        yield run
        backend.put(began)


def _run(backend: Backend, clock: Clock, request: Request, world: World, happening: Happening, call: int) -> Run | None:
    stopped: list[tuple[Rows, bool, Rows]] = []

    def happen() -> None:
        found = backend.rows(world.id)
        is_taken = bool(happening(backend, clock, request, world.id))
        stopped.append((found, is_taken, backend.rows(world.id)))

    began = backend.rows(world.id)
    backend.stop(call, happen)
    response = request.call(world)
    backend.resume()
    if not stopped:
        assert response.status == request.route.status, response.body
        return None
    [(found, is_taken, resumed)] = stopped
    return Run(call, response, began, found, resumed, backend.rows(world.id), is_taken)


FORMS = ["not yet deleted", "deleted", "itself deleted, but not its items", "its items deleted, but not itself"]


def end(backend: Backend, clock: Clock, id_: str, form: str) -> None:
    """Let a conversation expire."""
    clock.seconds += 10
    expired = {key for key, row in backend.rows(id_).items() if int(str(row.get("ttl", clock.seconds))) < clock.seconds}
    conversation = {(pk, sk) for pk, sk in expired if sk == "CONVERSATION"}
    backend.delete(dict(zip(FORMS, [(), expired, conversation, expired - conversation], strict=True))[form])


def expire(backend: Backend, clock: Clock, _: Request, id_: str, *, form: str) -> str:
    end(backend, clock, id_, form)
    return ""


def take_over(
    backend: Backend,
    clock: Clock,
    request: Request,
    id_: str,
    *,
    form: str,
    visitor_id: str,
    words: str,
    behind: int = 0,
) -> str:
    """Let a conversation expire, and somebody open its id."""
    end(backend, clock, id_, form)
    clock.behind = behind
    taken = a_conversation(backend.keeping, id_, visitor_id, words, request, private())
    clock.behind = 0
    return taken


# Tests ----------------------------------------------------------------------------------------------------------------


def test_each_route_is_stopped() -> None:
    of_conversations = {route.id for route in all_routes() if route not in _OF_NO_CONVERSATION}
    assert {request.route.id for request in REQUESTS} == of_conversations


def require_left_alone(run: Run, case: Case, what: str) -> None:
    """Fail if a request touched another visitor's conversation, or told of it."""
    request, key = case
    assert not (OLD in run.told and THEIRS in run.told), what
    if not run.is_taken:
        # What was written has prolonged it, so nobody could take it.
        assert (run.response.status, run.had_written) == (200, True), what
        return
    if key == "private" and run.stopped_at == 1 and request.route.id in _ABOUT_ANY_VISITOR:
        return
    assert run.written == [], what
    if request.route is not inbox.LIST:
        assert THEIRS not in run.told, what
        assert OTHER_VISITOR not in run.told, what
    refusal = "CONVERSATION_ID_CONFLICT" if request.route is CREATE else "HTTP_404"
    if request.writes and not run.had_written:
        assert run.response.code == refusal, what
    else:
        assert run.response.code in {None, refusal}, what


@pytest.mark.parametrize("case", CASES)
def test_a_request_leaves_alone_what_another_visitor_opens_under_the_id(
    in_memory: InMemory, clock: Clock, case: Case
) -> None:
    for form, behind in some([*((form, 0) for form in FORMS), (FORMS[0], HOUR)], place(case), of_each=2):
        happening = partial(take_over, form=form, visitor_id=OTHER_VISITOR, words=THEIRS, behind=behind)
        for run in runs(in_memory, clock, case, happening):
            require_left_alone(run, case, f"{form}, {behind} s behind, {run}")


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0][0].writes])  # type: ignore[index]
def test_a_write_leaves_alone_what_another_visitor_opens_under_the_id(
    over_engine: OverEngine, clock: Clock, case: Case
) -> None:
    """DynamoDB itself judges the conditions."""
    happening = partial(take_over, form=FORMS[0], visitor_id=OTHER_VISITOR, words=THEIRS, behind=HOUR)
    for run in runs(over_engine, clock, case, happening):
        require_left_alone(run, case, str(run))


@pytest.mark.parametrize("case", CASES)
def test_a_request_goes_to_what_its_visitor_opens_under_the_id_or_nowhere(
    in_memory: InMemory, clock: Clock, case: Case
) -> None:
    request, _ = case
    for form in some(FORMS[:2], place(case)):
        happening = partial(take_over, form=form, visitor_id=VISITOR, words=AGAIN)
        for run in runs(in_memory, clock, case, happening):
            what = f"{form}, {run}"
            assert not (OLD in run.told and AGAIN in run.told), what
            # The other one was not opened with this key.
            refusals = {"HTTP_404"} if request.idempotency_key is None else {"IDEMPOTENCY_KEY_REUSED"}
            assert run.response.code in {None, *refusals}, what
            is_write = request.writes and run.is_taken and not run.had_written
            if run.response.code is not None or not is_write:
                assert run.written == [] or not run.is_taken, what
            elif request.route is not seen.SEE:
                # Its time may be older than the one that is stored.
                assert run.written != [], what


@pytest.mark.parametrize("case", CASES)
def test_a_request_whose_conversation_ends_is_a_404_or_opens_another_one(
    in_memory: InMemory, clock: Clock, case: Case
) -> None:
    request, _ = case
    for form in FORMS:
        for run in runs(in_memory, clock, case, partial(expire, form=form)):
            what = f"{form}, {run}"
            has_ended = not any(is_conversation(row, clock) for row in run.resumed.values())
            assert orphans(run, clock) == [], what
            if request.route is CREATE and has_ended and not run.had_written:
                assert run.response.status == 200, what
                assert OLD not in run.told or run.is_replay, what
            elif request.writes and has_ended and not run.had_written:
                assert (run.response.code, run.written) == ("HTTP_404", []), what
            else:
                assert run.response.code in {None, "HTTP_404"}, what


def is_conversation(row: Item, clock: Clock) -> bool:
    return row["SK"] == "CONVERSATION" and int(str(row.get("ttl", clock.seconds))) >= clock.seconds


def orphans(run: Run, clock: Clock) -> list[str]:
    """Return the sort keys of what was written when there was no such conversation any more."""
    standing = {row["incarnation"] for row in run.ended.values() if is_conversation(row, clock)}
    return [
        sk
        for sk in run.written
        if any(key[1] == sk and row["incarnation"] not in standing for key, row in run.ended.items())
    ]


@pytest.mark.parametrize("is_deleted", [False, True], ids=["not yet deleted", "deleted"])
@pytest.mark.parametrize("case", CASES)
def test_a_request_whose_items_end_is_answered_without_them(
    in_memory: InMemory, clock: Clock, case: Case, is_deleted: bool
) -> None:
    """Each item ends for itself, and the conversation may go on."""

    def end_items(backend: Backend, _: Clock, __: Request, id_: str) -> str:
        items = {key for key in backend.rows(id_) if key[1].startswith("ITEM#")}
        if is_deleted:
            backend.delete(items)
        else:
            backend.put({key: {**row, "ttl": OPENED} for key, row in backend.rows(id_).items() if key in items})
        return ""

    request, _ = case
    for run in runs(in_memory, clock, case, end_items):
        # What an item says can't be removed once it has ended.
        assert (run.response.status == request.route.status) or request.route is removals.ITEM, run
        # What was read before may be in the answer.
        assert run.stopped_at > 1 or not any(OLD in text for text in texts(run.response.body)), run


def texts(shown: object) -> Iterator[str]:
    """Yield what the timeline items of an answer say, wherever they are in it."""
    if isinstance(shown, dict):
        if "visibility" in shown:
            yield str(shown["text"])
        shown = list(shown.values())
    if isinstance(shown, list):
        for value in shown:
            yield from texts(value)


@pytest.mark.parametrize("behind", [0, HOUR])
def test_a_rating_is_refused_once_the_conversation_is_reopened(in_memory: InMemory, clock: Clock, behind: int) -> None:
    """Its own time may be later than the other instance's, so no time tells that there was a change."""

    def reopen(backend: Backend, clock: Clock, _: Request, id_: str) -> str:
        clock.behind = behind
        assert change(backend.keeping, "reopen", id_=id_).status == 200
        clock.behind = 0
        return ""

    [rate] = [request for request in REQUESTS if request.route is ratings.RATE]
    for key in rate.keys:
        for run in runs(in_memory, clock, (rate, key), reopen):
            if run.had_written:
                assert run.response.status == 200, run
            else:
                assert (run.response.code, run.written) == ("CONVERSATION_NOT_RESOLVED", []), run
