"""Ids that the server makes: random ones, and those that a repeated request leads to again.

The latter are hashes keyed with a secret of the website. Who does not know it can't compute the id that another
caller's item is about to get, and so can neither take it first nor ask by it what is stored.
"""

import hmac
import secrets

from conversations.api_key import ApiKey
from ulid import ULID

# 1-9 and A-Z without O, which people take for a zero.
_ALPHABET = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_LENGTH = 16


def new_conversation_id() -> str:
    """Return `CO` and 16 random characters (81 bits)."""
    return _conversation_id(secrets.randbits(128))


def derived_conversation_id(key: ApiKey, visitor_id: str, idempotency_key: str) -> str:
    """Return the id of the conversation for which a visitor's `Idempotency-Key` stands.

    It depends on the website, the mode and the kind of the API key, not on the key itself, which may be rotated.
    """
    digest = _digest(key, b"conversation", key.website_id, key.mode, key.type, visitor_id, idempotency_key)
    return _conversation_id(int.from_bytes(digest, "big"))


def derived_item_id(key: ApiKey, conversation_id: str, position: int, content: bytes) -> str:
    """Return the id, in the form of a ULID, of an item that was sent without one.

    It depends on the website, the mode and the kind of the API key, on the conversation, and on the item's position in
    the request and its content.
    """
    scope = (key.website_id, key.mode, key.type, conversation_id, str(position))
    return str(ULID.from_bytes(_digest(key, b"item", *scope, content)))


def _conversation_id(number: int) -> str:
    characters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "CO" + "".join(characters)


def _digest(key: ApiKey, *parts: str | bytes) -> bytes:
    """Return the first 128 bits of a keyed hash (RFC 2104); no two lists of parts are the same message."""
    message = bytearray()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        message += len(encoded).to_bytes(8, "big") + encoded
    return hmac.digest(bytes.fromhex(key.id_secret), bytes(message), "sha256")[:16]
