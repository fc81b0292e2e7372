"""The 200: which fields it has, and what stands in the table for it."""

import json
import re

import pytest
from api.routes.conversations import CREATE
from support.deadlines import Deadline
from support.dynamodb.actions import Change
from support.dynamodb.items import Item
from support.dynamodb.table import Table

from tests.builders import ORGANIZATION, VISITOR, WEBSITE, a_body, a_message, private, public
from tests.client import Api, Stored

CONVERSATION = {"id", "createdAt", "updatedAt", "visitorId", "websiteId", "channel", "status", "metadata", "deletedAt"}
OF_THE_TEAM = {"organizationId", "priority"}
ITEM = {
    *("id", "conversationId", "organizationId", "visibility", "type", "text", "tool", "parts"),
    *("userId", "aiAgentId", "visitorId", "createdAt", "deletedAt"),
}


def by_key(items: list[Item]) -> dict[object, Item]:
    return {item["SK"]: item for item in items}


def test_a_new_conversation(api: Api) -> None:
    response = api(a_body(conversationId="c", metadata={"plan": "pro"}), route=CREATE)
    conversation = response.conversation

    assert (response.status, response.items) == (200, [])
    assert response.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in response.headers
    assert set(response.body) == {"initialTimelineItems", "conversation"}
    assert set(conversation) == CONVERSATION | OF_THE_TEAM
    assert (conversation["id"], conversation["visitorId"], conversation["websiteId"]) == ("c", VISITOR, WEBSITE)
    assert (conversation["status"], conversation["metadata"], conversation["deletedAt"]) == (
        "open",
        {"plan": "pro"},
        None,
    )
    assert conversation["createdAt"] == conversation["updatedAt"]


@pytest.mark.parametrize("headers", [private(), public()])
def test_a_conversation_with_items(api: Api, headers: dict[str, str]) -> None:
    response = api(a_body(defaultTimelineItems=[a_message("one"), a_message("two")]), headers)

    of_the_team = OF_THE_TEAM if headers == private() else set()
    assert set(response.conversation) == CONVERSATION | {"lastTimelineItem"} | of_the_team
    assert [set(item) for item in response.items] == [ITEM, ITEM]
    assert response.conversation["lastTimelineItem"] == response.items[1]
    assert {item["organizationId"] for item in response.items} == {ORGANIZATION}


def test_the_last_item_is_the_latest_not_the_last_in_the_request(api: Api) -> None:
    response = api(
        a_body(
            defaultTimelineItems=[
                {"id": "latest", "createdAt": "2026-01-02T00:00:00Z"},
                {"id": "earliest", "createdAt": "2026-01-01T00:00:00Z"},
            ]
        )
    )

    assert [item["id"] for item in response.items] == ["latest", "earliest"]
    assert response.conversation["lastTimelineItem"]["id"] == "latest"


def test_items_of_one_moment_are_in_the_request_s_order(api: Api) -> None:
    moment = "2026-01-02T00:00:00Z"
    response = api(
        a_body(defaultTimelineItems=[{"id": name, "createdAt": moment} for name in ["z", "y", *"abcdefghijk"]])
    )

    assert response.conversation["lastTimelineItem"]["id"] == "k"


@pytest.mark.parametrize("count", [0, 1, 10, 99])
def test_one_conversation_and_each_item_are_stored(api: Api, stored: Stored, count: int) -> None:
    sent = [a_message(f"text {n}") for n in range(count)]

    response = api(a_body(conversationId="c", defaultTimelineItems=sent))
    items = by_key(stored())
    conversation = items.pop("CONVERSATION")

    assert [item["text"] for item in response.items] == [message["text"] for message in sent]
    assert set(items) == {f"ITEM#{item['id']}" for item in response.items}
    assert [items[f"ITEM#{item['id']}"]["position"] for item in response.items] == list(range(count))
    assert (conversation["itemCount"], conversation["version"]) == (count, 1)


