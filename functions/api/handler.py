"""The Lambda function behind the HTTP API."""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.app import Handler


def _create() -> "Handler":
    from support.dynamodb.table import Table
    from support.front import Front
    from support.rate_limits import RateLimiter
    from support.settings import Settings
    from support.store.api_keys import KeyRing

    from api import snapshots
    from api.app import create_handler

    settings = Settings.from_environment()
    table = Table(settings.table_name, settings.timeout_seconds, is_local=settings.stage == "local")
    snapshots.register(table)
    return create_handler(
        table,
        KeyRing(table, settings.api_key_cache_seconds),
        RateLimiter(table, settings.rate_limit_per_minute, settings.trusted_proxies),
        settings,
        front=Front.from_environment(),
    )


# Imports create next to no garbage, but collecting takes a tenth of a cold start; what they create is never freed.
gc.disable()
handler = _create()
gc.freeze()
gc.enable()
