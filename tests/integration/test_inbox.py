"""The inbox: a website's conversations of one status, the last changed first."""

import base64
import json
from typing import Any

import pytest
from api.app import create_handler
from api.routes import inbox
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing

from tests import demo
from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    SETTINGS,
    VISITOR,
    Context,
    a_body,
    a_message,
    an_event,
    private,
)
from tests.calls import change, get, open_one, patch, rate, read_inbox, see, send, user, visitor
from tests.client import Api, Response, Stored, api_over
from tests.fakes import FakeTable
from tests.stored import Storage

#: AWS Lambda quotas: a synchronous answer, as JSON.
LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024


def ids(response: Response) -> list[str]:
    assert response.status == 200, response.body
    return [conversation["id"] for conversation in response.body["items"]]


def walk(api: Api, **query: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = None
    while cursor is not None or not pages:
        response = read_inbox(api, **query | ({} if cursor is None else {"cursor": cursor}))
        pages.append(ids(response))
        cursor = response.body["nextCursor"]
    return pages


@pytest.fixture
def three(api: Api) -> None:
    for name in "abc":
        open_one(api, a_message(name, id=f"first-{name}"), id_=name)


@pytest.fixture
def six(api: Api) -> list[str]:
    """Conversations a to f, of all statuses; the last changed first."""
    for name in "abcdef":
        open_one(api, a_message(name, id=f"first-{name}"), id_=name)
    for name, verb in (("a", "resolve"), ("c", "spam"), ("e", "resolve")):
        change(api, verb, id_=name)
    return ["e", "c", "a", "f", "d", "b"]


@pytest.mark.parametrize("limit", range(1, 8))
def test_all_statuses_are_one_list_unless_one_is_asked_for(api: Api, six: list[str], limit: int) -> None:
    pages = walk(api, limit=str(limit))

    assert [name for page in pages for name in page] == six
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert walk(api, limit=str(limit), status="all") == pages
    assert [ids(read_inbox(api, status=status)) for status in ("open", "resolved", "spam")] == [
        ["f", "d", "b"],
        ["e", "a"],
        ["c"],
    ]


@pytest.mark.parametrize("status", ["all", "open"])
@pytest.mark.parametrize("limit", ["1", "2", "100"])
def test_a_walk_ends_with_what_was_changed_at_updated_since(api: Api, six: list[str], status: str, limit: str) -> None:
    listed = [name for name in six if status == "all" or name in "bdf"]
    for count, name in enumerate(listed, 1):
        since = get(api, id_=name)["updatedAt"]
        pages = walk(api, limit=limit, status=status, updatedSince=since)
        # What was changed in the same millisecond may come with it.
        found = [one for page in pages for one in page]
        assert found[:count] == listed[:count]
        assert all(get(api, id_=one)["updatedAt"] >= since for one in found)
    assert walk(api, updatedSince="2100-01-01T00:00:00+01:00") == [[]]


@pytest.mark.parametrize("since", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_another_form_than_a_date_time_s_is_a_400(api: Api, since: str) -> None:
    response = read_inbox(api, updatedSince=since)

    assert (response.code, response.paths) == ("VALIDATION_FAILED", ["updatedSince"])


def test_a_copy_that_asks_from_its_newest_change_misses_none(api: Api) -> None:
    copy: dict[str, str] = {}
    newest = "2000-01-01T00:00:00.000Z"
    for number in range(12):
        if number < 4:
            open_one(api, id_=f"c{number}")
        else:
            send(api, None, id_=f"c{number % 3}", text="Hi")
            change(api, ("resolve", "spam", "not-spam")[number % 3], id_="c3")
        cursor: dict[str, Any] = {}
        first = None
        while first is None or cursor:
            page = read_inbox(api, limit="2", updatedSince=newest, **cursor).body
            first = first or (page["items"] or [{"updatedAt": newest}])[0]["updatedAt"]
            copy |= {one["id"]: one["updatedAt"] for one in page["items"]}
            cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else {}
        newest = first
        assert copy == {one["id"]: one["updatedAt"] for one in read_inbox(api, limit="100").body["items"]}


@pytest.mark.usefixtures("three")
def test_the_last_changed_stands_first(api: Api) -> None:
    assert ids(read_inbox(api)) == ["c", "b", "a"]

    send(api, visitor(), "a", text="Hello?")
    assert ids(read_inbox(api)) == ["a", "c", "b"]
    send(api, private(), "b", text="canary", visibility="private")
    assert ids(read_inbox(api)) == ["b", "a", "c"]
    patch(api, {"title": "T"}, "c")
    assert ids(read_inbox(api)) == ["c", "b", "a"]


@pytest.mark.usefixtures("three")
def test_who_reads_moves_nothing(api: Api) -> None:
    see(api, visitor(), "a")
    see(api, user(), "b")

    assert ids(read_inbox(api)) == ["c", "b", "a"]


@pytest.mark.usefixtures("three")
def test_a_conversation_is_told_as_it_is_now(api: Api) -> None:
    send(api, private(), "b", text="A regular customer.", visibility="private")
    see(api, visitor(), "b")
    patch(api, {"title": "T", "metadata": {"plan": "pro"}}, "b")
    change(api, "resolve", id_="b")
    rate(api, visitor(), "b", rating=4)

    [told] = read_inbox(api, status="resolved").body["items"]
    assert told == get(api, id_="b")
    assert told["lastTimelineItem"]["text"] == "A regular customer."
    assert {"title", "visitorLastSeenAt", "visitorRating", "visitorRatingAt"} <= told.keys()


@pytest.mark.usefixtures("three")
def test_one_without_a_message_has_no_last_one(api: Api) -> None:
    open_one(api, id_="d")

    assert "lastTimelineItem" not in read_inbox(api).body["items"][0]


@pytest.mark.usefixtures("three")
def test_each_status_is_an_inbox_of_its_own(api: Api) -> None:
    change(api, "resolve", id_="a")
    change(api, "spam", id_="b")

    assert [ids(read_inbox(api, status=status)) for status in ("open", "resolved", "spam")] == [["c"], ["a"], ["b"]]
    change(api, "reopen", id_="a")
    change(api, "not-spam", id_="b")
    assert [ids(read_inbox(api, status=status)) for status in ("open", "resolved", "spam")] == [["b", "a", "c"], [], []]


def test_a_large_last_message_is_a_preview(api: Api) -> None:
    part = {"type": "image", "url": "https://example.com/a.png", "mediaType": "image/png"}
    open_one(api, a_message("é" * 5_000, id="large", parts=[part]))

    [told] = read_inbox(api).body["items"]
    last, preview = told["lastTimelineItem"], "é" * 2_000
    assert (last["id"], last["text"], last["parts"]) == ("large", preview, [{"type": "text", "text": preview}])
    assert get(api)["lastTimelineItem"]["text"] == "é" * 5_000


def test_pages_lead_to_all_of_them_once(api: Api) -> None:
    for number in range(7):
        open_one(api, id_=f"c{number}")

    newest_first = [f"c{number}" for number in reversed(range(7))]
    assert walk(api) == [newest_first]
    assert walk(api, limit="7") == [newest_first]
    assert walk(api, limit="3") == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert walk(api, limit="1") == [[name] for name in newest_first]
    assert walk(api, limit="100", status="spam") == [[]]


def test_equal_times_stand_by_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.values.timestamps.now", lambda: "2026-11-24T12:00:00.000Z")
    for name in ("b", "C", "a", "-", "_", "aa", "0"):
        open_one(api, id_=name)

    ordered = sorted(["b", "C", "a", "-", "_", "aa", "0"], reverse=True)
    assert walk(api) == [ordered]
    assert walk(api, limit="1") == [[name] for name in ordered]


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": limit} for limit in ("0", "101", "-1", "x", "", "1.0", "1e1")),
        *({"status": status} for status in ("closed", "", "OPEN")),
        {"cursor": ""},
        {"cursor": "garbage"},
        {"cursor": "ü"},
        {"cursor": "2026-11-24T12:00:00.000Z#c"},
        *(
            {"cursor": base64.urlsafe_b64encode(text.encode()).decode()}
            for text in ("", "x", "2026", "2026-11-24T12:00:00.000Z#a b", "2026-11-24T12:00:00.000Z#c\n")
        ),
    ],
)
def test_a_bad_value_is_a_400_that_names_it(api: Api, query: dict[str, Any]) -> None:
    refused = read_inbox(api, **query)

    assert (refused.status, refused.code, refused.paths) == (400, "VALIDATION_FAILED", list(query))


