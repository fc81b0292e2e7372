"""The Lambda function that tells connected clients what happens."""

from support.delivery import MAX_TRUSTED_SECONDS, Delivery
from support.dynamodb.table import Table
from support.gateway import WebSocketGateway
from support.settings import LiveSettings, Settings
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.store.stores import Stores

from feed.app import Feed, create_handler

_settings, _live = Settings.from_environment(), LiveSettings.from_environment()
#: So that an attempt at a call, a fifth of it, fits into the time that there is for posts.
_TABLE_SECONDS = 10
_is_local = _settings.stage == "local"
_table = Table(_settings.table_name, _TABLE_SECONDS, is_local=_is_local)
_connections = Connections(Table(_live.connections_table_name, _TABLE_SECONDS, is_local=_is_local))
_keys = KeyRing(_table, min(_settings.api_key_cache_seconds, MAX_TRUSTED_SECONDS))

handler = create_handler(
    Feed(
        Stores.over(_table),
        _connections,
        Delivery(WebSocketGateway(_live.connections_url), _connections, _keys),
    ),
    _settings.stage,
)
