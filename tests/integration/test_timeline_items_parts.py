"""The twelve types of parts: what each needs, what each may have, and that it survives."""

import json
from typing import Any

import pytest

from tests.builders import a_body
from tests.client import Api, Response, Stored

#: Arbitrary JSON, as a language model's provider may send it.
ANYTHING: dict[str, Any] = {
    "null": None,
    "list": [None, True, False, 0, -1, 0.1, "", "\0", "👋", [], {}],
    "integer": 12345678901234567890,
    "nested": {"type": "text", "unknown": {"": {}}},
}

#: The same, with what clients of this API keep in it.
PROVIDER: dict[str, Any] = {
    **ANYTHING,
    "cossistant": {
        **ANYTHING,
        "visibility": "private",
        "progressMessage": "",
        "knowledgeId": "k",
        "toolTimeline": {
            **ANYTHING,
            "logType": "log",
            "triggerMessageId": "m",
            "workflowRunId": "",
            "triggerVisibility": "public",
        },
    },
}

#: Each type: its required fields, and its optional ones.
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"text": "Hello"}, {"state": "done"}),
    "reasoning": ({"text": "Because"}, {"state": "streaming", "providerMetadata": PROVIDER}),
    "tool-search": (
        {"toolCallId": "call-1", "toolName": "search", "input": ANYTHING, "state": "result"},
        {"output": ANYTHING, "errorText": "", "callProviderMetadata": PROVIDER, "providerMetadata": PROVIDER},
    ),
    "source-url": (
        {"sourceId": "s", "url": "https://example.com/a?b#c"},
        {"title": "A", "providerMetadata": PROVIDER},
    ),
    "source-document": (
        {"sourceId": "s", "mediaType": "application/pdf", "title": "A"},
        {"filename": "a.pdf", "providerMetadata": PROVIDER},
    ),
    "step-start": ({}, {}),
    "file": ({"url": "/files/a.pdf", "mediaType": "application/pdf"}, {"filename": "a.pdf", "size": 10}),
    "image": (
        {"url": "https://example.com/a.png", "mediaType": "image/png"},
        {"filename": "a.png", "size": 10, "width": 640, "height": 480},
    ),
    "translation": (
        {"text": "Hallo", "sourceLanguage": "en", "targetLanguage": "de", "audience": "team", "mode": "auto"},
        {"modelId": "m"},
    ),
    "event": (
        {
            "eventType": "assigned",
            "actorUserId": "u",
            "actorAiAgentId": None,
            "targetUserId": None,
            "targetAiAgentId": "a",
        },
        {"message": "Assigned"},
    ),
    "metadata": ({"source": "email"}, {}),
    "feedback": ({"feedbackId": "f", "rating": 5, "source": "widget"}, {"topic": "speed", "trigger": "resolved"}),
}

ENUMS = {
    ("text", "state"): ["streaming", "done"],
    ("reasoning", "state"): ["streaming", "done"],
    ("tool-search", "state"): ["partial", "result", "error"],
    ("translation", "audience"): ["team", "visitor"],
    ("translation", "mode"): ["auto", "manual"],
    ("metadata", "source"): ["email", "widget", "api"],
    ("event", "eventType"): [
        "assigned",
        "unassigned",
        "participant_requested",
        "participant_joined",
        "participant_left",
        "status_changed",
        "priority_changed",
        "tag_added",
        "tag_removed",
        "resolved",
        "reopened",
        "visitor_blocked",
        "visitor_unblocked",
        "visitor_identified",
        "ai_paused",
        "ai_resumed",
    ],
}


def minimal(kind: str) -> dict[str, Any]:
    return {"type": kind, **PARTS[kind][0]}


def full(kind: str) -> dict[str, Any]:
    return {**minimal(kind), **PARTS[kind][1]}


def send(api: Api, *parts: object) -> Response:
    # An event, so that no text is derived from parts.
    item = {"id": "a", "type": "event", "parts": parts}
    return api(a_body(conversationId="c", defaultTimelineItems=[item]))


