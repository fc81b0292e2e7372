"""What holds for any body: all that is valid survives, and all else is told so."""

import base64
import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests import demo
from tests.builders import ORGANIZATION, VISITOR, a_body, private, public
from tests.client import Api, api_over
from tests.fakes import FakeTable

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBERS = st.integers(-(2**1024 - 2**971), 2**1024 - 2**971) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
JSON = st.recursive(
    SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(TEXT, some, max_size=3), max_leaves=8
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
STATES = st.sampled_from(["streaming", "done"])


def an_object(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


WHOLE = st.integers(0, 2**53 - 1)
COSSISTANT = an_object({}, {"visibility": st.sampled_from(["public", "private"]), "knowledgeId": TEXT, "x": JSON})
PROVIDER = {"providerMetadata": OBJECTS | an_object({"cossistant": COSSISTANT}, {"x": JSON})}


def part(kind: str, optional: dict[str, Any] | None = None, **required: Any) -> st.SearchStrategy[dict[str, Any]]:
    return an_object({"type": st.just(kind), **required}, optional or {})


PARTS = st.one_of(
    part("text", {"state": STATES}, text=TEXT),
    part("reasoning", {"state": STATES, **PROVIDER}, text=TEXT),
    part(
        "tool-search",
        {"output": JSON, "errorText": TEXT, "callProviderMetadata": OBJECTS, **PROVIDER},
        toolCallId=TEXT,
        toolName=TEXT,
        input=OBJECTS,
        state=st.sampled_from(["partial", "result", "error"]),
    ),
    part("source-url", {"title": TEXT, **PROVIDER}, sourceId=TEXT, url=st.just("https://example.com/")),
    part("source-document", {"filename": TEXT, **PROVIDER}, sourceId=TEXT, mediaType=TEXT, title=TEXT),
    part("step-start"),
    part("file", {"filename": TEXT, "size": WHOLE}, url=TEXT, mediaType=TEXT),
    part("image", {"filename": TEXT, "size": WHOLE, "width": WHOLE, "height": WHOLE}, url=TEXT, mediaType=TEXT),
    part(
        "translation",
        {"modelId": TEXT},
        text=TEXT,
        sourceLanguage=TEXT,
        targetLanguage=TEXT,
        audience=st.sampled_from(["team", "visitor"]),
        mode=st.sampled_from(["auto", "manual"]),
    ),
    part(
        "event",
        {"message": TEXT},
        eventType=st.sampled_from(["assigned", "ai_resumed"]),
        **dict.fromkeys(["actorUserId", "actorAiAgentId", "targetUserId", "targetAiAgentId"], st.none() | TEXT),
    ),
    part("metadata", source=st.sampled_from(["email", "widget", "api"])),
    part("feedback", {"topic": TEXT, "trigger": TEXT}, feedbackId=TEXT, rating=st.integers(1, 5), source=TEXT),
)
ITEMS = an_object(
    {"id": IDS},
    {
        "visibility": st.sampled_from(["public", "private"]),
        "type": st.sampled_from(["message", "event", "identification", "tool"]),
        "text": st.none() | TEXT,
        "tool": st.none() | TEXT,
        "parts": st.lists(PARTS, max_size=4),
        "userId": TEXT,
        "aiAgentId": TEXT,
        "visitorId": st.none() | JSON,
        "createdAt": st.just("2026-01-31T12:00:00.000Z"),
    },
)
BODIES = an_object(
    {"visitorId": st.just(VISITOR), "conversationId": IDS},
    {
        "channel": NAMES,
        "metadata": st.dictionaries(NAMES, SCALARS, max_size=5),
        "defaultTimelineItems": st.lists(ITEMS, max_size=4, unique_by=lambda item: item["id"]),
    },
)


def an_api() -> tuple[Api, FakeTable]:
    table = FakeTable(demo.items())
    return api_over(table), table


def expected(sent: dict[str, Any], body: dict[str, Any], created_at: str) -> dict[str, Any]:
    """Return a timeline item as the contract says that it is answered."""
    item_type, text, parts = sent.get("type", "message"), sent.get("text"), sent.get("parts", [])
    texts = [part["text"] for part in parts if part["type"] == "text"]
    if item_type == "message" and text is not None and not texts:
        parts = [{"type": "text", "text": text}, *parts]
    if item_type == "message" and text is None and texts:
        text = "\n".join(texts)
    return {
        "id": sent["id"],
        "conversationId": body["conversationId"],
        "organizationId": ORGANIZATION,
        "visibility": sent.get("visibility", "public"),
        "type": item_type,
        "text": text,
        "tool": sent.get("tool"),
        "parts": parts,
        "userId": sent.get("userId") or None,
        "aiAgentId": sent.get("aiAgentId") or None,
        "visitorId": None if sent.get("visitorId") in (None, "") else VISITOR,
        "createdAt": sent.get("createdAt", created_at),
        "deletedAt": None,
    }


def exactly(value: object) -> str:
    """Tell 1 from 1.0 and from True, and 0.0 from -0.0, which compare as equal."""
    return json.dumps(value, sort_keys=True)


@given(BODIES)
def test_any_valid_body_survives(body: dict[str, Any]) -> None:
    api, table = an_api()
    created, replayed = api(body), api(body)
    sent = body.get("defaultTimelineItems", [])

    assert created.status == 200
    assert exactly(created.items) == exactly([expected(item, body, created.conversation["createdAt"]) for item in sent])
    assert exactly(created.conversation["metadata"]) == exactly(body.get("metadata"))
    assert created.conversation["channel"] == body.get("channel", "widget")
    assert exactly(replayed.body) == exactly(created.body)
    assert len(table.conversation_items()) == 1 + len(sent)


def refused_or_kept(raw: str, **fields: Any) -> None:
    api, table = an_api()
    response = api(raw=raw, **fields)

    assert response.status in {200, 400, 403}
    assert bool(table.conversation_items()) == (response.status == 200)
    if response.status == 200:
        assert api(raw=raw, **fields).status == 200


@given(JSON)
def test_any_json_is_taken_or_refused(document: object) -> None:
    refused_or_kept(json.dumps(document))


FIELDS = ["visitorId", "conversationId", "channel", "metadata", "defaultTimelineItems"]
ITEM_FIELDS = ["id", "visibility", "type", "text", "tool", "parts", "userId", "aiAgentId", "visitorId", "createdAt"]
PART_FIELDS = ["type", "text", "state", "url", "input", "size"]
ALMOST_PARTS = JSON | PARTS | st.dictionaries(st.sampled_from(PART_FIELDS), JSON | st.just("text"))
ALMOST_ITEMS = JSON | st.dictionaries(st.sampled_from(ITEM_FIELDS), JSON | st.lists(ALMOST_PARTS, max_size=3))


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.just(VISITOR) | st.lists(ALMOST_ITEMS, max_size=3)),
    st.sampled_from([private(), public()]),
)
def test_anything_in_known_fields_is_taken_or_refused(fields: dict[str, Any], headers: dict[str, str]) -> None:
    refused_or_kept(json.dumps(a_body(**fields)), headers={**headers, "x-visitor-id": VISITOR})


