"""From the bytes of a body to a valid request, or to a list of what to change."""

import math
import re
from typing import Any

from aws_lambda_powertools.utilities.parser import ValidationError, parse
from conversations.errors import Code, Detail, Refusal
from conversations.validation import Entry, explain, invalid
from pydantic import ConfigDict, TypeAdapter
from pydantic_core import from_json, to_json

from api.models import NOT_A_ULID, PART_TAGS, ULID, ConversationRequest, Part, TimelineItemRequest

MAX_BODY_BYTES = 1_048_576

# Built when a part is found wrong for the first time, which takes 10 ms.
_PART: TypeAdapter[Any] = TypeAdapter(Part, config=ConfigDict(defer_build=True))
_ENTRIES: dict[str, Entry] = {
    "defaultTimelineItems": TimelineItemRequest.model_validate,
    "parts": _PART.validate_python,
}

#: Inside of it, names are the client's own.
_OPAQUE = frozenset({"metadata"})


def parse_request(body: bytes) -> ConversationRequest:
    """Read the body of a request, of which an empty one says nothing.

    Raises `Refusal`: PAYLOAD_TOO_LARGE, INVALID_JSON, or VALIDATION_FAILED with at most 20 details.
    """
    if len(body) > MAX_BODY_BYTES:
        raise Refusal(Code.PAYLOAD_TOO_LARGE, f"The body has more than {MAX_BODY_BYTES:,} bytes.")
    document = _read_json(body) if body else {}
    if not isinstance(document, dict):
        raise invalid([Detail("", "must be a JSON object")])
    try:
        return parse(event=document, model=ConversationRequest)
    except ValidationError as error:
        raise explain(error, document, _ENTRIES, tags=PART_TAGS, opaque=_OPAQUE) from None


def visitor_id(request: ConversationRequest, header: str) -> str:
    """Return the visitor of a request: that of the body, or else that of `X-Visitor-Id`.

    Raises `Refusal`: VISITOR_ID_REQUIRED, or VALIDATION_FAILED for a malformed header that is needed.
    """
    if request.visitor_id:
        return request.visitor_id
    if not header:
        raise Refusal(Code.VISITOR_ID_REQUIRED, "Please send visitorId in the body or X-Visitor-Id as a header.")
    if re.fullmatch(ULID, header) is None:
        raise invalid([Detail("X-Visitor-Id", NOT_A_ULID)])
    return header


def _read_json(body: bytes) -> Any:
    if body.startswith(b"\xef\xbb\xbf"):
        raise Refusal(Code.INVALID_JSON, "The body starts with a byte order mark; send JSON without one.")
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        # The parser names a rule and a position, never a value.
        raise Refusal(Code.INVALID_JSON, f"The body is not valid JSON: {error}.") from None
    if _may_overflow(body) and _overflows(document):
        raise Refusal(Code.INVALID_JSON, "The body is not valid JSON: a number is out of the range of a double.")
    return document


# A number past a double's range has 200 digits or an exponent of three, so a look at the shape of the body spares most
# others a second one.
_SHAPE = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x65 if byte == 0x45 else byte for byte in range(256))


def _may_overflow(body: bytes) -> bool:
    shape = body.translate(_SHAPE)
    return b"0e000" in shape or b"0e+000" in shape or b"0" * 200 in shape


# Such a number is read as infinite, or else is a whole one of 309 digits or more. Written again, these two are easily
# told from all before them; no step goes back, so the time is that of the length.
_LARGE = re.compile(rb'(?:[^"I0-9]++|"(?:[^"\\]++|\\.)*+"|[0-9]{1,308}+(?![0-9]))*+(Infinity|[0-9]++|\Z)')


def _overflows(document: Any) -> bool:
    return any(number and math.isinf(float(number)) for number in _LARGE.findall(to_json(document)))
