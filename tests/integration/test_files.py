"""Files from their address to their reader, over a real S3 engine: what hostile uploads come to.

None is ever served as a page, or beyond its conversation: whatever is uploaded, what is served has the type that was
signed, and is a download unless it is one of four kinds of image.
"""

import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any, get_args

import pytest
from api.routes.uploads import SIGN
from files.app import create_handler
from support.aws.bucket import Bucket
from support.aws.client import Client
from support.store.files import FileStore
from support.values.file import MAX_FILE_BYTES, ContentType, FilePlace
from urllib3 import BaseHTTPResponse, PoolManager, Retry

from local import s3
from local.seed import OTHER_PRIVATE_KEY, WEBSITE_A, WEBSITE_B
from local.template import REGION, latest
from tests import demo
from tests.builders import SETTINGS, Context, an_event, private
from tests.client import api_over
from tests.fakes import FakeTable
from tests.file_contents import GIF, JPEG, PDF, PNG, SVG, WEBP, ZIP

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in elsewhere checks no signatures")

NAME = SETTINGS.files_bucket
TYPES: tuple[ContentType, ...] = get_args(ContentType)
IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
TEXTS = {"text/plain", "text/csv", "text/markdown"}
HTML = b"<!doctype html><html><script>alert(document.domain)</script></html>"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Give the URL of an engine with a bucket, as `make run` has it."""
    with s3.running() as engine:
        engine.make_bucket(NAME, latest().bucket_cors("Files"))
        yield engine.endpoint


class Loop:
    """The API and the function of files over a table in memory and that bucket, and anybody's HTTP client."""

    def __init__(self) -> None:
        table = FakeTable(demo.items())
        self.api = api_over(table)
        self.bucket = Bucket(NAME, REGION, Client(10))
        self.function = create_handler(self.bucket, FileStore(table), "local")
        self._http = PoolManager()

    def sign(self, content_type: str = "image/png", key: str | None = None, **fields: object) -> dict[str, str]:
        """Ask for an address as the team does, for a conversation of its own."""
        website = WEBSITE_B if key == OTHER_PRIVATE_KEY else WEBSITE_A
        ids = {"websiteId": website.id, "organizationId": website.organization_id}
        scope = {"type": "conversation", "conversationId": "CO1", **ids}
        body = {"contentType": content_type, "websiteId": website.id, "scope": scope, **fields}
        response = self.api(body, private(key) if key else private(), route=SIGN)
        assert response.status == 200, response.body
        signed: dict[str, str] = response.body
        return signed

    def call(self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"") -> BaseHTTPResponse:
        return self._http.request(method, url, headers=headers, body=body or None, retries=Retry(False))

    def put(self, signed: Mapping[str, str], content: bytes, **headers: str) -> int:
        """Upload as a browser does, and return the status."""
        sent = {"Content-Type": signed["contentType"], **headers}
        status: int = self.call("PUT", signed["uploadUrl"], sent, content).status
        return status

    def lead(self, signed: Mapping[str, str]) -> dict[str, Any]:
        """Return the response to a request for the public address."""
        path = re.sub("https?://[^/]+", "", signed["publicUrl"])
        event = an_event(headers={}) | {"rawPath": path}
        event["requestContext"]["http"] |= {"method": "GET", "path": path}
        return self.function(event, Context())

    def read(self, signed: Mapping[str, str]) -> BaseHTTPResponse | None:
        """Follow the public address as a browser does; None where there is nothing."""
        response = self.lead(signed)
        if response["statusCode"] == 404:
            return None
        assert response["statusCode"] == 302
        return self.call("GET", response["headers"]["Location"])

    def tell(self, message: object) -> None:
        """Hand a message of the queue to the function."""
        response = self.function({"Records": [{"messageId": "1", "body": json.dumps(message)}]}, Context())
        assert response == {"batchItemFailures": []}

    def tell_of(self, signed: Mapping[str, str]) -> None:
        """Tell of what is uploaded now, as the bucket does."""
        for one in self.bucket.objects(signed["key"]):
            self.tell({"Records": [{"s3": {"object": {"key": one.key, "eTag": one.etag}}}]})


