"""Parses the body of a request into a valid model, or into a list of what to change."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json
from support.errors import Code, Detail, Refusal
from support.validation import Entry, explain, invalid
from support.values.parts import PART_TAGS, Part

Body = TypeVar("Body", bound=BaseModel)

#: The limit of a route whose entry does not set a lower one.
MAX_BODY_BYTES = 1_048_576

#: Names below these fields are client-defined.
_OPAQUE = frozenset({"metadata"})


def decode_body(event: Mapping[str, Any], max_bytes: int) -> bytes:
    """Return the bytes of a request's body.

    Parameters
    ----------
    event
        As `http_api.read` gives it.
    max_bytes
        The maximum size of a decoded body of this route.

    Raises `Refusal`: UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE or INVALID_JSON.
    """
    # Clients may declare an empty body as a form, or as text.
    if event["body"]:
        _require_json(event["headers"].get("content-type", ""))
    return _bytes(event, max_bytes)


def parse_body(body: bytes, model: type[Body], max_bytes: int) -> Body:
    """Parse the bytes of a body; an empty one is treated as `{}`.

    Raises `Refusal`: PAYLOAD_TOO_LARGE, INVALID_JSON, or VALIDATION_FAILED with at most 20 details.
    """
    _check_size(len(body), max_bytes)
    document = _read_json(body) if body else {}
    if not isinstance(document, dict):
        raise invalid([Detail("", "must be a JSON object")])
    try:
        return parse(event=document, model=model)
    except ValidationError as error:
        raise explain(error, document, _entries(), tags=PART_TAGS, opaque=_OPAQUE) from None


@cache
def _entries() -> Mapping[str, Entry]:
    # Built for the first invalid body, which takes 10 ms.
    from api.http.requests.timeline_items import TimelineItemRequest

    part: TypeAdapter[Any] = TypeAdapter(Part)
    return {"defaultTimelineItems": TimelineItemRequest.model_validate, "parts": part.validate_python}


def _require_json(content_type: str) -> None:
    media_type = content_type.split(";")[0].strip().lower()
    if media_type not in {"", "application/json"}:
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON, sent with `Content-Type: application/json`.")


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Refusal(Code.PAYLOAD_TOO_LARGE, f"The body has more than {max_bytes:,} bytes.")


def _bytes(event: Mapping[str, Any], max_bytes: int) -> bytes:
    body: str = event["body"]
    # A body that is certainly too large is not decoded. A character takes at least one byte; four characters of base64
    # encode three bytes, less one or two where the last four are padded.
    _check_size(len(body) // 4 * 3 - 2 if event["isBase64Encoded"] else len(body), max_bytes)
    try:
        return base64.b64decode(body, validate=True) if event["isBase64Encoded"] else body.encode()
    except ValueError:  # base64 and UTF-8 alike
        raise Refusal(Code.INVALID_JSON, "The body is not UTF-8 text.") from None


def _read_json(body: bytes) -> Any:
    if body.startswith(b"\xef\xbb\xbf"):
        raise Refusal(Code.INVALID_JSON, "The body starts with a byte order mark; send JSON without one.")
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        # The parser's message has a rule and a position, never a value.
        raise Refusal(Code.INVALID_JSON, f"The body is not valid JSON: {error}.") from None
    if _may_overflow(body) and _overflows(document):
        raise Refusal(Code.INVALID_JSON, "The body is not valid JSON: a number is out of the range of a double.")
    return document


# A number outside a double's range has 200 digits or an exponent of three. So the shape of the body, every digit
# replaced by 0, spares most bodies a second pass.
_SHAPE = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x65 if byte == 0x45 else byte for byte in range(256))


def _may_overflow(body: bytes) -> bool:
    shape = body.translate(_SHAPE)
    return b"0e000" in shape or b"0e+000" in shape or b"0" * 200 in shape


#: The smallest whole number that no double can represent: halfway between the largest double and 2**1024, it is rounded
#: up to infinity.
_TOO_LARGE = 2**1024 - 2**970


def _overflows(document: Any) -> bool:
    """Tell whether a number of a parsed document is outside a double's range; `1e400` was parsed as infinity."""
    # Exact types, one comparison and no recursion: a body may have half a million numbers.
    pending = [document]
    while pending:
        value = pending.pop()
        kind = type(value)
        if kind is list:
            pending.extend(value)
        elif kind is dict:
            pending.extend(value.values())
        elif (kind is int or kind is float) and not -_TOO_LARGE < value < _TOO_LARGE:
            return True
    return False
