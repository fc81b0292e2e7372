"""`Idempotency-Key`: its form, the conversation it stands for, and the request it was used with.

IETF draft-ietf-httpapi-idempotency-key-header. Many clients send the key bare, so both forms are read.
"""

import hashlib
import json
import re
from collections.abc import Mapping

from support.errors import Detail
from support.keys import ApiKey
from support.validation import invalid

from conversations.ids import derived_conversation_id

# RFC 8941 section 3.3.3: printable ASCII in double quotes, in which a backslash escapes a quote or itself.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~][ -~]*")
_MAX_LENGTH = 255


def parse_key(header: str) -> str:
    """Read the header; raises `Refusal` (VALIDATION_FAILED) for anything but 1 to 255 printable ASCII characters."""
    if (match := _QUOTED.fullmatch(header)) is not None:
        key = re.sub(r"\\(.)", r"\1", match[1])
    else:
        key = header if _BARE.fullmatch(header) else ""
    if not 1 <= len(key) <= _MAX_LENGTH:
        raise invalid(
            [Detail("Idempotency-Key", "must be 1 to 255 printable ASCII characters, bare or in double quotes")]
        )
    return key


def conversation_id(key: ApiKey, visitor_id: str, idempotency_key: str) -> str:
    """Return the id of the conversation that a visitor's idempotency key stands for on a website."""
    return derived_conversation_id(key.website_id, key.mode, visitor_id, idempotency_key)


def fingerprint(said: Mapping[str, object]) -> str:
    """Return a hash of what a request says, free of the order of names."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
