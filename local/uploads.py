"""Tells of what arrives in the bucket, as S3 does (S3 User Guide, "Amazon S3 Event Notifications"), by looking."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus

from support.aws.bucket import Bucket
from support.aws.services import Unreachable

#: What of the bucket is told of (template.yaml).
_PREFIX = "uploads/"
_PAUSE_SECONDS = 1


class Uploads:
    """Looks at the bucket every second.

    Parameters
    ----------
    tell
        Takes the body of the message about an upload, once for each content.
    pause
        Waits for so many seconds.
    """

    def __init__(
        self, bucket: Bucket, tell: Callable[[str], None], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._bucket = bucket
        self._tell = tell
        self._pause = pause

    async def run(self) -> None:
        """Look until the task is cancelled."""
        told: set[tuple[str, str]] = set()
        while True:
            try:
                found = await asyncio.to_thread(lambda: list(self._bucket.objects(_PREFIX)))
            except Unreachable:
                found = []
            there = {(one.key, one.etag) for one in found}
            for key, etag in sorted(there - told):
                s3 = {"bucket": {"name": self._bucket.name}, "object": {"key": quote_plus(key, safe="/"), "eTag": etag}}
                record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}
                self._tell(json.dumps({"Records": [record]}))
            told = there
            await self._pause(_PAUSE_SECONDS)
