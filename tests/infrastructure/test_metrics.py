"""The names of metrics: those of the code, of the alarms, of the dashboard and of the runbook are the same."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from api.routes import all_routes
from support.errors import Code
from support.observability import Metric

from local import ROOT
from local.stages import stages
from local.template import resolve
from tests.client import api_over
from tests.fakes import FakeTable
from tests.infrastructure.conftest import OPTIONS

#: Names that go on after a dot, and what may stand there.
DETAILED = {
    Metric.REFUSED: [code.value for code in Code],
    Metric.READ: [route.id for route in all_routes() if route.method == "GET"],
    Metric.CHANGED: [route.id for route in all_routes() if route.method != "GET"],
}
#: What the code can emit.
EMITTED = {str(metric) for metric in Metric if metric not in DETAILED} | {
    f"{metric}.{detail}" for metric, details in DETAILED.items() for detail in details
}
#: The code's own namespace.
NAMESPACE = "Conversations"


@pytest.fixture
def dimension_sets(emitted: Callable[[], list[dict[str, Any]]]) -> list[set[str]]:
    """The sets of dimensions under which a request's metrics are emitted."""
    api_over(FakeTable([]))(headers={})
    [directive] = [directive for line in emitted() if "_aws" in line for directive in line["_aws"]["CloudWatchMetrics"]]
    assert directive["Namespace"] == NAMESPACE
    return [set(names) for names in directive["Dimensions"]]


