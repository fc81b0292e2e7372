"""Calls of the routes by which a conversation goes on, in the words of tests."""

from collections.abc import Mapping
from typing import Any

from api.routes import inbox, messages, ratings, removals, seen, timelines
from api.routes import status as statuses
from api.routes.conversations import GET, PATCH

from tests.builders import PRIVATE_KEY, VISITOR, a_body, private, public
from tests.client import Api, Response

#: The conversation that a test is about, unless it says otherwise.
ID = "c"

VERBS = {
    "resolve": statuses.RESOLVE,
    "reopen": statuses.REOPEN,
    "spam": statuses.SPAM,
    "not-spam": statuses.NOT_SPAM,
}


def visitor(id_: str = VISITOR) -> dict[str, str]:
    """Headers of a widget that says who its visitor is."""
    return {**public(), "x-visitor-id": id_}


def user(id_: str = "user-1", key: str = PRIVATE_KEY) -> dict[str, str]:
    """Headers of a company's server that says who of the team acts."""
    return {**private(key), "x-actor-user-id": id_}


def open_one(api: Api, *items: object, id_: str = ID, **fields: object) -> Response:
    """Open a conversation, as the company's server."""
    response = api(a_body(conversationId=id_, defaultTimelineItems=items, **fields))
    assert response.status == 200, response.body
    return response


def send(api: Api, headers: Mapping[str, str] | None = None, id_: str = ID, **item: object) -> Response:
    """Send a message of these fields."""
    return api({"conversationId": id_, "item": item}, headers, route=messages.SEND)


def change(api: Api, verb: str, headers: Mapping[str, str] | None = None, id_: str = ID) -> Response:
    """Change a conversation's status."""
    return api(None, headers, route=VERBS[verb], conversationId=id_)


def see(api: Api, headers: Mapping[str, str], id_: str = ID, body: object = None) -> Response:
    """Say that a conversation is seen."""
    return api({} if body is None else body, headers, route=seen.SEE, conversationId=id_)


def who_has_seen(api: Api, headers: Mapping[str, str] | None = None, id_: str = ID) -> list[dict[str, Any]]:
    """Tell who has seen a conversation."""
    response = api(None, headers, route=seen.GET, conversationId=id_)
    assert response.status == 200, response.body
    return response.body["seenData"]  # type: ignore[no-any-return]


def rate(api: Api, headers: Mapping[str, str], id_: str = ID, **body: object) -> Response:
    """Rate a conversation."""
    return api(body, headers, route=ratings.RATE, conversationId=id_)


def patch(api: Api, body: object, id_: str = ID, headers: Mapping[str, str] | None = None) -> Response:
    """Change a conversation's title and metadata."""
    return api(body, headers, route=PATCH, conversationId=id_)


def remove(api: Api, item_id: str, headers: Mapping[str, str] | None = None, id_: str = ID) -> Response:
    """Remove the content of an item."""
    return api(None, headers, route=removals.ITEM, conversationId=id_, itemId=item_id)


def erase(api: Api, headers: Mapping[str, str] | None = None, id_: str = ID) -> Response:
    """Erase a conversation."""
    return api(None, headers, route=removals.CONVERSATION, conversationId=id_)


def get(api: Api, headers: Mapping[str, str] | None = None, id_: str = ID) -> dict[str, Any]:
    """Read a conversation."""
    response = api(None, headers, route=GET, conversationId=id_)
    assert response.status == 200, response.body
    return response.conversation


def without_visitor(conversation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a conversation as the company is told of it where it writes: without what is known of its visitor."""
    return {name: value for name, value in conversation.items() if name != "visitor"}


def timeline(api: Api, headers: Mapping[str, str] | None = None, id_: str = ID) -> list[dict[str, Any]]:
    """Read the newest hundred items of a conversation, the oldest one first."""
    response = api(None, headers, route=timelines.GET, conversationId=id_, query={"limit": "100"})
    assert response.status == 200, response.body
    return response.body["items"]  # type: ignore[no-any-return]


def read_inbox(api: Api, headers: Mapping[str, str] | None = None, **query: Any) -> Response:
    """Read a page of the inbox."""
    return api(None, headers, route=inbox.LIST, query=query)
