"""How often one address may call with a public key, which anybody can read off a website's pages.

Calls of the routes that say so are counted for each website, mode and address in fixed windows of a minute, whatever
they come to. The counter lives in the table, for all execution environments, and is updated beside a call's own work:
not in its transaction, so that calls of one address do not conflict, and not before it, so that no call waits. Its
verdict therefore holds from the next call on.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network

from cachetools import LRUCache

from support.addresses import client_address
from support.dynamodb.items import Key
from support.dynamodb.table import Table
from support.errors import Code, Refusal
from support.observability import Metric, measure
from support.values.api_key import ApiKey

WINDOW_SECONDS = 60

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left to an address of a website: `remaining` calls of `limit`, until `resets_in` seconds from now."""

    limit: int
    remaining: int
    resets_in: int


class RateLimiter:
    """Counts calls and refuses those over the limit.

    Parameters
    ----------
    table
        Where the counters live; they expire with their window.
    per_minute
        Calls an address may make with one website's public keys of one mode; 0 is no limit.
    counted
        What is counted, in the counter's sort key: each has a counter of its own.
    trusted_proxies
        Networks, such as a CDN's, whose word in `X-Forwarded-For` is believed.
    clock
        Epoch seconds.
    patience
        How long a call that has its answer may wait for its counter, in seconds: what is not done when the answer goes
        out would stand still with the execution environment.
    """

    def __init__(
        self,
        table: Table,
        per_minute: int,
        trusted_proxies: Iterable[str] = (),
        *,
        counted: str = "RATE",
        clock: Callable[[], float] = time.time,
        patience: float = 0.1,
    ) -> None:
        self._table = table
        self._per_minute = per_minute
        self._counted = counted
        self._trusted = [ip_network(proxy) for proxy in trusted_proxies]
        self._clock = clock
        self._patience = patience
        self._used: LRUCache[Key, int] = LRUCache(_REMEMBERED)
        self._thread = ThreadPoolExecutor(max_workers=1)

    def apart(self, counted: str, times: int = 1) -> "RateLimiter":
        """Return a limiter like this one, whose counter is its own and whose limit is so many times as high."""
        trusted = map(str, self._trusted)
        return RateLimiter(
            self._table,
            times * self._per_minute,
            trusted,
            counted=counted,
            clock=self._clock,
            patience=self._patience,
        )

    def counter(self, key: ApiKey, source: str, forwarded_for: str) -> Key | None:
        """Return the key of the counter that a call falls under now, or None where there is no limit.

        Parameters
        ----------
        source
            The address that the gateway saw. What is none falls under no limit, as a counter that fails lets calls
            through.
        forwarded_for
            The header, to which each proxy appends the address that it saw.
        """
        if not self._per_minute or key.type == "private":
            return None
        try:
            client = client_address(source, forwarded_for, self._trusted)
        except ValueError:
            measure(Metric.RATE_LIMIT_FAILED)
            return None
        window = int(self._clock()) // WINDOW_SECONDS
        return f"RATE#{key.website_id}#{key.mode}#{client}", f"{self._counted}#{window}"

    def quota(self, counter: Key) -> Quota:
        """Return what is known to be left under a counter."""
        remaining = max(0, self._per_minute - self._used.get(counter, 0))
        return Quota(self._per_minute, remaining, WINDOW_SECONDS - int(self._clock()) % WINDOW_SECONDS)

    @contextmanager
    def counting(self, counter: Key) -> Iterator[None]:
        """Count a call while its own work is done. A counter that fails lets the call through.

        Raises `Refusal` (RATE_LIMITED), and does not count, if the limit is known to be reached.
        """
        quota = self.quota(counter)
        if not quota.remaining:
            raise Refusal(
                Code.RATE_LIMITED, "Too many requests from this address. Please wait.", retry_after=quota.resets_in
            )
        expires = (int(self._clock()) // WINDOW_SECONDS + 2) * WINDOW_SECONDS
        counted = self._thread.submit(self._table.increment, counter, expires)
        try:
            yield
        finally:
            try:
                self._used[counter] = counted.result(self._patience)
            except Exception:  # whatever it is, the call has its answer by now
                # Cancelled, so that counts do not queue behind one that hangs.
                counted.cancel()
                measure(Metric.RATE_LIMIT_FAILED)
