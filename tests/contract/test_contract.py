"""The contract, row by row, over HTTP against a running `make run`.

One example a row, of what HTTP or the gateway could change as well: all examples are in tests/integration.
"""

import base64
import json
import uuid
from typing import Any

import pytest
from api.routes import conversations, timelines

from tests.builders import (
    EXPIRED_KEY,
    LIVE_PRIVATE_KEY,
    LIVE_PUBLIC_KEY,
    ORGANIZATION,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REVOKED_KEY,
    UNKNOWN_KEY,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.client import Response
from tests.contract.conftest import ENDPOINT, RATE_LIMIT, Server


def new_id() -> str:
    return str(uuid.uuid4())


def with_item(server: Server, **fields: object) -> dict[str, Any]:
    """Create a conversation with one item and return the item as it is answered."""
    response = server.post(a_body(defaultTimelineItems=[fields]))
    assert response.status == 200, response.body
    return response.items[0]


def is_refused(response: Response, status: int, code: str) -> bool:
    return (response.status, response.code) == (status, code) and response.body["error"] == response.body["message"]


class TestRequest:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_authorization_is_a_bearer_key_whose_scheme_has_no_case(self, server: Server, scheme: str) -> None:
        assert server.post(a_body(), {"authorization": f"{scheme} {PRIVATE_KEY}"}).status == 200
        assert server.post(a_body(), {"authorization": f"{scheme} {PRIVATE_KEY.upper()}"}).status == 401

    def test_x_public_key_needs_an_allowed_origin(self, server: Server) -> None:
        assert server.post(a_body(), public()).status == 200

    def test_the_private_key_decides_when_both_are_sent(self, server: Server) -> None:
        assert server.post(a_body(), {**private(), "x-public-key": "nonsense"}).status == 200
        assert server.post(a_body(), {**private(UNKNOWN_KEY), **public()}).status == 401

    def test_x_visitor_id_is_checked_only_when_it_is_used(self, server: Server) -> None:
        assert server.post({}, {**private(), "x-visitor-id": VISITOR}).conversation["visitorId"] == VISITOR
        assert server.post({}, {**private(), "x-visitor-id": "nonsense"}).paths == ["X-Visitor-Id"]
        assert server.post(a_body(), {**private(), "x-visitor-id": "nonsense"}).status == 200

    def test_idempotency_key_is_bare_or_a_quoted_string(self, server: Server) -> None:
        key = new_id()
        bare = server.post(a_body(), {**private(), "idempotency-key": key})
        quoted = server.post(a_body(), {**private(), "idempotency-key": f'"{key}"'})

        assert bare.conversation["id"] == quoted.conversation["id"]

    @pytest.mark.parametrize("key", ["", "\xe9"])
    def test_idempotency_key_has_1_to_255_printable_characters(self, server: Server, key: str) -> None:
        assert is_refused(server.post(a_body(), {**private(), "idempotency-key": key}), 400, "VALIDATION_FAILED")

    @pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", None])
    def test_content_type_is_json_or_absent(self, server: Server, content_type: str | None) -> None:
        assert server.post(a_body(), content_type=content_type).status == 200

    @pytest.mark.parametrize("raw", [b"{", b"\xff"])
    def test_a_body_that_is_no_json_is_400(self, server: Server, raw: bytes) -> None:
        assert is_refused(server.post(raw=raw), 400, "INVALID_JSON")

    def test_an_empty_body_says_nothing(self, server: Server) -> None:
        assert server.post(raw=b"", headers={**private(), "x-visitor-id": VISITOR}).status == 200
        assert is_refused(server.post(raw=b""), 400, "VISITOR_ID_REQUIRED")

    def test_a_body_that_is_no_object_is_400(self, server: Server) -> None:
        assert is_refused(server.post(raw=b"[]"), 400, "VALIDATION_FAILED")


class TestBody:
    def test_unknown_fields_are_ignored(self, server: Server) -> None:
        response = server.post(a_body(unheardOf=1, defaultTimelineItems=[a_message(unheardOf=1)]))

        assert response.status == 200
        assert "unheardOf" not in json.dumps(response.body)

    @pytest.mark.parametrize("absent", [None, ""])
    def test_null_and_an_empty_id_are_absent(self, server: Server, absent: str | None) -> None:
        item = {"id": absent, "createdAt": absent, "userId": absent, "visitorId": absent, "text": "hi"}
        response = server.post(
            {"visitorId": absent, "conversationId": absent, "defaultTimelineItems": [item]}, visitor()
        )

        assert response.status == 200
        assert response.items[0]["userId"] is None

    def test_visitor_id_wins_over_the_header(self, server: Server) -> None:
        assert server.post(a_body(), visitor(OTHER_VISITOR)).conversation["visitorId"] == VISITOR

    def test_conversation_id_is_generated_when_absent(self, server: Server) -> None:
        found = server.post(a_body()).conversation["id"]

        assert (len(found), found[:2], set(found[2:]) - set("123456789ABCDEFGHIJKLMNPQRSTUVWXYZ")) == (18, "CO", set())

    def test_conversation_id_is_1_to_64_letters_digits_dashes_underscores(self, server: Server) -> None:
        assert server.post(a_body(conversationId="A-z_0" + "9" * 59)).status == 200
        assert server.post(a_body(conversationId="a#b")).paths == ["conversationId"]

    def test_default_timeline_items_are_0_to_99(self, server: Server) -> None:
        assert server.post(a_body()).items == []
        assert len(server.post(a_body(defaultTimelineItems=[a_message(str(n)) for n in range(99)])).items) == 99
        assert server.post(a_body(defaultTimelineItems=[a_message()] * 100)).paths == ["defaultTimelineItems"]

    def test_channel_is_1_to_64_characters_and_widget_by_default(self, server: Server) -> None:
        assert server.post(a_body()).conversation["channel"] == "widget"
        assert server.post(a_body(channel="apple")).conversation["channel"] == "apple"
        assert server.post(a_body(channel="")).conversation["channel"] == "widget"
        assert server.post(a_body(channel="x" * 65)).paths == ["channel"]

    def test_metadata_is_flat_and_comes_back_exactly(self, server: Server) -> None:
        metadata = {"s": "", "i": 12345678901234567890, "f": 0.1, "b": True, "n": None}
        assert server.post(a_body(metadata=metadata)).conversation["metadata"] == metadata
        assert server.post(a_body()).conversation["metadata"] is None
        tall = {str(n): n for n in range(51)}
        wrongs: list[object] = [{"a": {}}, {"a": []}, tall, {"": 1}, {"x" * 65: 1}, {"a": "x" * 16_384}]
        for wrong in wrongs:
            assert server.post(a_body(metadata=wrong)).paths == ["metadata"]


def visitor(visitor_id: str = VISITOR) -> dict[str, str]:
    return {**private(), "x-visitor-id": visitor_id}


class TestTimelineItem:
    def test_id_is_kept_and_unique_within_the_request(self, server: Server) -> None:
        assert with_item(server, id="mine", text="hi")["id"] == "mine"
        twice = server.post(a_body(defaultTimelineItems=[a_message(id="a"), a_message(id="a")]))
        assert twice.paths == ["defaultTimelineItems.1.id"]

    def test_a_generated_id_is_the_same_on_a_retry(self, server: Server) -> None:
        body = a_body(conversationId=new_id(), defaultTimelineItems=[a_message()])

        assert server.post(body).items == server.post(body).items

    def test_ids_of_the_server_and_deletion_are_ignored(self, server: Server) -> None:
        sent = dict.fromkeys(["conversationId", "organizationId", "deletedAt"], "theirs")
        response = server.post(a_body(defaultTimelineItems=[{"text": "hi", **sent}]))

        assert (response.items[0]["organizationId"], response.items[0]["deletedAt"]) == (ORGANIZATION, None)
        assert response.items[0]["conversationId"] == response.conversation["id"]

    def test_visibility_is_public_by_default_and_private_with_a_private_key_only(self, server: Server) -> None:
        item = a_message(visibility="private")
        assert with_item(server, text="hi")["visibility"] == "public"
        assert with_item(server, **item)["visibility"] == "private"
        refused = server.post(a_body(defaultTimelineItems=[item]), public())
        assert is_refused(refused, 403, "PRIVATE_KEY_REQUIRED")

    @pytest.mark.parametrize("kind", ["message", "event", "identification", "tool"])
    def test_type_is_one_of_four(self, server: Server, kind: str) -> None:
        assert with_item(server, type=kind)["type"] == kind

    def test_type_is_message_by_default(self, server: Server) -> None:
        assert with_item(server, text="hi")["type"] == "message"

    @pytest.mark.parametrize("text", ["", " a\nb😀\0é "])
    def test_text_is_kept_verbatim(self, server: Server, text: str) -> None:
        assert with_item(server, text=text)["text"] == text

    def test_a_message_has_its_text_as_text_and_as_a_part(self, server: Server) -> None:
        text, other = {"type": "text", "text": "a"}, {"type": "text", "text": "b"}
        assert with_item(server, text="a", parts=[{"type": "step-start"}])["parts"] == [text, {"type": "step-start"}]
        assert with_item(server, parts=[text, other])["text"] == "a\nb"
        both = with_item(server, text="kept", parts=[text])
        assert (both["text"], both["parts"]) == ("kept", [text])

    def test_tool_and_senders_are_stored_as_sent(self, server: Server) -> None:
        item = with_item(server, type="tool", tool="search", userId="user", aiAgentId="agent")

        assert (item["tool"], item["userId"], item["aiAgentId"]) == ("search", "user", "agent")

    def test_senders_have_at_most_64_characters(self, server: Server) -> None:
        response = server.post(a_body(defaultTimelineItems=[{"userId": "x" * 65}]))

        assert response.paths == ["defaultTimelineItems.0.userId"]

    def test_visitor_id_becomes_the_conversations_own(self, server: Server) -> None:
        assert with_item(server, text="hi")["visitorId"] is None
        assert with_item(server, text="hi", visitorId="whoever")["visitorId"] == VISITOR

    def test_created_at_is_stored_in_utc_with_milliseconds(self, server: Server) -> None:
        item = with_item(server, text="hi", createdAt="2026-01-31T12:00:00.123999+02:00")

        assert item["createdAt"] == "2026-01-31T10:00:00.123Z"

    def test_created_at_is_rfc_3339_in_the_years_1_to_9999(self, server: Server) -> None:
        response = server.post(a_body(defaultTimelineItems=[{"createdAt": "0001-01-01T00:00:00+01:00"}]))

        assert response.paths == ["defaultTimelineItems.0.createdAt"]


EVENT = {
    "eventType": "assigned",
    "actorUserId": "u",
    "actorAiAgentId": None,
    "targetUserId": "v",
    "targetAiAgentId": None,
}
DEEP = {"a": [{"b": 12345678901234567890, "c": "", "d": "\0😀", "e": None}]}
PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "hi", "state": "streaming"},
    {"type": "reasoning", "text": "hm", "state": "done", "providerMetadata": DEEP},
    {"type": "tool-search", "toolCallId": "c", "toolName": "search", "input": DEEP, "state": "partial"},
    {
        "type": "tool-search",
        "toolCallId": "c",
        "toolName": "search",
        "input": {},
        "state": "result",
        "output": None,
        "errorText": "",
        "callProviderMetadata": DEEP,
        "providerMetadata": {},
    },
    {"type": "source-url", "sourceId": "s", "url": "https://example.com", "title": "t", "providerMetadata": DEEP},
    {"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "t", "filename": "f"},
    {"type": "step-start"},
    {"type": "file", "url": "https://example.com/f", "mediaType": "text/plain", "filename": "f", "size": 1},
    {"type": "image", "url": "u", "mediaType": "image/png", "filename": "f", "size": 1, "width": 15, "height": 2},
    {
        "type": "translation",
        "text": "hola",
        "sourceLanguage": "en",
        "targetLanguage": "es",
        "audience": "visitor",
        "mode": "auto",
        "modelId": "m",
    },
    {"type": "event", **EVENT, "message": "m"},
    {"type": "metadata", "source": "email"},
]


