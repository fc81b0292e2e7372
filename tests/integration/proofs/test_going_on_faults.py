"""Faults at each call of the routes by which a conversation goes on: once, and for as long as a request lasts."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import inbox, messages, ratings, removals, seen, uploads
from api.routes import status as statuses
from api.routes.conversations import CREATE, PATCH
from support.dynamodb.items import Item, unmarshal
from support.values import timestamps

from local.dynamodb import connect
from tests.builders import ORGANIZATION, WEBSITE, a_body, a_message, private
from tests.calls import change, get, open_one, rate, see, send, user, visitor
from tests.client import Api, Response
from tests.integration.proofs import proxy as faults
from tests.integration.proofs.conftest import Ask, Clock
from tests.integration.proofs.proxy import Exchange, Fault, Proxy, meanwhile
from tests.integration.proofs.test_faults import EVERYWHERE, HEADERS, LASTING, PASSING, TRANSACTIONS
from tests.samples import cuts, sample
from tests.stored import let_expire


@dataclass(frozen=True)
class Request:
    """A request to a conversation, what came before it, and the calls of DynamoDB that it takes.

    `is_known_again` says that the same again is a replay.
    """

    route: AnyRoute
    headers: Mapping[str, str]
    calls: tuple[str, ...]
    body: Any = None
    past: Callable[[Api, str], object] = lambda *_: None
    is_known_again: bool = True
    item_id: str | None = None


def _resolved(api: Api, id_: str) -> None:
    change(api, "resolve", id_=id_)


def an_upload(id_: str) -> dict[str, Any]:
    """Return a request for an address to upload a file of a conversation to."""
    scope = {"type": "conversation", "organizationId": ORGANIZATION, "websiteId": WEBSITE, "conversationId": id_}
    return {"contentType": "image/png", "websiteId": WEBSITE, "scope": scope}


def _signed(api: Api, id_: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.domain.ids.secrets.token_bytes", bytes)
        assert api(an_upload(id_), visitor(), route=uploads.SIGN).status == 200


def _named(api: Api, id_: str) -> None:
    _signed(api, id_)
    assert send(api, visitor(), id_, **_in(WITH_FILE, id_)).status == 200


def _in(item: Any, id_: str) -> Any:
    """Return an item whose files are those of a conversation."""
    return json.loads(json.dumps(item).replace("ITS-ID", id_))


READ, WRITE, UPDATE, QUERY = "BatchGetItem", "TransactWriteItems", "UpdateItem", "Query"
ITEM = {"id": "m", "text": "More"}
#: A message with the file that was signed for.
WITH_FILE = {
    "id": "m",
    "parts": [
        {
            "type": "image",
            "url": f"https://api.example.com/v1/files/{WEBSITE}/test/ITS-ID/{'0' * 26}",
            "mediaType": "image/png",
        }
    ],
}
REQUESTS = {
    "message of a visitor": Request(messages.SEND, visitor(), (READ, WRITE), ITEM),
    "message of the company": Request(messages.SEND, user(), (READ, WRITE), {**ITEM, "visibility": "private"}),
    "message of the past": Request(messages.SEND, user(), (READ, WRITE), {**ITEM, "createdAt": "2020-01-01T00:00:00Z"}),
    "message again": Request(
        messages.SEND, visitor(), (READ, WRITE), ITEM, lambda api, id_: send(api, visitor(), id_, **ITEM)
    ),
    "message with a file": Request(messages.SEND, visitor(), (READ, WRITE), WITH_FILE, _signed),
    "message with a file that is gone": Request(messages.SEND, visitor(), (READ, WRITE, WRITE), WITH_FILE),
    "removal with a file": Request(removals.ITEM, user(), (READ, QUERY, WRITE), None, _named, item_id="m"),
    "seen by the visitor": Request(seen.SEE, visitor(), (READ, UPDATE), {}, is_known_again=False),
    "seen by a user": Request(seen.SEE, user(), (READ, UPDATE, READ, WRITE), {}, is_known_again=False),
    "seen by a user again": Request(
        seen.SEE, user(), (READ, UPDATE), {}, lambda api, id_: see(api, user(), id_), is_known_again=False
    ),
    "who has seen it": Request(
        seen.GET, visitor(), (READ, QUERY), None, lambda api, id_: see(api, user(), id_), is_known_again=False
    ),
    "rating": Request(ratings.RATE, visitor(), (READ, WRITE), {"rating": 4, "comment": "Kind."}, _resolved),
    "resolution": Request(statuses.RESOLVE, user(), (READ, WRITE, READ, READ)),
    "reopening": Request(statuses.REOPEN, user(), (READ, WRITE, READ, READ), None, _resolved),
    "removal": Request(removals.ITEM, user(), (READ, QUERY, WRITE), item_id="first"),
    "removal before the last message": Request(
        removals.ITEM, user(), (READ, WRITE), None, lambda api, id_: send(api, visitor(), id_, **ITEM), item_id="first"
    ),
    "title": Request(PATCH, private(), (READ, WRITE, READ, READ), {"title": "T", "metadata": {"a": 1, "plan": None}}),
}
#: Each call of each of them, by the number of the call.
CALLS = {
    f"{name}, call {number + 1}": (request, number)
    for name, request in REQUESTS.items()
    for number in range(len(request.calls))
}


def faults_of(operation: str, general: Mapping[str, Fault]) -> Mapping[str, Fault]:
    special: dict[str, Mapping[str, Fault]] = {
        WRITE: TRANSACTIONS,
        UPDATE: {"conflict": faults.error(400, "TransactionConflictException")},
        READ: {"nothing processed": faults.nothing_processed},
    }
    return {**general, **special.get(operation, {})}


def at_calls(general: Mapping[str, Fault]) -> list[Any]:
    """Each call, with faults that it can meet."""
    product = {when: faults_of(request.calls[number], general) for when, (request, number) in CALLS.items()}
    return [
        pytest.param(*CALLS[when], {what: product[when][what] for what in chosen}, id=when)
        for when, chosen in sample({when: list(of_call) for when, of_call in product.items()}).items()
    ]


class Conversations:
    """Conversations with the past that a request needs, and what is left of them, apart from what differs each time."""

    def __init__(self, endpoint: str, table: str, api: Api, name: str) -> None:
        self._endpoint, self._table, self._api, self._name = endpoint, table, api, name
        self._count = 0

    def prepare(self, request: Request) -> str:
        self._count += 1
        id_ = f"{self._name}-{self._count}"
        open_one(self._api, a_message("Hi!", id="first"), id_=id_, metadata={"plan": "pro"})
        request.past(self._api, id_)
        return id_

    def items(self, id_: str) -> list[Item]:
        pk = f"CONVERSATION#{WEBSITE}#test#{id_}"
        found = connect(self._endpoint).query(
            TableName=self._table,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        return [unmarshal(item) for item in found["Items"]]

    def state(self, request: Request, id_: str) -> str:
        items = self.items(id_)
        for item in items:
            # What is seen again is written again.
            if request.route is seen.SEE:
                item.pop("version", None)
            item["ttl"] = "ttl" in item
        return comparable(items, id_, *{str(item["incarnation"]) for item in items if "incarnation" in item})


def comparable(value: object, *names: str) -> str:
    """Return a text of it without times, ids of ours, and these names."""
    text = json.dumps(value, sort_keys=True)
    for name in names:
        text = text.replace(name, "NAME")
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
    return re.sub(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b", "ULID", text)


@pytest.fixture
def api(other: Api) -> Api:
    return other


@pytest.fixture
def conversations(dynamodb: str, seeded_table: str, api: Api, name: str) -> Conversations:
    return Conversations(dynamodb, seeded_table, api, name)


def do(ask: Ask, request: Request, id_: str, timeout_seconds: int = 10) -> Response:
    if request.route is messages.SEND:
        body = {"conversationId": id_, "item": _in(request.body, id_)}
        return ask(body, request.headers, timeout_seconds, route=request.route)
    item = {} if request.item_id is None else {"itemId": request.item_id}
    return ask(request.body, request.headers, timeout_seconds, route=request.route, conversationId=id_, **item)


def require_known(ask: Ask, request: Request, id_: str, before: Response, conversations: Conversations) -> None:
    state = conversations.state(request, id_)
    again = do(ask, request, id_)
    assert again.status == 200, again.body
    assert conversations.state(request, id_) == state
    assert ("idempotent-replayed" in again.headers) == request.is_known_again
    if request.is_known_again:
        assert again.body == before.body


@pytest.mark.parametrize(("request_", "number", "met"), at_calls(PASSING))
def test_a_fault_that_passes_is_not_seen(
    ask: Ask, proxy: Proxy, conversations: Conversations, request_: Request, number: int, met: Mapping[str, Fault]
) -> None:
    undisturbed = conversations.prepare(request_)
    proxy.lift()
    expected = do(ask, request_, undisturbed)
    assert tuple(proxy.calls) == ("GetItem", *request_.calls)
    for what, fault in met.items():
        id_ = conversations.prepare(request_)
        proxy.inject(fault, None, number + 2)

        response = do(ask, request_, id_, timeout_seconds=5)

        proxy.lift()
        assert response.status == 200, (what, response.body)
        assert comparable(response.body, id_) == comparable(expected.body, undisturbed), what
        assert response.headers == expected.headers, what
        assert conversations.state(request_, id_) == conversations.state(request_, undisturbed), what
        require_known(ask, request_, id_, response, conversations)


@pytest.mark.parametrize(("request_", "number", "met"), at_calls(LASTING))
def test_a_fault_that_lasts_is_a_503_and_the_retry_finds_or_writes_all(
    ask: Ask,
    clock: Clock,
    proxy: Proxy,
    conversations: Conversations,
    request_: Request,
    number: int,
    met: Mapping[str, Fault],
) -> None:
    undisturbed = conversations.prepare(request_)
    before = conversations.state(request_, undisturbed)
    do(ask, request_, undisturbed)
    after = conversations.state(request_, undisturbed)
    for what, fault in met.items():
        id_ = conversations.prepare(request_)
        proxy.inject(fault, None, number + 2, times=inf)

        started = clock.monotonic()
        response = do(ask, request_, id_, timeout_seconds=1)
        seconds = clock.monotonic() - started

        calls = len(proxy.calls)
        proxy.lift()
        assert (response.status, response.code) == (503, "UNAVAILABLE"), (what, response.body)
        assert int(response.headers["retry-after"]) >= 1
        assert seconds < 1, what
        assert calls < 30, what
        # All of it, or nothing.
        assert conversations.state(request_, id_) in {before, after}, what
        retried = do(ask, request_, id_)
        assert retried.status == 200, (what, retried.body)
        assert conversations.state(request_, id_) == after, what
        require_known(ask, request_, id_, retried, conversations)


@pytest.mark.parametrize("when", CALLS)
def test_an_answer_that_ends_within_its_headers_is_not_seen(
    ask: Ask, proxy: Proxy, conversations: Conversations, when: str
) -> None:
    request_, number = CALLS[when]
    undisturbed = conversations.prepare(request_)
    expected = do(ask, request_, undisturbed)
    for cut in cuts(when, HEADERS):
        id_ = conversations.prepare(request_)
        proxy.inject(faults.cut_at(cut), None, number + 2)

        response = do(ask, request_, id_)

        proxy.lift()
        assert comparable(response.body, id_) == comparable(expected.body, undisturbed), cut
        assert conversations.state(request_, id_) == conversations.state(request_, undisturbed), cut


INBOX_CALLS = (QUERY, READ, READ, READ)
INBOX_FAULTS = sample({f"{number}": list(faults_of(call, EVERYWHERE)) for number, call in enumerate(INBOX_CALLS)})


@pytest.mark.parametrize("number", range(len(INBOX_CALLS)))
def test_the_inbox_is_read_whole_or_not_at_all(
    ask: Ask, proxy: Proxy, conversations: Conversations, number: int
) -> None:
    conversations.prepare(REQUESTS["reopening"])
    proxy.lift()
    ask = partial(ask, None, private(), route=inbox.LIST, query={"status": "resolved"})
    expected = ask()
    assert proxy.calls == ["GetItem", *INBOX_CALLS]
    for what in INBOX_FAULTS[f"{number}"]:
        fault = faults_of(INBOX_CALLS[number], EVERYWHERE)[what]
        proxy.inject(fault, None, number + 2)
        assert ask(timeout_seconds=5).body == expected.body, what
        proxy.inject(fault, None, number + 2, times=inf)
        assert ask(timeout_seconds=1).code == "UNAVAILABLE", what
        proxy.lift()
    for cut in cuts(f"inbox {number}", HEADERS):
        proxy.inject(faults.cut_at(cut), None, number + 2)
        assert ask().body == expected.body, cut
        proxy.lift()


UPLOAD_CALLS = (READ, WRITE)
UPLOAD_FAULTS = sample({f"{number}": list(faults_of(call, EVERYWHERE)) for number, call in enumerate(UPLOAD_CALLS)})


@pytest.mark.parametrize("number", range(len(UPLOAD_CALLS)))
def test_an_address_for_an_upload_comes_with_one_row_or_not_at_all(
    ask: Ask, proxy: Proxy, conversations: Conversations, name: str, number: int
) -> None:
    for what in UPLOAD_FAULTS[f"{number}"]:
        id_, fault = f"{name}-{what.replace(' ', '-')}", faults_of(UPLOAD_CALLS[number], EVERYWHERE)[what]
        proxy.inject(fault, None, number + 2)
        signed = ask(an_upload(id_), visitor(), 5, route=uploads.SIGN)
        proxy.lift()

        assert signed.status == 200, what
        [row] = conversations.items(id_)
        assert str(row["SK"]).removeprefix("FILE#") == signed.body["key"].rpartition("/")[2]
        proxy.inject(fault, None, number + 2, times=inf)
        assert ask(an_upload(id_), visitor(), 1, route=uploads.SIGN).code == "UNAVAILABLE", what
        proxy.lift()


def overtaken(happens: Callable[[], object], fault: Fault, nth: int = 1) -> Callable[[str], Fault]:
    """Let something happen before the n-th transaction, and a fault meet each of them.

    It happens on an instance whose clock is an hour behind, where no time tells that it came first.
    """
    times = iter([*[lambda: None] * (nth - 1), happens])

    def meet(exchange: Exchange) -> None:
        with pytest.MonkeyPatch.context() as clock:
            clock.setattr(timestamps, "now", lambda: timestamps.from_epoch(time.time() - 3_600))
            next(times, lambda: None)()
        fault(exchange)

    return lambda operation: meet if operation == WRITE else faults.pass_on


#: What DynamoDB may leave out of why it cancelled a transaction.
UNTOLD = pytest.mark.parametrize(
    "fault", [faults.pass_on, faults.without_items, faults.first_reason_alone, faults.last_reason_alone]
)


@UNTOLD
@pytest.mark.parametrize("headers", [visitor(), user()], ids=["visitor", "user"])
@pytest.mark.parametrize("verb", [None, "resolve"])
@pytest.mark.parametrize("route", [messages.SEND, CREATE], ids=["message", "append"])
def test_an_item_that_its_retry_overtakes_is_a_replay(
    ask: Ask,
    proxy: Proxy,
    api: Api,
    conversations: Conversations,
    fault: Fault,
    headers: dict[str, str],
    verb: str | None,
    route: AnyRoute,
) -> None:
    id_ = conversations.prepare(REQUESTS["message of a visitor"])
    body = (
        {"conversationId": id_, "item": ITEM}
        if route is messages.SEND
        else a_body(conversationId=id_, defaultTimelineItems=[ITEM])
    )
    sent: list[Response] = []

    def overtake() -> None:
        sent.append(api(body, headers, route=route))
        if verb is not None:
            assert change(api, verb, id_=id_).status == 200

    # The first transaction of an append is the opening that finds the conversation.
    proxy.faults = overtaken(overtake, fault, nth=1 if route is messages.SEND else 2)

    response = ask(body, headers, route=route)

    proxy.lift()
    assert (response.status, response.headers.get("idempotent-replayed")) == (200, "true"), response.body
    if route is messages.SEND:
        assert response.body == sent[0].body
    else:
        assert response.items == sent[0].items
    assert [item["SK"] for item in conversations.items(id_)].count("ITEM#m") == 1


@UNTOLD
@pytest.mark.parametrize("verb", ["resolve", "spam"])
def test_a_message_that_a_status_overtakes_is_refused(
    ask: Ask, proxy: Proxy, api: Api, conversations: Conversations, fault: Fault, verb: str
) -> None:
    request = REQUESTS["message of a visitor"]
    id_ = conversations.prepare(request)
    proxy.faults = overtaken(lambda: change(api, verb, id_=id_), fault)

    response = do(ask, request, id_)

    proxy.lift()
    assert response.code == "CONVERSATION_CLOSED"
    assert "ITEM#m" not in [item["SK"] for item in conversations.items(id_)]


@UNTOLD
def test_a_resolution_that_another_overtakes_is_a_replay(
    ask: Ask, proxy: Proxy, api: Api, conversations: Conversations, fault: Fault
) -> None:
    request = REQUESTS["resolution"]
    id_ = conversations.prepare(request)
    proxy.faults = overtaken(lambda: change(api, "resolve", id_=id_), fault)

    response = do(ask, request, id_)

    proxy.lift()
    assert (response.status, response.headers.get("idempotent-replayed")) == (200, "true"), response.body
    assert len(conversations.items(id_)) == 3


@UNTOLD
@pytest.mark.parametrize("overtaking", [{"rating": 4, "comment": "Kind."}, {"rating": 1}])
def test_a_rating_that_another_overtakes_stands_last(
    ask: Ask, proxy: Proxy, api: Api, conversations: Conversations, fault: Fault, overtaking: dict[str, Any]
) -> None:
    request = REQUESTS["rating"]
    id_ = conversations.prepare(request)
    proxy.faults = overtaken(lambda: rate(api, visitor(), id_, **overtaking), fault)

    response = do(ask, request, id_)

    proxy.lift()
    is_same = overtaking == request.body
    assert (response.status, "idempotent-replayed" in response.headers) == (200, is_same), response.body
    assert get(api, visitor(), id_)["visitorRating"] == 4
    feedback = [item for item in conversations.items(id_) if "feedback" in str(item.get("content"))]
    assert len(feedback) == (1 if is_same else 2)


@UNTOLD
def test_a_team_member_who_sees_it_twice_at_once_has_seen_it_once(
    ask: Ask, proxy: Proxy, api: Api, conversations: Conversations, fault: Fault
) -> None:
    request = REQUESTS["seen by a user"]
    id_ = conversations.prepare(request)
    proxy.faults = overtaken(lambda: see(api, user(), id_), fault)

    response = do(ask, request, id_)

    proxy.lift()
    assert response.status == 200, response.body
    [entry] = [item for item in conversations.items(id_) if str(item["SK"]).startswith("SEEN#")]
    assert str(entry["lastSeenAt"]) >= response.body["lastSeenAt"]


@pytest.mark.parametrize("name_", [name for name, request in REQUESTS.items() if WRITE in request.calls])
def test_what_expires_meanwhile_is_a_404_and_nothing_is_left_of_the_call(
    ask: Ask, proxy: Proxy, dynamodb: str, seeded_table: str, conversations: Conversations, name_: str
) -> None:

    request = REQUESTS[name_]
    id_ = conversations.prepare(request)
    count = len(conversations.items(id_))
    proxy.inject(meanwhile(lambda: let_expire(dynamodb, seeded_table, conversations.items(id_))), WRITE)

    response = do(ask, request, id_)

    proxy.lift()
    assert response.code == "HTTP_404", response.body
    assert len(conversations.items(id_)) == count


ERASURE_FAULTS = {"whole": faults.pass_on, **faults_of(UPDATE, PASSING)}


@pytest.mark.parametrize("what", ERASURE_FAULTS)
def test_an_erasure_begins_once_whatever_is_heard_of_it(
    ask: Ask, proxy: Proxy, api: Api, conversations: Conversations, what: str
) -> None:
    id_ = conversations.prepare(REQUESTS["title"])
    proxy.inject(ERASURE_FAULTS[what], UPDATE)

    response = ask(None, user(), 5, route=removals.CONVERSATION, conversationId=id_)

    proxy.lift()
    assert (response.status, response.body) == (202, {"conversationId": id_})
    [row] = [item for item in conversations.items(id_) if "erasing" in item]
    assert row["version"] == 2
    assert ask(None, user(), route=removals.CONVERSATION, conversationId=id_).code == "HTTP_404"
    assert send(api, visitor(), id_, **ITEM).code == "HTTP_404"