@pytest.fixture
def loop(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Loop:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    return Loop()


def disposition(response: BaseHTTPResponse) -> Message:
    """Parse how a response is to be shown."""
    header = Message()
    header["Content-Disposition"] = response.headers["Content-Disposition"]
    return header


# What is uploaded -----------------------------------------------------------------------------------------------------

#: What is uploaded, with the types as which it may be served: it begins as they do. Each is uploaded as every type.
CONTENTS: dict[str, tuple[bytes, set[str]]] = {
    "a page": (HTML, TEXTS),
    "a page with a byte order mark": (b"\xef\xbb\xbf" + HTML, TEXTS),
    "a page in UTF-16": (HTML.decode().encode("utf-16"), set()),
    "a page in UTF-7": (b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", TEXTS),
    "a page that is packed": (gzip.compress(HTML, mtime=0), set()),
    "a page as MHTML": (b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + HTML, TEXTS),
    "a picture with a script": (SVG, TEXTS),
    "a picture with a script as XML": (b'<?xml version="1.0"?>' + SVG, TEXTS),
    "a style sheet that makes a page": (b'<?xml-stylesheet type="text/xsl" href="#x"?><x/>', TEXTS),
    "a GIF that is a script": (b"GIF89a/*\x01\x01*/=1;alert(1)", {"image/gif", *TEXTS}),
    "a GIF with a page": (GIF + HTML, {"image/gif"}),
    "a JPEG with a page": (JPEG[:20] + b"\xff\xfe\x00\x50" + HTML + JPEG[20:], {"image/jpeg"}),
    "a PNG with a page": (PNG + HTML, {"image/png"}),
    "a WEBP with a page": (WEBP + HTML, {"image/webp"}),
    "a PDF with a script": (
        PDF.replace(b"/Catalog", b"/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>"),
        {"application/pdf", *TEXTS},
    ),
    "a PDF that is an archive": (PDF + ZIP, {"application/pdf"}),
    "an archive with a page": (ZIP, {"application/zip"}),
    "a program": (b"MZ\x90\0\x03\0\0\0" + bytes(60), set()),
    "another program": (b"\x7fELF\x02\x01\x01" + bytes(60), set()),
    "a script of a shell": (b"#!/bin/sh\nrm -rf ~\n", TEXTS),
    "a formula": (b"=cmd|'/C calc'!A0,1\n", TEXTS),
    "nothing": (b"", set()),
    "one byte": (b"<", TEXTS),
}
CASES = [(name, content_type) for name in CONTENTS for content_type in TYPES]


def test_there_are_two_hundred_hostile_uploads() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("name", CONTENTS)
def test_whatever_is_uploaded_is_served_as_its_type_or_not_at_all(loop: Loop, name: str) -> None:
    content, expected = CONTENTS[name]
    served = set()
    for content_type in TYPES:
        signed = loop.sign(content_type, fileName="x.html")
        assert loop.put(signed, content) == 200

        # First, a page asks; then the bucket tells, and it asks again.
        before = loop.read(signed)
        loop.tell_of(signed)
        after = loop.read(signed)

        assert (before is None) == (after is None)
        # What is refused is gone; what is served is a copy.
        assert list(loop.bucket.objects(signed["key"])) == []
        for response in filter(None, (before, after)):
            served.add(content_type)
            assert (response.status, response.data) == (200, content)
            assert response.headers["Content-Type"] == content_type
            shown = disposition(response)
            assert shown.get_content_disposition() == ("inline" if content_type in IMAGES else "attachment")
            assert content_type in IMAGES or not str(shown.get_filename()).endswith(("html", "svg"))
    assert served == expected


@pytest.mark.parametrize(("size", "is_served"), [(MAX_FILE_BYTES, True), (MAX_FILE_BYTES + 1, False)])
@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
def test_five_megabytes_are_served_and_one_byte_more_is_not(
    loop: Loop, content_type: str, size: int, is_served: bool
) -> None:
    start = PNG if content_type == "image/png" else b"a"
    signed = loop.sign(content_type)
    assert loop.put(signed, start + b"a" * (size - len(start))) == 200

    response = loop.read(signed)

    assert (response is not None) == is_served
    assert response is None or len(response.data) == size


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..\\..\\x.html",
        "%2e%2e%2fx",
        "\u202egnp.exe",
        "a\r\nSet-Cookie: a=b\r\n\r\n<html>",
        "a\0b",
        'x"; filename="y.html',
        "x'; filename*=UTF-8''y.html",
        "x.html",
        "x.svg",
        "résumé 📎.txt",
        ".htaccess",
        "",
        "a" * 4096,
    ],
)
def test_a_name_is_a_name_and_nothing_else(loop: Loop, name: str) -> None:
    signed = loop.sign("text/plain", fileName=name)
    loop.put(signed, HTML)

    response = loop.read(signed)

    assert response is not None
    assert response.headers["Content-Type"] == "text/plain"
    assert "Set-Cookie" not in response.headers
    assert len(response.headers["Content-Disposition"]) < 1_000
    shown = disposition(response)
    assert shown.get_content_disposition() == "attachment"
    found = str(shown.get_filename())
    assert found.endswith((".txt", ".log"))
    assert not re.search(r"[/\\\"\r\n\0\u202e]", found)
    assert not found.startswith(".")


def test_headers_that_came_with_an_upload_are_not_served(loop: Loop) -> None:
    signed = loop.sign("text/plain")
    own = {
        "Content-Disposition": "inline",
        "Content-Encoding": "gzip",
        "Content-Language": "x",
        "Cache-Control": "public, max-age=31536000",
        "Expires": "Fri, 01 Jan 2100 00:00:00 GMT",
    }
    assert loop.put(signed, b"hello", **own) == 200

    response = loop.read(signed)

    assert response is not None
    assert response.headers["Cache-Control"] == "private, max-age=300"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert {"Content-Encoding", "Content-Language", "Expires"}.isdisjoint(response.headers)


