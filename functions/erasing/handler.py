"""The Lambda function that deletes what is stored of erased conversations."""

import os

from support.aws.client import Client
from support.aws.credentials import configured_region
from support.aws.services import Queue
from support.dynamodb.table import Table
from support.settings import Settings
from support.store.erasure import ErasureStore

from erasing.app import Erasing, create_handler
from erasing.operations import Erasures

_settings = Settings.from_environment()
#: So that an attempt at a call, a fifth of it, is short beside the time of an invocation.
_TABLE_SECONDS = 10
#: After how many seconds connecting to the queue is given up, and each read.
_QUEUE_SECONDS = 2

_table = Table(_settings.table_name, _TABLE_SECONDS, is_local=_settings.stage == "local")

handler = create_handler(
    Erasing(
        ErasureStore(_table),
        Queue(os.environ["ERASURE_QUEUE_URL"], configured_region(), Client(_QUEUE_SECONDS)),
    ),
    Erasures(_table, key_cache_seconds=_settings.api_key_cache_seconds),
    _settings.stage,
)
