"""Cursors: the key at which the next page begins, in base64 for URLs."""

import base64
import re

from pydantic_core import PydanticCustomError

#: RFC 3339 in UTC with milliseconds.
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def encode(key: str) -> str:
    """Return the cursor of a key (RFC 4648 section 5, without padding)."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode(cursor: str, form: re.Pattern[str]) -> str:
    """Return the key of a cursor. Raises `PydanticCustomError` if it does not match `form`."""
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True).decode()
    except ValueError:  # base64 and UTF-8 alike
        key = ""
    if form.fullmatch(key) is None:
        raise PydanticCustomError("cursor", "must be the nextCursor of an earlier response")
    return key
