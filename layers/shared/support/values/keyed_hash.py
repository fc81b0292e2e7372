"""Hashes that are keyed with a website's secret, and the one of them that finds contacts."""

import hmac

from support.values.api_key import Mode
from support.values.visitor import Provable


def keyed_hash(id_secret: str, website_id: str, mode: Mode, kind: str, scope: str, last: bytes) -> bytes:
    """Return the first 128 bits of a hash that is keyed with the website's secret (RFC 2104).

    The message is unambiguous: only `scope`, whose number of parts is fixed for each kind, and `last` may have a `#`.
    """
    message = f"{kind}#{website_id}#{mode}#{scope}#".encode() + last
    return hmac.digest(id_secret.encode(), message, "sha256")[:16]


def contact_hash(id_secret: str, website_id: str, mode: Mode, field: Provable, value: str, *, is_proven: bool) -> str:
    """Return the keyed hash that finds visitors by an account or an e-mail address (see `lookup_pk`).

    What is proven has one of its own, so that no flood of claims hides it.
    """
    # Stored as it was sent, an address may have blanks around it, which whoever searches for it does not see.
    normalised = value.strip().lower() if field == "email" else value
    scope = f"{field}#{'proven' if is_proven else 'claimed'}"
    return keyed_hash(id_secret, website_id, mode, "contact", scope, normalised.encode()).hex()
