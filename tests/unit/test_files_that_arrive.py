"""The function of files: what becomes of what arrives, who is led where, and what is deleted."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from files.app import Handler, create_handler
from support.aws.client import NoResponse, Response
from support.deadlines import Deadline
from support.dynamodb.actions import Change
from support.files import Inspector
from support.store.files import FileStore
from support.values.file import MAX_FILE_BYTES, ContentType, File, FilePlace

from tests.bucket import NAME, REGION, S3, bucket_of
from tests.builders import Context, an_event
from tests.client import Emitted
from tests.fakes import FakeTable
from tests.file_contents import GIF, JPEG, PDF, PNG, SVG, WEBP, ZIP

PLACE = FilePlace("WEBSITE", "test", "CO1", "0" * 26)
ROUTE = "GET /v1/files/{websiteId}/{mode}/{conversationId}/{fileId}"


class World:
    """A bucket and a table in memory, and the function over both."""

    def __init__(self) -> None:
        self.s3, self.table = S3(), FakeTable()
        self.store = FileStore(self.table)
        self.handler: Handler = create_handler(bucket_of(self.s3), self.store, "local")

    def sign(self, content_type: ContentType = "image/png", place: FilePlace = PLACE, name: str = "x") -> None:
        """Store a row as one is stored when an address is signed."""
        self.store.add(File(place, content_type, name, "2026-01-01T00:00:00.000Z"), Deadline.after(5))

    def put(self, content: bytes, place: FilePlace = PLACE) -> str:
        return self.s3.put(place.upload_key, content)

    def arrive(self, etag: str, key: str = PLACE.upload_key) -> Any:
        """Tell the function of an upload, as the bucket does."""
        record = {"s3": {"object": {"key": quote_plus(key), "eTag": etag}}}
        return self.tell({"Records": [record]})

    def tell(self, *messages: object) -> Any:
        records = [{"messageId": str(number), "body": json.dumps(message)} for number, message in enumerate(messages)]
        return self.handler({"Records": records}, Context())

    def get(self, path: str = PLACE.web_path) -> dict[str, Any]:
        event = an_event(headers={})
        event |= {"routeKey": ROUTE, "rawPath": path}
        event["requestContext"]["http"] |= {"method": "GET", "path": path}
        return self.handler(event, Context())

    def location(self) -> str:
        """Return where the file is read, once a request for it was led there."""
        response = self.get()
        assert response["statusCode"] == 302, response
        location: str = response["headers"]["Location"]
        return location

    def row(self) -> File | None:
        return self.store.read(PLACE, Deadline.after(5))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    return World()


def key_of(location: str) -> str:
    return urlsplit(location).path.removeprefix("/")


# What may be served ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("image/png", PNG),
        ("image/jpeg", JPEG),
        ("image/gif", GIF),
        ("image/webp", WEBP),
        ("application/pdf", PDF),
        ("application/zip", ZIP),
        # As the archives of macOS begin.
        ("application/zip", b"PK\x03\x04\x14\0\x08\0\x08\0" + bytes(60)),
        ("text/plain", "Grüße".encode()),
        ("text/csv", b"\xef\xbb\xbfa;b\r\n"),
        ("text/markdown", b"# <script>alert(1)</script>"),
        # As many bytes as there may be, the last character of two.
        ("text/plain", b"a" * (MAX_FILE_BYTES - 2) + "ü".encode()),
        ("image/png", PNG + bytes(MAX_FILE_BYTES - len(PNG))),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value[:12]),
)
def test_a_file_that_is_what_it_says_is_served(world: World, content_type: ContentType, content: bytes) -> None:
    world.sign(content_type)
    etag = world.put(content)

    location = world.location()

    assert key_of(location) == PLACE.copy_key(etag)
    assert world.s3.objects[PLACE.copy_key(etag)].content == content
    assert world.s3.objects[PLACE.copy_key(etag)].content_type == content_type


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("image/png", b""),
        ("image/png", PNG + bytes(MAX_FILE_BYTES + 1 - len(PNG))),
        ("image/png", JPEG),
        ("image/png", SVG),
        ("image/jpeg", b"<html><script>alert(1)</script>"),
        ("image/gif", b" " + GIF),
        ("image/webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40)),
        ("application/pdf", ZIP),
        ("application/zip", b"PK"),
        ("text/plain", PNG),
        ("text/csv", "Grüße".encode("latin-1")),
        ("text/markdown", "Hi".encode("utf-16")),
        ("text/plain", b"a\0b"),
        ("text/plain", b"a" * MAX_FILE_BYTES + b"\xff"),
        ("text/plain", b"a" * (MAX_FILE_BYTES - 1) + b"\xff"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value[:12]),
)
def test_a_file_that_is_not_what_it_says_is_never_served_and_soon_gone(
    world: World, emitted: Emitted, content_type: ContentType, content: bytes
) -> None:
    world.sign(content_type)
    etag = world.put(content)

    assert world.get()["statusCode"] == 404
    assert world.arrive(etag) == {"batchItemFailures": []}
    assert world.get()["statusCode"] == 404
    assert world.s3.objects == {}
    assert sum(line.get("FilesRefused", [0])[0] for line in emitted()) == 1


# Who comes first ------------------------------------------------------------------------------------------------------


def test_a_file_can_be_read_before_and_after_it_is_told_of(world: World, emitted: Emitted) -> None:
    world.sign()
    etag = world.put(PNG)

    before = world.location()
    world.arrive(etag)
    after = world.location()

    assert key_of(before) == key_of(after) == PLACE.copy_key(etag)
    # The upload itself is not kept.
    assert list(world.s3.objects) == [PLACE.copy_key(etag)]
    assert sum(line.get("FilesAccepted", [0])[0] for line in emitted()) == 1


def test_what_is_written_after_a_look_changes_nothing(world: World) -> None:
    world.sign()
    first = world.put(PNG)
    world.location()
    second = world.put(PNG + b"another")

    world.arrive(first)
    assert world.s3.objects[PLACE.upload_key].etag == second  # its own message is to come
    world.arrive(second)

    assert key_of(world.location()) == PLACE.copy_key(first)
    assert list(world.s3.objects) == [PLACE.copy_key(first)]


def test_what_is_written_during_a_look_is_looked_at_in_its_place(world: World) -> None:
    world.sign()
    world.put(PNG)

    def write_again(method: str, _: str) -> None:
        if method == "PUT":
            world.s3.before = lambda *_: None
            world.put(b"<html>")

    world.s3.before = write_again

    assert world.get()["statusCode"] == 404
    assert list(world.s3.objects) == [PLACE.upload_key]


def test_an_upload_that_never_rests_is_not_served(world: World) -> None:
    world.sign()
    written = [PNG + bytes([number]) for number in range(9)]
    world.put(written.pop())

    def write_again(method: str, _: str) -> None:
        if method == "PUT":
            world.put(written.pop())

    world.s3.before = write_again

    assert world.get()["statusCode"] == 404
    assert list(world.s3.objects) == [PLACE.upload_key]


def test_of_two_who_look_at_once_one_wins(world: World) -> None:
    world.sign()
    world.put(PNG)
    inspector = Inspector(bucket_of(world.s3), world.store)
    file = world.row()
    assert file is not None
    others = []

    def look_too(method: str, _: str) -> None:
        if method == "PUT":
            world.s3.before = lambda *_: None
            # Another content, which is looked at and served before this one's copy is.
            world.put(PNG + b"another")
            others.append(inspector.serve(file, Deadline.after(5)))
            world.put(PNG)

    world.s3.before = look_too

    served = inspector.serve(file, Deadline.after(5))

    assert served is not None
    assert [served] == others == [world.row()]
    assert [key for key in world.s3.objects if key.startswith("files/")] == [PLACE.copy_key(str(served.etag))]


def test_a_look_that_finds_the_upload_gone_leads_to_the_copy_of_another_look(world: World) -> None:
    world.sign()
    etag = world.put(PNG)

    def be_told(method: str, _: str) -> None:
        if method == "GET":
            world.s3.before = lambda *_: None
            world.arrive(etag)

    world.s3.before = be_told

    assert key_of(world.location()) == PLACE.copy_key(etag)


def test_a_file_that_goes_during_a_look_leaves_no_copy(world: World) -> None:
    world.sign()
    world.put(PNG)

    def go(method: str, _: str) -> None:
        if method == "PUT":
            del world.table.items[PLACE.key]

    world.s3.before = go

    assert world.get()["statusCode"] == 404
    assert list(world.s3.objects) == [PLACE.upload_key]


# Who is led where -----------------------------------------------------------------------------------------------------


def test_an_image_is_shown_where_it_is_for_five_minutes(world: World) -> None:
    world.sign("image/png")
    world.put(PNG)

    response = world.get()

    query = parse_qs(urlsplit(response["headers"]["Location"]).query)
    assert response["headers"]["Cache-Control"] == "private, max-age=240"
    assert query["response-content-type"] == ["image/png"]
    assert query["response-content-disposition"] == ["inline"]
    assert query["X-Amz-Expires"] == ["300"]
    assert response["headers"]["Location"].startswith(f"https://{NAME}.s3.{REGION}.amazonaws.com/files/")


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "text/plain", "text/csv", "text/markdown", "application/zip"]
)
def test_everything_else_is_a_download_under_its_name(world: World, content_type: ContentType) -> None:
    world.sign(content_type, name="résumé.txt")
    world.put({"application/pdf": PDF, "application/zip": ZIP}.get(content_type, b"text"))

    query = parse_qs(urlsplit(world.location()).query)

    assert query["response-content-type"] == [content_type]
    assert query["response-content-disposition"] == [
        "attachment; filename=\"r_sum_.txt\"; filename*=UTF-8''r%C3%A9sum%C3%A9.txt"
    ]


@pytest.mark.parametrize(
    "path",
    [
        PLACE.web_path,  # nothing has arrived
        PLACE._replace(id="0" * 25 + "1").web_path,
        PLACE._replace(mode="live").web_path,
        PLACE._replace(website_id="OTHER").web_path,
        PLACE._replace(conversation_id="CO2").web_path,
        PLACE.web_path + "/",
        PLACE.web_path.replace("CO1", "..%2FCO1"),
        PLACE.web_path.replace("CO1", "CO1#ITEM"),
        "/v1/files/a/b/c/d",
    ],
)
def test_every_file_that_is_not_served_is_one_404(world: World, path: str) -> None:
    world.sign()

    response = world.get(path)

    assert response["statusCode"] == 404
    assert json.loads(response["body"])["code"] == "HTTP_404"
    assert response["headers"]["Cache-Control"] == "no-store"


def test_a_file_whose_time_is_over_is_not_served(world: World) -> None:
    world.sign()
    world.put(PNG)
    world.location()
    world.table.update(Change(PLACE.key, {"ttl": 1}), Deadline.after(5))

    assert world.get()["statusCode"] == 404


@pytest.mark.parametrize("fate", [NoResponse("ReadTimeoutError"), Response(500, {}, b""), Response(403, {}, b"")])
def test_a_bucket_that_fails_is_our_own_failure(world: World, fate: Response | NoResponse) -> None:
    world.sign()
    etag = world.put(PNG)
    world.s3.fates.append(fate)

    assert world.get()["statusCode"] == 503

    world.s3.fates.append(fate)
    assert world.arrive(etag) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    # Nothing was decided by it.
    assert key_of(world.location()) == PLACE.copy_key(etag)


@pytest.mark.parametrize(
    "broken",
    [
        Response(206, {"ETag": '"x"'}, b""),
        Response(206, {"Content-Range": "bytes 0-1/2"}, b"ab"),
        Response(206, {"ETag": '"x"', "Content-Range": f"bytes 0-{len(PNG) - 1}/{len(PNG) + 1}"}, PNG),
        Response(200, {"ETag": '"x"'}, b"ab"),
    ],
)
def test_a_response_that_is_not_whole_is_none(world: World, broken: Response) -> None:
    world.sign()
    world.s3.fates.append(broken)

    assert world.get()["statusCode"] == 503


def test_a_copy_that_fails_on_the_way_is_not_served(world: World) -> None:
    """S3 may have responded with 200 by then."""
    world.sign()
    etag = world.put(PNG)
    span = f"bytes 0-{len(PNG) - 1}/{len(PNG)}"
    start = Response(206, {"ETag": f'"{etag}"', "Content-Range": span}, PNG)
    world.s3.fates += [start, Response(200, {}, b"<Error><Code>InternalError</Code></Error>")]

    assert world.get()["statusCode"] == 503
    row = world.row()
    assert row is not None
    assert row.etag is None


# What is deleted ------------------------------------------------------------------------------------------------------


def gone(place: FilePlace = PLACE) -> Mapping[str, str]:
    pk, sk = place.key
    return {"PK": pk, "SK": sk}


def test_all_objects_of_a_file_go_with_its_row_and_no_other(world: World) -> None:
    world.put(PNG)
    for number in range(5):
        world.s3.put(PLACE.copy_key(str(number)), PNG)
    others = [PLACE._replace(id="0" * 25 + "1"), PLACE._replace(conversation_id="CO11")]
    for other in others:
        world.put(PNG, other)
        world.s3.put(other.copy_key("a"), PNG)

    world.tell(gone())

    assert sorted(world.s3.objects) == sorted(key for one in others for key in (one.upload_key, one.copy_key("a")))
    assert world.tell(gone()) == {"batchItemFailures": []}


@pytest.mark.parametrize("body", [b"<Error><Code>InternalError</Code></Error>", b"<ListBucketResult/>", b"<html>", b""])
def test_what_is_no_list_of_objects_is_asked_for_again(world: World, body: bytes) -> None:
    world.s3.put(PLACE.copy_key("a"), PNG)
    world.s3.fates += [Response(204, {}, b""), Response(200, {}, body)]

    assert world.tell(gone()) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert world.tell(gone()) == {"batchItemFailures": []}
    assert world.s3.objects == {}


def test_an_upload_without_a_row_is_deleted(world: World) -> None:
    world.arrive(world.put(PNG))

    assert world.s3.objects == {}


def test_a_message_that_fails_does_not_hold_up_the_others(world: World, emitted: Emitted) -> None:
    world.put(PNG)

    response = world.tell({"what": "is this"}, gone(), {"Service": "Amazon S3", "Event": "s3:TestEvent"})

    assert response == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert world.s3.objects == {}
    assert any("Refused.INTERNAL_ERROR" in line for line in emitted())


def test_what_there_is_no_time_for_is_left_for_later(world: World) -> None:
    """Lambda would end the invocation, and send all of its messages again."""
    world.put(PNG)
    messages = [{"messageId": "0", "body": json.dumps(gone())}]

    response = world.handler({"Records": messages}, Context(remaining_ms=3_400))

    assert response == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert list(world.s3.objects) == [PLACE.upload_key]


# What is logged -------------------------------------------------------------------------------------------------------


def test_no_log_line_or_metric_has_a_name_a_key_or_an_address(world: World, emitted: Emitted) -> None:
    canaries = ["C4NARY", "CO1", "0" * 26, "X-Amz", NAME]
    world.sign("text/plain", name="C4NARY.txt")
    fates: list[Callable[[], object]] = [
        world.get,
        lambda: world.arrive(world.put(b"C4NARY")),
        world.get,
        lambda: world.tell(gone()),
        lambda: world.tell({"C4NARY": "x"}),
        lambda: world.get(PLACE.web_path + "/C4NARY"),
    ]
    for one in fates:
        one()
        world.s3.fates.append(NoResponse("ReadTimeoutError"))
        one()
        world.s3.fates.clear()

    lines = emitted()

    assert len(lines) > 8
    assert [canary for canary in canaries if canary in json.dumps(lines)] == []
