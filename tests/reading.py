"""Small calls of the routes that read, and walks over their pages."""

from typing import Any

from api.routes import timelines
from api.routes.conversations import GET, LIST

from tests.builders import VISITOR, private
from tests.calls import visitor
from tests.client import Api, Response

#: Callers that reach the conversations of the first visitor, by the kind of their keys.
CALLERS = {"private": {**private(), "x-visitor-id": VISITOR}, "public": visitor()}


def get(api: Api, conversation_id: str, headers: dict[str, str] | None = None, **query: str) -> Response:
    """Get a conversation."""
    return api(route=GET, headers=headers, query=query, conversationId=conversation_id)


def timeline(api: Api, conversation_id: str, headers: dict[str, str] | None = None, **query: str) -> Response:
    """Read a page of a timeline."""
    return api(route=timelines.GET, headers=headers, query=query, conversationId=conversation_id)


def a_list(api: Api, headers: dict[str, str] | None = None, **query: str) -> Response:
    """List a page of a visitor's conversations."""
    return api(route=LIST, headers=CALLERS["private"] if headers is None else headers, query=query)


def pages(
    api: Api, conversation_id: str, headers: dict[str, str] | None = None, **query: str
) -> list[list[dict[str, Any]]]:
    """Follow the cursors of a timeline to its end, and return the items of each page, the newest page first."""
    found: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        response = timeline(api, conversation_id, headers, **query, **cursor)
        assert response.status == 200, response.body
        assert response.body["hasNextPage"] == (response.body["nextCursor"] is not None)
        found.append(response.body["items"])
        if response.body["nextCursor"] is None:
            return found
        assert found[-1], "a page that is followed is never empty"
        cursor = {"cursor": response.body["nextCursor"]}


def ids(items: list[dict[str, Any]]) -> list[str]:
    """Return the ids of items or conversations."""
    return [item["id"] for item in items]


def in_order(found: list[list[dict[str, Any]]]) -> list[str]:
    """Return the ids of all items of all pages, the oldest one first."""
    return [item["id"] for page in reversed(found) for item in page]
