"""The operators' Lambda function."""

from conversations.settings import Settings
from conversations.table import Table

from operators.app import create_handler
from operators.operations import Operations

_settings = Settings.from_environment()

handler = create_handler(Operations(Table(_settings.table_name, _settings.timeout_seconds)))
