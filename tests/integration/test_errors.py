"""Answers that are no success: their shape, and what they never say."""

import json
from typing import Any

import pytest

from tests.builders import (
    REFUSED,
    VISITOR,
    a_body,
    an_event,
    private,
    public,
)
from tests.client import Api, Stored

CANARY = "canary-7f3a"


@pytest.mark.parametrize("code", REFUSED)
def test_an_error_has_a_text_a_code_and_the_request_s_id(api: Api, stored: Stored, code: str) -> None:
    response = api(**REFUSED[code], request_id="request-1")

    details = response.body.pop("details", None)
    assert response.body == {
        "error": response.body["message"],
        "message": response.body["message"],
        "code": code,
        "requestId": "request-1",
    }
    assert response.body["message"].endswith(".")
    assert (details is not None) == (code == "VALIDATION_FAILED")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert stored() == []


def test_a_validation_error_names_each_place(api: Api) -> None:
    response = api(
        {
            "visitorId": VISITOR.lower(),
            "conversationId": "a#b",
            "channel": 1,
            "metadata": {"a": []},
            "defaultTimelineItems": [
                {"visibility": "x", "createdAt": "x"},
                {"parts": [{"type": "step-start"}, {"type": "source-url", "sourceId": "s", "url": "x"}]},
            ],
        }
    )

    assert sorted(response.paths) == [
        "channel",
        "conversationId",
        "defaultTimelineItems.0.createdAt",
        "defaultTimelineItems.0.visibility",
        "defaultTimelineItems.1.parts.1.url",
        "metadata",
        "visitorId",
    ]
    assert all(set(detail) == {"path", "message"} for detail in response.body["details"])


@pytest.mark.parametrize(("wrong", "named"), [(19, 19), (20, 20), (21, 20), (99, 20)])
def test_at_most_20_details_are_given(api: Api, wrong: int, named: int) -> None:
    assert len(api(a_body(defaultTimelineItems=[{"id": "#"}] * wrong)).paths) == named


def test_at_most_20_repeated_ids_are_named(api: Api) -> None:
    assert len(api(a_body(defaultTimelineItems=[{"id": "a"}] * 99)).paths) == 20


CANARIES: list[dict[str, Any]] = [
    {"visitorId": CANARY},
    {"conversationId": f"#{CANARY}"},
    {"channel": CANARY * 10},
    {"metadata": {CANARY: [CANARY]}},
    {"metadata": {CANARY * 10: 1}},
    {"metadata": CANARY},
    {"metadata": {CANARY: "x" * 20_000}},
    {"defaultTimelineItems": CANARY},
    {"defaultTimelineItems": [CANARY]},
    *(
        {"defaultTimelineItems": [item]}
        for item in [
            {"id": f"#{CANARY}"},
            {"visibility": CANARY},
            {"type": CANARY},
            {"text": [CANARY]},
            {"tool": {CANARY: 1}},
            {"userId": CANARY * 10},
            {"createdAt": CANARY},
            {"parts": CANARY},
            {"parts": [CANARY]},
            {"parts": [{"type": CANARY}]},
            {"parts": [{"type": f"tool-{CANARY}"}]},
            {"parts": [{"type": f"tool-{CANARY}", "input": CANARY, "state": CANARY, "toolCallId": [CANARY]}]},
            {"parts": [{"type": "text", "text": {CANARY: CANARY}, CANARY: CANARY}]},
            {"parts": [{"type": "source-url", "sourceId": "s", "url": CANARY}]},
            {"parts": [{"type": "reasoning", "text": "x", "providerMetadata": [CANARY]}]},
        ]
    ),
    {"defaultTimelineItems": [{"id": CANARY}, {"id": CANARY}]},
    {"defaultTimelineItems": [{"id": CANARY, "text": CANARY * 50_000}]},
]


@pytest.mark.parametrize("fields", CANARIES, ids=range(len(CANARIES)))
def test_no_value_is_echoed(api: Api, capsys: pytest.CaptureFixture[str], fields: dict[str, Any]) -> None:
    response = api(a_body(**fields), {**private(), "idempotency-key": CANARY})

    assert response.status in {400, 413}
    assert "canary" not in json.dumps(response.body) + capsys.readouterr().out


@pytest.mark.parametrize("raw", [f'{{"{CANARY}"', f'{{"a": "{CANARY}\\ud800"}}', f'{{"a": {CANARY}}}', CANARY])
def test_invalid_json_is_not_echoed(api: Api, raw: str) -> None:
    assert CANARY not in str(api(raw=raw).body)


@pytest.mark.parametrize(
    "headers",
    [
        private(CANARY),
        {"x-public-key": CANARY},
        public(origin=f"https://{CANARY}.example"),
        {**private(), "content-type": f"text/{CANARY}"},
        {**private(), "x-visitor-id": CANARY},
        {**private(), "idempotency-key": f"{CANARY}\t"},
    ],
)
def test_no_header_is_echoed(api: Api, headers: dict[str, str]) -> None:
    response = api({} if "x-visitor-id" in headers else a_body(), headers)

    assert response.status >= 400
    assert CANARY not in str(response.body)


def test_a_refusal_never_names_what_is_inside(api: Api) -> None:
    texts = " ".join(str(api(**request).body) for request in REFUSED.values()).lower()

    assert not [word for word in ["pydantic", "traceback", "dynamodb", "boto", "python", "lambda"] if word in texts]


def test_the_request_s_id_is_the_gateway_s(api: Api) -> None:
    event = an_event({}, request_id="from-the-gateway")

    assert api(event=event).body["requestId"] == "from-the-gateway"
