"""What operators export of a visitor: all of it, nothing of anybody else, and as pages that can be read safely."""

import io
import json
import re
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import pytest
from api.routes import contacts, feedback, visitors
from operators import operations
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.store.files import FileStore
from support.values.file import File, FilePlace

from local import export
from local.operate import main
from tests.bucket import NAME, REGION
from tests.builders import LIVE_PRIVATE_KEY, OTHER_VISITOR, VISITOR, WEBSITE, a_body, a_message, private
from tests.calls import open_one, see, send, user, visitor
from tests.client import Api
from tests.operators import Operate, refused
from tests.stored import Storage

EVENT = {"websiteId": WEBSITE, "mode": "test", "visitorId": VISITOR}
HOSTILE = "</pre><script>alert(1)</script><img src=https://evil.example.com/x>&amp;"


@pytest.fixture(autouse=True)
def _by_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_EXPORTED", 2)
    monkeypatch.setattr(operations, "_ENTRIES", 2)


def exported(operate: Operate) -> list[dict[str, Any]]:
    return list(
        export.pages(lambda cursor: operate("export_visitor", **EVENT, **({"cursor": cursor} if cursor else {})))
    )


def no_file(_: FilePlace) -> None:
    """Get a file where there is none."""


def a_past(api: Api) -> None:
    for number in range(5):
        open_one(api, a_message(f"first {number}", id="m0"), id_=f"c{number}")
    for number in range(4):
        send(api, id_="c1", id=f"n{number}", text=HOSTILE, visibility="private", userId="user-1")
    see(api, user(), "c1")
    api({"language": "en"}, visitor(), route=visitors.PATCH, visitorId=VISITOR)
    api({"email": "jane@example.com", "metadata": {"plan": HOSTILE}}, visitor(), route=contacts.IDENTIFY)
    for rating in (1, 2, 3):
        api({"rating": rating, "comment": HOSTILE}, visitor(), route=feedback.GIVE)
    api(a_body(conversationId="theirs", visitorId=OTHER_VISITOR, defaultTimelineItems=[a_message()]), private())
    api(a_body(conversationId="live", visitorId=VISITOR, defaultTimelineItems=[a_message()]), private(LIVE_PRIVATE_KEY))


def test_all_of_a_visitor_is_exported_once_and_nothing_of_anybody_else(api: Api, operate: Operate) -> None:
    a_past(api)

    pages = exported(operate)

    assert pages[0]["visitor"]["contact"]["email"] == "jane@example.com"
    assert pages[0]["visitor"]["contact"]["metadata"] == {"plan": HOSTILE}
    assert pages[0]["visitor"]["page"]["language"] == "en"
    assert sorted(one["rating"] for page in pages for one in page.get("feedback", [])) == [1, 2, 3]
    items = [(item["conversationId"], item["id"]) for page in pages for item in page.get("timelineItems", [])]
    assert items == [
        ("c0", "m0"),
        *(("c1", id_) for id_ in ("m0", "n0", "n1", "n2", "n3")),
        *((f"c{number}", "m0") for number in (2, 3, 4)),
    ]
    [seen] = [page["seen"] for page in pages if page.get("conversation", {}).get("id") == "c1" and "seen" in page]
    assert [one["userId"] for one in seen if one["userId"]] == ["user-1"]


def test_of_a_visitor_of_whom_nothing_is_stored_nothing_is_exported(operate: Operate) -> None:
    pages = exported(operate)

    assert pages[0]["visitor"]["contact"] is None
    assert [page.get("feedback", []) for page in pages] == [[], []]


def test_a_conversation_that_has_expired_is_not_exported(api: Api, operate: Operate, storage: Storage) -> None:
    a_past(api)
    storage.let_expire(storage.scan(f"CONVERSATION#{WEBSITE}#test#c0"))

    ids = {page["conversation"]["id"] for page in exported(operate) if "conversation" in page}

    assert ids == {"c1", "c2", "c3", "c4"}