@pytest.fixture
def alarms(everything: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: body["Properties"]
        for name, body in everything["Resources"].items()
        if body["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.fixture
def telling(everything: dict[str, Any], alarms: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The alarms that tell somebody: composite ones, and those of which none of these is made."""
    composite = {
        name: body["Properties"]
        for name, body in everything["Resources"].items()
        if body["Type"] == "AWS::CloudWatch::CompositeAlarm"
    }
    parts = {part for body in composite.values() for part in _parts(body)}
    return composite | {name: body for name, body in alarms.items() if name not in parts}


def _parts(composite: dict[str, Any]) -> list[str]:
    return re.findall(r"\$\{(\w+)\}", composite["AlarmRule"]["Fn::Sub"])


@pytest.fixture
def widgets(everything: dict[str, Any]) -> list[dict[str, Any]]:
    body = everything["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def _own_metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
    return [metric for metric in [alarm, *queries] if metric.get("Namespace") == NAMESPACE]


def test_alarms_look_at_metrics_that_the_code_emits(
    alarms: dict[str, dict[str, Any]], stage: str, dimension_sets: list[set[str]]
) -> None:
    looked_at = {name: metrics for name, alarm in alarms.items() if (metrics := _own_metrics(alarm))}

    assert looked_at.keys() >= {"DefectsAlarm", "UnavailableAlarm", "KeyGuessingAlarm", "RateLimitAlarm"}
    for name, metric in ((name, metric) for name, metrics in looked_at.items() for metric in metrics):
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        assert metric["MetricName"] in EMITTED
        assert dimensions.keys() in dimension_sets
        # Live and test together, unless it is about customers alone.
        assert dimensions == {"stage": stage, **({"mode": "live"} if name == "SilenceAlarm" else {})}


def test_what_is_counted_late_is_still_seen(alarms: dict[str, dict[str, Any]]) -> None:
    """A minute without a metric counts as one without a defect, until the metric comes."""
    counting = {name: alarm for name, alarm in alarms.items() if _statistic(alarm) == "Sum"}

    assert len(counting) >= 8
    for name, alarm in counting.items():
        period = alarm.get("Period") or alarm["Metrics"][1]["MetricStat"]["Period"]
        assert period * int(alarm["EvaluationPeriods"]) >= 5 * 60, name


def _statistic(alarm: dict[str, Any]) -> str:
    found: str = alarm["Metrics"][1]["MetricStat"]["Stat"] if "Metrics" in alarm else alarm.get("Statistic", "")
    return found


def test_an_alarm_tells_the_gateway_s_own_429_from_ours(
    everything: dict[str, Any], alarms: dict[str, dict[str, Any]]
) -> None:
    metric_filter = everything["Resources"]["GatewayThrottles"]["Properties"]
    [metric] = metric_filter["MetricTransformations"]
    alarm = alarms["GatewayThrottlesAlarm"]

    assert metric_filter["LogGroupName"] == {"Ref": "AccessLogGroup"}
    assert metric_filter["FilterPattern"] == '{ $.status = "429" && $.integrationStatus = "-" }'
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    # The fields that the filter looks at are in the line, each under its name.
    settings = everything["Resources"]["HttpApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]
    line = json.loads(settings["Format"])
    assert (line["status"], line["integrationStatus"]) == ("$context.status", "$context.integrationStatus")


def test_the_dashboard_shows_every_metric_and_no_other(
    widgets: list[dict[str, Any]], stage: str, dimension_sets: list[set[str]]
) -> None:
    shown = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    own = [metric for metric in shown if metric[0] == NAMESPACE]
    searches = [metric[0]["expression"] for metric in shown if isinstance(metric[0], dict)]

    assert {"stage"} in dimension_sets
    assert {tuple(metric[2:4]) for metric in own} == {("stage", stage)}
    named = {metric[1] for metric in own}
    assert named <= EMITTED
    assert {str(metric) for metric in Metric if metric not in DETAILED} <= named
    # The others are found by the first word of their names.
    assert len(searches) == len(DETAILED)
    for metric, search in zip((Metric.CHANGED, Metric.READ, Metric.REFUSED), searches, strict=True):
        [(namespace, *dimensions)] = (schema.split(",") for schema in re.findall(r"SEARCH\('\{([^}]*)\}", search))
        assert (namespace, set(dimensions) in dimension_sets) == (NAMESPACE, True)
        assert f'stage="{stage}" {metric}\'' in search


def test_the_dashboard_asks_questions_from_top_to_bottom(widgets: list[dict[str, Any]]) -> None:
    assert all(widget["properties"]["title"].rstrip(")").partition(" (")[0].endswith("?") for widget in widgets)
    assert [widget["y"] for widget in widgets] == sorted(widget["y"] for widget in widgets)
    for widget in widgets:
        beside = [other for other in widgets if other["y"] == widget["y"]]
        assert sum(other["width"] for other in beside) == 24


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["as it is", "with all options"])
def test_the_dashboard_shows_every_alarm_that_there_is(
    expanded: dict[str, Any], stage: str, options: dict[str, str]
) -> None:
    resources = resolve(expanded, stages()[stage] | options)["Resources"]
    shown = re.findall(r"\$\{(\w+)\.Arn\}", resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])

    assert sorted(shown) == sorted(
        name for name, body in resources.items() if "AlarmActions" in body.get("Properties", {})
    )


def test_every_alarm_tells_the_topic_and_says_what_it_means(
    alarms: dict[str, dict[str, Any]], telling: dict[str, dict[str, Any]]
) -> None:
    for name, alarm in (alarms | telling).items():
        assert alarm.get("AlarmActions", []) == ([{"Ref": "AlarmTopic"}] if name in telling else [])
        assert alarm["AlarmDescription"].endswith(".")


@pytest.fixture
def runbook(telling: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The cells of the runbook's rows after the first one, by the names of the alarms; as many as tell somebody."""
    text = (ROOT / "docs/operate.md").read_text()
    rows = [
        re.split(r" *(?<!\\)\| *", row.strip("| ")) for row in re.findall(r"^\| \*\*\w+\*\* .*$", text, re.MULTILINE)
    ]
    found = {f"{row[0].strip('*')}Alarm": row[1:] for row in rows}
    assert len(found) == len(rows)
    assert telling.keys() <= found.keys()
    return found


def test_every_alarm_has_its_entry_in_the_runbook_with_its_first_command(
    expanded: dict[str, Any], runbook: dict[str, list[str]]
) -> None:
    text = (ROOT / "docs/operate.md").read_text()
    commands = {"aws", "curl", *re.findall(r"^(\w+)\(\) \{", text, re.MULTILINE)}
    of_functions = "/aws/lambda/${AWS::StackName}-"
    groups = {
        body["Properties"]["LogGroupName"]["Fn::Sub"].removeprefix(of_functions)
        for body in expanded["Resources"].values()
        if body["Type"] == "AWS::Logs::LogGroup"
    }

    assert {name for name in runbook if name not in expanded["Resources"]} == set()
    for name, (_, command, *rest) in runbook.items():
        assert len(rest) == 2, name
        [first] = re.fullmatch(r"`([^`]+)`", command).groups()  # type: ignore[union-attr]
        words = first.split(" ")
        assert words[0] in commands, name
        # What is looked at is there.
        if words[0] == "lines":
            assert words[1] in groups, name
        if words[0] == "resource":
            assert words[1] in expanded["Resources"], name


def test_a_burn_is_made_of_two_alarms_that_are_there(
    everything: dict[str, Any], alarms: dict[str, dict[str, Any]]
) -> None:
    for name in ("FastBurnAlarm", "SlowBurnAlarm"):
        parts = _parts(everything["Resources"][name]["Properties"])
        assert len(parts) == 2
        assert set(parts) <= alarms.keys()
