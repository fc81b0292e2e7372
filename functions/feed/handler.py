"""The Lambda function that tells connected clients what happens."""

import os

from support.delivery import Delivery
from support.dynamodb.table import Table
from support.gateway import WebSocketGateway
from support.settings import Settings
from support.store.api_keys import KeyRing
from support.store.connections import Connections
from support.store.conversations import ConversationStore

from feed.app import Feed, create_handler

_settings = Settings.from_environment()
_is_local = _settings.stage == "local"
_table = Table(_settings.table_name, _settings.timeout_seconds, is_local=_is_local)
_connections = Connections(Table(os.environ["CONNECTIONS_TABLE_NAME"], _settings.timeout_seconds, is_local=_is_local))
_keys = KeyRing(_table, _settings.api_key_cache_seconds)

handler = create_handler(
    Feed(
        ConversationStore(_table),
        _connections,
        Delivery(WebSocketGateway(os.environ["WEBSOCKET_URL"]), _connections, _keys),
    ),
    _settings.stage,
)
