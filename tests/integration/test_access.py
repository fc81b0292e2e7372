"""What is not there and what is somebody else's: the answers are the same, byte for byte."""

from collections.abc import Callable
from typing import Any

import pytest
from api.app import create_handler
from api.route import AnyRoute
from api.routes import all_routes, timelines
from api.routes.conversations import GET, LIST
from openapi.text import TEXTS
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values.cursors import encode

from tests.builders import (
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    Context,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.calls import user, visitor
from tests.client import Api, Stored
from tests.fakes import nobody_is_connected
from tests.stored import Storage

#: The answer as Lambda gets it: `ask(headers, id)`; the request's id is always the same.
Ask = Callable[..., dict[str, Any]]

CALLERS = {"public": visitor(), "private": user()}

#: Each route with a conversation in its path, with each kind of key that it takes.
ROUTES_AND_CALLERS = [
    pytest.param(route, caller, id=f"{route.id}-{caller}")
    for route in all_routes()
    if "{conversationId}" in route.path
    for caller in CALLERS
    if caller == "private" or route.keys == "any"
]

#: Conversations that are there, by whom they belong to: who has opened them.
OTHERS: dict[str, dict[str, dict[str, str]]] = {
    "another-visitor": {"public": visitor(OTHER_VISITOR)},
    "another-website": {
        "public": public(OTHER_PUBLIC_KEY, "https://other.example.net"),
        "private": private(OTHER_PRIVATE_KEY),
    },
    "another-mode": {"public": public(LIVE_PUBLIC_KEY), "private": private(LIVE_PRIVATE_KEY)},
}

#: Ids that no conversation can have, as they come in the path after the gateway has decoded it, or has not.
MALFORMED = [
    *("x" * 65, "a b", "a.b", "a#b", "a%2Fb", "a/b", "..", "~", "a+b", "a:b", "%20", "\0", "é", "漢字", "😀", "a\n"),
    *("CONVERSATION", f"{'x' * 64}\n", "'", '"', "<script>", "{conversationId}", "x" * 5_000),
]


#: A well-formed one, of no item.
CURSOR = encode("2026-01-01T00:00:00.000Z#00000000#a")


@pytest.fixture
def ask(database: Table) -> Ask:
    handler = create_handler(database, KeyRing(database, 60), RateLimiter(database, 0), SETTINGS, nobody_is_connected)

    def call(route: AnyRoute, headers: dict[str, str], conversation_id: str = "", **query: str) -> dict[str, Any]:
        [body] = [*TEXTS[route.id].requests.values()][:1] or [{}]
        event = an_event(body, headers, route=route, query=query, conversationId=conversation_id, itemId="a")
        return handler(event, Context())

    return call


@pytest.mark.parametrize(
    "query", [{}, {"limit": "1"}, {"cursor": CURSOR}, {"after": "a"}], ids=["plain", "limit", "cursor", "after"]
)
@pytest.mark.parametrize(("route", "caller"), ROUTES_AND_CALLERS)
def test_all_that_a_caller_does_not_reach_is_one_404(
    api: Api,
    ask: Ask,
    stored: Stored,
    storage: Storage,
    caller: str,
    query: dict[str, str],
    route: AnyRoute,
) -> None:
    api(a_body(conversationId="expired", defaultTimelineItems=[a_message(id="a")]))
    storage.let_expire(stored())
    others = [name for name, by in OTHERS.items() if caller in by]
    for name in others:
        headers = OTHERS[name][caller]
        body = {"conversationId": name, "defaultTimelineItems": [a_message(id="a")]}
        assert api(body if "x-visitor-id" in headers else a_body(**body), headers).status == 200

    unknown = ask(route, CALLERS[caller], "unknown", **query)

    assert (unknown["statusCode"], unknown["headers"]["Cache-Control"]) == (404, "no-store")
    for name in ["expired", *others, *MALFORMED]:
        assert ask(route, CALLERS[caller], name, **query) == unknown, name


@pytest.mark.parametrize("route", [GET, timelines.GET], ids=lambda route: route.id)
def test_what_is_wrong_with_a_request_is_said_whether_or_not_its_conversation_is_there(
    api: Api, ask: Ask, route: AnyRoute
) -> None:
    api(a_body(conversationId="mine", defaultTimelineItems=[a_message(id="a")]))

    for headers, query in (
        ({}, {}),
        (public(), {}),
        (visitor("nonsense"), {}),
        (visitor(), {"visitorId": "x"}),
        ({**visitor(), "origin": "https://evil.example"}, {}),
    ):
        assert ask(route, headers, "mine", **query) == ask(route, headers, "unknown", **query)
        assert ask(route, headers, "mine", **query)["statusCode"] in {400, 401, 403}


def test_a_list_tells_nothing_of_what_others_have(api: Api, ask: Ask) -> None:
    for name, by in OTHERS.items():
        for caller, headers in by.items():
            body = {"conversationId": f"{name}-{caller}", "defaultTimelineItems": [a_message(id="a")]}
            assert api(body if "x-visitor-id" in headers else a_body(**body), headers).status == 200

    lists = [ask(LIST, visitor(id_)) for id_ in (VISITOR, "7" + "Z" * 25)]

    assert lists[0] == lists[1]
    assert '"total":0' in lists[0]["body"]
