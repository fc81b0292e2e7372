"""Ids that the server makes."""

import hashlib
import secrets

from ulid import ULID

# 1-9 and A-Z without O, which people take for a zero.
_ALPHABET = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ"
_LENGTH = 16


def new_conversation_id() -> str:
    """Return `CO` and 16 random characters (81 bits)."""
    return _conversation_id(secrets.randbits(128))


def derived_conversation_id(*parts: str) -> str:
    """Return the id, of the same form, that these parts always lead to; other parts lead to another."""
    return _conversation_id(int.from_bytes(_digest(*(part.encode() for part in parts))[:16], "big"))


def derived_item_id(*parts: bytes) -> str:
    """Return the ULID-shaped id that these parts always lead to; other parts lead to another."""
    return str(ULID.from_bytes(_digest(*parts)[:16]))


def _conversation_id(number: int) -> str:
    characters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "CO" + "".join(characters)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        # Its length before each part, so that no two lists of parts read the same.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
