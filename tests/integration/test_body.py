"""What a body may be: JSON, its sizes, and its own fields."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from api.route import AnyRoute
from api.routes import all_routes, contacts
from openapi.text import TEXTS
from support.dynamodb.items import MAX_ITEM_BYTES
from support.dynamodb.table import Table

from tests.builders import OTHER_WEBSITE, VISITOR, a_body, a_message, an_event, private
from tests.calls import change, open_one, user
from tests.client import Api, Response, Stored

MAX_BODY = 1_048_576
ID_64 = "Az09_-" + "x" * 58


def in_base64(body: bytes) -> dict[str, Any]:
    return {"raw": base64.b64encode(body).decode(), "base64": True}


def of_type(content_type: str) -> dict[str, str]:
    return {**private(), "content-type": content_type}


# Media type ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=utf-8", "application/json ;a=b"],
)
def test_json_is_accepted_in_any_case_and_with_parameters(api: Api, content_type: str) -> None:
    assert api(a_body(), of_type(content_type)).status == 200


def test_no_content_type_is_read_as_json(api: Api) -> None:
    event_headers = {**private(), "content-type": ""}

    assert api(a_body(), event_headers).status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/json, text/plain",
        "application/vnd.api+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json\N{FULLWIDTH SEMICOLON}",
        "json",
        "*/*",
        "?",
    ],
)
def test_another_media_type_is_415(api: Api, stored: Stored, content_type: str) -> None:
    response = api(a_body(), of_type(content_type))

    assert (response.status, response.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert stored() == []


# JSON ---------------------------------------------------------------------------------------------------------------


def test_a_body_in_base64_is_decoded(api: Api) -> None:
    body = json.dumps(a_body(defaultTimelineItems=[a_message("né 👋")]), ensure_ascii=False).encode()

    assert [item["text"] for item in api(**in_base64(body)).items] == ["né 👋"]


def with_visitor(fields: str) -> str:
    return f'{{"visitorId": "{VISITOR}", {fields}}}'


INVALID_JSON = {
    "white space": "  \n",
    "truncated": '{"visitorId": "01JDEM',
    "more after it": "{} {}",
    "trailing comma": with_visitor('"channel": "x",'),
    "comment": with_visitor('"channel": "x" // why'),
    "single quotes": f"{{'visitorId': '{VISITOR}'}}",
    "no quotes": f'{{visitorId: "{VISITOR}"}}',
    "form": f"visitorId={VISITOR}",
    "byte order mark": "\ufeff{}",
    "raw control character": with_visitor('"channel": "a\nb"'),
    "raw NUL": with_visitor('"channel": "a\0b"'),
    "NaN": with_visitor('"metadata": {"a": NaN}'),
    "Infinity": with_visitor('"metadata": {"a": Infinity}'),
    "-Infinity": with_visitor('"metadata": {"a": -Infinity}'),
    "NaN in an unknown field": with_visitor('"unknown": NaN'),
    "1e400": with_visitor('"metadata": {"a": 1e400}'),
    "-1E+400": with_visitor('"metadata": {"a": -1E+400}'),
    "1.5e0400": with_visitor('"metadata": {"a": 1.5e0400}'),
    "1e999999": with_visitor('"metadata": {"a": 1e999999}'),
    "1e400 in an unknown field": with_visitor('"unknown": [1e400]'),
    "250 digits and e99": with_visitor(f'"unknown": {"9" * 250}e99'),
    "integer of 310 digits": with_visitor(f'"metadata": {{"a": {"1" * 310}}}'),
    "integer just past a double": with_visitor(f'"metadata": {{"a": {2**1024}}}'),
    "integer that rounds to infinity": with_visitor(f'"metadata": {{"a": {2**1024 - 2**970}}}'),
    "negative integer past a double": with_visitor(f'"metadata": {{"a": -{2**1024}}}'),
    "integer of 310 digits in an unknown field": with_visitor(f'"unknown": {"1" * 310}'),
    "integer of 5,000 digits": with_visitor(f'"metadata": {{"a": {"7" * 5000}}}'),
    "fraction with 5,000 digits before it": with_visitor(f'"unknown": {"7" * 5000}.5'),
    "leading zero": with_visitor('"metadata": {"a": 01}'),
    "leading plus": with_visitor('"metadata": {"a": +1}'),
    "hexadecimal": with_visitor('"metadata": {"a": 0x1}'),
    "lone high surrogate": with_visitor('"channel": "\\ud83d"'),
    "lone low surrogate": with_visitor('"channel": "\\udc4b"'),
    "surrogates the wrong way round": with_visitor('"channel": "\\udc4b\\ud83d"'),
    "lone surrogate in an unknown field": with_visitor('"unknown": "\\ud83d"'),
    "lone surrogate in a name": with_visitor('"\\ud83d": 1'),
    "raw lone surrogate": with_visitor('"channel": "\ud83d"'),
    "100,000 nested arrays": with_visitor('"unknown": ' + "[" * 100_000 + "]" * 100_000),
    "100,000 open objects": '{"a":' * 100_000,
}


@pytest.mark.parametrize("raw", INVALID_JSON.values(), ids=INVALID_JSON.keys())
def test_what_is_no_json_is_refused(api: Api, stored: Stored, raw: str) -> None:
    response = api(raw=raw)

    assert (response.status, response.code) == (400, "INVALID_JSON")
    assert stored() == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"raw": "not base64!", "base64": True}, id="not base64"),
        pytest.param({"raw": "e30", "base64": True}, id="base64 without its padding"),
        pytest.param({"raw": "é", "base64": True}, id="base64 outside of ASCII"),
        pytest.param(
            {"raw": "!" + base64.b64encode(json.dumps(a_body()).encode()).decode(), "base64": True},
            id="base64 with another character in it",
        ),
        pytest.param(in_base64(b'{"channel": "\xff"}'), id="invalid UTF-8"),
        pytest.param(in_base64(b'{"channel": "\xc0\xaf"}'), id="overlong UTF-8"),
        pytest.param(in_base64(b'{"channel": "\xed\xa0\xbd"}'), id="surrogate in UTF-8"),
        pytest.param(in_base64(json.dumps(a_body()).encode("utf-16")), id="UTF-16"),
        pytest.param(in_base64(json.dumps(a_body()).encode("utf-32-le")), id="UTF-32"),
    ],
)
def test_bytes_that_are_no_json_are_refused(api: Api, fields: dict[str, Any]) -> None:
    response = api(**fields)

    assert (response.status, response.code) == (400, "INVALID_JSON")


def without_body(headers: dict[str, str]) -> dict[str, Any]:
    event = an_event(headers=headers)
    del event["body"]
    return event


EMPTY = [
    pytest.param(lambda headers: an_event(headers=headers, raw=""), id="empty"),
    pytest.param(lambda headers: an_event(headers=headers, raw="", base64=True), id="empty in base64"),
    pytest.param(without_body, id="absent"),
]


@pytest.mark.parametrize("an_empty", EMPTY)
def test_an_empty_body_says_nothing(api: Api, an_empty: Callable[[dict[str, str]], dict[str, Any]]) -> None:
    assert api(event=an_empty({**private(), "x-visitor-id": VISITOR})).conversation["visitorId"] == VISITOR
    assert api(event=an_empty(private())).code == "VISITOR_ID_REQUIRED"


@pytest.mark.parametrize("raw", ["[]", "null", "true", "5", '"text"', json.dumps(json.dumps(a_body())), "[{}]"])
def test_a_body_that_is_no_object_is_refused(api: Api, raw: str) -> None:
    response = api(raw=raw)

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")


def test_numbers_up_to_a_double_s_range_survive_digit_by_digit(api: Api) -> None:
    numbers = {"id": 12345678901234567890, "large": int("1" * 308), "largest": 2**1024 - 2**971, "double": 1.7e308}
    replay = a_body(conversationId="numbers", metadata=numbers)
    api(replay)

    assert api(replay).conversation["metadata"] == numbers


@pytest.mark.parametrize(
    "value",
    [
        '"1e400 Infinity"',
        '"\\"1e400, Infinity"',
        '["1e400\\\\", 1e308, -1e308, 1.5E+308]',
        f'["{"1" * 400}", "-{"1" * 400},", "9e999"]',
        f"0.{'1' * 400}",
        f"1.{'1' * 400}e100",
        f"{'1' * 400}e-100",
        "1e-999",
        "1e0000000308",
        f"[{2**1024 - 2**970 - 1}, -{2**1024 - 2**970 - 1}, {'1' * 309}]",
    ],
)
def test_what_only_looks_like_a_number_past_a_double_is_accepted(api: Api, value: str) -> None:
    assert api(raw=with_visitor(f'"unknown": {value}')).status == 200


@pytest.mark.parametrize("value", ["1e400", "1" * 310])
def test_a_number_past_a_double_is_found_behind_others(api: Api, value: str) -> None:
    others = f'["1e400 Infinity \\" {"1" * 400}", {2**1023}, {"1" * 309}, {value}]'

    assert api(raw=with_visitor(f'"unknown": {others}')).code == "INVALID_JSON"


# Sizes --------------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    return json.dumps(a_body()).encode().ljust(size)


def test_a_body_of_1_mb_is_accepted(api: Api) -> None:
    assert api(raw=padded(MAX_BODY).decode()).status == 200
    assert api(**in_base64(padded(MAX_BODY))).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"raw": padded(MAX_BODY + 1).decode()}, id="text"),
        pytest.param(in_base64(padded(MAX_BODY + 1)), id="base64"),
        pytest.param({"raw": '"' + "é" * (MAX_BODY // 2) + '"'}, id="bytes, not characters"),
        pytest.param({"raw": "[" * (MAX_BODY + 1)}, id="no JSON"),
    ],
)
def test_a_byte_more_is_413(api: Api, stored: Stored, fields: dict[str, Any]) -> None:
    response = api(**fields)

    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")
    assert stored() == []


def send_to(api: Api, route: AnyRoute, raw: bytes, *, base64: bool) -> Response:
    """Send a body to a route, where its examples' conversation is resolved, and its visitor known: so all are taken."""
    open_one(api, id_=EXAMPLES_CONVERSATION)
    change(api, "resolve", id_=EXAMPLES_CONVERSATION)
    api(a_body(email="jane@example.com"), private(), route=contacts.IDENTIFY)
    body = in_base64(raw) if base64 else {"raw": raw.decode()}
    return api(None, {**user(), "x-visitor-id": VISITOR}, route=route, **body, **IN_PATH)