@given(st.binary(max_size=60))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    refused_or_kept(base64.b64encode(body).decode(), base64=True)


@given(st.text(max_size=60) | st.from_regex(r'[\[\]{}:," 0-9eE.+\\udD8-]*'), st.booleans())
def test_any_text_is_taken_or_refused(body: str, base64: bool) -> None:
    refused_or_kept(body, base64=base64)


@given(
    st.sampled_from(["authorization", "x-public-key", "origin", "x-visitor-id", "idempotency-key", "content-type"]),
    st.text(max_size=80) | st.text(st.characters(max_codepoint=0x7E), max_size=300),
)
def test_any_header_is_taken_or_refused(name: str, value: str) -> None:
    api, _ = an_api()
    headers = public() if name in {"x-public-key", "origin"} else private()
    body = {} if name == "x-visitor-id" else a_body()

    assert api(body, {**headers, name: value}).status in {200, 400, 401, 403, 415}


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,330})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?", fullmatch=True))
def test_a_number_is_kept_or_refused_but_never_changed(literal: str) -> None:
    api, _ = an_api()
    response = api(raw=f'{{"visitorId": "{VISITOR}", "metadata": {{"a": {literal}}}}}')

    if math.isinf(float(literal)):
        assert (response.status, response.code) == (400, "INVALID_JSON")
    else:
        assert exactly(response.conversation["metadata"]["a"]) == exactly(json.loads(literal))