def assert_kept(api: Api, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    """Check what is answered and, by a replay, what is stored."""
    created, replayed = send(api, sent), send(api, sent)

    assert created.items[0]["parts"] == [kept]
    assert replayed.items == created.items


@pytest.mark.parametrize("kind", PARTS)
def test_a_minimal_part_is_kept(api: Api, kind: str) -> None:
    assert_kept(api, minimal(kind), minimal(kind))


@pytest.mark.parametrize("kind", PARTS)
def test_a_full_part_is_kept(api: Api, kind: str) -> None:
    assert_kept(api, full(kind), full(kind))


@pytest.mark.parametrize("kind", PARTS)
def test_unknown_fields_are_dropped(api: Api, kind: str) -> None:
    foreign = {"unknown": 1, "PK": "x", "id": "x", "deletedAt": None, "type ": "x"}

    assert_kept(api, {**full(kind), **foreign}, full(kind))


@pytest.mark.parametrize("kind", PARTS)
def test_null_means_absent_in_optional_fields(api: Api, kind: str) -> None:
    optional = dict.fromkeys(PARTS[kind][1])
    optional.pop("output", None)  # any JSON, and null is JSON

    assert_kept(api, {**minimal(kind), **optional}, minimal(kind))


@pytest.mark.parametrize("output", [None, "", 0, False, [], {}, [None], "text", 1.5, {"a": None}])
def test_a_tool_s_output_is_any_json(api: Api, output: object) -> None:
    part = {**minimal("tool-search"), "output": output}

    assert_kept(api, part, part)


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, (required, _) in PARTS.items() for field in required]
)
def test_a_required_field_is_required(api: Api, stored: Stored, kind: str, field: str) -> None:
    part = minimal(kind)
    del part[field]

    response = send(api, {"type": "step-start"}, part)

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")
    assert response.body["details"] == [{"path": f"defaultTimelineItems.0.parts.1.{field}", "message": "is required"}]
    assert stored() == []


MAY_BE_NULL = {"actorUserId", "actorAiAgentId", "targetUserId", "targetAiAgentId"}


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind, (required, _) in PARTS.items() for field in required if field not in MAY_BE_NULL],
)
def test_a_required_field_is_not_null(api: Api, kind: str, field: str) -> None:
    assert send(api, {**minimal(kind), field: None}).paths == [f"defaultTimelineItems.0.parts.0.{field}"]


@pytest.mark.parametrize("field", sorted(MAY_BE_NULL))
@pytest.mark.parametrize("value", [None, "", "someone"])
def test_an_event_s_people_are_text_or_null(api: Api, field: str, value: str | None) -> None:
    part = {**minimal("event"), field: value}

    assert_kept(api, part, part)


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in PARTS for field in full(kind) if field not in {"type", "output"}]
)
def test_a_field_of_another_type_is_refused(api: Api, kind: str, field: str) -> None:
    response = send(api, {**full(kind), field: [True]})

    assert (response.status, response.paths) == (400, [f"defaultTimelineItems.0.parts.0.{field}"])


@pytest.mark.parametrize(
    ("kind", "field", "value"), [(*key, value) for key, values in ENUMS.items() for value in values]
)
def test_every_word_of_a_vocabulary_is_kept(api: Api, kind: str, field: str, value: str) -> None:
    part = {**minimal(kind), field: value}

    assert_kept(api, part, part)


@pytest.mark.parametrize(("kind", "field"), ENUMS)
@pytest.mark.parametrize("value", ["", "other", "DONE", 1, True])
def test_any_other_word_is_refused(api: Api, kind: str, field: str, value: object) -> None:
    response = send(api, {**minimal(kind), field: value})

    assert (response.status, response.paths) == (400, [f"defaultTimelineItems.0.parts.0.{field}"])


@pytest.mark.parametrize("kind", ["", "Text", "text ", "unknown", "tool", "tool-", "sourceUrl", "TextPart", "ToolPart"])
def test_an_unknown_type_is_refused(api: Api, stored: Stored, kind: str) -> None:
    response = send(api, {**full("tool-search"), "type": kind})

    assert (response.status, response.code) == (400, "VALIDATION_FAILED")
    assert response.paths[0].startswith("defaultTimelineItems.0.parts.0")
    assert stored() == []


