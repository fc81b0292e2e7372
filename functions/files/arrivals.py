"""What the queue tells of: uploads that have arrived, and files whose rows are gone.

A message may come twice, and late: what is done stays done. An upload never stays: what passes is served from its copy.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from support.aws.bucket import Bucket
from support.deadlines import Deadline
from support.files import Inspector
from support.observability import Metric, measure
from support.store.files import FileStore
from support.values.file import FilePlace


class Arrivals:
    """Does what messages of the queue ask for.

    Parameters
    ----------
    inspector
        By which uploads are looked at.
    """

    def __init__(self, bucket: Bucket, store: FileStore, inspector: Inspector) -> None:
        self._bucket = bucket
        self._store = store
        self._inspector = inspector

    def handle(self, message: Mapping[str, Any], deadline: Deadline) -> None:
        """Do what a message asks for: the bucket's own (S3 User Guide, "Event message structure"), or a `GoneFile`.

        Raises `Unreachable` (the bucket), `Refusal` (UNAVAILABLE), or KeyError for a message of another kind.
        """
        if message.get("Event") == "s3:TestEvent":
            return  # what the bucket sends when it is told of the queue
        if "Records" not in message:
            self._remove(FilePlace.of_key((message["PK"], message["SK"])))
            return
        for record in message["Records"]:
            arrived = record["s3"]["object"]
            self._look(unquote_plus(arrived["key"]), arrived["eTag"], deadline)

    def _look(self, object_key: str, etag: str, deadline: Deadline) -> None:
        """Look at an upload, and delete it, unless it was written again meanwhile: that is told of by itself."""
        place = FilePlace.of_upload(object_key)
        if place is None:
            return  # none of ours: the bucket deletes it within days
        file = self._store.read(place, deadline)
        served = None if file is None else self._inspector.serve(file, deadline)
        is_served = served is not None and served.etag == etag
        if self._bucket.delete(object_key, etag):
            measure(Metric.FILES_ACCEPTED if is_served else Metric.FILES_REFUSED)

    def _remove(self, place: FilePlace) -> None:
        """Delete all that there is of a file."""
        self._bucket.delete(place.upload_key)
        for copy in self._bucket.objects(place.copies):
            self._bucket.delete(copy.key)
        measure(Metric.FILES_REMOVED)
