"""API-key authentication: credentials in headers, and the rules for a public key's origin."""

import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from support.deadlines import Deadline
from support.errors import Code, Refusal
from support.store.api_keys import KeyRing
from support.values.api_key import ApiKey, KeyType, key_type
from support.values.origins import allows, normalise

# RFC 9110 section 11.4; the scheme is case-insensitive (section 11.1). A header that was sent twice arrives joined by a
# comma, and is no key, even if only one of them has this scheme.
_BEARER = re.compile(r"bearer +(\S+)", re.ASCII | re.IGNORECASE)
_NAMES_BEARER = re.compile(r"(?:.*,)?\s*bearer(?:[\s,].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)


class Credential(NamedTuple):
    """What a client sent as a key, well-formed or not, and of which kind it has to be."""

    secret: str
    key_type: KeyType


def credential_of(headers: Mapping[str, str]) -> Credential | None:
    """Return the key that headers hold, if they hold any.

    Names are in lower case. `authorization` decides when both keys were sent; with another scheme than Bearer, such as
    the Basic of a staging site, it holds no key.
    """
    authorization, public = headers.get("authorization", "").strip(), headers.get("x-public-key", "").strip()
    if _NAMES_BEARER.fullmatch(authorization):
        bearer = _BEARER.fullmatch(authorization)
        return Credential("" if bearer is None else bearer[1], "private")
    return Credential(public, "public") if public else None


def key_missing() -> Refusal:
    """Build the error for a request without any key."""
    return Refusal(
        Code.API_KEY_MISSING,
        "Please send a private key as `Authorization: Bearer sk_...`, or a public one as `X-Public-Key: pk_...`.",
    )


def find_key(credential: Credential, keys: KeyRing, deadline: Deadline) -> ApiKey:
    """Find the API key of a request.

    Raises `Refusal`: INVALID_API_KEY (the same for a malformed, unknown, revoked and expired key) or UNAVAILABLE.
    """
    key = keys.find(credential.secret, deadline) if key_type(credential.secret) == credential.key_type else None
    if key is None or not key.is_usable(time.time()):
        raise Refusal(Code.INVALID_API_KEY, "The API key is not valid.")
    return key


def require_allowed_origin(headers: Mapping[str, str], key: ApiKey) -> None:
    """Check that a public key is used from a page that may use it; a private key has no such rule.

    Raises `Refusal`: ORIGIN_REQUIRED or ORIGIN_NOT_ALLOWED.
    """
    if key.type == "private":
        return
    header = headers.get("origin", "")
    if not header:
        raise Refusal(Code.ORIGIN_REQUIRED, "A public API key works from a web page: the Origin header is missing.")
    origin = normalise(header)
    if origin is None or not allows(key.allowed_origins, origin, key.mode):
        raise Refusal(
            Code.ORIGIN_NOT_ALLOWED,
            "This origin is not among the website's allowed origins, or this key's mode does not accept it.",
        )
