"""What the API tells those who are connected. Only its first call pays for it: a cold start is imports."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.settings import Settings
from support.values.api_key import ApiKey

if TYPE_CHECKING:
    from support.typing_signals import TypingSignals

#: How many times as often as it may write an address may send what is worth nothing later.
_SIGNALS_FOR_A_CALL = 10

Connect = Callable[[], "TypingSignals"]


class Live:
    """Those who are connected, as routes see them.

    Parameters
    ----------
    connect
        Gives what tells them that somebody types; called once, when it is needed.
    """

    def __init__(self, table: Table, settings: Settings, connect: Connect) -> None:
        self._table = table
        self._settings = settings
        self._connect = connect

    @contextmanager
    def typing(self, key: ApiKey, source_ip: str, headers: Mapping[str, str]) -> "Iterator[TypingSignals | None]":
        """Give what tells that somebody types, and count that; None for an address that is over its limit.

        `headers` have names in lower case, `source_ip` is the address that the gateway saw.
        """
        counter = self._limiter.counter(key, source_ip, headers.get("x-forwarded-for", ""))
        if counter is None:
            yield self._signals
        elif not self._limiter.quota(counter).remaining:
            yield None
        else:
            with self._limiter.counting(counter):
                yield self._signals

    @cached_property
    def _limiter(self) -> RateLimiter:
        settings = self._settings
        per_minute = _SIGNALS_FOR_A_CALL * settings.rate_limit_per_minute
        return RateLimiter(self._table, per_minute, settings.trusted_proxies, counted="SIGNALS")

    @cached_property
    def _signals(self) -> "TypingSignals":
        return self._connect()


def connect(settings: Settings) -> "TypingSignals":
    """Return what tells that somebody types, over the gateway and the connections that the environment names."""
    from support.delivery import MAX_TRUSTED_SECONDS, TABLE_TIMEOUT_SECONDS, Delivery
    from support.gateway import WebSocketGateway
    from support.settings import LiveSettings
    from support.store.api_keys import KeyRing
    from support.store.connections import Connections
    from support.typing_signals import TypingSignals

    live, is_local = LiveSettings.from_environment(), settings.stage == "local"
    connections = Connections(Table(live.connections_table_name, TABLE_TIMEOUT_SECONDS, is_local=is_local))
    table = Table(settings.table_name, TABLE_TIMEOUT_SECONDS, is_local=is_local)
    keys = KeyRing(table, min(settings.api_key_cache_seconds, MAX_TRUSTED_SECONDS))
    return TypingSignals(connections, Delivery(WebSocketGateway(live.connections_url), connections, keys))
