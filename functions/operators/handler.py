"""The operators' Lambda function."""

from support.dynamodb.table import Table
from support.settings import Settings

from operators.app import create_handler
from operators.operations import Operations

_settings = Settings.from_environment()

_table = Table(_settings.table_name, _settings.timeout_seconds, is_local=_settings.stage == "local")

handler = create_handler(Operations(_table))
