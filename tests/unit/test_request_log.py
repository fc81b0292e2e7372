"""What a request leaves behind: one line in the log, and its metrics in CloudWatch's embedded metric format."""

import hashlib
from base64 import b64encode
from typing import Any

import pytest
from api.http import request_log
from aws_lambda_powertools.metrics import MetricUnit
from support.errors import Code
from support.observability import Metric

from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_VISITOR,
    PUBLIC_KEY,
    REFUSED,
    REVOKED_KEY,
    SETTINGS,
    UNKNOWN_KEY,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.client import Api, Emitted, api_over
from tests.fakes import FakeTable

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def test_a_creation_is_logged_in_one_line(fake_table: FakeTable, emitted: Emitted) -> None:
    body = a_body(conversationId="c", defaultTimelineItems=[a_message("a"), a_message("b")])
    event = an_event(body, {**private(), "traceparent": f"00-{TRACE}-{PARENT}-01"}, request_id="request-1")

    api_over(fake_table)(event=event)

    [line] = _lines(emitted())
    parts = line.pop("milliseconds")
    assert set(parts) == {"authentication", "validation", "route", "response", "database", "total"}
    assert all(part >= 0 for part in parts.values())
    assert parts["total"] >= parts["authentication"] + parts["validation"] + parts["route"]
    assert {name: line[name] for name in line.keys() - {"timestamp", "location", "service", "cold_start"}} == {
        "level": "INFO",
        "message": "request",
        "request_id": "request-1",
        "function_request_id": Context().aws_request_id,
        "trace_id": TRACE,
        "route": "POST /v1/conversations",
        "website_id": WEBSITE,
        "key_id": f"{WEBSITE}-01JDEM0KEY1TESTPR1VATE0000",
        "mode": "test",
        "visitor": hashlib.sha256(VISITOR.encode()).hexdigest()[:16],
        "bytes": len(event["body"]),
        "items": 2,
        "written": 2,
        "replay": False,
        "status": 200,
        "database_calls": 2,
        "capacity_units": 0,
    }


def test_a_replay_says_so(api: Api, emitted: Emitted) -> None:
    body = a_body(conversationId="c", defaultTimelineItems=[a_message("a")])
    api(body)
    emitted()

    api(body)

    [line] = _lines(emitted())
    assert (line["replay"], line["items"], line["written"], line["database_calls"]) == (True, 1, 0, 1)


def test_an_appended_item_is_told_from_a_stored_one(api: Api, emitted: Emitted) -> None:
    api(a_body(conversationId="c", defaultTimelineItems=[a_message(id="1")]))
    emitted()

    api(a_body(conversationId="c", defaultTimelineItems=[a_message(id="1"), a_message(id="2")]))

    [line] = _lines(emitted())
    assert (line["replay"], line["items"], line["written"]) == (False, 2, 1)


def test_bytes_are_those_of_the_decoded_body(api: Api, emitted: Emitted) -> None:
    body = f'{{"visitorId": "{VISITOR}", "channel": "\N{PARTY POPPER}"}}'.encode()
    api(raw=body.decode())
    api(raw=b64encode(body).decode(), base64=True)

    assert [line["bytes"] for line in _lines(emitted())] == [len(body)] * 2


def test_a_visitor_can_be_followed_but_not_known(api: Api, emitted: Emitted) -> None:
    api(a_body())
    api(a_body())
    api(a_body(visitorId=OTHER_VISITOR))

    first, second, other = (line["visitor"] for line in _lines(emitted()))
    assert first == second != other
    assert VISITOR not in first


@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_is_one_line_and_one_count(api: Api, emitted: Emitted, code: str) -> None:
    response = api(**REFUSED[code])

    lines = emitted()
    [line], [metrics] = _lines(lines), _metrics(lines)
    assert (line["code"], line["status"]) == (code, response.status)
    assert line["request_id"] == response.body["requestId"]
    assert metrics[f"Refused.{code}"] == [1]
    assert not {"Created", "Replayed", "Appended", "Items"} & metrics.keys()


@pytest.mark.parametrize("headers", [{}, private(UNKNOWN_KEY), private("x"), private(REVOKED_KEY)])
def test_nobody_s_request_belongs_to_no_website(api: Api, emitted: Emitted, headers: dict[str, str]) -> None:
    api(a_body(), headers)

    lines = emitted()
    assert not {"website_id", "key_id", "mode"} & _lines(lines)[0].keys()
    assert _metrics(lines)[0]["mode"] == "none"


@pytest.mark.parametrize(
    ("headers", "calls"),
    [
        ({}, [0, 0]),
        (private("x"), [0, 0]),
        (private(UNKNOWN_KEY[:-1]), [0, 0]),
        (private(UNKNOWN_KEY.upper()), [0, 0]),
        (private(PUBLIC_KEY), [0, 0]),
        (private(UNKNOWN_KEY), [1, 0]),
        (private(REVOKED_KEY), [1, 0]),
        (public(origin="https://evil.example"), [1, 0]),
    ],
)
def test_what_has_no_valid_key_costs_one_read_at_most(
    api: Api, emitted: Emitted, headers: dict[str, str], calls: list[int]
) -> None:
    for _ in calls:
        api(a_body(), headers)

    assert [line["database_calls"] for line in _lines(emitted())] == calls


def test_an_environment_s_first_request_is_cold(api: Api, emitted: Emitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_cold", True)

    api({})
    api(a_body())
    api(a_body())

    assert [line["cold_start"] for line in _lines(emitted())] == [True, False, False]


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        TRACE,
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        "00-" + "\N{ARABIC-INDIC DIGIT ONE}" * 32 + f"-{PARENT}-01",
    ],
)
def test_a_malformed_trace_id_is_left_out(api: Api, emitted: Emitted, traceparent: str) -> None:
    api(a_body(), {**private(), "traceparent": traceparent})

    assert "trace_id" not in _lines(emitted())[0]


