"""Timeline items: what is kept, what is made, what is refused."""

import re
from typing import Any

import pytest
from support.dynamodb.items import Item

from tests.builders import ORGANIZATION, OTHER_WEBSITE, VISITOR, a_body, a_message, public
from tests.client import Api, Response, Stored

ID_64 = "Az09_-" + "x" * 58
TEXT = {"type": "text", "text": "one"}
OTHER_TEXT = {"type": "text", "text": "two"}
STEP = {"type": "step-start"}


def send(api: Api, *items: object, **fields: object) -> Response:
    return api(a_body(defaultTimelineItems=items, **fields))


def stored_items(stored: Stored) -> list[Item]:
    return [item for item in stored() if item["SK"] != "CONVERSATION"]


def test_an_item_without_anything_is_an_empty_public_message(api: Api) -> None:
    [item] = send(api, {}, conversationId="c").items

    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", item.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item.pop("createdAt"))
    assert item == {
        "conversationId": "c",
        "organizationId": ORGANIZATION,
        "visibility": "public",
        "type": "message",
        "text": None,
        "tool": None,
        "parts": [],
        "userId": None,
        "aiAgentId": None,
        "visitorId": None,
        "deletedAt": None,
    }


NULLS = dict.fromkeys(
    [
        *("id", "conversationId", "organizationId", "visibility", "type", "text", "tool", "parts"),
        *("userId", "aiAgentId", "visitorId", "createdAt", "deletedAt"),
    ]
)


def test_null_means_absent_in_every_field(api: Api) -> None:
    body = a_body(conversationId="c", channel=None, metadata=None, defaultTimelineItems=[NULLS])

    absent, nulls = send(api, {}, conversationId="c"), api(body)

    assert nulls.headers["idempotent-replayed"] == "true"
    assert nulls.body == absent.body


def test_null_items_are_no_items(api: Api) -> None:
    assert api(a_body(defaultTimelineItems=None)).items == []


def test_the_empty_string_means_absent_in_ids_and_times(api: Api) -> None:
    empty = dict.fromkeys(
        ["id", "conversationId", "organizationId", "userId", "aiAgentId", "visitorId", "createdAt"], ""
    )

    absent, blank = send(api, {}, conversationId="c"), send(api, empty, conversationId="c")

    assert blank.body == absent.body


@pytest.mark.parametrize("item_id", ["a", "-", "_", "0", "inbox", ID_64])
def test_an_id_is_kept(api: Api, stored: Stored, item_id: str) -> None:
    assert [item["id"] for item in send(api, {"id": item_id}).items] == [item_id]
    assert [item["SK"] for item in stored_items(stored)] == [f"ITEM#{item_id}"]


@pytest.mark.parametrize("item_id", [ID_64 + "x", "a#b", "a b", "a\n", "é", "\0", 1, True, ["a"], {}])
def test_a_malformed_id_is_refused(api: Api, stored: Stored, item_id: object) -> None:
    response = send(api, {}, {"id": item_id})

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["defaultTimelineItems.1.id"])
    assert stored() == []


def test_an_id_used_twice_is_refused_with_its_places(api: Api, stored: Stored) -> None:
    response = send(api, {"id": "a"}, {"id": "b"}, {"id": "a"}, {}, {}, {"id": ""}, {"id": "a"})

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")
    assert response.paths == ["defaultTimelineItems.2.id", "defaultTimelineItems.6.id"]
    assert stored() == []


def test_ids_that_differ_in_case_are_two(api: Api, stored: Stored) -> None:
    send(api, {"id": "a"}, {"id": "A"})

    assert sorted(str(item["SK"]) for item in stored_items(stored)) == ["ITEM#A", "ITEM#a"]


