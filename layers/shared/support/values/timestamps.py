"""Times as they are stored and returned: RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.999Z`."""

import re
from datetime import UTC, datetime, timedelta

DAY_SECONDS = 86_400

# What is converted already, if its date exists; JavaScript's clients send no other form.
_CONVERTED = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII)
# RFC 3339 section 5.6, date-time. In two patterns, so that nothing follows the fraction in the first: a million digits
# are read once, without backtracking.
_LOCAL_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)T(?P<minute>\d\d:\d\d):(?P<second>\d\d)(?P<fraction>\.\d+)?", re.ASCII | re.IGNORECASE
)
_OFFSET = re.compile(r"Z|[+-](?:[01]\d|2[0-3]):[0-5]\d", re.ASCII | re.IGNORECASE)


def now() -> str:
    """Return the present moment."""
    return _to_text(datetime.now(UTC))


def from_epoch(seconds: float) -> str:
    """Return a moment that is given in epoch seconds."""
    return _to_text(datetime.fromtimestamp(seconds, UTC))


def to_epoch(moment: str) -> int:
    """Return the epoch second of a time in the form of this module."""
    return int(datetime.fromisoformat(moment).timestamp())


def after(moment: str) -> str:
    """Return the present moment, or the millisecond after a given one if that is later."""
    return max(now(), _to_text(datetime.fromisoformat(moment) + timedelta(milliseconds=1)))


def to_utc(date_time: str) -> str:
    """Convert an RFC 3339 date-time to UTC, truncated to milliseconds.

    A leap second, `:60`, is read as 59.999. Raises ValueError for anything but a date-time, and for one
    outside the years 0001 to 9999 in UTC.
    """
    if _CONVERTED.fullmatch(date_time):
        datetime.fromisoformat(date_time)
        return date_time
    match = _LOCAL_TIME.match(date_time)
    if match is None or not _OFFSET.fullmatch(date_time, match.end()):
        raise ValueError("not an RFC 3339 date-time")
    second, fraction = match["second"], (match["fraction"] or ".")[1:4].ljust(3, "0")
    if second == "60":
        second, fraction = "59", "999"
    offset = date_time[match.end() :]
    offset = "+00:00" if offset in "Zz" else offset
    local = datetime.fromisoformat(f"{match['date']}T{match['minute']}:{second}.{fraction}{offset}")
    try:
        return _to_text(local.astimezone(UTC))
    except OverflowError:
        raise ValueError("outside the years 0001 to 9999 in UTC") from None


def _to_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
