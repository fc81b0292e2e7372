"""The operators' Lambda function."""

from support.settings import Settings
from support.table import Table

from api_keys.api import create_handler
from api_keys.service import Operations

_settings = Settings.from_environment()

handler = create_handler(Operations(Table(_settings.table_name, _settings.timeout_seconds)))