class TestParts:
    @pytest.mark.parametrize("part", PARTS, ids=lambda part: str(part["type"]))
    def test_a_part_comes_back_exactly_without_what_is_unknown(self, server: Server, part: dict[str, Any]) -> None:
        assert with_item(server, type="event", parts=[{**part, "unheardOf": 1}])["parts"] == [part]

    def test_a_required_field_is_required(self, server: Server) -> None:
        response = server.post(a_body(defaultTimelineItems=[{"parts": [{"type": "text"}, {"text": "hi"}]}]))

        where = "defaultTimelineItems.0.parts"
        assert response.status == 400
        assert response.paths == [f"{where}.0.text", f"{where}.1"]

    def test_an_unknown_type_is_400(self, server: Server) -> None:
        assert server.post(a_body(defaultTimelineItems=[{"parts": [{"type": "unheard-of"}]}])).status == 400

    def test_an_item_has_at_most_100_parts(self, server: Server) -> None:
        parts = [{"type": "step-start"}] * 101
        assert len(with_item(server, type="event", parts=parts[:100])["parts"]) == 100
        assert server.post(a_body(defaultTimelineItems=[{"parts": parts}])).paths == ["defaultTimelineItems.0.parts"]


class TestResponse:
    def test_a_new_conversation_has_every_field(self, server: Server) -> None:
        response = server.post(a_body(defaultTimelineItems=[a_message(), a_message("Bye")]))

        assert response.body.keys() == {"initialTimelineItems", "conversation"}
        assert [item["text"] for item in response.items] == ["Hello!", "Bye"]
        assert response.conversation["lastTimelineItem"] == response.items[1]
        assert (response.conversation["status"], response.conversation["websiteId"]) == ("open", WEBSITE)

    def test_what_there_is_not_is_left_out(self, server: Server) -> None:
        assert {"title", "lastTimelineItem"} & server.post(a_body()).conversation.keys() == set()

    def test_a_public_key_never_gets_a_private_item(self, server: Server) -> None:
        body = a_body(conversationId=new_id())
        hidden = a_message("hidden", id="hidden", visibility="private")
        server.post({**body, "defaultTimelineItems": [a_message("seen"), hidden]})

        assert server.post(body, public()).conversation["lastTimelineItem"]["text"] == "seen"
        assert server.post(body).conversation["lastTimelineItem"]["text"] == "hidden"
        named = server.post({**body, "defaultTimelineItems": [a_message(id="hidden")]}, public())
        assert is_refused(named, 403, "PRIVATE_KEY_REQUIRED")


