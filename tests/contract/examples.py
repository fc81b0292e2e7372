"""The examples of answers in the OpenAPI document: what the API answers, and not what somebody believes it does.

`make openapi` writes them to where the document takes them from.
"""

import json
import logging
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any
from unittest.mock import patch

from api.app import create_handler
from api.route import AnyRoute
from api.routes import (
    all_routes,
    contacts,
    feedback,
    inbox,
    messages,
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
from api.routes.ratings import RATE
from openapi.text import TEXTS
from openapi.text.common import ACTOR_HEADER
from support.deadlines import Deadline
from support.dynamodb.items import Item, Key
from support.store.api_keys import KeyRing
from support.values import timestamps
from support.values.conversation import CONVERSATION_SK, conversation_pk

from local import ROOT
from local.offline import go_offline
from tests import demo
from tests.builders import (
    OTHER_VISITOR,
    REVOKED_KEY,
    SETTINGS,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    a_token,
    an_event,
    private,
    public,
)
from tests.client import a_limiter
from tests.fakes import FakeTable, nobody_is_connected

RECORDED = ROOT / "functions" / "openapi" / "examples.json"

_TIME = "2026-01-31T12:00:00.000Z"
_CONTACT = "01JDEM0C0NTACT000000000000"

_FILE = "01JDEM0WEBS1TEA00000000000/test/COH5D2N8KX3PQ7RZ1M/5Q2G9ZB1N4XK7C0W8YH3TD6RVE"
_UPLOAD = {
    "uploadUrl": f"https://conversations-prod-files.s3.eu-west-1.amazonaws.com/uploads/{_FILE}?X-Amz-Signature=...",
    "key": f"uploads/{_FILE}",
    "bucket": "conversations-prod-files",
    "publicUrl": f"https://api.example.com/v1/files/{_FILE}",
}

#: Calls the API: `call(body, headers, route=..., name=...)`; `name` is that of the example.
Call = Callable[..., object]


class _CrowdedTable(FakeTable):
    def increment(self, key: Key, ttl: int) -> int:  # noqa: ARG002 (it is full)
        return 1_000


class _DefectiveTable(FakeTable):
    def get(self, key: Key, deadline: Deadline) -> Item | None:  # noqa: ARG002 (it fails)
        raise RuntimeError


def succeed(call: Call) -> None:
    """Call each route so that it succeeds: the document shows these answers, and IAM must allow what they take."""
    call(
        TEXTS[CREATE.id].requests["A widget's first message"],
        public(),
        name="A conversation with its first message",
    )
    visitor, conversation_id = {**public(), "x-visitor-id": VISITOR}, "COH5D2N8KX3PQ7RZ1M"
    call(headers=visitor, route=LIST, name="A visitor's conversations")
    call(headers=visitor, route=GET, conversationId=conversation_id, name="A conversation as it is now")
    call(route=inbox.LIST, name="An inbox with one conversation")
    in_it = {"conversationId": conversation_id}
    for name, body in TEXTS[messages.SEND.id].requests.items():
        call(body, public() if "visitor" in name else private(), route=messages.SEND, name=name)
    call(headers=visitor, route=timelines.GET, name="A timeline of one page", **in_it)
    actor = {**private(), "x-actor-user-id": "user-1"}
    call({}, actor, route=seen.SEE, name="A team member has seen it", **in_it)
    call({}, visitor, route=seen.SEE, name="The visitor has seen it", **in_it)
    call(headers=visitor, route=seen.GET, name="Two have seen it", **in_it)
    call({"isTyping": True}, actor, route=typing.SIGNAL, name="A team member types", **in_it)
    for name, body in TEXTS[typing.SIGNAL.id].requests.items():
        call(body, visitor, route=typing.SIGNAL, name=name, **in_it)
    for name, body in TEXTS[uploads.SIGN.id].requests.items():
        call(body, visitor, route=uploads.SIGN, name=name)
    call({"title": "Order 42", "metadata": {"seats": None}}, route=PATCH, name="A title, and less metadata", **in_it)
    call(headers=actor, route=statuses.RESOLVE, name="A resolved conversation", **in_it)
    call(TEXTS[RATE.id].requests["Five stars"], visitor, route=RATE, name="Five stars", **in_it)
    call(headers=actor, route=statuses.REOPEN, name="An open conversation", **in_it)
    call(headers=actor, route=statuses.SPAM, name="Spam", **in_it)
    call(headers=actor, route=statuses.NOT_SPAM, name="An open conversation", **in_it)
    call(headers=visitor, route=websites.GET, name="A website with somebody who answers")
    call(headers=visitor, route=support_state.GET, name="No flags and no onboarding")
    for name, body in TEXTS[feedback.GIVE.id].requests.items():
        call(body, visitor, route=feedback.GIVE, name=name)
    call({"rating": 5, **in_it}, visitor, route=feedback.GIVE, name="About a conversation")
    call(route=feedback.LIST, name="All of it")
    for route, requests in ((visitors.PATCH, "A browser"), (visitors.TELL, "On another page")):
        call(TEXTS[route.id].requests[requests], visitor, route=route, name=requests, visitorId=VISITOR)
    call({}, visitor, route=visitors.TELL_OWN, name="Still there")
    identify = TEXTS[contacts.IDENTIFY.id].requests
    call(identify["A claim"], visitor, route=contacts.IDENTIFY, name="A claim")
    plan = TEXTS[contacts.PATCH_METADATA.id].requests["A plan"]
    call(plan, visitor, route=contacts.PATCH_METADATA, name="A plan", visitorId=VISITOR)
    call(identify["A server"], actor, route=contacts.IDENTIFY, name="A proven contact")
    # Of another account, so that what the contact had is deleted.
    other = {"externalId": "user-2", "visitorId": VISITOR}
    call(other, actor, route=contacts.IDENTIFY)
    call(identify["A server"], actor, route=contacts.IDENTIFY)
    call(route=contacts.FIND, query={"externalId": "user-1"}, name="A visitor")
    call(headers=actor, route=visitors.BLOCK, name="A blocked visitor", visitorId=VISITOR)
    call(route=visitors.GET, name="A blocked visitor", visitorId=VISITOR)
    call(headers=actor, route=visitors.UNBLOCK, name="A visitor who may write", visitorId=VISITOR)
    call(headers=actor, route=removals.ITEM, itemId="answer-1", name="An item without content", **in_it)
    call(a_body(conversationId="order-17"))
    call(route=removals.CONVERSATION, name="A conversation that is gone", conversationId="order-17")


def refuse(call: Call, table: FakeTable) -> None:
    """Call routes in each way in which a request is refused."""
    visitor = {**public(), "x-visitor-id": VISITOR}
    first_message = TEXTS[CREATE.id].requests["A widget's first message"]
    call(raw='{"visitorId": }')
    call(a_body(defaultTimelineItems=[a_message(id="first message")]))
    call({})
    call(a_body(), {})
    call(a_body(), private(REVOKED_KEY))
    call(a_body(), {**public(), "origin": ""})
    call(a_body(), public(origin="https://example.net"))
    call(a_body(defaultTimelineItems=[a_message(visibility="private")]), public())
    call({**first_message, "visitorId": OTHER_VISITOR})
    for text, headers in (("Mine", public()), ("Ours", private())):
        call(a_body(conversationId="shared", defaultTimelineItems=[a_message(text, id="1")]), headers)
    call(a_body(conversationId="resolved"))
    key = conversation_pk(WEBSITE, "test", "resolved"), CONVERSATION_SK
    table.items[key] = {**table.items[key], "status": "resolved"}
    call(a_body(conversationId="resolved", defaultTimelineItems=[a_message()]), public())
    call(raw=json.dumps(a_body(channel="x" * 1_048_576)))
    call(a_body(), {**private(), "content-type": "text/plain"})
    for text in ("Hello", "Goodbye"):
        call(a_body(defaultTimelineItems=[a_message(text)]), {**private(), "idempotency-key": VISITOR})
    message = {"conversationId": "resolved", "item": a_message(id="1")}
    call(message, {**public(), "x-visitor-id": VISITOR}, route=messages.SEND)
    call({**message, "item": a_message(userId="user-1")}, {**public(), "x-visitor-id": VISITOR}, route=messages.SEND)
    call({**message, "conversationId": "shared"}, private(), route=messages.SEND)
    call({"rating": 5}, private(), route=RATE, conversationId="shared")
    call(a_body(conversationId="spam"))
    call(route=statuses.SPAM, conversationId="spam")
    call(route=statuses.RESOLVE, conversationId="spam")
    call(route=statuses.REOPEN, conversationId="spam")
    call(route=statuses.NOT_SPAM, conversationId="resolved")
    call({"email": "mallory@example.com"}, visitor, route=contacts.IDENTIFY)
    call({"identityToken": "no token"}, visitor, route=contacts.IDENTIFY)
    token = {"metadata": {"identityToken": "no token"}}
    call(token, visitor, route=contacts.PATCH_METADATA, visitorId=VISITOR)
    token = {"metadata": {"identityToken": a_token()}}
    call(route=visitors.BLOCK, visitorId=OTHER_VISITOR)
    blocked = {**public(), "x-visitor-id": OTHER_VISITOR}
    call({"visitorId": OTHER_VISITOR, "conversationId": "blocked"}, private())
    call({"visitorId": OTHER_VISITOR}, blocked)
    call({**message, "conversationId": "blocked"}, blocked, route=messages.SEND)
    call({"rating": 5}, blocked, route=RATE, conversationId="blocked")
    call({"isTyping": True}, blocked, route=typing.SIGNAL, conversationId="blocked")
    call({"rating": 1}, blocked, route=feedback.GIVE)
    call({"email": "mallory@example.com"}, blocked, route=contacts.IDENTIFY)
    call(token, blocked, route=contacts.PATCH_METADATA, visitorId=OTHER_VISITOR)


def nothing_in_path(route: AnyRoute) -> dict[str, str]:
    """Return parameters of a route's path that lead to nothing."""
    return dict.fromkeys(re.findall(r"{(\w+)}", route.path), "unknown")


def refuse_everywhere(call: Call, route: AnyRoute) -> None:
    """Call a route in each way in which routes like it refuse."""
    visitor = {**public(), "x-visitor-id": VISITOR}
    [body] = [*TEXTS[route.id].requests.values()][:1] or [None]
    in_path = nothing_in_path(route)
    if body is not None and "conversationId" in body:
        body = {**body, "conversationId": "unknown"}
    call(body, {}, route=route, **in_path)
    call(body, private(REVOKED_KEY), route=route, **in_path)
    call(body, {**visitor, "origin": ""}, route=route, **in_path)
    call(body, {**visitor, "origin": "https://example.net"}, route=route, **in_path)
    if route.keys == "private":
        call(body, visitor, route=route, **in_path)
    if ACTOR_HEADER in TEXTS[route.id].parameters:
        actor = {**private(), "x-actor-user-id": "user 1"}
        call(body, actor, route=route, **in_path)
    if route.visitor_required != "never":
        call(None if body is None else without_visitor(body), public(), route=route, **in_path)
    if route.query is not None:
        for name in route.query.model_json_schema()["properties"]:
            call(route=route, query={name: "?" * 400}, **in_path)
    if route.body is not None:
        call(raw="{", route=route, **in_path)
        call({name: {} for name in route.body.model_json_schema()["properties"]}, route=route, **in_path)
        call(raw=" " * 1_048_577, route=route, **in_path)
        call(body, {**private(), "content-type": "text/plain"}, route=route, **in_path)
    call(body, private() if route.keys == "private" else visitor, route=route, **in_path)


def without_visitor(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body that names no visitor."""
    named = {name: value for name, value in body.items() if name != "visitorId"}
    return {**named, "item": without_visitor(named["item"])} if "item" in named else named


def record() -> dict[str, Any]:
    """Call the API in each way that it answers, and return the answers by route, status and name.

    A refusal has the name of its code; a success that has none is not an example, but what another one needs.
    """
    responses: dict[str, dict[str, dict[str, Any]]] = {route.id: {} for route in all_routes()}

    def caller(table: FakeTable, *, rate_limit: int = 0, remaining_ms: int = 10_000) -> Call:
        keys, limiter = KeyRing(table, 60), a_limiter(table, rate_limit)
        handler = create_handler(table, keys, limiter, SETTINGS, nobody_is_connected)

        def call(
            body: object = None,
            headers: dict[str, str] | None = None,
            *,
            route: AnyRoute = CREATE,
            name: str = "",
            **event: Any,
        ) -> None:
            response = handler(an_event(body, headers, route=route, **event), Context(remaining_ms))
            content = _with_fixed_times(json.loads(response["body"]))
            if name := content.get("code", name):
                responses[route.id].setdefault(str(response["statusCode"]), {}).setdefault(name, content)

        return call

    table = FakeTable(demo.items())
    call = caller(table)
    # Ids of feedback depend on the day.
    with patch.object(timestamps, "now", return_value=_TIME):
        succeed(call)
    refuse(call, table)
    crowded = caller(_CrowdedTable(demo.items()), rate_limit=60)
    crowded(a_body(), public())
    for route in all_routes():
        if route is not CREATE:
            refuse_everywhere(call, route)
        in_path = nothing_in_path(route)
        if route.rate_limited:
            crowded(a_body(), public(), route=route, **in_path)
        caller(_DefectiveTable())(a_body(), route=route, **in_path)
        caller(table, remaining_ms=0)(a_body(), route=route, **in_path)
    return {route_id: dict(sorted(statuses.items())) for route_id, statuses in responses.items()}


def _with_fixed_times(value: Any) -> Any:
    """Return a part of an answer with one time in place of those of the clock, and one id of a contact or a file."""
    if isinstance(value, dict):
        fixed = {"id": _CONTACT} if "verified" in value else _UPLOAD if "uploadUrl" in value else {}
        return {
            name: _TIME if name.endswith("At") and part is not None else _with_fixed_times(part)
            for name, part in value.items()
        } | fixed
    return [_with_fixed_times(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    go_offline()  # addresses of uploads are signed, whatever for
    logging.disable()  # the API's own lines are no output of this command
    with redirect_stdout(None):
        recorded = record()
    RECORDED.write_text(json.dumps(recorded, indent=2, ensure_ascii=False) + "\n")