# What a signed address does -------------------------------------------------------------------------------------------


def test_what_is_put_after_the_check_is_never_served(loop: Loop) -> None:
    signed = loop.sign()
    loop.put(signed, PNG)
    loop.tell_of(signed)

    for content in (PNG + b"another", HTML):
        assert loop.put(signed, content) == 200
        found = loop.read(signed)
        loop.tell_of(signed)

        assert found is not None
        assert found.data == PNG
        assert list(loop.bucket.objects(signed["key"])) == []


def test_an_address_of_another_tenant_can_be_changed_into_none(loop: Loop) -> None:
    own, other = loop.sign(key=OTHER_PRIVATE_KEY), loop.sign()
    changed = own["uploadUrl"].replace(own["key"], other["key"])
    assert changed != own["uploadUrl"]

    assert loop.call("PUT", changed, {"Content-Type": "image/png"}, PNG).status == 403
    assert loop.read(other) is None
    # Nor do public addresses lead from one conversation to another.
    loop.put(own, PNG)
    place = FilePlace.of_url(own["publicUrl"])
    assert place is not None
    for moved in (place._replace(website_id=WEBSITE_A.id), place._replace(conversation_id="CO2")):
        assert loop.read({"publicUrl": moved.web_path}) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
def test_an_address_takes_no_other_method(loop: Loop, method: str) -> None:
    signed = loop.sign()
    loop.put(signed, PNG)

    assert loop.call(method, signed["uploadUrl"], {"Content-Type": "image/png"}).status in {403, 405}
    assert len(list(loop.bucket.objects(signed["key"]))) == 1


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ("", {"Content-Type": "text/html"}),
        ("", {"Content-Type": "image/svg+xml"}),
        ("", {}),
        ("", {"Content-Type": "image/png", "x-amz-acl": "public-read"}),
        ("", {"Content-Type": "image/png", "x-amz-website-redirect-location": "https://example.com/"}),
        ("&acl", {"Content-Type": "image/png"}),
        ("&tagging", {"Content-Type": "image/png"}),
        ("&partNumber=1&uploadId=x", {"Content-Type": "image/png"}),
    ],
)
def test_an_address_takes_what_was_signed_alone(loop: Loop, change: str, headers: dict[str, str]) -> None:
    signed = loop.sign()

    assert loop.call("PUT", signed["uploadUrl"] + change, headers, PNG).status == 403
    assert list(loop.bucket.objects(signed["key"])) == []


def test_an_address_ends_when_it_says(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = loop.sign(expiresInSeconds=60)
    began = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=62)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: began)
    expired = loop.sign(expiresInSeconds=60)

    assert loop.put(expired, PNG) == 403
    assert loop.put(signed, PNG) == 200


def test_what_is_served_is_behind_a_signature_and_cannot_be_written(loop: Loop) -> None:
    signed = loop.sign()
    loop.put(signed, PNG)
    location = loop.lead(signed)["headers"]["Location"]

    assert loop.call("GET", location.partition("?")[0]).status == 403
    assert loop.call("PUT", location, {"Content-Type": "image/png"}, HTML).status == 403
    assert loop.call("DELETE", location).status == 403
    html = location.replace("response-content-type=image%2Fpng", "response-content-type=text%2Fhtml")
    assert html != location
    assert loop.call("GET", html).status == 403


def test_a_page_of_any_origin_may_put_and_do_nothing_else(loop: Loop) -> None:
    signed = loop.sign()

    def may(method: str, header: str) -> bool:
        """Tell what a browser makes of a preflight (Fetch standard, "CORS-preflight fetch")."""
        wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
        response = loop.call("OPTIONS", signed["uploadUrl"], {"Origin": "https://shop.example", **wanted})
        return (
            response.status == 200
            and response.headers.get("Access-Control-Allow-Origin") in {"*", "https://shop.example"}
            and method in response.headers.get("Access-Control-Allow-Methods", "")
            and header in response.headers.get("Access-Control-Allow-Headers", "").lower()
        )

    assert may("PUT", "content-type")
    assert not may("DELETE", "content-type")
    assert not may("PUT", "x-amz-acl")


# What goes ------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_removed_is_gone_at_every_address(loop: Loop) -> None:
    signed = loop.sign()
    loop.put(signed, PNG)
    location = loop.lead(signed)["headers"]["Location"]
    loop.put(signed, PNG)
    place = FilePlace.of_url(signed["publicUrl"])
    assert place is not None
    pk, sk = place.key

    loop.tell({"PK": pk, "SK": sk})

    assert loop.call("GET", location).status == 404
    assert list(loop.bucket.objects(signed["key"])) == []
    assert list(loop.bucket.objects(place.copies)) == []
