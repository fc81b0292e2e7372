"""An S3 bucket, by the few calls that files need.

Keys have no characters that XML or a header would have to escape.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from support.aws.client import Client, NoResponse, Response
from support.aws.endpoints import s3_url
from support.aws.services import BROKEN, Unreachable

_SIZE = re.compile(r"bytes \d+-\d+/(\d+)")
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"
#: What S3 responds where an object is not there, or is another one than was asked for.
_NO_MATCH = {HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}


@dataclass(frozen=True, slots=True)
class Start:
    """The first bytes of an object, and its size. `etag` names its content; None for an empty object."""

    etag: str | None
    size: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Object:
    """An object of a list."""

    key: str
    etag: str
    size: int


class Bucket:
    """A bucket, in which each call is one request. ETags are without their quotes. It is thread-safe."""

    def __init__(self, name: str, region: str, client: Client) -> None:
        self.name = name
        self._region = region
        self._client = client
        self._url = s3_url(name, region)

    def url(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self._url}/{quote(key)}"

    def sign_put(self, key: str, content_type: str, seconds: int) -> str:
        """Return an address that takes a PUT of an object, with that `Content-Type`, for so many seconds.

        No size is signed: clients announce none. It makes no call. Raises `Unreachable` without credentials.
        """
        return self._sign("PUT", self.url(key), {"Content-Type": content_type}, seconds)

    def sign_get(self, key: str, content_type: str, disposition: str, seconds: int) -> str:
        """Return an address at which anybody can read an object for so many seconds, with these headers.

        It makes no call. Raises `Unreachable` without credentials.
        """
        query = {
            "response-cache-control": f"private, max-age={seconds}",
            "response-content-disposition": disposition,
            "response-content-type": content_type,
        }
        return self._sign("GET", f"{self.url(key)}?{urlencode(query, quote_via=quote)}", {}, seconds)

    def read_start(self, key: str, length: int) -> Start | None:
        """Return the first bytes of an object, `length` at most; None if it is not there. Raises `Unreachable`."""
        response = self._send("GET", self.url(key), {"Range": f"bytes=0-{length - 1}"})
        match response.status:
            case HTTPStatus.NOT_FOUND:
                return None
            case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return Start(None, 0, b"")
            case HTTPStatus.PARTIAL_CONTENT:
                size = _SIZE.fullmatch(response.headers.get("Content-Range", ""))
                # All of a text is looked at, so nothing may be missing.
                if size is None or len(response.body) != min(length, int(size[1])):
                    raise Unreachable(BROKEN)
                return Start(_etag(response), int(size[1]), response.body)
        raise Unreachable(f"HTTP {response.status}")

    def copy(self, source: str, target: str, content_type: str, if_match: str) -> bool:
        """Copy an object, if it still has that ETag; tell whether it had. The copy has nothing of its headers.

        Raises `Unreachable`: then it may have been copied.
        """
        headers = {
            "Content-Type": content_type,
            "x-amz-copy-source": quote(f"/{self.name}/{source}"),
            "x-amz-copy-source-if-match": f'"{if_match}"',
            "x-amz-metadata-directive": "REPLACE",
        }
        response = self._send("PUT", self.url(target), headers)
        if response.status in _NO_MATCH:
            return False
        # An error that comes while S3 copies has this status, too (API Reference, CopyObject).
        if response.status != HTTPStatus.OK or _parse(response).tag.removeprefix(_XML) != "CopyObjectResult":
            raise Unreachable(f"HTTP {response.status}")
        return True

    def delete(self, key: str, if_match: str | None = None) -> bool:
        """Delete an object, or only if it has that ETag; tell whether there is none now. Raises `Unreachable`."""
        response = self._send("DELETE", self.url(key), {} if if_match is None else {"If-Match": f'"{if_match}"'})
        if response.status not in {HTTPStatus.NO_CONTENT, *_NO_MATCH}:
            raise Unreachable(f"HTTP {response.status}")
        return response.status != HTTPStatus.PRECONDITION_FAILED

    def objects(self, prefix: str) -> Iterator[Object]:
        """Give all objects whose keys begin so, 1,000 a call. Raises `Unreachable`."""
        token = None
        while True:
            query = {"list-type": "2", "prefix": prefix, **({} if token is None else {"continuation-token": token})}
            response = self._send("GET", f"{self._url}?{urlencode(query, quote_via=quote)}")
            if response.status != HTTPStatus.OK:
                raise Unreachable(f"HTTP {response.status}")
            page = _parse(response)
            # Of another answer it would seem that there are none, and those that are would stay for ever.
            if page.tag != f"{_XML}ListBucketResult":
                raise Unreachable(BROKEN)
            for one in page.iterfind(f"{_XML}Contents"):
                text = {name: one.findtext(f"{_XML}{name}", "") for name in ("Key", "ETag", "Size")}
                yield Object(text["Key"], text["ETag"].strip('"'), int(text["Size"]))
            token = page.findtext(f"{_XML}NextContinuationToken")
            if not token:
                return

    def _sign(self, method: str, url: str, headers: Mapping[str, str], seconds: int) -> str:
        try:
            return self._client.presign(self._region, method, url, headers, seconds)
        except NoResponse as fault:
            raise Unreachable(str(fault)) from None

    def _send(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Response:
        try:
            return self._client.send("s3", self._region, method, url, headers or {})
        except NoResponse as fault:
            raise Unreachable(str(fault)) from None


def _etag(response: Response) -> str:
    etag = response.headers.get("ETag", "").strip('"')
    if not etag:
        raise Unreachable(BROKEN)
    return etag


def _parse(response: Response) -> ElementTree.Element:
    """Parse what S3 itself has written: nothing in it is a stranger's but keys, which are ours."""
    try:
        return ElementTree.fromstring(response.body)  # noqa: S314
    except ElementTree.ParseError:
        raise Unreachable(BROKEN) from None
