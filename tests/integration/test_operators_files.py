"""What a support engineer gets of a file: what it is, and an address at which it is read."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.store.files import FileStore
from support.values.file import File, FilePlace

from tests.bucket import NAME, REGION
from tests.builders import OTHER_WEBSITE, WEBSITE
from tests.client import Emitted
from tests.operators import Operate, refused
from tests.stored import Storage

PLACE = FilePlace(WEBSITE, "test", "support-1", "5Q2G9ZB1N4XK7C0W8YH3TD6RVE")
EVENT = {"websiteId": WEBSITE, "mode": "test", "conversationId": "support-1", "fileId": PLACE.id}
FILE = File(PLACE, "application/pdf", "C4NARY.pdf", "2026-01-31T12:00:00.000Z", etag="e7a6", size=12)


@pytest.fixture(autouse=True)
def _at_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def files(database: Table) -> FileStore:
    return FileStore(database)


def test_a_file_is_shown_with_an_address_of_five_minutes(operate: Operate, files: FileStore) -> None:
    files.add(FILE, Deadline.after(60))

    shown = operate("get_file", **EVENT)

    assert shown["file"] == {
        "id": PLACE.id,
        "conversationId": "support-1",
        "name": "C4NARY.pdf",
        "contentType": "application/pdf",
        "size": 12,
        "createdAt": "2026-01-31T12:00:00.000Z",
    }
    url = urlsplit(shown["downloadUrl"])
    assert (url.netloc, url.path) == (f"{NAME}.s3.{REGION}.amazonaws.com", f"/{PLACE.copy_key('e7a6')}")
    query = parse_qs(url.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["response-content-type"] == ["application/pdf"]
    assert query["response-content-disposition"][0].startswith("attachment; ")


@pytest.mark.parametrize(
    "change",
    [{"mode": "live"}, {"websiteId": OTHER_WEBSITE}, {"conversationId": "Support-1"}, {"fileId": "0" * 26}],
    ids=lambda change: next(iter(change)),
)
def test_a_file_is_found_in_its_website_mode_and_conversation(
    operate: Operate, files: FileStore, change: dict[str, str]
) -> None:
    files.add(FILE, Deadline.after(60))

    assert refused(operate("get_file", **{**EVENT, **change})) == "NOT_FOUND"


def test_a_file_that_has_not_arrived_or_is_gone_is_not_found(
    operate: Operate, files: FileStore, storage: Storage
) -> None:
    files.add(replace(FILE, etag=None, size=None), Deadline.after(60))
    assert refused(operate("get_file", **EVENT)) == "NOT_FOUND"

    for change in ({"deletedAt": "2026-01-31T12:00:00.000Z"}, {"ttl": 1}):
        storage.change(PLACE.key, etag="e7a6", size=12, deletedAt=None, ttl=None)
        assert "error" not in operate("get_file", **EVENT)
        storage.change(PLACE.key, **change)
        assert refused(operate("get_file", **EVENT)) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"conversationId": "a/../b"}, "conversationId"),
        ({"fileId": PLACE.id.lower()}, "fileId"),
        ({"fileId": f"{PLACE.id}/x"}, "fileId"),
        ({"mode": "prod"}, "mode"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_change(operate: Operate, change: dict[str, Any], path: str) -> None:
    assert refused(operate("get_file", **{**EVENT, **change})) == f"VALIDATION_FAILED {path}"


def test_who_gets_a_file_leaves_an_audit_line_without_its_name_and_address(
    operate: Operate, files: FileStore, emitted: Emitted
) -> None:
    files.add(FILE, Deadline.after(60))
    operate("get_file", **EVENT, actor="joe")

    [line] = emitted()

    assert line.items() >= {"message": "audit", "action": "get_file", "actor": "joe", "mode": "test"}.items()
    assert not any(secret in json.dumps(line) for secret in ("C4NARY", "X-Amz", "e7a6", PLACE.id))
