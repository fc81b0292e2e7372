"""Cursors: text that leads to the next page, as base64 for URLs."""

import base64
import re

from pydantic_core import PydanticCustomError

#: RFC 3339 in UTC with milliseconds.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def encode(place: str) -> str:
    """Return the cursor that stands for a place (RFC 4648 section 5, without padding)."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode(cursor: str, form: re.Pattern[str]) -> str:
    """Return the place of this form that a cursor stands for. Raises pydantic's error if there is none."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True).decode()
    except ValueError:  # base64 and UTF-8 alike
        place = ""
    if form.fullmatch(place) is None:
        raise PydanticCustomError("cursor", "must be the nextCursor of an earlier response")
    return place
