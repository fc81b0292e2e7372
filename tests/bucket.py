"""An S3 bucket in memory, for nearly all tests of files. tests/integration/test_files.py has a real engine."""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import md5
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from support.aws.bucket import Bucket
from support.aws.client import Client, NoResponse, Response

REGION = "eu-west-1"
NAME = "files-bucket"
_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
#: How many objects a page of a list has.
_PAGE = 2


@dataclass(frozen=True)
class Stored:
    """An object as it is stored."""

    content: bytes
    content_type: str

    @property
    def etag(self) -> str:
        """Its ETag without quotes."""
        return md5(self.content, usedforsecurity=False).hexdigest()


class S3(Client):
    """Takes the calls of `Bucket`, as S3 does, or fails them as it is told.

    `objects` are those of the bucket, by their keys. `before` is called with the method and the key of each request.
    """

    def __init__(self) -> None:
        super().__init__(timeout_seconds=1)
        self.objects: dict[str, Stored] = {}
        self.fates: deque[Response | NoResponse] = deque()
        self.before: Callable[[str, str], None] = lambda *_: None

    def put(self, key: str, content: bytes, content_type: str = "image/png") -> str:
        """Write an object as somebody does who has a signed address, and return its ETag."""
        self.objects[key] = Stored(content, content_type)
        return self.objects[key].etag

    def send(
        self, service: str, region: str, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        parts = urlsplit(url)
        assert (service, region, parts.netloc) == ("s3", REGION, f"{NAME}.s3.{REGION}.amazonaws.com")
        assert body == b""
        key = unquote(parts.path).removeprefix("/")
        self.before(method, key)
        if self.fates:
            fate = self.fates.popleft()
            if isinstance(fate, NoResponse):
                raise fate
            return fate
        if not key:
            return self._list({name: value for name, [value] in parse_qs(parts.query).items()})
        match method:
            case "GET":
                return self._get(key, headers["Range"])
            case "PUT":
                return self._copy(key, headers)
            case "DELETE":
                return self._delete(key, headers.get("If-Match"))
        raise AssertionError(method)

    def _get(self, key: str, wanted: str) -> Response:
        stored = self.objects.get(key)
        if stored is None:
            return _error(404, "NoSuchKey")
        if not stored.content:
            return _error(416, "InvalidRange")
        [last] = re.findall(r"^bytes=0-(\d+)$", wanted)
        start = stored.content[: int(last) + 1]
        span = f"bytes 0-{len(start) - 1}/{len(stored.content)}"
        return Response(206, {"ETag": f'"{stored.etag}"', "Content-Range": span}, start)

    def _copy(self, key: str, headers: Mapping[str, str]) -> Response:
        assert headers["x-amz-metadata-directive"] == "REPLACE"
        stored = self.objects.get(unquote(headers["x-amz-copy-source"]).removeprefix(f"/{NAME}/"))
        if stored is None:
            return _error(404, "NoSuchKey")
        if headers["x-amz-copy-source-if-match"] != f'"{stored.etag}"':
            return _error(412, "PreconditionFailed")
        self.put(key, stored.content, headers["Content-Type"])
        return Response(200, {}, f"<CopyObjectResult {_XMLNS}/>".encode())

    def _delete(self, key: str, etag: str | None) -> Response:
        stored = self.objects.get(key)
        if etag is not None and stored is None:
            return _error(404, "NoSuchKey")
        if etag is not None and stored is not None and etag != f'"{stored.etag}"':
            return _error(412, "PreconditionFailed")
        self.objects.pop(key, None)
        return Response(204, {}, b"")

    def _list(self, query: Mapping[str, str]) -> Response:
        assert query["list-type"] == "2"
        keys = sorted(key for key in self.objects if key.startswith(query["prefix"]))
        after = query.get("continuation-token", "")
        page = [key for key in keys if key > after][:_PAGE]
        token = (
            f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
            if page and page[-1] != keys[-1]
            else ""
        )
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><ETag>&quot;{stored.etag}&quot;</ETag>"
            f"<Size>{len(stored.content)}</Size></Contents>"
            for key, stored in ((key, self.objects[key]) for key in page)
        )
        return Response(200, {}, f"<ListBucketResult {_XMLNS}>{entries}{token}</ListBucketResult>".encode())


def bucket_of(s3: S3) -> Bucket:
    """Return a bucket whose objects are in memory."""
    return Bucket(NAME, REGION, s3)


def _error(status: int, code: str) -> Response:
    return Response(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
