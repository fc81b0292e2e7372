"""The alarms of the error budget, as template.yaml states them, on series of requests and errors that are made up."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from local.stages import expand
from local.template import TEMPLATE, resolve

#: What is known of a minute: its sum, or None where no data came.
Minute = float | None


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = resolve(expand(TEMPLATE.read_text()), {"Stage": "prod"})["Resources"]
    return found


# A small CloudWatch ---------------------------------------------------------------------------------------------------


def evaluate(expression: str, values: Mapping[str, Minute]) -> Minute:
    """Evaluate metric math of one point in time, by the functions and operators that the alarms use.

    Metric math has the syntax of Python's expressions. What is calculated from a missing value is missing, and so is
    what is divided by zero (CloudWatch User Guide, "Using math expressions").
    """

    def of(node: ast.expr) -> Minute:
        match node:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.Name(id=name):
                return values[name]
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                dividend, divisor = of(left), of(right)
                return None if dividend is None or not divisor else dividend / divisor
            case ast.Compare(left=left, ops=[ast.GtE()], comparators=[right]):
                one, other = of(left), of(right)
                return None if one is None or other is None else float(one >= other)
            case ast.Call(func=ast.Name(id="FILL"), args=[metric, filling]):
                return of(filling) if of(metric) is None else of(metric)
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
                return None if (holds := of(condition)) is None else of(then if holds else otherwise)
        raise AssertionError(f"{ast.unparse(node)} is not known here")

    return of(ast.parse(expression, mode="eval").body)


@dataclass(frozen=True)
class Traffic:
    """What came in each minute; errors, and requests, are known so many minutes later."""

    requests: Sequence[Minute]
    errors: Sequence[Minute]
    late: int = 0
    requests_late: int = 0

    def sums(self, now: int, minutes: int) -> dict[str, Minute]:
        """Return the sums of the last minutes before a time, as far as they are known then."""
        found = {}
        for name, series, late in (
            ("requests", self.requests, self.requests_late),
            ("errors", self.errors, self.late),
        ):
            known = [one for one in series[max(0, now - minutes) : max(0, now - late)] if one is not None]
            found[name] = sum(known) if known else None
        return found


def is_alarm(resources: Mapping[str, Any], name: str, traffic: Traffic, now: int) -> bool:
    """Tell whether an alarm is in ALARM at a time: of a metric, or a composite one."""
    body = resources[name]["Properties"]
    if "AlarmRule" in body:
        rule = body["AlarmRule"]["Fn::Sub"]
        assert re.fullmatch(r'ALARM\("\$\{\w+\}"\)( AND ALARM\("\$\{\w+\}"\))*', rule)
        return all(is_alarm(resources, part, traffic, now) for part in re.findall(r"\$\{(\w+)\}", rule))
    assert (body["EvaluationPeriods"], body["ComparisonOperator"]) == (1, "GreaterThanThreshold")
    assert body["TreatMissingData"] == "notBreaching"
    value, *metrics = body["Metrics"]
    assert [(metric["Id"], metric["MetricStat"]["Stat"]) for metric in metrics] == [
        ("errors", "Sum"),
        ("requests", "Sum"),
    ]
    [period] = {metric["MetricStat"]["Period"] for metric in metrics}
    found = evaluate(value["Expression"], traffic.sums(now, period // 60))
    return found is not None and found > float(body["Threshold"])


def alarms(resources: Mapping[str, Any], traffic: Traffic) -> dict[str, list[int]]:
    """Return the minutes in which each of the two is in ALARM: windows slide, and are evaluated each minute."""
    return {
        name: [now for now in range(len(traffic.requests) + 1) if is_alarm(resources, f"{name}Alarm", traffic, now)]
        for name in ("FastBurn", "SlowBurn")
    }


# What they say --------------------------------------------------------------------------------------------------------

HOUR = 60


def steady(hours: float, per_minute: float, share: float) -> Traffic:
    minutes = int(hours * HOUR)
    return Traffic([per_minute] * minutes, [per_minute * share] * minutes)


NEVER: dict[str, list[int]] = {"FastBurn": [], "SlowBurn": []}


def test_within_the_goal_nothing_is_told(resources: dict[str, Any]) -> None:
    assert alarms(resources, steady(13, 100, 0.0005)) == NEVER
    assert alarms(resources, steady(13, 100, 0.001)) == NEVER


def test_a_slow_burn_is_told_by_the_slow_alarm_alone(resources: dict[str, Any]) -> None:
    """0.7 % spends the budget of 30 days in a bit more than four."""
    found = alarms(resources, steady(7, 100, 0.007))

    assert found["FastBurn"] == []
    # As soon as there were enough requests for the longer window.
    assert found["SlowBurn"][0] == 10


def test_a_share_that_burns_fast_is_told_within_minutes(resources: dict[str, Any]) -> None:
    found = alarms(resources, steady(2, 100, 0.015))

    assert found["FastBurn"] == list(range(2, 2 * HOUR + 1))
    assert found["SlowBurn"]


def test_a_burn_that_begins_after_quiet_hours_is_told_once_it_has_cost_enough(resources: dict[str, Any]) -> None:
    quiet = 6 * HOUR
    traffic = Traffic([100] * (quiet + 2 * HOUR), [0] * quiet + [1.5] * (2 * HOUR))

    # 1.44 % of the hour is reached when nearly all of it has 1.5 %.
    assert alarms(resources, traffic)["FastBurn"][0] == quiet + 58


def test_two_minutes_of_nothing_but_errors_are_told_and_over_soon(resources: dict[str, Any]) -> None:
    began = 6 * HOUR
    traffic = Traffic([100] * (began + 4 * HOUR), [0] * began + [100, 100] + [0] * (4 * HOUR - 2))

    found = alarms(resources, traffic)
    # 100 errors of 6,000 requests are 1.67 %: in the first minute already, and until the short window has forgotten.
    assert found["FastBurn"] == list(range(began + 1, began + 7))
    # 200 of 36,000 are 0.56 %.
    assert found["SlowBurn"] == []


def test_few_requests_are_no_reason_to_wake_somebody(resources: dict[str, Any]) -> None:
    """At night, the check's own, and one customer's every 20 minutes, all of which fail."""
    checked: list[Minute] = [13 if minute % 5 == 0 else None for minute in range(8 * HOUR)]
    failed: list[Minute] = [1 if minute % 20 == 0 else None for minute in range(8 * HOUR)]

    found = alarms(resources, Traffic(checked, failed))
    assert found["FastBurn"] == []
    # 24 of 936.
    assert found["SlowBurn"] == []


def test_without_any_data_nothing_is_told(resources: dict[str, Any]) -> None:
    nothing: list[Minute] = [None] * (7 * HOUR)

    assert alarms(resources, Traffic(nothing, nothing)) == NEVER
    # That there was nothing is known: where a value is missing, an alarm looks further back.
    expressions = [
        body["Properties"]["Metrics"][0]["Expression"]
        for name, body in resources.items()
        if "Burn" in name and "Metrics" in body["Properties"]
    ]
    for requests in (None, 10_000):
        assert [evaluate(one, {"requests": requests, "errors": None}) for one in expressions] == [0, 0, 0, 0]


def test_errors_without_data_count_as_none_and_those_around_them_still_do(resources: dict[str, Any]) -> None:
    requests = [100] * HOUR
    assert alarms(resources, Traffic(requests, [None] * HOUR)) == NEVER

    gaps: list[Minute] = [10 if minute % 2 else None for minute in range(HOUR)]
    assert alarms(resources, Traffic(requests, gaps))["FastBurn"][-1] == HOUR


def test_when_traffic_ends_so_does_the_alarm(resources: dict[str, Any]) -> None:
    traffic = Traffic([100] * HOUR + [None] * HOUR, [100] * HOUR + [None] * HOUR)

    assert alarms(resources, traffic)["FastBurn"][-1] == HOUR + 4


@pytest.mark.parametrize("minutes", [1, 3])
def test_errors_that_come_late_are_told_late_and_not_lost(resources: dict[str, Any], minutes: int) -> None:
    began = 6 * HOUR
    errors = [0] * began + [100] * 10 + [0] * 50
    on_time = alarms(resources, Traffic([100] * len(errors), errors))["FastBurn"]
    late = alarms(resources, Traffic([100] * len(errors), errors, late=minutes))["FastBurn"]

    assert late[0] == on_time[0] + minutes
    assert late


def test_requests_that_come_after_their_errors_do_not_hide_them(resources: dict[str, Any]) -> None:
    assert alarms(resources, Traffic([100] * HOUR, [100] * HOUR, requests_late=3))["FastBurn"][0] == 5


def test_the_rates_and_windows_are_those_of_the_goal(resources: dict[str, Any]) -> None:
    found = {
        name: (
            body["Properties"]["Threshold"],
            body["Properties"]["Metrics"][1]["MetricStat"]["Period"] // 60,
            body["Properties"]["Metrics"][0]["Expression"].partition(" / requests / ")[2].partition(",")[0],
        )
        for name, body in resources.items()
        if "Burn" in name and "Metrics" in body["Properties"]
    }

    assert found == {
        "FastBurnHourAlarm": (14.4, 60, "0.001"),
        "FastBurnMinutesAlarm": (14.4, 5, "0.001"),
        "SlowBurnHoursAlarm": (6, 360, "0.001"),
        "SlowBurnMinutesAlarm": (6, 30, "0.001"),
    }
