"""Finds API keys by their secret, and caches them."""

import time
from collections.abc import Callable

from cachetools import TTLCache

from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.values.api_key import ApiKey, hash_secret

#: Known and unknown keys have caches of their own, so that a flood of invented keys evicts no valid one.
_CACHED_KEYS = 1000
_CACHED_UNKNOWN = 1000
_UNKNOWN_SECONDS = 5


class KeyRing:
    """Finds API keys in the table and caches them.

    Parameters
    ----------
    table
        The table of the keys.
    cache_seconds
        How long a key is cached, and so how long a revocation may take to be seen; 0 disables the cache. Keys that do
        not exist are cached for a few seconds at most.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, table: Table, cache_seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._known: TTLCache[str, ApiKey] = TTLCache(_CACHED_KEYS, cache_seconds, clock)
        self._unknown: TTLCache[str, bool] = TTLCache(_CACHED_UNKNOWN, min(_UNKNOWN_SECONDS, cache_seconds), clock)

    def find(self, secret: str, deadline: Deadline) -> ApiKey | None:
        """Look up a well-formed key.

        Returns None for a key that does not exist; a revoked or expired one is returned as such.
        Raises `Refusal` (UNAVAILABLE) if the table does not respond before the deadline.
        """
        return self.find_by_hash(hash_secret(secret), deadline)

    def find_by_hash(self, secret_hash: str, deadline: Deadline) -> ApiKey | None:
        """Look up a key by the hash of its secret (see `hash_secret`), as `find` does."""
        if (known := self._known.get(secret_hash)) is not None:
            return known
        if secret_hash in self._unknown:
            return None
        item = self._table.get(ApiKey.key(secret_hash), deadline)
        if item is None:
            self._unknown[secret_hash] = True
            return None
        key = ApiKey.from_item(item)
        self._known[secret_hash] = key
        return key
