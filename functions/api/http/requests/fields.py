"""Types of fields that several requests share: strict, so that nothing is converted.

For every field `null` is the same as absent; so is the empty string for ids, times and the channel, which SDKs send
while they do not know a value yet.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from support.ids import ID, NOT_A_ULID, NOT_AN_ID, ULID
from support.validation import Message
from support.values.timestamps import to_utc

#: For every request: names in camel case, unknown ones ignored.
REQUEST = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)


def absent_if_empty(value: str) -> str | None:
    """Treat the empty string as absent: SDKs send it while they do not know a value yet."""
    return value or None


OptionalId = Annotated[
    str,
    StringConstraints(pattern=rf"^({ID})?$"),
    Message(NOT_AN_ID),
    AfterValidator(absent_if_empty),
]
OptionalVisitorId = Annotated[
    str, StringConstraints(pattern=rf"^({ULID})?$"), Message(NOT_A_ULID), AfterValidator(absent_if_empty)
]
Claim = Annotated[str, StringConstraints(max_length=64), AfterValidator(absent_if_empty)]


def _utc(value: str) -> str:
    try:
        return to_utc(value)
    except ValueError:
        raise PydanticCustomError(
            "date_time", "must be an RFC 3339 date-time such as 2026-01-31T12:00:00Z, in the years 0001 to 9999 in UTC"
        ) from None


def _utc_or_absent(value: str) -> str | None:
    return _utc(value) if value else None


_DATE_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
Time = Annotated[str, AfterValidator(_utc), _DATE_TIME]
OptionalTime = Annotated[str, AfterValidator(_utc_or_absent), _DATE_TIME]


def _read_number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return int(value)
    raise PydanticCustomError("number", "must be a whole number of up to 9 digits")


#: Parses a number of a query, where everything is text. It must come after the number's bounds: then pydantic checks
#: the bounds last, and writes them into the document.
READ_NUMBER = BeforeValidator(_read_number)
MAX_NUMBER = 999_999_999

CURSOR_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"})