def test_what_is_stored(api: Api, stored: Stored) -> None:
    response = api(
        a_body(
            conversationId="c",
            channel="apple",
            metadata={"a": None},
            defaultTimelineItems=[{"id": "i", "text": "Hi", "userId": "u", "createdAt": "2026-01-01T00:00:00Z"}],
        )
    )

    pk = f"CONVERSATION#{WEBSITE}#test#c"
    items = by_key(stored())
    incarnation = items["CONVERSATION"]["incarnation"]
    reference = "2026-01-01T00:00:00.000Z#000000000#i"
    assert re.fullmatch(r"[\w-]{11}", str(incarnation))
    assert re.fullmatch("[0-9a-f]{32}", str(items["CONVERSATION"]["visitorKey"]))
    assert items == {
        "CONVERSATION": {
            "PK": pk,
            "SK": "CONVERSATION",
            "visitorPK": f"VISITOR#{WEBSITE}#test#{VISITOR}",
            "visitorSK": f"{response.conversation['createdAt']}#c",
            "inboxPK": f"INBOX#{WEBSITE}#test#open#0",
            "inboxSK": f"{response.conversation['createdAt']}#c",
            "form": 1,
            "id": "c",
            "websiteId": WEBSITE,
            "organizationId": ORGANIZATION,
            "mode": "test",
            "visitorId": VISITOR,
            "visitorKey": items["CONVERSATION"]["visitorKey"],
            "channel": "apple",
            "incarnation": incarnation,
            "metadata": '{"a":null}',
            "status": "open",
            "createdAt": response.conversation["createdAt"],
            "updatedAt": response.conversation["createdAt"],
            "publicUpdatedAt": response.conversation["createdAt"],
            "version": 1,
            "itemCount": 1,
            "lastPublicItem": reference,
            "lastPublicMessage": reference,
        },
        "ITEM#i": {
            "PK": pk,
            "SK": "ITEM#i",
            "timelineSK": f"{incarnation}#public#{reference}",
            "form": 1,
            "id": "i",
            "conversationId": "c",
            "websiteId": WEBSITE,
            "mode": "test",
            "incarnation": incarnation,
            "author": "user",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "position": 0,
            "visibility": "public",
            "type": "message",
            "userId": "u",
            "writtenBy": "private",
            "content": '{"text":"Hi"}',
        },
    }


@pytest.mark.parametrize(
    ("text", "is_large"),
    [("x" * 4085, False), ("x" * 4086, True), ("é" * 2042, False), ("é" * 2043, True), ('"' * 2042, False)],
)
def test_content_of_more_than_4_kb_stands_beside_a_preview(api: Api, stored: Stored, text: str, is_large: bool) -> None:
    """Its own attribute is none of the index, and what stands in its place is."""
    api(a_body(defaultTimelineItems=[a_message(text, id="i")]))

    item = by_key(stored())["ITEM#i"]
    if not is_large:
        assert json.loads(str(item["content"])) == {"text": text}
        assert not item.keys() & {"largeContent", "preview", "shownBytes"}
        return
    assert "content" not in item
    assert json.loads(str(item["largeContent"])) == {"text": text}
    assert item["preview"] == text[:2000]
    # As an answer of Lambda shows it: in the text and in its part, and the whole body in a JSON string.
    assert item["shownBytes"] == len(
        json.dumps(
            json.dumps([text, None, [{"type": "text", "text": text}]], ensure_ascii=False, separators=(",", ":")),
            ensure_ascii=False,
        ).encode()
    )


def test_a_title_is_answered_once_there_is_one(api: Api, database: Table) -> None:
    created = api(a_body(conversationId="c"))
    titled = Change((f"CONVERSATION#{WEBSITE}#test#c", "CONVERSATION"), {"title": "Order 66"})
    database.transact([titled], Deadline.after(60))

    assert "title" not in created.conversation
    assert api(a_body(conversationId="c")).conversation == {**created.conversation, "title": "Order 66"}