@pytest.mark.usefixtures("three")
def test_a_cursor_is_opaque_and_fit_for_a_url(api: Api) -> None:
    cursor = read_inbox(api, limit="1").body["nextCursor"]

    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.usefixtures("three")
def test_a_cursor_of_another_website_or_status_is_a_place_in_time_alone(api: Api) -> None:
    for key in (OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY):
        for number in range(3):
            assert api(a_body(conversationId=f"theirs-{number}"), private(key)).status == 200
    for key in (OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY):
        theirs = read_inbox(api, private(key), limit="1").body["nextCursor"]
        assert ids(read_inbox(api, cursor=theirs)) == ["c", "b", "a"]
        assert ids(read_inbox(api, cursor=theirs, status="spam")) == []
        ours = read_inbox(api, limit="1").body["nextCursor"]
        assert ids(read_inbox(api, private(key), cursor=ours)) == []


@pytest.mark.usefixtures("three")
def test_only_the_company_reads_it(api: Api) -> None:
    refused = read_inbox(api, visitor())
    assert (refused.status, refused.code) == (403, "PRIVATE_KEY_REQUIRED")


def test_what_has_expired_stands_in_no_page(api: Api, stored: Stored, storage: Storage) -> None:
    for number in range(9):
        open_one(api, id_=f"c{number}")
    storage.let_expire([item for item in stored() if str(item["PK"])[-1] in "13578"])

    assert walk(api) == [["c6", "c4", "c2", "c0"]]
    assert walk(api, limit="2") == [["c6", "c4"], ["c2", "c0"]]