@pytest.mark.parametrize("kind", ["tool-\n", "tool-a\nb", "tool-a\r", "tool-a\u2028"])
def test_a_tool_s_name_is_one_line(api: Api, kind: str) -> None:
    # `.` of JavaScript, by which strict clients read it, matches no end of a line.
    assert send(api, {**full("tool-search"), "type": kind}).paths == ["defaultTimelineItems.0.parts.0.type"]


@pytest.mark.parametrize("part", [None, True, 1, "text", [], ["text"], {}, {"text": "x"}, {"type": None}, {"type": 1}])
def test_what_has_no_type_is_refused(api: Api, part: object) -> None:
    assert send(api, part).paths == ["defaultTimelineItems.0.parts.0"]


@pytest.mark.parametrize("kind", ["tool-a", "tool-searchWeb", "tool-é", "tool-tool-", "tool-a b", "tool-\0"])
def test_a_tool_part_is_named_after_its_tool(api: Api, kind: str) -> None:
    part = {**full("tool-search"), "type": kind}

    assert_kept(api, part, part)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://example.com",
            "http://localhost:3000/a",
            "HTTPS://EXAMPLE.COM",
            "mailto:a@example.com",
            "urn:isbn:1",
        ),
        *("https://my_app.müller.de/", "https://💩.la", "https://example.com/?u=javascript:alert(1)", "x-javascript:a"),
    ],
)
def test_a_source_has_an_absolute_url(api: Api, url: str) -> None:
    part = {**minimal("source-url"), "url": url}

    assert_kept(api, part, part)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.com",
            "/path",
            "//example.com",
            "https:",
            "not a url",
            "https://a b",
            "1http://a",
            "https://a\n",
        ),
        *("https://a:99999", "https://[", "https://a%b", "https://xn--a"),
        *("data:text/html,<script>", "DATA:,x", "blob:https://example.com/1"),
    ],
)
def test_any_other_url_of_a_source_is_refused(api: Api, url: str) -> None:
    assert send(api, {**minimal("source-url"), "url": url}).paths == ["defaultTimelineItems.0.parts.0.url"]


SCRIPTS = [
    "javascript:alert(1)",
    "javascript:",
    "javascript://example.com/%0aalert(1)",
    "JavaScript:alert(1)",
    "vbscript:msgbox(1)",
    "VBSCRIPT:x",
    " javascript:alert(1)",
    "\0\x01\x1f javascript:alert(1)",
    "\tjava\tscript:alert(1)",
    "java\nscript:alert(1)",
    "javascript\r\n\t:alert(1)",
    "\n \rv\tb\ns\rc\tr\ni\rp\tt\n:x",
]


@pytest.mark.parametrize("url", SCRIPTS)
@pytest.mark.parametrize("kind", ["source-url", "file", "image"])
def test_no_url_runs_script(api: Api, kind: str, url: str) -> None:
    response = send(api, {**minimal(kind), "url": url})

    assert (response.status, response.paths) == (400, ["defaultTimelineItems.0.parts.0.url"])


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "a.png",
            "/a b.png",
            "//example.com/a.png",
            "https://a:99999",
            "data:image/png;base64,AA==",
            "blob:null/1",
        ),
        # A browser reads none of these as a scheme that runs script.
        *(
            "/javascript:",
            "./javascript:",
            "java script:",
            "java\0script:",
            "\xa0javascript:",
            "java\N{LATIN SMALL LETTER LONG S}cript:",
        ),
        *("javascript", "javascripts:", "x-javascript:", "https://example.com/javascript:"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "image"])
def test_any_other_url_of_a_file_is_kept(api: Api, kind: str, url: str) -> None:
    part = {**minimal(kind), "url": url}

    assert_kept(api, part, part)