@pytest.mark.parametrize("sent", [OTHER_WEBSITE, "", None, 5, {"a": []}])
def test_an_item_s_conversation_and_organisation_are_the_server_s(api: Api, sent: object) -> None:
    [item] = send(api, {"conversationId": sent, "organizationId": sent, "deletedAt": sent}, conversationId="mine").items

    assert (item["conversationId"], item["organizationId"], item["deletedAt"]) == ("mine", ORGANIZATION, None)


@pytest.mark.parametrize("item_type", ["message", "event", "identification", "tool"])
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_type_and_visibility_are_kept(api: Api, item_type: str, visibility: str) -> None:
    [item] = send(api, {"type": item_type, "visibility": visibility}).items

    assert (item["type"], item["visibility"]) == (item_type, visibility)


@pytest.mark.parametrize("claim", ["user-1", "x" * 64, "é" * 64, " "])
def test_senders_are_stored_as_sent(api: Api, claim: str) -> None:
    [item] = send(api, {"userId": claim, "aiAgentId": claim}).items

    assert (item["userId"], item["aiAgentId"]) == (claim, claim)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("visibility", value) for value in ["", "PUBLIC", "internal", 1, True, ["public"]]),
        *(("type", value) for value in ["", "Message", "other", 1, ["message"]]),
        *(("text", value) for value in [1, True, ["a"], {"a": 1}]),
        *(("tool", value) for value in [1, False, ["a"], {"a": 1}]),
        *(("parts", value) for value in ["text", 1, True, {}, TEXT]),
        *(("userId", value) for value in ["x" * 65, 1, ["a"]]),
        *(("aiAgentId", value) for value in ["x" * 65, 1, ["a"]]),
        *(("createdAt", value) for value in ["now", 1795521600000, True, ["a"]]),
    ],
)
def test_a_wrong_value_is_refused_by_its_path(api: Api, stored: Stored, field: str, value: object) -> None:
    response = send(api, {}, {field: value})

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")
    assert response.paths == [f"defaultTimelineItems.1.{field}"]
    assert stored() == []


@pytest.mark.parametrize("item", ["text", 1, True, None, [], [{}]])
def test_an_item_that_is_no_object_is_refused(api: Api, item: object) -> None:
    assert send(api, {}, item).paths == ["defaultTimelineItems.1"]


@pytest.mark.parametrize("items", ["text", 1, True, {}, {"0": {}}])
def test_items_that_are_no_array_are_refused(api: Api, items: object) -> None:
    assert api(a_body(defaultTimelineItems=items)).paths == ["defaultTimelineItems"]


def test_100_items_are_too_many(api: Api, stored: Stored) -> None:
    response = send(api, *[{}] * 100)

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["defaultTimelineItems"])
    assert stored() == []


def test_100_parts_are_kept_and_101_are_too_many(api: Api) -> None:
    assert len(send(api, {"parts": [STEP] * 100}).items[0]["parts"]) == 100
    assert send(api, {"parts": [STEP] * 101}).paths == ["defaultTimelineItems.0.parts"]


# Text and parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "text", "parts"),
    [
        pytest.param({}, None, [], id="neither"),
        pytest.param({"text": "one"}, "one", [TEXT], id="text"),
        pytest.param({"text": ""}, "", [{"type": "text", "text": ""}], id="empty text"),
        pytest.param({"text": "one", "parts": [STEP]}, "one", [TEXT, STEP], id="text beside other parts"),
        pytest.param({"parts": [TEXT]}, "one", [TEXT], id="text part"),
        pytest.param({"parts": [TEXT, STEP, OTHER_TEXT]}, "one\ntwo", [TEXT, STEP, OTHER_TEXT], id="text parts"),
        pytest.param({"parts": [STEP]}, None, [STEP], id="no text anywhere"),
        pytest.param({"text": "other", "parts": [STEP, TEXT]}, "other", [STEP, TEXT], id="both, unlike"),
        pytest.param({"text": "", "parts": [TEXT]}, "", [TEXT], id="both, the text empty"),
        pytest.param({"text": None, "parts": [TEXT]}, "one", [TEXT], id="null text"),
        pytest.param(
            {"parts": [{"type": "reasoning", "text": "why"}]},
            None,
            [{"type": "reasoning", "text": "why"}],
            id="a reasoning is no text part",
        ),
    ],
)
def test_a_message_keeps_text_and_parts_in_agreement(
    api: Api, sent: dict[str, object], text: str | None, parts: list[object]
) -> None:
    created, replayed = (send(api, {"id": "a", **sent}, conversationId="c") for _ in range(2))

    assert [(item["text"], item["parts"]) for item in created.items] == [(text, parts)]
    assert replayed.items == created.items
    assert replayed.conversation["lastTimelineItem"] == created.items[0]


