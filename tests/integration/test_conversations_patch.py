"""PATCH: a conversation's title and metadata (RFC 7396)."""

import json

import pytest

from tests.builders import LIVE_PRIVATE_KEY, OTHER_PRIVATE_KEY, a_message, private
from tests.calls import ID, get, open_one, patch, send, timeline, visitor, without_visitor
from tests.client import Api, Response, Stored


@pytest.fixture
def opened(api: Api) -> Response:
    return open_one(api, a_message("Hi!", id="first"), metadata={"plan": "pro", "seats": 3})


@pytest.mark.parametrize(
    ("body", "title", "metadata"),
    [
        ({"title": "Order 42"}, "Order 42", {"plan": "pro", "seats": 3}),
        ({"title": "x" * 255}, "x" * 255, {"plan": "pro", "seats": 3}),
        ({"metadata": {"seats": 5}}, None, {"plan": "pro", "seats": 5}),
        ({"metadata": {"page": "/"}}, None, {"plan": "pro", "seats": 3, "page": "/"}),
        ({"metadata": {"seats": None}}, None, {"plan": "pro"}),
        ({"metadata": {"seats": None, "vip": True}}, None, {"plan": "pro", "vip": True}),
        ({"metadata": {"plan": None, "seats": None}}, None, None),
        ({"metadata": None}, None, None),
        ({"title": "T", "metadata": {"seats": 3.5}}, "T", {"plan": "pro", "seats": 3.5}),
        # 3, true and 3.0 are told apart, as JSON tells them.
        ({"metadata": {"seats": True}}, None, {"plan": "pro", "seats": True}),
        ({"metadata": {"seats": 3.0}}, None, {"plan": "pro", "seats": 3.0}),
    ],
)
def test_what_is_sent_is_merged(api: Api, opened: Response, body: object, title: str | None, metadata: object) -> None:
    response = patch(api, body)

    assert response.status == 200
    assert "idempotent-replayed" not in response.headers
    for conversation in (response.conversation, get(api), get(api, visitor())):
        assert conversation.get("title") == title
        assert json.dumps(conversation["metadata"]) == json.dumps(metadata)
        assert conversation["updatedAt"] > opened.conversation["updatedAt"]
        assert conversation["lastTimelineItem"] == opened.items[0]
    assert timeline(api) == opened.items


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": None},
        {"metadata": {}},
        {"metadata": {"plan": "pro"}},
        {"metadata": {"seats": 3, "plan": "pro"}},
        {"metadata": {"unknown": None}},
        {"other": "canary"},
    ],
)
def test_what_is_so_already_is_a_replay(api: Api, opened: Response, stored: Stored, body: object) -> None:
    before = stored()
    response = patch(api, body)

    assert (response.status, response.headers["idempotent-replayed"]) == (200, "true")
    assert without_visitor(response.conversation) == opened.conversation
    assert stored() == before


@pytest.mark.parametrize("metadata", [None, {}])
@pytest.mark.parametrize("body", [{"metadata": {}}, {"metadata": {"unknown": None}}, {"metadata": None}])
def test_nothing_taken_from_nothing_is_a_replay(api: Api, stored: Stored, metadata: object, body: object) -> None:
    opened = open_one(api, metadata=metadata)
    before = stored()
    response = patch(api, body)

    assert response.headers["idempotent-replayed"] == "true"
    assert without_visitor(response.conversation) == opened.conversation
    assert stored() == before


def test_a_title_is_taken_away_by_null(api: Api, opened: Response) -> None:  # noqa: ARG001
    patch(api, {"title": "Order 42"})

    assert "title" not in patch(api, {"title": None}).conversation
    assert "title" not in get(api)


def test_without_metadata_there_is_some_then(api: Api) -> None:
    open_one(api)

    assert patch(api, {"metadata": {"plan": "pro"}}).conversation["metadata"] == {"plan": "pro"}


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"title": 7}, "title"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"nested": {}}}, "metadata"),
        ({"metadata": {"": 1}}, "metadata"),
        ({"metadata": {"x" * 65: 1}}, "metadata"),
        # Together with the two that are there.
        ({"metadata": {str(n): n for n in range(49)}}, "metadata"),
        ({"metadata": {"large": "x" * 16_370}}, "metadata"),
    ],
)
def test_what_is_wrong_or_too_much_then_is_a_400(api: Api, stored: Stored, body: object, path: str) -> None:
    before = stored()
    refused = patch(api, body)

    assert (refused.status, refused.code) == (400, "VALIDATION_FAILED")
    assert refused.paths[0].startswith(path)
    assert stored() == before


@pytest.mark.usefixtures("opened")
def test_the_limits_hold_for_the_result_alone(api: Api) -> None:
    full = {str(n): n for n in range(48)}
    assert patch(api, {"metadata": full}).status == 200
    replaced = dict.fromkeys(full) | {f"n{n}": n for n in range(48)}
    assert len(patch(api, {"metadata": replaced}).conversation["metadata"]) == 50


@pytest.mark.usefixtures("opened")
def test_a_patch_and_a_message_keep_each_other(api: Api) -> None:
    send(api, visitor(), id="m", text="Hi")
    patch(api, {"title": "T"})
    send(api, visitor(), id="n", text="Hi")

    assert [item["id"] for item in timeline(api)] == ["first", "m", "n"]
    assert (get(api)["title"], get(api)["lastTimelineItem"]["id"]) == ("T", "n")


@pytest.mark.usefixtures("opened")
def test_only_the_company_changes_what_it_has(api: Api, stored: Stored) -> None:
    before = stored()
    responses = [
        patch(api, {"title": "T"}, id_, headers)
        for id_, headers in (
            ("unknown", private()),
            ("mal formed", private()),
            (ID, private(OTHER_PRIVATE_KEY)),
            (ID, private(LIVE_PRIVATE_KEY)),
        )
    ]

    assert {response.code for response in responses} == {"HTTP_404"}
    assert all(response.body == responses[0].body for response in responses)
    assert patch(api, {"title": "T"}, headers=visitor()).code == "PRIVATE_KEY_REQUIRED"
    assert stored() == before
