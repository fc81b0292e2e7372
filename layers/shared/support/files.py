"""What may be served of the files that arrive.

Whoever comes first looks at an upload, the function that the bucket tells of it or somebody who reads it, by this code.
What passes is copied to where no signed address can write, and that copy alone is served: what is written to the
signed address later changes nothing.

First bytes prove only that a type is not plainly another one. That no file runs as a page is by how it is served: on
the bucket's own host, with the type that was signed, and as a download if it is no image.
"""

from support.aws.bucket import Bucket, Start
from support.deadlines import Deadline
from support.store.files import FileStore
from support.values.file import MAX_FILE_BYTES, File

#: What the library needs of a file to know its type, at most.
_FIRST_BYTES = 8 * 1024
#: How often an upload is looked at that is written again meanwhile.
_LOOKS = 3
#: How long a look takes, in seconds, so that it is not begun in vain: two calls of the bucket, and one of the table.
_LOOK_SECONDS = 1


class Inspector:
    """Looks at what arrives, once for each file."""

    def __init__(self, bucket: Bucket, store: FileStore) -> None:
        self._bucket = bucket
        self._store = store

    def serve(self, file: File, deadline: Deadline) -> File | None:
        """Return a file with what is served of it; None where it has not arrived, is too large, or not of its type.

        Raises `Unreachable` (the bucket), or `Refusal` (UNAVAILABLE).
        """
        if file.etag is not None:
            return file
        for _ in range(_LOOKS):
            deadline.require(_LOOK_SECONDS)
            start = self._bucket.read_start(file.place.upload_key, _bytes_to_read(file.content_type))
            if start is None:
                # Not yet there, or there no more: somebody else has looked at it.
                return self._served(file, deadline)
            if start.etag is None or not _may_be_served(start, file.content_type):
                return None
            if self._bucket.copy(file.place.upload_key, file.place.copy_key(start.etag), file.content_type, start.etag):
                return self._claim(file, start.etag, start.size, deadline)
        return None

    def _claim(self, file: File, etag: str, size: int, deadline: Deadline) -> File | None:
        """Let a copy be what is served, unless another one is already, or the file is gone: then delete it."""
        now = self._store.serve(file, etag, size, deadline)
        if now is None or now.etag != etag:
            self._bucket.delete(file.place.copy_key(etag))
        return now

    def _served(self, file: File, deadline: Deadline) -> File | None:
        """Return a file as it is now, if something of it is served."""
        now = self._store.read(file.place, deadline)
        return None if now is None or now.etag is None else now


def _bytes_to_read(content_type: str) -> int:
    # All of a text is looked at.
    return MAX_FILE_BYTES if content_type.startswith("text/") else _FIRST_BYTES


def _may_be_served(start: Start, content_type: str) -> bool:
    if not 0 < start.size <= MAX_FILE_BYTES:
        return False
    return _is_text(start.content) if content_type.startswith("text/") else _begins_as(content_type, start.content)


def _is_text(content: bytes) -> bool:
    if b"\0" in content:
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _begins_as(content_type: str, content: bytes) -> bool:
    # Most invocations look at nothing, and the API never does.
    import filetype

    known = filetype.get_type(mime=content_type)
    return known is not None and known.match(content)
