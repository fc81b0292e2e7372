"""The Lambda function behind the HTTP API."""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conversations.api import Handler


def _wired() -> "Handler":
    from support.keys import KeyRing
    from support.settings import Settings
    from support.table import Table

    from conversations import snapshots
    from conversations.api import create_handler
    from conversations.rate_limits import RateLimiter

    settings = Settings.from_environment()
    table = Table(settings.table_name, settings.timeout_seconds)
    snapshots.register(table)
    return create_handler(
        table,
        KeyRing(table, settings.api_key_cache_seconds),
        RateLimiter(table, settings.rate_limit_per_minute, settings.trusted_proxies),
        settings,
    )


# Imports make next to no garbage, but looking for it takes a tenth of a cold start; what they make stays for good.
gc.disable()
handler = _wired()
gc.freeze()
gc.enable()