@pytest.mark.parametrize(
    "text",
    ["\x01" * 3_000, '"' * 2_030, '"' * 3_000, "😀" * 3_000, "\x01" * 670],
    ids=["controls", "quotes, not cut", "quotes", "emoji", "controls, not cut"],
)
def test_a_page_of_the_largest_conversations_fits_into_an_answer_of_lambda(text: str) -> None:
    # A quote takes two bytes of JSON, and four as JSON within JSON: no other character grows as much.
    metadata = {"a": '"' * 8_188}
    assert len(json.dumps(metadata, separators=(",", ":"))) == 16 * 1024
    table = FakeTable(demo.items())
    api = api_over(table)
    for number in range(100):
        name = f"{number:064}"
        message = a_message(text, id=name, userId="\x01" * 64, aiAgentId="\x01" * 64, visitorId=VISITOR)
        open_one(api, message, id_=name, metadata=metadata, channel="\x01" * 64)
        patch(api, {"title": "\x01" * 255}, name)

    handler = create_handler(table, KeyRing(table, 60), RateLimiter(table, 0), SETTINGS)
    response = handler(an_event(route=inbox.LIST, query={"limit": "100"}), Context())

    assert len(json.loads(response["body"])["items"]) == 100
    # As Lambda's runtime writes it.
    assert len(json.dumps(response, ensure_ascii=False).encode()) < LAMBDA_ANSWER_BYTES