NUMBERS = {
    ("file", "size"): (0, 2**53 - 1),
    ("image", "size"): (0, 2**53 - 1),
    ("image", "width"): (0, 2**53 - 1),
    ("image", "height"): (0, 2**53 - 1),
    ("feedback", "rating"): (1, 5),
}


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
def test_a_number_is_kept_up_to_its_limits(api: Api, kind: str, field: str) -> None:
    parts = [{**minimal(kind), field: limit} for limit in NUMBERS[kind, field]]
    [item] = send(api, *parts).items

    assert item["parts"] == parts
    assert {type(part[field]) for part in item["parts"]} == {int}


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
def test_a_whole_number_may_be_written_with_a_fraction(api: Api, kind: str, field: str) -> None:
    """To JSON Schema, and to JavaScript, 3.0 is 3; strict clients decode it as such only in this form."""
    [part] = send(api, {**minimal(kind), field: 3.0}).items[0]["parts"]

    assert json.dumps(part[field]) == "3"


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
@pytest.mark.parametrize("value", ["3", 1.5, 1e300, True, [], {}])
def test_what_is_no_whole_number_is_refused(api: Api, kind: str, field: str, value: object) -> None:
    assert send(api, {**minimal(kind), field: value}).paths == [f"defaultTimelineItems.0.parts.0.{field}"]


@pytest.mark.parametrize(("kind", "field"), NUMBERS)
def test_a_number_past_its_limits_is_refused(api: Api, kind: str, field: str) -> None:
    least, most = NUMBERS[kind, field]

    for value in (least - 1, most + 1):
        assert send(api, {**minimal(kind), field: value}).paths == [f"defaultTimelineItems.0.parts.0.{field}"]


PROVIDED = [(kind, field) for kind in PARTS for field in full(kind) if field.lower().endswith("providermetadata")]
TIMELINE = {"logType": "decision", "triggerMessageId": "m", "workflowRunId": "w"}


def provided(cossistant: object) -> dict[str, Any]:
    return {**minimal("reasoning"), "providerMetadata": {"other": 1, "cossistant": cossistant}}


@pytest.mark.parametrize(
    "cossistant",
    [
        {},
        {"unknown": None},
        {"visibility": "public"},
        {"toolTimeline": TIMELINE},
        {"toolTimeline": {**TIMELINE, "logType": "customer_facing"}},
    ],
)
def test_what_clients_keep_in_a_part_is_kept(api: Api, cossistant: object) -> None:
    assert_kept(api, provided(cossistant), provided(cossistant))


NO_STRINGS: list[object] = [None, 1, []]


@pytest.mark.parametrize(
    ("cossistant", "path"),
    [
        *((value, "") for value in [*NO_STRINGS, "x"]),
        *(({"visibility": value}, ".visibility") for value in [*NO_STRINGS, "", "hidden"]),
        *(({"progressMessage": value}, ".progressMessage") for value in NO_STRINGS),
        *(({"knowledgeId": value}, ".knowledgeId") for value in NO_STRINGS),
        *(({"toolTimeline": value}, ".toolTimeline") for value in [*NO_STRINGS, "x"]),
        *(({"toolTimeline": {**TIMELINE, name: []}}, f".toolTimeline.{name}") for name in TIMELINE),
        ({"toolTimeline": {**TIMELINE, "triggerVisibility": "x"}}, ".toolTimeline.triggerVisibility"),
        ({"toolTimeline": {**TIMELINE, "logType": "x"}}, ".toolTimeline.logType"),
    ],
)
def test_what_clients_could_not_read_again_is_refused(api: Api, cossistant: object, path: str) -> None:
    paths = send(api, provided(cossistant)).paths

    assert paths == [f"defaultTimelineItems.0.parts.0.providerMetadata.cossistant{path}"]


@pytest.mark.parametrize(("kind", "field"), PROVIDED)
def test_it_is_refused_wherever_a_part_has_it(api: Api, kind: str, field: str) -> None:
    response = send(api, {**minimal(kind), field: {"cossistant": None}})

    assert response.paths == [f"defaultTimelineItems.0.parts.0.{field}.cossistant"]


@pytest.mark.parametrize("name", TIMELINE)
def test_a_tool_timeline_is_whole(api: Api, name: str) -> None:
    timeline = {key: value for key, value in TIMELINE.items() if key != name}

    assert send(api, provided({"toolTimeline": timeline})).paths == [
        f"defaultTimelineItems.0.parts.0.providerMetadata.cossistant.toolTimeline.{name}"
    ]


def test_the_order_of_parts_is_kept(api: Api) -> None:
    parts = [full(kind) for kind in [*PARTS, *reversed(PARTS)]]

    assert send(api, *parts).items[0]["parts"] == parts
