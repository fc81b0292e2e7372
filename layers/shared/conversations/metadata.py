"""What a company's own system wants to remember of a conversation: flat names and values."""

from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError, to_json

from conversations.validation import AtMost, Message

MAX_NAMES = 50
MAX_BYTES = 16 * 1024


def _within_metadata_bytes(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(to_json(metadata)) > MAX_BYTES:
        raise PydanticCustomError("too_many_bytes", "must take at most 16 KB of JSON")
    return metadata


Metadata = Annotated[
    dict[
        Annotated[
            str, StringConstraints(min_length=1, max_length=64), Message("must have names of 1 to 64 characters")
        ],
        Annotated[
            str | int | float | bool | None, Message("must have values that are strings, numbers, booleans or null")
        ],
    ],
    AtMost(MAX_NAMES),
    AfterValidator(_within_metadata_bytes),
]
