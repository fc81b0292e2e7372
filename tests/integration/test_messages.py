"""POST /v1/messages: a conversation goes on."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api.routes import messages
from support.dynamodb.table import Table
from support.values import timestamps

from tests.builders import (
    LIVE_PRIVATE_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    VISITOR,
    a_body,
    a_message,
    private,
    public,
)
from tests.calls import ID, change, get, open_one, send, timeline, user, visitor
from tests.client import Api, Response, Stored, api_over

NOTE = {"visibility": "private"}


@pytest.fixture
def opened(api: Api) -> Response:
    return open_one(api, a_message("Hi!", id="first"))


def is_replay(response: Response) -> bool:
    return response.status == 200 and response.headers.get("idempotent-replayed") == "true"


def in_minutes(minutes: float) -> str:
    return (datetime.fromisoformat(timestamps.now()) + timedelta(minutes=minutes)).isoformat()


# Who reaches which conversation ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("headers", "item"),
    [
        (visitor(), {}),
        (public(), {"visitorId": VISITOR}),
        (visitor(OTHER_VISITOR), {"visitorId": VISITOR}),
        (visitor(), {"visitorId": "optimistic"}),
        (visitor(), {"visitorId": ""}),
        (visitor(), {"visitorId": 7}),
        ({**public(), "x-visitor-id": "malformed"}, {"visitorId": VISITOR}),
        (private(), {}),
        ({**private(), "x-visitor-id": OTHER_VISITOR}, {}),
        (private(), {"visitorId": OTHER_VISITOR}),
    ],
)
def test_the_visitor_is_that_of_the_item_or_of_the_header(api: Api, headers: dict[str, str], item: object) -> None:
    assert api({"conversationId": ID, "item": item}, headers, route=messages.SEND).status == 200


@pytest.mark.usefixtures("opened")
def test_a_public_key_says_for_which_visitor(api: Api) -> None:
    assert send(api, public(), text="Hello?").code == "VISITOR_ID_REQUIRED"

    malformed = send(api, visitor("malformed"), text="Hello?")
    assert (malformed.code, malformed.paths) == ("VALIDATION_FAILED", ["X-Visitor-Id"])


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("item", [{"id": "first"}, {"id": "new"}, {}])
def test_what_the_caller_does_not_reach_is_one_and_the_same_404(api: Api, stored: Stored, item: object) -> None:
    before = stored()
    sent = [
        ("unknown", visitor()),
        ("unknown", private()),
        (ID, visitor(OTHER_VISITOR)),
        (ID, private(OTHER_PRIVATE_KEY)),
        (ID, private(LIVE_PRIVATE_KEY)),
    ]
    responses = [api({"conversationId": id_, "item": item}, headers, route=messages.SEND) for id_, headers in sent]

    assert {response.code for response in responses} == {"HTTP_404"}
    assert all(
        response.body == responses[0].body and response.headers == responses[0].headers for response in responses
    )
    assert stored() == before


# What is written ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
def test_an_item_is_answered_as_it_is_stored(api: Api) -> None:
    response = send(api, visitor(), id="m1", text="Where is my order?")

    assert response.body["item"] == {
        "id": "m1",
        "conversationId": ID,
        "organizationId": ORGANIZATION,
        "visibility": "public",
        "type": "message",
        "text": "Where is my order?",
        "tool": None,
        "parts": [{"type": "text", "text": "Where is my order?"}],
        "userId": None,
        "aiAgentId": None,
        "visitorId": VISITOR,
        "createdAt": response.body["item"]["createdAt"],
        "deletedAt": None,
    }
    assert "idempotent-replayed" not in response.headers
    assert timeline(api)[-1] == response.body["item"]


@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
def test_item_reference_and_times_move_together(api: Api, opened: Response, headers: dict[str, str]) -> None:
    sent = send(api, headers, text="More").body["item"]

    for reader in (private(), visitor()):
        conversation = get(api, reader)
        assert conversation["lastTimelineItem"] == sent
        assert conversation["updatedAt"] > opened.conversation["updatedAt"]
        assert conversation["updatedAt"] >= sent["createdAt"]


def test_a_private_note_moves_nothing_that_the_visitor_sees(api: Api, opened: Response) -> None:
    before = get(api, visitor())
    noted = send(api, user(), text="A regular customer.", **NOTE).body["item"]

    assert get(api, visitor()) == before
    assert [item["id"] for item in timeline(api, visitor())] == ["first"]
    assert get(api)["lastTimelineItem"] == noted
    assert get(api)["updatedAt"] > opened.conversation["updatedAt"]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("headers", "type_"),
    [
        *((private(), type_) for type_ in ("message", "event", "identification", "tool")),
        *((visitor(), type_) for type_ in ("message", "identification")),
    ],
)
def test_an_item_of_each_type_may_be_sent(api: Api, headers: dict[str, str], type_: str) -> None:
    response = send(api, headers, type=type_, text="", tool="find-order")

    item = response.body["item"]
    assert (item["type"], item["text"], item["tool"]) == (type_, "", "find-order")
    last = get(api, headers)["lastTimelineItem"]
    assert (last == item) == (type_ == "message")


@pytest.mark.usefixtures("opened")
def test_without_an_id_each_call_is_a_new_item_with_a_ulid(api: Api) -> None:
    first, second = (send(api, visitor(), text="Hello?").body["item"] for _ in range(2))

    assert first["id"] < second["id"]
    assert {len(first["id"]), len(second["id"])} == {26}
    assert [item["id"] for item in timeline(api)] == ["first", first["id"], second["id"]]


@pytest.mark.usefixtures("opened")
def test_what_is_unknown_is_never_stored(api: Api, stored: Stored) -> None:
    part = {"type": "text", "text": "Hi", "canary": "canary"}
    body = {"conversationId": ID, "canary": "canary", "item": {"text": "Hi", "parts": [part], "canary": "canary"}}

    assert api(body, visitor(), route=messages.SEND).body["item"]["parts"] == [{"type": "text", "text": "Hi"}]
    assert "canary" not in str(stored())


# By whom and when -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("item", "by"),
    [
        ({}, ("user-9", None, None)),
        ({"userId": ""}, ("user-9", None, None)),
        ({"userId": "user-1"}, ("user-1", None, None)),
        ({"aiAgentId": "agent-1"}, (None, "agent-1", None)),
        ({"visitorId": "anything"}, (None, None, VISITOR)),
        ({"userId": "u", "aiAgentId": "a", "visitorId": "v"}, ("u", "a", VISITOR)),
    ],
)
def test_the_header_is_the_author_of_what_names_none(api: Api, item: dict[str, str], by: object) -> None:
    sent = send(api, user("user-9"), **item).body["item"]

    assert (sent["userId"], sent["aiAgentId"], sent["visitorId"]) == by


@pytest.mark.usefixtures("opened")
def test_without_that_header_it_is_nobody(api: Api) -> None:
    for headers in (private(), {**private(), "x-actor-user-id": ""}):
        assert send(api, headers, text="Hi").body["item"]["userId"] is None


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("actor", ["a b", "x" * 65, "ü", "user@example.com"])
def test_a_malformed_actor_is_a_400_of_a_private_key_alone(api: Api, actor: str) -> None:
    refused = send(api, user(actor), text="Hi")

    assert (refused.code, refused.paths) == ("VALIDATION_FAILED", ["X-Actor-User-Id"])
    response = send(api, {**visitor(), "x-actor-user-id": actor}, text="Hi")
    assert (response.status, response.body["item"]["userId"]) == (200, None)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("claim", [{"userId": "user-1"}, {"aiAgentId": "agent-1"}])
@pytest.mark.parametrize("id_", ["first", "new"])
def test_a_claim_with_a_public_key_is_a_403(api: Api, stored: Stored, claim: dict[str, str], id_: str) -> None:
    before = stored()
    refused = send(api, visitor(), id=id_, text="We owe you a refund.", **claim)

    assert (refused.status, refused.code) == (403, "PRIVATE_KEY_REQUIRED")
    assert stored() == before


@pytest.mark.parametrize("created_at", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_the_server_dates_what_a_visitor_writes(api: Api, opened: Response, created_at: str) -> None:
    sent = send(api, visitor(), text="Hi", createdAt=created_at).body["item"]

    assert opened.items[0]["createdAt"] <= sent["createdAt"] <= timestamps.now()


@pytest.mark.usefixtures("opened")
def test_a_server_s_own_time_is_kept_in_the_past(api: Api) -> None:
    sent = send(api, private(), id="old", text="Hi", createdAt="2020-01-01T00:00:00Z").body["item"]

    assert sent["createdAt"] == "2020-01-01T00:00:00.000Z"
    assert [item["id"] for item in timeline(api)] == ["old", "first"]
    assert get(api)["lastTimelineItem"]["id"] == "first"


@pytest.mark.usefixtures("opened")
def test_a_server_s_clock_may_be_five_minutes_ahead(api: Api, stored: Stored) -> None:
    before = stored()
    refused = send(api, private(), text="Hi", createdAt=in_minutes(6))

    assert (refused.code, refused.paths) == ("VALIDATION_FAILED", ["item.createdAt"])
    assert stored() == before
    assert send(api, private(), text="Hi", createdAt=in_minutes(4)).body["item"]["createdAt"] <= timestamps.now()


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
def test_what_the_server_dates_comes_last_whatever_our_clocks_say(
    api: Api, monkeypatch: pytest.MonkeyPatch, visibility: str, headers: dict[str, str]
) -> None:
    open_one(api)
    monkeypatch.setattr(timestamps, "now", lambda: "2026-11-24T13:00:00.000Z")
    before = send(api, private(), id="z", text="Hi", visibility=visibility).body["item"]
    monkeypatch.setattr(timestamps, "now", lambda: "2026-11-24T12:00:00.000Z")
    after = send(api, headers, id="a", text="Hi").body["item"]

    assert after["createdAt"] == before["createdAt"]
    assert [item["id"] for item in timeline(api)] == ["z", "a"]
    assert get(api)["lastTimelineItem"]["id"] == "a"


# Again ----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
@pytest.mark.parametrize("verb", [None, "resolve", "spam"])
def test_the_same_id_again_is_a_replay_whatever_the_status(
    api: Api, stored: Stored, headers: dict[str, str], verb: str | None
) -> None:
    first = send(api, headers, id="m", text="Hello")
    if verb is not None:
        change(api, verb)
    before = stored()
    again = send(api, headers, id="m", text="Hello")

    assert is_replay(again)
    assert again.body == first.body
    assert stored() == before


@pytest.mark.parametrize(
    ("headers", "minutes", "is_kept"),
    [
        (private(), -6, True),
        (private(), -4, False),
        (private(), -1, False),
        (private(), 4, False),
        (visitor(), -6, False),
    ],
)
def test_a_clock_that_differs_puts_no_answer_above_its_question(
    api: Api, headers: dict[str, str], minutes: float, is_kept: bool
) -> None:
    open_one(api, a_message("Hi!", id="first"))
    question = send(api, visitor(), id="question", text="Where is it?").body["item"]
    sent_at = in_minutes(minutes)
    by_message = send(api, headers, id="answer", text="Here", createdAt=sent_at).body["item"]
    by_opening = api(a_body(conversationId=ID, defaultTimelineItems=[{"id": "b", "createdAt": sent_at}]), headers)

    assert by_opening.status == 200
    for item in (by_message, by_opening.items[0]):
        assert (timestamps.to_utc(sent_at) == item["createdAt"]) == is_kept
        assert (item["createdAt"] < question["createdAt"]) == is_kept
    last = get(api, visitor())["lastTimelineItem"]["id"]
    assert last == ("question" if is_kept else "b")
    assert [item["id"] for item in timeline(api, visitor())][-2:] == (
        ["first", "question"] if is_kept else ["answer", "b"]
    )


CONTENT: dict[str, Any] = {
    "type": "message",
    "visibility": "public",
    "text": "Hello",
    "tool": "find-order",
    "parts": [{"type": "text", "text": "Hello"}, {"type": "reasoning", "text": "x", "providerMetadata": {"a": 1}}],
}
OTHER_CONTENT: list[dict[str, Any]] = [
    {"type": "identification"},
    {"text": "Hello!"},
    {"text": "hello"},
    {"text": ""},
    {"tool": "find-orders"},
    {"tool": None},
    {"parts": [{"type": "text", "text": "Hello"}]},
    {"parts": [*reversed(CONTENT["parts"])]},
    {"parts": [{"type": "text", "text": "Hello", "state": "done"}, CONTENT["parts"][1]]},
    {"parts": [CONTENT["parts"][0], {**CONTENT["parts"][1], "providerMetadata": {"a": True}}]},
    {"parts": [CONTENT["parts"][0], {**CONTENT["parts"][1], "providerMetadata": {"a": 1.0}}]},
]
LARGE: dict[str, Any] = {"text": "x" * 5_000, "parts": [{"type": "text", "text": "x" * 5_000 + "y"}]}


def send_as_opening(api: Api, headers: dict[str, str], **item: object) -> Response:
    return api(a_body(conversationId=ID, defaultTimelineItems=[{"text": "new", "id": "new"}, item]), headers)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("changed", OTHER_CONTENT)
@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
def test_another_content_under_a_stored_id_is_a_409_and_nothing_is_written(
    api: Api, stored: Stored, headers: dict[str, str], changed: dict[str, Any]
) -> None:
    assert send(api, headers, id="m", **CONTENT).status == 200
    before = stored()
    responses = [
        send(api, headers, id="m", **CONTENT | changed),
        send_as_opening(api, headers, id="m", **CONTENT | changed),
    ]

    assert [(response.status, response.code) for response in responses] == [(409, "ITEM_ID_CONFLICT")] * 2
    assert [response.paths for response in responses] == [["item.id"], ["defaultTimelineItems.1.id"]]
    assert stored() == before
    assert is_replay(send(api, headers, id="m", **CONTENT))


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
@pytest.mark.parametrize("cut", [2_000, 4_999])
def test_large_content_is_compared_to_its_end(api: Api, stored: Stored, headers: dict[str, str], cut: int) -> None:
    assert send(api, headers, id="m", **LARGE).status == 200
    before = stored()

    assert is_replay(send(api, headers, id="m", **LARGE))
    assert send(api, headers, id="m", **LARGE | {"text": "x" * cut}).code == "ITEM_ID_CONFLICT"
    assert send(api, headers, id="m", text=LARGE["text"]).code == "ITEM_ID_CONFLICT"
    assert stored() == before


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"text": "Hi"}, {"parts": [{"type": "text", "text": "Hi"}]}),
        (
            {"text": "Hi"},
            {"text": "Hi", "parts": [{"type": "text", "text": "Hi"}], "createdAt": "2020-01-01T00:00:00Z"},
        ),
        ({"text": "Hi"}, {"text": "Hi", "type": "message", "visibility": "public", "tool": None, "parts": []}),
        ({"text": "Hi", "organizationId": "a"}, {"text": "Hi", "deletedAt": "b", "conversationId": "c", "new": 1}),
    ],
)
def test_the_same_content_said_in_another_way_is_a_replay(
    api: Api, headers: dict[str, str], first: dict[str, Any], again: dict[str, Any]
) -> None:
    sent = send(api, headers, id="m", **first)
    repeated = send(api, headers, id="m", **again)

    assert is_replay(repeated)
    assert repeated.body == sent.body


@pytest.mark.usefixtures("opened")
def test_a_note_under_a_public_message_s_id_is_a_409(api: Api) -> None:
    send(api, private(), id="m", text="ok")

    assert send(api, private(), id="m", text="ok", **NOTE).code == "ITEM_ID_CONFLICT"


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("first", "again", "is_replayed"),
    [
        ({"userId": "a"}, {"userId": "b"}, True),
        ({"userId": "a"}, {}, True),
        ({"aiAgentId": "a"}, {"aiAgentId": "b"}, True),
        ({"visitorId": "x"}, {"visitorId": "y"}, True),
        ({"userId": "a"}, {"aiAgentId": "a"}, False),
        ({"visitorId": "x"}, {"userId": "a"}, False),
        ({"visitorId": "x"}, {}, False),
        ({}, {"aiAgentId": "a"}, False),
    ],
)
def test_the_company_s_words_are_no_replay_of_another_kind_of_author_s(
    api: Api, first: dict[str, str], again: dict[str, str], is_replayed: bool
) -> None:
    sent = send(api, private(), id="m", text="ok", **first)
    repeated = send(api, private(), id="m", text="ok", **again)

    assert is_replay(repeated) == is_replayed
    assert (repeated.body == sent.body) == is_replayed
    assert (repeated.code == "ITEM_ID_CONFLICT") != is_replayed


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("writer", [visitor(), private()], ids=["public", "private"])
@pytest.mark.parametrize("reader", [visitor(), private()], ids=["public", "private"])
def test_what_the_api_answered_may_be_sent_back(api: Api, writer: dict[str, str], reader: dict[str, str]) -> None:
    send(api, writer, id="m", **CONTENT)
    [_, item] = timeline(api, reader)
    if reader == visitor() and writer == private():
        # The visitor does not become the author of it.
        item |= {"userId": None}

    assert is_replay(send(api, reader, **item))


def test_a_public_key_finds_what_is_public_by_its_id(api: Api, opened: Response) -> None:
    again = send(api, visitor(), id="first", text=opened.items[0]["text"])

    assert is_replay(again)
    assert again.body["item"] == opened.items[0]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("verb", [None, "resolve"])
def test_a_private_item_is_a_403_for_a_public_key_sent_or_named(api: Api, stored: Stored, verb: str | None) -> None:
    send(api, private(), id="note", text="canary", **NOTE)
    if verb is not None:
        change(api, verb)
    before = stored()

    hidden: list[dict[str, Any]] = [
        {"id": "note"},
        {"id": "note", **NOTE},
        {"id": "mine", **NOTE},
        {"text": "Hi", **NOTE},
    ]
    for item in hidden:
        refused = send(api, visitor(), **item)
        assert (refused.status, refused.code) == (403, "PRIVATE_KEY_REQUIRED"), item
        assert "canary" not in str(refused.body)
    assert stored() == before


@pytest.mark.usefixtures("opened")
def test_no_visitor_takes_an_id_from_the_company_by_using_it_first(api: Api, stored: Stored) -> None:
    send(api, visitor(), id="answer-1", text="mine")
    before = stored()
    item = a_message("ours", id="answer-1")
    sent = api({"conversationId": ID, "item": item}, route=messages.SEND)
    opening = api(a_body(conversationId=ID, defaultTimelineItems=[item]))

    for refused, path in ((sent, "item.id"), (opening, "defaultTimelineItems.0.id")):
        assert (refused.status, refused.code, refused.paths) == (409, "ITEM_ID_CONFLICT", [path])
    assert stored() == before


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"text": "mine", "visitorId": VISITOR}, 200),
        ({"text": "mine", "visitorId": VISITOR, "parts": [{"type": "text", "text": "mine"}]}, 200),
        ({"text": "mine"}, 409),
        ({"text": "mine", "visitorId": VISITOR, "visibility": "private"}, 409),
        ({"text": "mine", "visitorId": VISITOR, "type": "event"}, 409),
    ],
)
def test_what_a_visitor_said_is_found_by_a_server_that_says_the_same(api: Api, item: object, status: int) -> None:
    send(api, visitor(), id="m", text="mine")
    body = {"conversationId": ID, "item": {"id": "m", **item}}  # type: ignore[dict-item]

    assert api(body, private(), route=messages.SEND).status == status


# Refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("verb", ["resolve", "spam"])
def test_a_conversation_that_is_not_open_takes_nothing_from_a_visitor(api: Api, stored: Stored, verb: str) -> None:
    change(api, verb)
    before = stored()
    sent = send(api, visitor(), id="m", text="Hello?")
    added = api(a_body(conversationId=ID, defaultTimelineItems=[a_message(id="m")]), public())

    assert [(refused.status, refused.code) for refused in (sent, added)] == [(409, "CONVERSATION_CLOSED")] * 2
    assert stored() == before
    assert send(api, private(), text="We are still here.").status == 200


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
def test_an_item_that_is_too_large_is_a_413_and_nothing_is_written(
    api: Api, stored: Stored, headers: dict[str, str]
) -> None:
    before = stored()
    refused = send(api, headers, text="x" * 500_000)

    assert (refused.status, refused.code, refused.paths) == (413, "PAYLOAD_TOO_LARGE", ["item"])
    assert "409,600" in refused.body["message"]
    assert stored() == before
    assert send(api, headers, text="x" * 400_000).status == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "conversationId"),
        ({"item": {}}, "conversationId"),
        ({"conversationId": ID}, "item"),
        ({"conversationId": ID, "item": None}, "item"),
        ({"conversationId": "", "item": {}}, "conversationId"),
        ({"conversationId": "a b", "item": {}}, "conversationId"),
        ({"conversationId": 7, "item": {}}, "conversationId"),
        ({"conversationId": ID, "item": {"id": "a b"}}, "item.id"),
        ({"conversationId": ID, "item": {"type": "other"}}, "item.type"),
        ({"conversationId": ID, "item": {"text": 7}}, "item.text"),
        ({"conversationId": ID, "item": {"createdAt": "today"}}, "item.createdAt"),
        ({"conversationId": ID, "item": {"parts": [{"type": "nonsense"}]}}, "item.parts.0"),
        (
            {"conversationId": ID, "item": {"parts": [{"type": "image", "mediaType": "a", "url": "javascript:1"}]}},
            "item.parts.0.url",
        ),
        ({"conversationId": ID, "item": {"parts": [{"type": "step-start"}] * 101}}, "item.parts"),
    ],
)
@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
def test_what_is_wrong_is_named_by_its_path(api: Api, headers: dict[str, str], body: object, path: str) -> None:
    refused = api(body, headers, route=messages.SEND)

    assert (refused.status, refused.code) == (400, "VALIDATION_FAILED")
    assert path in refused.paths


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_the_body_is_an_object(api: Api, body: object) -> None:
    assert api(body, private(), route=messages.SEND).code == "VALIDATION_FAILED"


def test_messages_of_public_keys_count_for_the_limit_by_address(database: Table) -> None:
    api = api_over(database, rate_limit=2)
    open_one(api)
    sent = [send(api, visitor(), text="Hi").status for _ in range(4)]

    assert sent[:2] == [200, 200]
    assert sent[-1] == 429
    assert send(api, private(), text="Hi").status == 200