class TestReading:
    @pytest.fixture
    def written(self, server: Server) -> Response:
        items = [a_message("one", id="one"), a_message("two", id="two", visibility="private"), a_message(id="three")]
        return server.post(a_body(conversationId=new_id(), defaultTimelineItems=items))

    @pytest.mark.parametrize("headers", [private(), public()], ids=["private", "public"])
    def test_a_page_of_another_site_reads_what_was_written(
        self, server: Server, written: Response, headers: dict[str, str]
    ) -> None:
        in_it = {"conversationId": written.conversation["id"]}
        headers = {**headers, "x-visitor-id": VISITOR, "origin": ORIGIN}

        got = server.get(conversations.GET, headers, **in_it)
        page = server.get(timelines.GET, headers, "limit=1", **in_it)
        older = server.get(timelines.GET, headers, f"limit=1&cursor={page.body['nextCursor']}", **in_it)
        listed = server.get(conversations.LIST, headers, "limit=100&orderBy=createdAt")

        assert got.conversation["lastTimelineItem"] == written.items[2]
        assert (page.body["items"], page.body["hasNextPage"]) == ([written.items[2]], True)
        assert older.body["items"] == [written.items[1 if "authorization" in headers else 0]]
        assert got.conversation in listed.body["conversations"]
        for response in (got, page, older, listed):
            assert response.headers["access-control-allow-origin"] == "*"
            assert response.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        ("query", "path"),
        [("limit=1&limit=2", "limit"), ("limit=%2B5", "limit"), ("limit=+5", "limit"), ("limit", "limit")],
    )
    def test_a_query_is_read_as_it_is_written(self, server: Server, written: Response, query: str, path: str) -> None:
        response = server.get(timelines.GET, private(), query, conversationId=written.conversation["id"])

        assert is_refused(response, 400, "VALIDATION_FAILED")
        assert response.paths == [path]

    @pytest.mark.parametrize("name", ["unknown", "x" * 65, "%C3%A9", "%F0%9F%93%A6", "a%20b", "a%00", "..%2e", "a+b"])
    def test_what_is_not_there_is_a_404(self, server: Server, name: str) -> None:
        response = server.get(timelines.GET, private(), conversationId=name)
        unknown = server.get(timelines.GET, private(), conversationId="unknown")

        assert is_refused(response, 404, "HTTP_404")
        assert {**response.body, "requestId": None} == {**unknown.body, "requestId": None}