EXAMPLES_CONVERSATION = "COH5D2N8KX3PQ7RZ1M"
IN_PATH = {"conversationId": EXAMPLES_CONVERSATION, "visitorId": VISITOR}
WITH_BODY = [pytest.param(route, id=route.id) for route in all_routes() if route.body is not None]


def test_small_requests_have_small_limits() -> None:
    below = {route.id: route.max_body_bytes for route in all_routes() if route.max_body_bytes != MAX_BODY}

    assert below == {
        "rateConversation": 32_768,
        "signalTyping": 32_768,
        "signUpload": 32_768,
        "giveFeedback": 32_768,
        "markSeen": 16_384,
        "patchVisitor": 65_536,
        "recordActivity": 65_536,
        "recordOwnActivity": 65_536,
        "identifyVisitor": 65_536,
        "patchContactMetadata": 65_536,
    }


@pytest.mark.parametrize("base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("route", WITH_BODY)
def test_a_body_of_a_route_s_limit_is_accepted(api: Api, route: AnyRoute, base64: bool) -> None:
    example = next(iter(TEXTS[route.id].requests.values()))

    response = send_to(api, route, json.dumps(example).encode().ljust(route.max_body_bytes), base64=base64)

    assert response.status == route.status, response.body


@pytest.mark.parametrize("base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("more", [1, 2, 3])
@pytest.mark.parametrize("route", WITH_BODY)
def test_a_larger_body_is_a_413_that_names_the_route_s_limit(
    api: Api, route: AnyRoute, more: int, base64: bool
) -> None:
    example = next(iter(TEXTS[route.id].requests.values()))

    response = send_to(api, route, json.dumps(example).encode().ljust(route.max_body_bytes + more), base64=base64)

    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")
    assert f"{route.max_body_bytes:,} bytes" in response.body["message"]


@pytest.mark.parametrize("base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("route", WITH_BODY)
def test_a_size_is_checked_before_anything_is_decoded_or_parsed(api: Api, route: AnyRoute, base64: bool) -> None:
    response = api(None, user(), route=route, raw="!" * (2 * route.max_body_bytes), base64=base64, **IN_PATH)

    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")


def an_item_of(size: int) -> dict[str, object]:
    """Return an item that takes that many bytes in the database, with its entry in the index of timelines."""
    keys = {
        "PK": f"CONVERSATION#{OTHER_WEBSITE}#test#big",
        "SK": "ITEM#large",
        "timelineSK": f"{'i' * 11}#public#2026-11-24T12:00:00.000Z#000000001#large",
    }
    indexed = {
        "createdAt": "2026-11-24T12:00:00.000Z",
        "visibility": "public",
        "type": "message",
        "writtenBy": "private",
        "preview": "x" * 2_000,
    }
    alone = {
        "incarnation": "i" * 11,
        "websiteId": OTHER_WEBSITE,
        "mode": "test",
        "conversationId": "big",
        "id": "large",
        "author": "nobody",
        "largeContent": '{"text":""}',
    }
    twice = sum(len(name) + len(value) for name, value in {**keys, **indexed}.items())
    # Numbers of a digit, and one of six.
    twice += len("position") + 2 + len("shownBytes") + 4
    once = sum(len(name) + len(value) for name, value in alone.items()) + len("form") + 2
    return a_message("x" * (size - 2 * twice - once), id="large", createdAt=indexed["createdAt"])


def test_an_item_of_exactly_400_kb_is_stored(api: Api, stored: Stored) -> None:
    large = an_item_of(MAX_ITEM_BYTES)

    response = api(a_body(conversationId="big", defaultTimelineItems=[a_message(id="small"), large]))

    assert response.status == 200
    assert [item["text"] for item in response.items] == ["Hello!", large["text"]]
    assert max(len(str(item.get("largeContent"))) for item in stored()) > len(str(large["text"]))


def test_an_item_of_a_byte_more_is_413_and_never_sent(api: Api, database: Table, stored: Stored) -> None:
    large = an_item_of(MAX_ITEM_BYTES + 1)

    response = api(a_body(conversationId="big", defaultTimelineItems=[a_message(id="small"), large]))

    assert (response.status, response.code) == (413, "PAYLOAD_TOO_LARGE")
    assert response.paths == ["defaultTimelineItems.1"]
    assert database.usage.calls == 1  # the API key
    assert stored() == []


# Fields -------------------------------------------------------------------------------------------------------------


def test_unknown_and_injected_fields_are_neither_used_nor_stored(api: Api, stored: Stored) -> None:
    injected = {
        "PK": "APIKEY#x",
        "SK": "APIKEY",
        "websiteId": OTHER_WEBSITE,
        "organizationId": "canary",
        "mode": "live",
        "status": "closed",
        "title": "canary",
        "createdAt": "2020-01-01T00:00:00Z",
        "deletedAt": "2020-01-01T00:00:00Z",
        "version": 99,
        "lastTimelineItem": {"id": "canary"},
        "canary": {"canary": "canary"},
        "__proto__": {"canary": 1},
    }

    response = api(a_body(conversationId="mine", **injected))
    [conversation] = stored()

    assert (response.conversation["status"], response.conversation["deletedAt"]) == ("open", None)
    assert response.conversation["createdAt"] > "2026"
    assert "canary" not in str(response.body) + str(conversation)
    assert (conversation["SK"], conversation["mode"], conversation["version"]) == ("CONVERSATION", "test", 1)


@pytest.mark.parametrize("value", [None, ""])
def test_no_conversation_id_makes_a_new_conversation_each_time(api: Api, value: str | None) -> None:
    first, second = (api(a_body(conversationId=value)).conversation["id"] for _ in range(2))

    assert first != second


def test_a_generated_conversation_id_is_co_and_16_characters(api: Api) -> None:
    conversation_id = api(a_body()).conversation["id"]

    assert conversation_id.startswith("CO")
    assert len(conversation_id) == 18
    assert set(conversation_id[2:]) <= set("123456789ABCDEFGHIJKLMNPQRSTUVWXYZ")


@pytest.mark.parametrize("conversation_id", ["a", "0", "-", "_", ID_64, "Inbox", "inbox-1"])
def test_a_conversation_id_is_kept(api: Api, conversation_id: str) -> None:
    assert api(a_body(conversationId=conversation_id)).conversation["id"] == conversation_id


@pytest.mark.parametrize(
    "conversation_id",
    [
        "inbox",
        ID_64 + "x",
        "a#b",
        "a b",
        "a/b",
        "a.b",
        "é",
        "a\n",
        "\0",
        "\N{FULLWIDTH DIGIT ONE}",
        1,
        True,
        ["a"],
        {"a": 1},
    ],
)
def test_a_malformed_conversation_id_is_refused(api: Api, conversation_id: object) -> None:
    response = api(a_body(conversationId=conversation_id))

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["conversationId"])


@pytest.mark.parametrize("fields", [{}, {"channel": None}, {"channel": ""}])
def test_the_channel_is_widget_unless_sent(api: Api, fields: dict[str, object]) -> None:
    assert api(a_body(**fields)).conversation["channel"] == "widget"


@pytest.mark.parametrize("channel", ["apple", "x", "é" * 64, "👋" * 64, " "])
def test_a_channel_has_1_to_64_characters(api: Api, channel: str) -> None:
    assert api(a_body(channel=channel)).conversation["channel"] == channel


@pytest.mark.parametrize("channel", ["x" * 65, 1, ["apple"], False])
def test_any_other_channel_is_refused(api: Api, channel: object) -> None:
    assert api(a_body(channel=channel)).paths == ["channel"]


# Metadata -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"string": "", "number": 1, "double": 0.1, "yes": True, "no": False, "none": None},
        {"k" * 64: "v", "é" * 64: "👋", "\0": "\0", "type": "text", "metadata": "x"},
        {str(n): n for n in range(50)},
        {"a": "x" * (16_384 - len('{"a":""}'))},
    ],
    ids=["empty", "all types", "names", "50 keys", "16 KB"],
)
def test_metadata_survives(api: Api, metadata: dict[str, object]) -> None:
    body = a_body(conversationId="kept", metadata=metadata)

    assert api(body).conversation["metadata"] == metadata
    assert api(body).conversation["metadata"] == metadata


@pytest.mark.parametrize("fields", [{}, {"metadata": None}])
def test_no_metadata_is_null(api: Api, fields: dict[str, object]) -> None:
    assert api(a_body(**fields)).conversation["metadata"] is None


@pytest.mark.parametrize(
    "metadata",
    [
        {str(n): n for n in range(51)},
        {str(n): n for n in range(10_000)},
        {"": 1},
        {"k" * 65: 1},
        {"a": "x" * (16_384 - len('{"a":""}') + 1)},
        {"a": "é" * 8_192},
        {"a": {}},
        {"a": []},
        [],
        "text",
        1,
        True,
    ],
    ids=str.split("51-keys 10,000-keys no-name 65-characters 16KB+1 bytes-not-characters object array [] text 1 true"),
)
def test_any_other_metadata_is_refused(api: Api, stored: Stored, metadata: object) -> None:
    response = api(a_body(metadata=metadata))

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", ["metadata"])
    assert stored() == []
