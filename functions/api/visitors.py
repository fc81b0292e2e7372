"""Whose conversations a request is about."""

import re
from collections.abc import Mapping

from conversations.errors import Code, Detail, Refusal
from conversations.validation import invalid

from api.requests.fields import NOT_A_ULID, ULID


def visitor_of(sent: str | None, headers: Mapping[str, str]) -> str:
    """Return the visitor of a request: the one that body or query names, or else that of `X-Visitor-Id`.

    Raises `Refusal`: VISITOR_ID_REQUIRED, or VALIDATION_FAILED for a malformed header that is needed.
    """
    if sent:
        return sent
    header = headers.get("x-visitor-id", "")
    if not header:
        raise Refusal(Code.VISITOR_ID_REQUIRED, "Please send visitorId in the body or X-Visitor-Id as a header.")
    if re.fullmatch(ULID, header) is None:
        raise invalid([Detail("X-Visitor-Id", NOT_A_ULID)])
    return header