class TestErrors:
    def test_no_answer_may_be_kept(self, server: Server) -> None:
        responses = [server.post(a_body()), server.post({}), server.post(a_body(), {}), server.post(raw=b"{")]

        assert {response.headers["cache-control"] for response in responses} == {"no-store"}

    def test_400_visitor_id_required(self, server: Server) -> None:
        assert is_refused(server.post({}), 400, "VISITOR_ID_REQUIRED")

    def test_400_validation_failed_lists_at_most_20_things_and_no_values(self, server: Server) -> None:
        response = server.post(a_body(defaultTimelineItems=[{"text": 4711}] * 30))

        assert is_refused(response, 400, "VALIDATION_FAILED")
        assert len(response.paths) == 20
        assert "4711" not in json.dumps(response.body)

    def test_401_api_key_missing(self, server: Server) -> None:
        assert is_refused(server.post(a_body(), {}), 401, "API_KEY_MISSING")

    def test_another_scheme_is_not_a_key(self, server: Server) -> None:
        basic = {"authorization": "Basic c3RhZ2luZzpzZWNyZXQ="}

        assert is_refused(server.post(a_body(), basic), 401, "API_KEY_MISSING")
        assert server.post(a_body(), basic | public()).status == 200

    @pytest.mark.parametrize("key", ["nonsense", UNKNOWN_KEY, REVOKED_KEY, EXPIRED_KEY, PUBLIC_KEY])
    def test_401_invalid_api_key_looks_the_same_for_all(self, server: Server, key: str) -> None:
        response = server.post(a_body(), private(key))

        assert is_refused(response, 401, "INVALID_API_KEY")
        assert response.body["message"] == "The API key is not valid."

    def test_401_comes_before_anything_about_the_body(self, server: Server) -> None:
        assert server.post(raw=b"{", headers={}, content_type="text/plain").status == 401

    def test_403_origin_required(self, server: Server) -> None:
        assert is_refused(server.post(a_body(), {"x-public-key": PUBLIC_KEY}), 403, "ORIGIN_REQUIRED")

    def test_409_conversation_id_conflict_tells_nothing_of_the_other(self, server: Server) -> None:
        body = a_body(conversationId=new_id())
        server.post(body)
        response = server.post({**body, "visitorId": OTHER_VISITOR})

        assert is_refused(response, 409, "CONVERSATION_ID_CONFLICT")
        assert VISITOR not in json.dumps(response.body)

    def test_413_payload_too_large(self, server: Server) -> None:
        padding = b" " * (1_048_576 - len(json.dumps(a_body())))
        body = json.dumps(a_body()).encode() + padding
        assert server.post(raw=body).status == 200
        assert is_refused(server.post(raw=body + b" "), 413, "PAYLOAD_TOO_LARGE")

    def test_413_an_item_that_the_database_does_not_take_is_named(self, server: Server) -> None:
        items = [a_message(), a_message("x" * 409_600)]
        response = server.post(a_body(defaultTimelineItems=items))

        assert is_refused(response, 413, "PAYLOAD_TOO_LARGE")
        assert response.paths == ["defaultTimelineItems.1"]

    def test_415_unsupported_media_type(self, server: Server) -> None:
        assert is_refused(server.post(a_body(), content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_422_idempotency_key_reused(self, server: Server) -> None:
        headers = {**private(), "idempotency-key": new_id()}
        server.post(a_body(), headers)

        assert is_refused(server.post(a_body(channel="other"), headers), 422, "IDEMPOTENCY_KEY_REUSED")

    def test_429_rate_limited_says_when_to_come_again(self, server: Server) -> None:
        headers = public(LIVE_PUBLIC_KEY)
        first = server.post(a_body(), headers)
        # A window that ends meanwhile makes it two.
        calls = (server.post(a_body(), headers) for _ in range(2 * RATE_LIMIT + 1))

        assert first.headers["ratelimit-policy"] == f'"address";q={RATE_LIMIT};w=60'
        refused = next(response for response in calls if response.status != 200)
        assert is_refused(refused, 429, "RATE_LIMITED")
        assert 1 <= int(refused.headers["retry-after"]) <= 60


class TestIdempotency:
    def test_the_same_call_again_is_the_same_conversation(self, server: Server) -> None:
        body = a_body(conversationId=new_id(), defaultTimelineItems=[a_message(id="a")])
        first, second = server.post(body), server.post(body)

        assert first.body == second.body
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"

    def test_a_retry_with_a_new_item_appends_it(self, server: Server) -> None:
        body = a_body(conversationId=new_id())
        server.post({**body, "defaultTimelineItems": [a_message(id="a")]})
        response = server.post(
            {**body, "channel": "other", "defaultTimelineItems": [a_message(id="a"), a_message(id="b")]}
        )

        assert [item["id"] for item in response.items] == ["a", "b"]
        assert response.conversation["channel"] == "widget"
        assert "idempotent-replayed" not in response.headers

    def test_two_websites_and_two_modes_use_the_same_id_apart(self, server: Server) -> None:
        body = a_body(conversationId=new_id())
        responses = [server.post(body, private(key)) for key in (PRIVATE_KEY, OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY)]

        assert [response.status for response in responses] == [200] * 3
        assert all("idempotent-replayed" not in response.headers for response in responses)

    def test_an_idempotency_key_does_without_a_conversation_id(self, server: Server) -> None:
        headers = {**private(), "idempotency-key": new_id()}
        body = a_body(defaultTimelineItems=[a_message()])

        assert server.post(body, headers).body == server.post({**body, "unheardOf": 1}, headers).body


class TestOrigins:
    @pytest.mark.parametrize(
        "origin",
        [ORIGIN, "https://a.b.example.org", "https://shop.example.com:8443", "http://localhost:5173"],
    )
    def test_an_allowed_origin(self, server: Server, origin: str) -> None:
        assert server.post(a_body(), public(origin=origin)).status == 200

    @pytest.mark.parametrize(
        "origin",
        ["https://app.example.com.evil.com", "null", "https://app.example.com\\.evil.com", "https://ex\xe4mple.com"],
    )
    def test_an_origin_that_is_not_allowed(self, server: Server, origin: str) -> None:
        assert is_refused(server.post(a_body(), public(origin=origin)), 403, "ORIGIN_NOT_ALLOWED")

    def test_an_origin_sent_twice_is_not_allowed(self, server: Server) -> None:
        headers = [("x-public-key", PUBLIC_KEY), ("origin", ORIGIN), ("origin", ORIGIN)]

        assert is_refused(server.post(a_body(), headers), 403, "ORIGIN_NOT_ALLOWED")

    def test_a_live_key_never_works_from_localhost(self, server: Server) -> None:
        assert server.post(a_body(), public(LIVE_PUBLIC_KEY, "http://localhost:5173")).status == 403


class TestGateway:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", ENDPOINT), ("GET", ENDPOINT), ("GET", f"{ENDPOINT}/1"), ("GET", f"{ENDPOINT}/1/timeline")],
    )
    def test_a_preflight_allows_any_origin_and_header_for_a_day(self, server: Server, method: str, path: str) -> None:
        asked = {
            "origin": "https://anything.example",
            "access-control-request-method": method,
            "access-control-request-headers": "content-type,x-public-key,x-visitor-id,traceparent",
        }
        status, headers, _ = server.send("OPTIONS", path, headers=asked)

        assert status == 204
        assert headers["access-control-allow-origin"] == "*"
        assert method in headers["access-control-allow-methods"].split(",")
        assert set(headers["access-control-allow-headers"].split(",")) == {"*", "authorization"}
        assert headers["access-control-max-age"] == "86400"
        assert "access-control-allow-credentials" not in headers

    def test_a_page_can_read_errors_and_the_headers_that_it_needs(self, server: Server) -> None:
        response = server.post(a_body(), public(origin="https://evil.example"))

        assert response.headers["access-control-allow-origin"] == "*"
        assert set(response.headers["access-control-expose-headers"].split(",")) == {
            *("idempotent-replayed", "retry-after", "ratelimit", "ratelimit-policy"),
        }

    @pytest.mark.parametrize(
        ("method", "path"),
        [("DELETE", ENDPOINT), ("POST", "/"), ("POST", f"{ENDPOINT}/1"), ("GET", f"{ENDPOINT}/1/2"), ("GET", "/v2")],
    )
    def test_other_paths_and_methods_are_404(self, server: Server, method: str, path: str) -> None:
        status, _, body = server.send(method, path, headers=private())

        assert (status, json.loads(body)) == (404, {"message": "Not Found"})

    def test_a_body_over_10_mb_is_413(self, server: Server) -> None:
        status, _, body = server.send("POST", ENDPOINT, b" " * (10 * 1024 * 1024 + 1), private())

        assert (status, list(json.loads(body))) == (413, ["message"])

    def test_a_body_that_is_no_text_comes_in_base64(self, server: Server) -> None:
        assert server.post(raw=base64.b64encode(b"\xff"), content_type="application/octet-stream").status == 415
        assert server.post(a_body(), content_type=None).status == 200
