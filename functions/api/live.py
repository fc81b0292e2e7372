"""What the API tells those who are connected. Only its first call pays for it: a cold start is imports."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from support.dynamodb.table import Table
from support.settings import Settings

if TYPE_CHECKING:
    from support.typing_signals import TypingSignals

Connect = Callable[[], "TypingSignals"]


class Live:
    """Those who are connected, as routes see them.

    Parameters
    ----------
    connect
        Gives what tells them that somebody types; called once, when it is needed.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @cached_property
    def signals(self) -> "TypingSignals":
        """What tells those who are connected that somebody types."""
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
