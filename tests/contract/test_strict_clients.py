"""Clients that decode strictly read every response, whoever the visitor is: see strict_clients.py."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import all_routes, feedback, inbox, messages, ratings, seen, support_state, timelines, typing, visitors
from api.routes import status as statuses
from api.routes import websites as website
from api.routes.conversations import CREATE, GET, LIST, PATCH
from pydantic import ValidationError
from support.deadlines import Deadline
from support.dynamodb.actions import Insert
from support.values import timestamps
from support.values.visitor import Visitor

from tests.builders import ORGANIZATION, VISITOR, WEBSITE, a_body, a_message
from tests.calls import change, open_one, rate, see, send, user, visitor
from tests.client import Api
from tests.contract.examples import RECORDED
from tests.contract.strict_clients import APP, TEAM, Error, decode
from tests.contract.test_contract import PARTS
from tests.stored import Storage

TABLES = {"app": APP, "team": TEAM}
HEADERS = {"app": visitor(), "team": user()}

PAGE = {"url": "https://shop.example.com/a", "path": "/a", "title": "A", "referrerUrl": None, "updatedAt": "x"}
TOLD = {
    **dict.fromkeys(("browser", "browserVersion", "os", "osVersion", "device", "deviceType", "language"), "x"),
    "currentPage": {**PAGE, "updatedAt": "2026-01-31T12:00:00.000Z"},
    "attribution": {"version": 1, "firstTouch": {"channel": "direct", "isDirect": True}},
}
CONTACT = {
    "external_id": "account-1",
    "name": "",
    "email": "jane@example.com",
    "image": "https://example.com/jane.png",
    "verified": ("email",),
    "metadata_hash": "0123abcd",
}


def identify(storage: Storage, **contact: Any) -> None:
    now = timestamps.now()
    row = Visitor(VISITOR, WEBSITE, ORGANIZATION, "test", "key", now, now, **contact)
    storage.table().transact([Insert(row.to_item())], Deadline.after(60))


def tell(api: Api, _: Storage) -> None:
    api(TOLD, visitor(), route=visitors.PATCH, visitorId=VISITOR)
    api({"currentPage": PAGE | {"updatedAt": "2026-01-31T12:00:00.000Z"}}, visitor(), route=visitors.TELL_OWN)


def block(api: Api, _: Storage) -> None:
    api(None, user(), route=visitors.BLOCK, visitorId=VISITOR)


def unblock(api: Api, storage: Storage) -> None:
    block(api, storage)
    api(None, user(), route=visitors.UNBLOCK, visitorId=VISITOR)


def identify_barely(_: Api, storage: Storage) -> None:
    identify(storage, contact_id="01JDEM0C0NTACT000000000000", email="")


def identify_wholly(api: Api, storage: Storage) -> None:
    identify(storage, contact_id="01JDEM0C0NTACT000000000000", **CONTACT)
    tell(api, storage)


#: What is known of the visitor.
KNOWN: dict[str, Callable[[Api, Storage], None]] = {
    "nobody": lambda _, __: None,
    "told of": tell,
    "blocked": block,
    "unblocked": unblock,
    "barely identified": identify_barely,
    "identified": identify_wholly,
}


def converse(api: Api) -> None:
    """Let the visitor have conversations of all kinds."""
    parts = [{"id": f"part-{number}", "parts": [part]} for number, part in enumerate(PARTS)]
    open_one(
        api, *parts, a_message("A note", visibility="private"), a_message("Hi", id="hi"), id_="all", metadata={"a": 1}
    )
    api({"title": "Order 42"}, route=PATCH, conversationId="all")
    see(api, visitor(), "all")
    see(api, user(), "all")
    open_one(api, id_="empty")
    for status, verb in (("spam", "spam"), ("resolved", "resolve"), ("rated", "resolve")):
        open_one(api, a_message("Hi"), id_=status)
        change(api, verb, user(), status)
    rate(api, visitor(), "rated", rating=5, comment="Thanks")
    open_one(api, a_message("é" * 5_000), id_="large")
    open_one(api, {"type": "identification", "text": "Jane"}, {"type": "tool", "tool": "x"}, id_="kinds")


@dataclass
class Client:
    """Calls the API as one of the clients, and decodes each response."""

    api: Api
    name: str

    def __call__(self, route: AnyRoute, body: object = None, query: dict[str, str] | None = None, **path: str) -> Any:
        response = self.api(body, HEADERS[self.name], route=route, query=query, **path)
        decode(TABLES[self.name][route.id] if response.status < 300 else Error, response.body)
        return response


def use(client: Client) -> None:
    """Call all that both clients read."""
    ids = ("all", "empty", "spam", "resolved", "rated", "large", "kinds", "unknown")
    for id_ in ids:
        client(GET, conversationId=id_)
        client(timelines.GET, conversationId=id_)
        client(seen.GET, conversationId=id_)
        client(messages.SEND, {"conversationId": id_, "item": a_message("More")})
        client(typing.SIGNAL, {"isTyping": True, "visitorPreview": "Mo"}, conversationId=id_)
    client(website.GET)


def use_as_app(client: Client) -> None:
    client(LIST, query={"limit": "100"})
    client(CREATE, a_body(conversationId="all"))
    client(CREATE, a_body(conversationId="new", defaultTimelineItems=[a_message("Hi")]))
    client(seen.SEE, {}, conversationId="all")
    client(ratings.RATE, {"rating": 4}, conversationId="spam")
    client(support_state.GET)
    client(visitors.PATCH, TOLD, visitorId=VISITOR)
    client(visitors.TELL, {}, visitorId=VISITOR)
    client(feedback.GIVE, {"rating": 5})


def use_as_team(client: Client) -> None:
    client(inbox.LIST, query={"limit": "100"})
    client(PATCH, {"title": "Order 43"}, conversationId="all")
    for route in (statuses.RESOLVE, statuses.REOPEN, statuses.SPAM, statuses.NOT_SPAM):
        client(route, conversationId="all")
    client(visitors.GET, visitorId=VISITOR)
    client(visitors.BLOCK, visitorId=VISITOR)
    client(inbox.LIST, query={"limit": "100"})
    client(visitors.UNBLOCK, visitorId=VISITOR)
    client(feedback.LIST)


@pytest.mark.parametrize("become_known", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize(("name", "use_own"), [("app", use_as_app), ("team", use_as_team)])
def test_a_strict_client_reads_every_response(
    api: Api,
    storage: Storage,
    become_known: Callable[[Api, Storage], None],
    name: str,
    use_own: Callable[[Client], None],
) -> None:
    converse(api)
    send(api, visitor(), "all", text="Hello")
    api({"rating": 2, "conversationId": "all"}, visitor(), route=feedback.GIVE)
    become_known(api, storage)
    client = Client(api, name)

    use(client)
    use_own(client)


def test_only_a_team_is_told_of_spam(api: Api) -> None:
    """The app's tables know no such status."""
    converse(api)

    assert Client(api, "app")(GET, conversationId="spam").conversation["status"] == "resolved"
    assert Client(api, "team")(GET, conversationId="spam").conversation["status"] == "spam"


