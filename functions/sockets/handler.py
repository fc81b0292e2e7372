"""The Lambda function behind the WebSocket API."""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sockets.app import Handler


def _create() -> "Handler":
    import os
    import time

    from support.delivery import MAX_TRUSTED_SECONDS, TABLE_TIMEOUT_SECONDS, Delivery
    from support.dynamodb.table import Table
    from support.front import Front
    from support.gateway import WebSocketGateway
    from support.rate_limits import RateLimiter
    from support.settings import LiveSettings, Settings
    from support.store.api_keys import KeyRing
    from support.store.connections import Connections
    from support.store.stores import Stores
    from support.typing_signals import TypingSignals

    from sockets.app import Sockets, create_handler
    from sockets.handshakes import Handshakes
    from sockets.invocations import Invocations
    from sockets.messages import Messages
    from sockets.welcomes import Welcomes

    settings, live = Settings.from_environment(), LiveSettings.from_environment()
    is_local = settings.stage == "local"
    table = Table(settings.table_name, TABLE_TIMEOUT_SECONDS, is_local=is_local)
    keys = KeyRing(table, min(settings.api_key_cache_seconds, MAX_TRUSTED_SECONDS))
    limiter = RateLimiter(table, settings.rate_limit_per_minute, settings.trusted_proxies, counted="SOCKETS")
    connections = Connections(Table(live.connections_table_name, TABLE_TIMEOUT_SECONDS, is_local=is_local))
    stores = Stores.over(table)
    gateway = WebSocketGateway(live.connections_url)
    delivery = Delivery(gateway, connections, keys)
    # By its alias, as the gateway does: a client that a new version's check connects is welcomed by the old one.
    invocations = Invocations(f"{os.environ['AWS_LAMBDA_FUNCTION_NAME']}:live", TABLE_TIMEOUT_SECONDS / 10)
    sockets = Sockets(
        Handshakes(keys, limiter, connections, invocations, time.time, Front.from_environment()),
        Welcomes(gateway, connections, stores, delivery),
        Messages(keys, connections, stores, TypingSignals(connections, delivery), time.time),
        connections,
    )
    return create_handler(sockets, settings.stage)


# Imports make next to no garbage, but looking for it takes a tenth of a cold start; what they make stays for good.
gc.disable()
handler = _create()
gc.freeze()
gc.enable()
