"""Metadata: data of a company's own system about a conversation, as flat names and values."""

from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError, to_json

from support.validation import AtMost, Message

MAX_NAMES = 50
MAX_BYTES = 16 * 1024


def exceeded_limit(metadata: dict[str, Any]) -> str | None:
    """Return the message for the limit that merged metadata exceeds, or None."""
    if len(metadata) > MAX_NAMES:
        return f"must have at most {MAX_NAMES} entries"
    return "must take at most 16 KB of JSON" if len(to_json(metadata)) > MAX_BYTES else None


def _within_metadata_bytes(metadata: dict[str, Any]) -> dict[str, Any]:
    if (problem := exceeded_limit(metadata)) is not None:
        raise PydanticCustomError("too_much", problem)
    return metadata


_Flat = dict[
    Annotated[str, StringConstraints(min_length=1, max_length=64), Message("must have names of 1 to 64 characters")],
    Annotated[str | int | float | bool | None, Message("must have values that are strings, numbers, booleans or null")],
]

Metadata = Annotated[_Flat, AtMost(MAX_NAMES), AfterValidator(_within_metadata_bytes)]

#: Of a contact: an identity token may be among them, so that more than `Metadata` may come.
ContactMetadata = Annotated[_Flat, AtMost(2 * MAX_NAMES + 1)]

#: To be merged into metadata: it may remove as many names as it adds.
MetadataPatch = Annotated[_Flat, AtMost(2 * MAX_NAMES)]
