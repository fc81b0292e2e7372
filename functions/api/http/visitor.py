"""Resolves the visitor whose conversations a request may access."""

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel
from support.errors import Code, Detail, Refusal
from support.ids import NOT_A_ULID, ULID
from support.validation import invalid
from support.values.api_key import KeyType

#: Which calls must name a visitor. Others can access all of the website's conversations.
VisitorRequired = Literal["never", "public_key", "always"]


def find_visitor(
    required: VisitorRequired, key_type: KeyType, headers: Mapping[str, str], *sent: BaseModel | None
) -> str | None:
    """Return the visitor of a request, or None if it need not name one.

    `visitor_id` in the query or the body comes before `X-Visitor-Id`.

    Parameters
    ----------
    headers
        Names in lower case.
    sent
        The query and the body.

    Raises `Refusal`: VISITOR_ID_REQUIRED, or VALIDATION_FAILED for a malformed header that is needed.
    """
    if required == "never" or (required == "public_key" and key_type == "private"):
        return None
    for part in sent:
        if visitor_id := getattr(part, "visitor_id", None):
            return str(visitor_id)
    header = headers.get("x-visitor-id", "")
    if not header:
        raise Refusal(Code.VISITOR_ID_REQUIRED, "Please send a visitorId, or X-Visitor-Id as a header.")
    if re.fullmatch(ULID, header) is None:
        raise invalid([Detail("X-Visitor-Id", NOT_A_ULID)])
    return header
