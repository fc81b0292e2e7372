"""The Lambda function that looks at files that arrive, leads to them, and deletes them."""

from support.aws.bucket import Bucket
from support.aws.client import Client
from support.aws.credentials import configured_region
from support.dynamodb.table import Table
from support.front import Front
from support.settings import Settings
from support.store.files import FileStore

from files.app import create_handler

_settings = Settings.from_environment()
#: After how many seconds connecting to the bucket is given up, and each read.
_BUCKET_SECONDS = 3

handler = create_handler(
    Bucket(_settings.files_bucket, configured_region(), Client(_BUCKET_SECONDS)),
    FileStore(Table(_settings.table_name, _settings.timeout_seconds, is_local=_settings.stage == "local")),
    _settings.stage,
    Front.from_environment(),
)
