"""conversations/timestamps.py: RFC 3339 in, UTC with milliseconds out."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values.timestamps import from_epoch, now, to_utc


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00.100Z"),
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.123456789123456789Z", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T23:59:59.9999Z", "2026-01-31T23:59:59.999Z"),
        ("2026-01-31T12:00:00+01:30", "2026-01-31T10:30:00.000Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
        ("2026-12-31T23:30:00-23:59", "2027-01-01T23:29:00.000Z"),
        ("2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00.000Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999Z"),
        ("2016-12-31T23:59:60.000Z", "2016-12-31T23:59:59.999Z"),
        ("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00-00:01", "0001-01-01T00:01:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59+00:01", "9999-12-31T23:58:59.000Z"),
    ],
)
def test_a_date_time_is_converted_to_utc_and_truncated(sent: str, stored: str) -> None:
    assert to_utc(sent) == stored


@pytest.mark.parametrize(
    "sent",
    [
        *("", "now", "2026-01-31", "12:00:00Z", "1769860800", "Sat, 31 Jan 2026 12:00:00 GMT"),
        *(
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00Z",
            "20260131T120000Z",
            "2026-W05-6T12:00:00Z",
        ),
        *("2026-01-31T12:00:00.Z", "2026-01-31T12:00:00,5Z", "2026-1-31T12:00:00Z", "+2026-01-31T12:00:00Z"),
        *("2026-01-31T12:00:00+0100", "2026-01-31T12:00:00+01", "2026-01-31T12:00:00 Z", "2026-01-31T12:00:00ZZ"),
        *("2026-02-29T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "2026-01-31T24:00:00.000Z"),
        *("2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z"),
        *("2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z", "2026-01-31T12:00:61Z", "2026-01-31T12:00:00+24:00"),
        *("2026-01-31T12:00:00+00:60", "2026-01-31T12:00:00Z\n", " 2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z\0"),
        *("\N{FULLWIDTH DIGIT TWO}026-01-31T12:00:00Z", "2026-01-31T12:00:00\N{MINUS SIGN}01:00"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z"),
    ],
)
def test_anything_else_is_refused(sent: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        to_utc(sent)


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_moment_in_every_offset_is_the_same_moment(local: datetime, offset: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    assert datetime.fromisoformat(to_utc(moment.isoformat())) == kept


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"))
def test_whatever_is_sent_is_a_time_or_refused(sent: str) -> None:
    try:
        stored = to_utc(sent)
    except ValueError:
        return
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stored)
    assert to_utc(stored) == stored


def test_now_is_now() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    assert before <= datetime.fromisoformat(now()) <= datetime.now(UTC)
    assert to_utc(now())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1970-01-01T00:00:00.000Z"), (1_769_860_800.5, "2026-01-31T12:00:00.500Z")]
)
def test_epoch_seconds_are_converted(seconds: float, text: str) -> None:
    assert from_epoch(seconds) == text
