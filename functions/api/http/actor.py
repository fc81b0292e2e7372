"""The acting team member (`X-Actor-User-Id`), named by a company's server."""

import re
from collections.abc import Mapping

from support.errors import Detail, Refusal
from support.ids import ID, NOT_AN_ID
from support.validation import invalid

_HEADER = "X-Actor-User-Id"


def actor_of(headers: Mapping[str, str]) -> str | None:
    """Return the team member that `X-Actor-User-Id` names, or None without the header.

    `headers` have names in lower case. Raises `Refusal` (VALIDATION_FAILED) if it is malformed.
    """
    actor = headers.get(_HEADER.lower(), "")
    if not actor:
        return None
    if re.fullmatch(ID, actor) is None:
        raise _invalid(NOT_AN_ID)
    return actor


def required_actor_of(headers: Mapping[str, str]) -> str:
    """Return the team member that the header names. Raises `Refusal` (VALIDATION_FAILED) if it is missing, too."""
    actor = actor_of(headers)
    if actor is None:
        raise _invalid("is required with a private key")
    return actor


def _invalid(message: str) -> Refusal:
    return invalid([Detail(_HEADER, message)])
