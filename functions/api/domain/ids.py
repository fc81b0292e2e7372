"""Ids that the server generates: random ones, and derived ones, which a retry gets again.

Derived ids are hashes keyed with a secret of the website. Without the secret nobody can compute the id that another
caller's item is about to get, and so can neither take it first nor probe for what is stored.
"""

import secrets
import time

from support.values import keyed_hash as hashes
from support.values.api_key import ApiKey
from ulid import ULID

# 1-9 and A-Z without O, which is easily mistaken for a zero.
_ALPHABET = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_LENGTH = 16


def new_conversation_id() -> str:
    """Return `CO` and 16 random characters (81 bits)."""
    return _conversation_id(secrets.randbits(128))


def new_ulid() -> str:
    """Return a ULID of now and 80 random bits, for a visitor or an item.

    No id can be predicted from another: a visitor's id authorises acting as that visitor, and an item's id can be taken
    by whoever knows it first. (`ULID()` increments the last one within the same millisecond.)
    """
    return str(ULID.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + secrets.token_bytes(10)))


def new_file_id() -> str:
    """Return 128 random bits in the form of a ULID: whoever knows the id of a file reads it."""
    return str(ULID.from_bytes(secrets.token_bytes(16)))


def derived_conversation_id(key: ApiKey, visitor_id: str, idempotency_key: str) -> str:
    """Return the id of the conversation that a visitor's `Idempotency-Key` creates.

    It depends on the website, the mode and the type of the API key, not on the key itself, which may be rotated.
    """
    digest = keyed_hash(key, "conversation", f"{key.type}#{visitor_id}", idempotency_key.encode())
    return _conversation_id(int.from_bytes(digest, "big"))


def derived_item_id(key: ApiKey, conversation_id: str, position: int, content: bytes) -> str:
    """Return the id, in the form of a ULID, of an item that was sent without one.

    It depends on the website, the mode and the type of the API key, on the conversation, and on the item's position in
    the request and its content.
    """
    return str(ULID.from_bytes(keyed_hash(key, "item", f"{key.type}#{conversation_id}#{position}", content)))


def derived_feedback_id(key: ApiKey, visitor_id: str, day: str, content: bytes) -> str:
    """Return the id, in the form of a ULID, of what a visitor says on a day.

    It depends on the website, the mode and the type of the API key.
    """
    return str(ULID.from_bytes(keyed_hash(key, "feedback", f"{key.type}#{visitor_id}#{day}", content)))


def visitor_key(key: ApiKey, visitor_id: str) -> str:
    """Return the id of a visitor for those who must not be able to act as the visitor."""
    return keyed_hash(key, "visitor", "", visitor_id.encode()).hex()


def _conversation_id(number: int) -> str:
    characters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "CO" + "".join(characters)


def keyed_hash(key: ApiKey, kind: str, scope: str, last: bytes) -> bytes:
    """Return a hash that is keyed with the secret of the key's website (see `support.values.keyed_hash`)."""
    return hashes.keyed_hash(key.id_secret, key.website_id, key.mode, kind, scope, last)
