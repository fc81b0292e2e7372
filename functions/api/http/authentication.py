"""API-key authentication, with the rule of a route for the kind of key."""

from collections.abc import Mapping
from typing import Literal

from support.authentication import credential_of, find_key, key_missing, require_allowed_origin
from support.deadlines import Deadline
from support.errors import Code, Refusal
from support.store.api_keys import KeyRing
from support.values.api_key import ApiKey


def authenticate(
    headers: Mapping[str, str], keys: KeyRing, accepted: Literal["any", "private"], deadline: Deadline
) -> ApiKey:
    """Return the API key of a request that may call a route which accepts such keys.

    `headers` have names in lower case.

    Raises `Refusal`: API_KEY_MISSING, as `find_key` and `require_allowed_origin` do, or PRIVATE_KEY_REQUIRED.
    """
    credential = credential_of(headers)
    if credential is None:
        raise key_missing()
    key = find_key(credential, keys, deadline)
    require_allowed_origin(headers, key)
    if accepted == "private" and key.type != "private":
        raise Refusal(Code.PRIVATE_KEY_REQUIRED, "This needs a private API key, from a server.")
    return key
