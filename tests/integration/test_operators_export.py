"""What operators export of a visitor: all of it, nothing of anybody else, and as pages that can be read safely."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from api.routes import contacts, feedback, visitors
from operators import operations

from local import export
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

    assert export.write(iter(exported(operate)), folder) == 5

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
        export.write(iter([]), folder)


def test_a_folder_that_is_not_complete_says_so(tmp_path: Path) -> None:
    with pytest.raises(export.ExportError, match="not complete: busy"):
        export.write(iter([{"error": {"message": "busy"}}]), tmp_path / "x")