@pytest.mark.parametrize("item_type", ["event", "identification", "tool"])
def test_other_types_are_left_as_sent(api: Api, item_type: str) -> None:
    text_only, parts_only = send(api, {"type": item_type, "text": "one"}, {"type": item_type, "parts": [TEXT]}).items

    assert (text_only["text"], text_only["parts"]) == ("one", [])
    assert (parts_only["text"], parts_only["parts"]) == (None, [TEXT])


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "né 👋🏽 👨‍👩‍👧",
        "\0",
        "a\0b",
        "\u2028\u2029",
        "\ufeff",
        "\U0010ffff",
        "e\u0301",
        "<b>&amp;</b>",
        "x" * 100_000,
    ],
    ids=["empty", "blank", "emoji", "NUL", "NUL inside", "separators", "BOM", "last", "decomposed", "HTML", "long"],
)
def test_a_text_is_kept_verbatim(api: Api, text: str) -> None:
    created, replayed = (send(api, a_message(text, id="a", tool=text), conversationId="c") for _ in range(2))

    assert [(item["text"], item["tool"]) for item in created.items] == [(text, text)]
    assert replayed.items == created.items


# Time ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59.000Z"),
        ("2026-01-31T23:59:59.9999999+01:00", "2026-01-31T22:59:59.999Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_becomes_utc_with_milliseconds(api: Api, stored: Stored, sent: str, kept: str) -> None:
    assert [item["createdAt"] for item in send(api, {"createdAt": sent}).items] == [kept]
    assert [item["createdAt"] for item in stored_items(stored)] == [kept]


def test_items_without_a_time_get_the_server_s(api: Api) -> None:
    response = send(api, {}, {})

    assert [item["createdAt"] for item in response.items] == [response.conversation["createdAt"]] * 2


# Visibility ---------------------------------------------------------------------------------------------------------


def test_a_public_key_cannot_write_a_private_item(api: Api, stored: Stored) -> None:
    items: list[Any] = [{}, {"visibility": "private"}]

    response = api(a_body(defaultTimelineItems=items), public())

    assert (response.status, response.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert stored() == []


def test_a_public_key_never_sees_a_stored_private_item(api: Api) -> None:
    send(
        api,
        a_message("for all", id="public", createdAt="2026-01-01T00:00:00Z"),
        a_message("canary", id="secret", visibility="private", createdAt="2026-01-02T00:00:00Z"),
        conversationId="c",
    )

    replay = api(a_body(conversationId="c"), public())
    named = api(a_body(conversationId="c", defaultTimelineItems=[{"id": "secret"}, {"id": "new"}]), public())

    assert replay.conversation["lastTimelineItem"]["id"] == "public"
    assert (named.status, named.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert "canary" not in str(replay.body) + str(named.body)


def test_a_public_key_sees_no_last_item_where_all_are_private(api: Api) -> None:
    send(api, {"visibility": "private"}, conversationId="c")

    assert "lastTimelineItem" not in api(a_body(conversationId="c"), public()).conversation


def test_the_sender_of_an_item_is_its_visitor_only_if_one_was_named(api: Api) -> None:
    named, unnamed = send(api, {"visitorId": "x"}, {"userId": "team"}).items

    assert (named["visitorId"], unnamed["visitorId"]) == (VISITOR, None)