def test_a_request_leaves_nothing_for_the_next_one(api: Api, emitted: Emitted) -> None:
    api(a_body(), {**private(), "traceparent": f"00-{TRACE}-{PARENT}-01"}, request_id="first")
    api(headers={}, request_id="second")

    lines = emitted()
    assert _lines(lines)[1].keys() & {"trace_id", "website_id", "visitor", "items", "bytes"} == set()
    assert _lines(lines)[1]["request_id"] == "second"
    assert _lines(lines)[1]["database_calls"] == 0
    assert _metric_names(_metrics(lines)[1]) == {"Refused.API_KEY_MISSING"}


def test_database_faults_are_seen(fake_table: FakeTable, emitted: Emitted, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ["TransactionConflict", "ThrottlingException", "ConnectionClosedError", "RequestLimitExceeded"]
    transact = fake_table.transact

    def after_faults(*args: Any, **options: Any) -> None:
        fake_table.usage.faults += faults
        transact(*args, **options)

    monkeypatch.setattr(fake_table, "transact", after_faults)
    api_over(fake_table)(a_body())

    lines = emitted()
    [line], [metrics] = _lines(lines), _metrics(lines)
    assert (line["status"], line["database_faults"]) == (200, faults)
    assert metrics["DatabaseRetries"] == [4]
    assert metrics["DatabaseConflicts"] == [1]
    assert metrics["DatabaseThrottles"] == [2]


def test_a_defect_is_logged_by_its_type_and_place(
    fake_table: FakeTable, emitted: Emitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("what a customer wrote")

    monkeypatch.setattr(fake_table, "transact", fail)
    response = api_over(fake_table)(a_body(), request_id="request-1")

    lines = emitted()
    [defect] = [line for line in lines if line.get("message") == "unhandled_exception"]
    assert response.code == "INTERNAL_ERROR"
    assert (defect["level"], defect["error_type"], defect["request_id"]) == ("ERROR", "LookupError", "request-1")
    assert defect["error_trace"][-1].startswith("test_request_log.py:")
    assert "customer" not in str(lines)
    assert _metrics(lines)[0]["Refused.INTERNAL_ERROR"] == [1]


# Metrics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "request_", "counted"),
    [
        ([], [a_message(id="1"), a_message(id="2")], {"Created": [1], "Items": [2]}),
        ([], None, {"Created": [1], "Items": [0]}),
        ([a_message(id="1")], [a_message(id="1")], {"Replayed": [1], "Items": [0]}),
        ([a_message(id="1")], [a_message(id="1"), a_message(id="2")], {"Appended": [1], "Items": [1]}),
    ],
    ids=["created", "created without items", "replayed", "appended"],
)
def test_what_became_of_a_request_is_counted(
    api: Api, emitted: Emitted, before: list[object], request_: list[object] | None, counted: dict[str, list[int]]
) -> None:
    if before:
        api(a_body(conversationId="c", defaultTimelineItems=before))
        emitted()

    api(a_body(conversationId="c", defaultTimelineItems=request_))

    lines = emitted()
    [metrics], [line] = _metrics(lines), _lines(lines)
    assert {name: metrics[name] for name in metrics.keys() & {"Created", "Replayed", "Appended", "Items"}} == counted
    assert metrics["PayloadBytes"] == [line["bytes"]]
    assert metrics["DatabaseMilliseconds"] == [line["milliseconds"]["database"]]


@pytest.mark.parametrize("key", [LIVE_PRIVATE_KEY, LIVE_PRIVATE_KEY.replace("live", "test")])
def test_metrics_are_those_of_the_stage_and_of_its_modes(fake_table: FakeTable, emitted: Emitted, key: str) -> None:
    api_over(fake_table)(a_body(), private(key))

    [metrics] = _metrics(emitted())
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["stage", "mode"], ["stage"]]
    assert (metrics["stage"], metrics["mode"]) == (SETTINGS.stage, key.split("_")[1])


def test_metrics_keep_to_the_embedded_metric_format(fake_table: FakeTable, emitted: Emitted) -> None:
    """As CloudWatch specifies it: "Specification: Embedded metric format", in its User Guide."""
    api = api_over(fake_table)
    body = a_body(conversationId="c", defaultTimelineItems=[a_message()])
    for request in [{"body": body}, {"body": body}, *REFUSED.values()]:
        api(**request)

    documents = _metrics(emitted())
    assert len(documents) == 2 + len(REFUSED)
    known = {*Metric} - {Metric.REFUSED} | {f"{Metric.REFUSED}.{code}" for code in Code}
    units = {unit.value for unit in MetricUnit}
    for document in documents:
        assert document["_aws"].keys() == {"Timestamp", "CloudWatchMetrics"}
        assert isinstance(document["_aws"]["Timestamp"], int)
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert directive["Namespace"] == "Conversations"
        dimensions = {name for names in directive["Dimensions"] for name in names}
        assert all(isinstance(document[name], str) and document[name] for name in dimensions)
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert 1 <= len(names) == len(set(names)) <= 100
        assert set(names) <= known
        assert {metric["Unit"] for metric in directive["Metrics"]} <= units
        assert all(isinstance(value, int | float) for name in names for value in document[name])
        assert document.keys() == {"_aws", *dimensions, *names}


def _lines(emitted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in emitted if line.get("message") == "request"]


def _metrics(emitted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in emitted if "_aws" in line]


def _metric_names(document: dict[str, Any]) -> set[str]:
    [directive] = document["_aws"]["CloudWatchMetrics"]
    return {metric["Name"] for metric in directive["Metrics"]}
