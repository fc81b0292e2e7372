"""A replay with items that are not stored yet: they are added, all or none."""

import pytest
from support.dynamodb.items import Item
from support.dynamodb.transactions import MAX_RETURNED_ITEMS

from tests.builders import a_body, a_message, public
from tests.calls import get, visitor
from tests.client import Api, Response, Stored


def send(api: Api, *items: object) -> Response:
    return api(a_body(conversationId="c", defaultTimelineItems=items))


def positions(items: list[Item]) -> dict[str, object]:
    return {str(item["SK"]): item["position"] for item in items if item["SK"] != "CONVERSATION"}


def test_new_items_are_added_and_known_ones_left(api: Api, stored: Stored) -> None:
    first = send(api, a_message("one", id="1")).items
    response = send(api, a_message("two", id="2"), a_message("one", id="1"), a_message("three", id="3"))

    assert response.status == 200
    assert "idempotent-replayed" not in response.headers
    assert [item["text"] for item in response.items] == ["two", "one", "three"]
    assert response.items[1] == first[0]
    assert positions(stored()) == {"ITEM#1": 0, "ITEM#2": 1, "ITEM#3": 2}


def test_an_append_again_is_a_replay(api: Api, stored: Stored) -> None:
    send(api, {"id": "1"})
    appended = send(api, {"id": "1"}, {"id": "2"})
    before = stored()
    replayed = send(api, {"id": "1"}, {"id": "2"})

    assert replayed.headers["idempotent-replayed"] == "true"
    assert replayed.body == appended.body
    assert stored() == before


def test_the_conversation_follows_what_was_added(api: Api, stored: Stored) -> None:
    created = send(api, {"id": "1", "createdAt": "2026-01-01T00:00:00Z"})
    appended = send(api, {"id": "2", "createdAt": "2026-01-02T00:00:00Z"})
    [conversation] = [item for item in stored() if item["SK"] == "CONVERSATION"]

    assert appended.conversation["lastTimelineItem"] == appended.items[0]
    assert appended.conversation["updatedAt"] >= created.conversation["updatedAt"]
    assert appended.conversation["createdAt"] == created.conversation["createdAt"]
    assert (conversation["itemCount"], conversation["version"]) == (2, 2)
    assert conversation["updatedAt"] == appended.conversation["updatedAt"]


def test_an_older_item_is_not_the_last(api: Api) -> None:
    send(api, {"id": "new", "createdAt": "2026-01-02T00:00:00Z"})
    appended = send(api, {"id": "old", "createdAt": "2026-01-01T00:00:00Z"})

    assert appended.conversation["lastTimelineItem"]["id"] == "new"


def test_items_are_added_to_a_conversation_without_any(api: Api) -> None:
    send(api)
    appended = send(api, a_message("first"))

    assert appended.conversation["lastTimelineItem"]["text"] == "first"


def test_99_items_are_added_to_99(api: Api, stored: Stored) -> None:
    send(api, *({"id": f"a{n}"} for n in range(99)))
    appended = send(api, *({"id": f"b{n}"} for n in range(99)))

    assert appended.status == 200
    assert sorted(positions(stored()).values(), key=int) == list(range(198))  # type: ignore[arg-type]


def test_one_item_too_large_adds_none(api: Api, stored: Stored) -> None:
    send(api, {"id": "1"})
    before = stored()
    response = send(api, {"id": "1"}, {"id": "2"}, a_message("x" * 409_600, id="3"))

    assert (response.status, response.code, response.paths) == (413, "PAYLOAD_TOO_LARGE", ["defaultTimelineItems.2"])
    assert stored() == before


@pytest.mark.parametrize("new", [[], [{"id": "new"}]], ids=["replay", "append"])
@pytest.mark.parametrize("before", [0, MAX_RETURNED_ITEMS], ids=["returned", "not returned"])
def test_a_public_key_naming_a_private_item_learns_and_adds_nothing(
    api: Api, stored: Stored, before: int, new: list[object]
) -> None:
    """Of an item after the first ones DynamoDB does not tell what it is: it must be read before anything is added."""
    others = [{"id": str(n)} for n in range(before)]
    send(api, *others, a_message("canary", id="secret", visibility="private"))
    unchanged = stored()
    response = api(a_body(conversationId="c", defaultTimelineItems=[*new, *others, {"id": "secret"}]), public())

    assert (response.status, response.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert "canary" not in str(response.body)
    assert stored() == unchanged


def test_a_public_key_adds_to_what_a_private_one_began(api: Api) -> None:
    send(api, {"id": "note", "visibility": "private"})
    response = api(a_body(conversationId="c", defaultTimelineItems=[{"id": "hi"}]), public())

    assert response.conversation["lastTimelineItem"]["id"] == "hi"
    assert send(api).conversation["lastTimelineItem"]["id"] == "hi"


@pytest.mark.parametrize("visibilities", [("public", "private"), ("private", "public")])
def test_an_append_of_which_the_visitor_sees_a_part_is_a_change_for_them(
    api: Api, visibilities: tuple[str, str]
) -> None:
    def updated_at() -> str:
        return str(get(api, visitor(), "c")["updatedAt"])

    send(api, {"id": "1"})
    opened = updated_at()

    send(api, {"id": "note", "visibility": "private"})
    assert updated_at() == opened

    both = send(api, *({"id": visibility, "visibility": visibility} for visibility in visibilities))
    assert updated_at() == both.conversation["updatedAt"] > opened
