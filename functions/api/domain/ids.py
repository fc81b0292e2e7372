"""Ids that the server makes: random ones, and those that a repeated request leads to again.

The latter are hashes keyed with a secret of the website. Who does not know it can't compute the id that another
caller's item is about to get, and so can neither take it first nor ask by it what is stored.
"""

import hmac
import secrets
import time

from support.values.api_key import ApiKey
from ulid import ULID

# 1-9 and A-Z without O, which people take for a zero.
_ALPHABET = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_LENGTH = 16


def new_conversation_id() -> str:
    """Return `CO` and 16 random characters (81 bits)."""
    return _conversation_id(secrets.randbits(128))


def new_ulid() -> str:
    """Return a ULID of now and 80 random bits, for a visitor or an item.

    No id follows from another: who knows a visitor's id passes for that visitor, and who knows an item's can take it.
    (`ULID()` counts up from the one that it made last, if that was in the same millisecond.)
    """
    return str(ULID.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + secrets.token_bytes(10)))


def derived_conversation_id(key: ApiKey, visitor_id: str, idempotency_key: str) -> str:
    """Return the id of the conversation for which a visitor's `Idempotency-Key` stands.

    It depends on the website, the mode and the kind of the API key, not on the key itself, which may be rotated.
    """
    digest = keyed_hash(key, "conversation", f"{key.type}#{visitor_id}", idempotency_key.encode())
    return _conversation_id(int.from_bytes(digest, "big"))


def derived_item_id(key: ApiKey, conversation_id: str, position: int, content: bytes) -> str:
    """Return the id, in the form of a ULID, of an item that was sent without one.

    It depends on the website, the mode and the kind of the API key, on the conversation, and on the item's position in
    the request and its content.
    """
    return str(ULID.from_bytes(keyed_hash(key, "item", f"{key.type}#{conversation_id}#{position}", content)))


def visitor_key(key: ApiKey, visitor_id: str) -> str:
    """Return what names a visitor of the website and mode to those who must not be able to act as the visitor."""
    return keyed_hash(key, "visitor", "", visitor_id.encode()).hex()


def _conversation_id(number: int) -> str:
    characters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "CO" + "".join(characters)


def keyed_hash(key: ApiKey, kind: str, scope: str, last: bytes) -> bytes:
    """Return the first 128 bits of a hash that is keyed with the website's secret (RFC 2104).

    No two lists of parts are the same message: a `#` is in none but `scope`, whose number of parts follows from its
    kind, and the last one.
    """
    message = f"{kind}#{key.website_id}#{key.mode}#{scope}#".encode() + last
    return hmac.digest(key.id_secret.encode(), message, "sha256")[:16]
