"""Where files are, as routes see it. Only its first call pays for it: a cold start is imports."""

from functools import cached_property
from typing import TYPE_CHECKING

from support.settings import Settings
from support.values.file import File

if TYPE_CHECKING:
    from support.aws.bucket import Bucket


class Files:
    """The addresses of files."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def bucket(self) -> "Bucket":
        """The bucket that takes uploads. Nothing here calls it."""
        from support.aws.bucket import Bucket
        from support.aws.client import Client
        from support.aws.credentials import configured_region

        return Bucket(self._settings.files_bucket, configured_region(), Client(self._settings.timeout_seconds))

    def public_url(self, file: File, host: str) -> str:
        """Return the address at which a file is read, where `host` is that of the request if no other one is set."""
        return (self._settings.public_url or f"https://{host}") + file.place.web_path