@pytest.mark.parametrize("cursor", ["unknown", "x" * 64, "Y29udmVyc2F0aW9ucyN4"])
def test_a_cursor_that_no_page_gave_is_refused(operate: Operate, cursor: str) -> None:
    assert refused(operate("export_visitor", **EVENT, cursor=cursor)) == "VALIDATION_FAILED cursor"


class Tags(HTMLParser):
    """The elements of a page, and its policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name: value for name, value in attrs if name != "content" or value != "no-referrer"}


def test_a_folder_has_all_of_it_to_load_and_to_read(api: Api, operate: Operate, tmp_path: Path) -> None:
    a_past(api)
    folder = tmp_path / "jane"

    assert export.write(iter(exported(operate)), folder, no_file) == 5

    names = [f"{number + 1:04}-c{number}" for number in range(5)]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(f"{name}.{end}" for name in names for end in ("html", "json")), "visitor.json"]
    )
    loaded = json.loads((folder / "0002-c1.json").read_text("utf-8"))
    assert [item["text"] for item in loaded["timelineItems"]] == ["first 1", *[HOSTILE] * 4]
    assert len(json.loads((folder / "visitor.json").read_text("utf-8"))["feedback"]) == 3
    text = (folder / "0002-c1.html").read_text("utf-8")
    page = Tags(text)
    assert page.found.isdisjoint({"script", "img", "link", "style", "iframe", "object", "a", "form"})
    assert page.attributes["content"] == "default-src 'none'; base-uri 'none'; form-action 'none'"
    assert re.findall("first 1|alert", text).count("alert") == 4
    with pytest.raises(export.ExportError, match="new folder"):
        export.write(iter([]), folder, no_file)


def test_a_folder_that_is_not_complete_says_so(tmp_path: Path) -> None:
    with pytest.raises(export.ExportError, match="not complete: busy"):
        export.write(iter([{"error": {"message": "busy"}}]), tmp_path / "x", no_file)


# Files ----------------------------------------------------------------------------------------------------------------


@dataclass
class Files:
    """The files that there are, by their ids, and those that were asked for."""

    found: dict[str, export.Content]
    asked: list[FilePlace] = field(default_factory=list)

    def get(self, place: FilePlace) -> export.Content | None:
        self.asked.append(place)
        return self.found.get(place.id)


def a_place(number: int) -> FilePlace:
    return FilePlace(WEBSITE, "test", "c1", f"{number:026}")


def a_part(url: str) -> dict[str, Any]:
    return {"type": "image", "url": url, "mediaType": "image/png"}


def export_with_files(api: Api, operate: Operate, folder: Path, files: Files, *urls: str) -> tuple[Any, str]:
    """Export a conversation whose message has a text, and images at these addresses; return its JSON and its page."""
    open_one(api, a_message("look", id="m", parts=[a_part(url) for url in urls]), id_="c1")
    export.write(iter(exported(operate)), folder, files.get)
    return json.loads((folder / "0001-c1.json").read_text("utf-8")), (folder / "0001-c1.html").read_text("utf-8")


def test_files_are_stored_beside_the_page_that_leads_to_them(api: Api, operate: Operate, tmp_path: Path) -> None:
    files = Files({a_place(1).id: export.Content("Screen & shot.png", "image/png", b"PNG")})
    url = f"https://api.example.com{a_place(1).web_path}"

    loaded, page = export_with_files(api, operate, tmp_path / "x", files, url, url + "?again")

    path = "0001-c1-files/001-Screen & shot.png"
    assert (tmp_path / "x" / path).read_bytes() == b"PNG"
    assert loaded["files"] == [{"itemId": "m", "part": part, "path": path} for part in (1, 2)]
    assert '<a href="0001-c1-files/001-Screen%20%26%20shot.png" download>001-Screen &amp; shot.png</a>' in page
    assert files.asked == [a_place(1)]


def test_a_file_that_is_gone_is_said_to_be(api: Api, operate: Operate, tmp_path: Path) -> None:
    url = f"https://api.example.com{a_place(1).web_path}"

    loaded, page = export_with_files(api, operate, tmp_path / "x", Files({}), url)

    assert loaded["files"] == [{"itemId": "m", "part": 1, "path": None}]
    assert "A file that is gone" in page
    assert not (tmp_path / "x" / "0001-c1-files").exists()


def test_what_a_message_leads_to_is_not_asked_for_unless_it_is_a_file_of_its_conversation(
    api: Api, operate: Operate, tmp_path: Path
) -> None:
    files = Files({})
    urls = ["https://evil.example/x.png", "https://evil.example/v1/files/a", "data:image/png;base64,AA"]

    loaded, page = export_with_files(api, operate, tmp_path / "x", files, *urls)

    assert (files.asked, loaded["files"]) == ([], [])
    assert "href" not in page


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../../etc/passwd", "001-passwd.png"),
        ("..", "001-file.png"),
        ("C:\\nul.png", "001-nul.png"),
        ('"><script>x', "001-scriptx.png"),
        ("a\u202egnp.exe", "001-agnp.exe.png"),
        ("界" * 90 + ".png", "001-" + "界" * 66 + ".png"),
    ],
)
def test_a_file_has_a_name_that_is_safe_on_every_disk(
    api: Api, operate: Operate, tmp_path: Path, name: str, stored: str
) -> None:
    files = Files({a_place(1).id: export.Content(name, "image/png", b"PNG")})
    url = f"https://api.example.com{a_place(1).web_path}"

    _, page = export_with_files(api, operate, tmp_path / "x", files, url)

    [path] = (tmp_path / "x" / "0001-c1-files").iterdir()
    assert path.name == stored
    assert Tags(page).found.isdisjoint({"script", "img"})


def test_the_command_reads_files_only_where_the_function_says(
    api: Api, operate: Operate, database: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, removed, missing = (a_place(number) for number in (1, 2, 3))
    for place in (there, removed):
        file = File(place, "image/png", "a.png", "2026-01-31T12:00:00.000Z", etag="e7a6", size=3)
        FileStore(database).add(file, Deadline.after(60))
    read: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert timeout
        read.append(url)
        if removed.id in url:
            raise HTTPError(url, 404, "Not Found", Message(), None)
        return io.BytesIO(b"PNG")

    monkeypatch.setattr("local.operate.urlopen", urlopen)
    monkeypatch.setattr("local.operate._invoke", lambda _, event: operate(event=event))
    urls = [f"https://evil.example{place.web_path}" for place in (there, removed, missing)]
    open_one(api, a_message("look", id="m", parts=[a_part(url) for url in urls]), id_="c1")
    words = [f"--website-id={WEBSITE}", "--mode=test", f"--visitor-id={VISITOR}", f"--to={tmp_path / 'x'}"]

    assert main(["export_visitor", *words]) == 0

    assert [urlsplit(url).netloc for url in read] == [f"{NAME}.s3.{REGION}.amazonaws.com"] * 2
    loaded = json.loads((tmp_path / "x" / "0001-c1.json").read_text("utf-8"))
    assert [file["path"] for file in loaded["files"]] == ["0001-c1-files/001-a.png", None, None]


def test_an_export_without_a_file_that_could_be_read_says_so(
    api: Api,
    operate: Operate,
    database: Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = File(a_place(1), "image/png", "a.png", "2026-01-31T12:00:00.000Z", etag="e7a6", size=3)
    FileStore(database).add(file, Deadline.after(60))

    def urlopen(url: str, timeout: float) -> io.BytesIO:  # noqa: ARG001 (as it is called)
        raise URLError("timed out")

    monkeypatch.setattr("local.operate.urlopen", urlopen)
    monkeypatch.setattr("local.operate._invoke", lambda _, event: operate(event=event))
    open_one(api, a_message(id="m", parts=[a_part(f"https://api.example.com{a_place(1).web_path}")]), id_="c1")
    words = [f"--website-id={WEBSITE}", "--mode=test", f"--visitor-id={VISITOR}", f"--to={tmp_path / 'x'}"]

    assert main(["export_visitor", *words]) == 1
    assert capsys.readouterr().err == "A file can't be read: URLError.\n"
    assert not (tmp_path / "x" / "visitor.json").exists()