EXAMPLES = json.loads(RECORDED.read_text())


def examples() -> Iterator[Any]:
    routes = {route.id: route for route in all_routes()}
    for client, tables in TABLES.items():
        for id_ in sorted(tables.keys() & routes.keys()):
            # A response to the other kind of key is another one: it is read where only one is taken.
            if routes[id_].keys == "private" or client == "app":
                yield pytest.param(tables[id_], EXAMPLES[id_][str(routes[id_].status)], id=f"{client}-{id_}")


@pytest.mark.parametrize(("table", "responses"), list(examples()))
def test_a_strict_client_reads_the_examples_of_the_document(table: Any, responses: dict[str, Any]) -> None:
    for body in responses.values():
        decode(table, body)


def inbox_of_one() -> dict[str, Any]:
    [body] = EXAMPLES["listInbox"]["200"].values()
    return copy.deepcopy(body)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one.pop("organizationId"),
        lambda one: one.pop("visitor"),
        lambda one: one["visitor"].update(isBlocked=None),
        lambda one: one["visitor"].update(contact={"id": VISITOR}),
        lambda one: one.update(priority="none"),
        lambda one: one.update(status="closed"),
        lambda one: one.update(title=None),
        lambda one: one.update(lastTimelineItem=None),
        lambda one: one.update(updatedAt="2026-01-31T12:00:00Z"),
        lambda one: one["lastTimelineItem"].update(type="note"),
        lambda one: one["lastTimelineItem"].update(parts=[{"type": "text"}]),
        lambda one: one["lastTimelineItem"].update(parts=[{"type": "image", "url": "", "mediaType": "", "size": "1"}]),
    ],
)
def test_what_a_strict_client_can_t_read_is_noticed(spoil: Callable[[Any], object]) -> None:
    body = inbox_of_one()
    decode(TEAM["listInbox"], body)
    spoil(body["items"][0])

    with pytest.raises(ValidationError):
        decode(TEAM["listInbox"], body)
