"""`Idempotency-Key`: parsing the header, and fingerprints of requests.

IETF draft-ietf-httpapi-idempotency-key-header. Many clients send the key without quotes, so both forms are accepted.
"""

import json
import re

from support.errors import Detail
from support.validation import invalid
from support.values.api_key import ApiKey

from api.domain.ids import keyed_hash

# RFC 8941 section 3.3.3: printable ASCII in double quotes, in which a backslash escapes a quote or itself.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~][ -~]*")
_MAX_LENGTH = 255

# Created once: `json.dumps` creates one for each call.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def parse_key(header: str) -> str:
    """Parse the header. Raises `Refusal` (VALIDATION_FAILED) unless it is 1 to 255 printable ASCII characters."""
    if (match := _QUOTED.fullmatch(header)) is not None:
        key = re.sub(r"\\(.)", r"\1", match[1])
    else:
        key = header if _BARE.fullmatch(header) else ""
    if not 1 <= len(key) <= _MAX_LENGTH:
        raise invalid(
            [Detail("Idempotency-Key", "must be 1 to 255 printable ASCII characters, bare or in double quotes")]
        )
    return key


def canonical(value: object) -> bytes:
    """Return JSON that does not depend on the order of names, at any depth."""
    return _canonical.encode(value).encode()


def fingerprint(key: ApiKey, request: object) -> str:
    """Return a keyed hash of a request, given as JSON values; it does not depend on the order of names.

    It depends on the website, the mode and the type of the API key. Without the website's secret, nobody who can read
    the table can use it to confirm a guess of what a request said.
    """
    return keyed_hash(key, "fingerprint", key.type, canonical(request)).hex()
