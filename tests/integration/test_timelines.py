"""One conversation and its timeline, as they are read."""

import base64
import json
import re
import string
from typing import Any

import pytest
from api.app import create_handler
from api.routes import timelines
from api.routes.conversations import GET, LIST
from support.dynamodb.items import MAX_ITEM_BYTES
from support.dynamodb.table import Table
from support.rate_limits import RateLimiter
from support.store.api_keys import KeyRing
from support.values import timestamps
from support.values.conversation import CONVERSATION_SK
from support.values.timeline_item import stored_size

from tests.builders import (
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    WEBSITE,
    Context,
    a_body,
    a_message,
    an_event,
    private,
    public,
)
from tests.calls import visitor, without_visitor
from tests.client import Api, Emitted, Stored
from tests.reading import CALLERS, a_list, get, ids, in_order, pages, timeline
from tests.stored import Storage

MOMENT = "2026-01-01T00:00:00.000Z"


def write(api: Api, *items: dict[str, Any], to: str = "c", headers: dict[str, str] | None = None) -> None:
    """Open a conversation with these items, or add them to it."""
    for start in range(0, max(len(items), 1), 99):
        response = api(a_body(conversationId=to, defaultTimelineItems=items[start : start + 99]), headers)
        assert response.status == 200, response.body


# The order, and the pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", CALLERS)
def test_the_newest_page_comes_first_and_within_it_the_oldest_item(api: Api, caller: str) -> None:
    write(api, *(a_message(id=f"{n}", createdAt=f"2026-01-01T00:00:0{n}Z") for n in (3, 1, 5, 2, 4)))

    found = pages(api, "c", CALLERS[caller], limit="2")

    assert [ids(page) for page in found] == [["4", "5"], ["2", "3"], ["1"]]


def test_items_of_one_millisecond_stand_in_the_order_of_writing(api: Api) -> None:
    written = [f"{n}" for n in range(12, 0, -1)]
    for part in (written[:5], written[5:6], written[6:]):
        write(api, *(a_message(id=one, createdAt=MOMENT, visibility="private") for one in part))

    assert in_order(pages(api, "c", limit="100")) == written


#: Each character that an id may have, the shortest and the longest ids, and ids that others begin with.
IDS = [*string.ascii_letters, *string.digits, "-", "_", "-" * 64, "_" * 64, "z" * 64, "0" * 64, "a-", "a_", "aa", "a0"]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("limit", [1, 2, 7, len(IDS) - 1, len(IDS), len(IDS) + 1])
def test_pages_are_exact_whatever_the_ids_look_like(api: Api, caller: str, limit: int) -> None:
    write(api, *(a_message(id=one, createdAt=MOMENT) for one in IDS))

    found = pages(api, "c", CALLERS[caller], limit=f"{limit}")

    assert in_order(found) == IDS
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= limit


def test_a_page_has_50_items_unless_another_number_is_asked_for(api: Api) -> None:
    write(api, *(a_message(id=f"{n}") for n in range(120)))

    assert [len(page) for page in pages(api, "c")] == [50, 50, 20]
    assert [len(page) for page in pages(api, "c", limit="100")] == [100, 20]
    assert [len(page) for page in pages(api, "c", limit="12")] == [12] * 10


@pytest.mark.parametrize("caller", CALLERS)
def test_a_conversation_without_items_has_one_empty_page(api: Api, caller: str) -> None:
    write(api)

    assert timeline(api, "c", CALLERS[caller]).body == {"items": [], "nextCursor": None, "hasNextPage": False}


def test_what_comes_while_pages_are_read_is_there_at_most_once_and_in_nobody_s_way(api: Api) -> None:
    write(api, *(a_message(id=f"{n}", createdAt=f"2026-01-01T00:00:{n:02}Z") for n in range(0, 40, 2)))
    cursor: dict[str, str] = {}
    found = []
    for number in range(5):
        response = timeline(api, "c", None, limit="4", **cursor)
        found.append(response.body["items"])
        cursor = {"cursor": response.body["nextCursor"]}
        # Before what has been read, behind it, and at its edge, of either visibility.
        for second, visibility in ((2 * number + 1, "public"), (39 - 2 * number, "private")):
            item = a_message(id=f"new-{second}", createdAt=f"2026-01-01T00:00:{second:02}Z", visibility=visibility)
            write(api, item)

    read = in_order(found)
    assert len(read) == len(set(read))
    assert [one for one in read if not one.startswith("new")] == [
        f"{n}" for n in range(40 - 2 * len(read) + 2 * sum(one.startswith("new") for one in read), 40, 2)
    ]


# Queries --------------------------------------------------------------------------------------------------------------

READING = {route.id: route for route in (GET, LIST, timelines.GET)}
NUMBERS = ["", "0", "-1", "101", "5.0", "+5", " 5", "5 ", "abc", "1e1", "0x5", "٣", "5,6", "9" * 10, "null"]
BAD = {
    "getConversation": {"visitorId": ["x", VISITOR.lower(), f"{VISITOR},{VISITOR}", "8" + VISITOR[1:]]},
    "listConversations": {
        "visitorId": ["x", f"{VISITOR},{OTHER_VISITOR}"],
        "limit": NUMBERS,
        "page": [number for number in NUMBERS if number != "101"],
        "status": ["", "x", "resolved", "spam", "OPEN", "open,closed"],
        "orderBy": ["", "x", "updated_at", "updatedAt,createdAt"],
        "order": ["", "x", "DESC", "asc,desc"],
    },
    "getTimeline": {
        "visitorId": ["x", f"{VISITOR},{VISITOR}"],
        "limit": NUMBERS,
        "cursor": ["", "x" * 65, "a#b", "a b", "a,a", "é", "unknown"],
    },
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("route", "name", "value"),
    [(route, name, value) for route, names in BAD.items() for name, values in names.items() for value in values],
)
def test_a_bad_value_is_a_400_with_the_parameter_s_name(
    api: Api, caller: str, route: str, name: str, value: str
) -> None:
    write(api, a_message(id="a"))

    response = api(route=READING[route], headers=CALLERS[caller], query={name: value}, conversationId="c")

    assert (response.status, response.code, response.paths) == (400, "VALIDATION_FAILED", [name])
    assert value in {"", "x", "0"} or value not in json.dumps(response.body)


@pytest.mark.parametrize("route", READING)
def test_unknown_parameters_are_ignored(api: Api, route: str) -> None:
    write(api, a_message(id="a"))
    plain = api(route=READING[route], headers=CALLERS["public"], conversationId="c")

    odd = api(
        route=READING[route], headers=CALLERS["public"], query={"foo": "bar", "Limit": "0", "": "x"}, conversationId="c"
    )

    assert (plain.status, odd.body) == (200, plain.body)


def test_every_wrong_parameter_is_named_at_once(api: Api) -> None:
    response = a_list(api, limit="0", page="0", status="x", order="up", orderBy="id")

    assert sorted(response.paths) == ["limit", "order", "orderBy", "page", "status"]


# Whose ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", READING)
def test_with_a_public_key_a_visitor_is_named_in_the_query_or_else_in_the_header(api: Api, route: str) -> None:
    write(api, a_message(id="a"))

    def ask(headers: dict[str, str], **query: str) -> Any:
        return api(route=READING[route], headers=headers, query=query, conversationId="c")

    theirs = ask(visitor()).body
    assert ask(public(), visitorId=VISITOR).body == theirs
    assert ask(visitor(OTHER_VISITOR), visitorId=VISITOR).body == theirs
    assert ask(visitor("nonsense"), visitorId=VISITOR).body == theirs
    # An empty one is none.
    assert ask(visitor(), visitorId="").body == theirs
    assert ask(public()).code == "VISITOR_ID_REQUIRED"
    assert ask(visitor(""), visitorId="").code == "VISITOR_ID_REQUIRED"
    assert ask(visitor("nonsense")).paths == ["X-Visitor-Id"]


def test_a_private_key_reaches_every_conversation_of_its_website_and_lists_those_of_a_visitor(api: Api) -> None:
    write(api, a_message(id="a"))

    for headers in (private(), private() | {"x-visitor-id": OTHER_VISITOR}, private() | {"x-visitor-id": "nonsense"}):
        assert get(api, "c", headers).conversation["id"] == "c"
        assert ids(timeline(api, "c", headers).body["items"]) == ["a"]
    assert a_list(api, private()).code == "VISITOR_ID_REQUIRED"
    assert a_list(api, private() | {"x-visitor-id": OTHER_VISITOR}).body["conversations"] == []


# What is private ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("private_ones", [1, 3, 40])
def test_private_items_between_public_ones_cost_a_public_key_nothing(api: Api, private_ones: int) -> None:
    shown = [f"shown-{n}" for n in range(12)]
    for one in shown:
        notes = [a_message(id=f"hidden-{one}-{n}", visibility="private") for n in range(private_ones)]
        write(api, a_message(id=one), *notes)

    cursor: dict[str, str] = {}
    responses = []
    for _ in range(3):
        responses.append(timeline(api, "c", visitor(), limit="5", **cursor))
        cursor = {"cursor": responses[-1].body["nextCursor"]}

    assert [len(response.body["items"]) for response in responses] == [5, 5, 2]
    assert in_order([response.body["items"] for response in responses]) == shown
    assert "hidden" not in json.dumps([response.body for response in responses])
    assert len(in_order(pages(api, "c", private(), limit="50"))) == 12 * (1 + private_ones)


@pytest.fixture
def raw(database: Table) -> Any:
    """Call the function, and return its answer as Lambda gets it; the request's id is always the same."""
    handler = create_handler(database, KeyRing(database, 60), RateLimiter(database, 0), SETTINGS)
    return lambda event: handler(event, Context())


@pytest.mark.parametrize("cursor", ["unknown", "a", "not one", "MjAyNg", "x" * 5_000, "é"])
def test_another_form_than_a_cursor_s_is_a_400(api: Api, cursor: str) -> None:
    write(api, a_message(id="shown"))

    response = timeline(api, "c", visitor(), cursor=cursor)

    assert (response.code, response.paths) == ("VALIDATION_FAILED", ["cursor"])


def test_a_cursor_hides_how_many_private_items_there_are(api: Api) -> None:
    """It leads to a place in the order of writing, which counts them; read as what it is, it does not tell."""
    cursors = []
    for notes in range(5):
        write(api, *(a_message(id=f"n{n}", visibility="private") for n in range(notes)), to=f"c{notes}")
        write(api, a_message(id="a"), a_message(id="b"), to=f"c{notes}")
        cursors.append(timeline(api, f"c{notes}", visitor(), limit="1").body["nextCursor"])
    hidden = [base64.urlsafe_b64decode(cursor + "==").decode().split("#")[1] for cursor in cursors]

    assert all(re.fullmatch("[0-9a-f]{8}", one) for one in hidden)
    assert min(int(one, 16) for one in hidden) > 1_000
    assert len(set(hidden)) == 5


def test_a_cursor_of_another_conversation_leads_to_nothing_but_one_s_own_items(api: Api) -> None:
    write(api, a_message(id="a"), a_message(id="b"), to="other")
    write(api, a_message(id="mine"), to="c")
    cursor = timeline(api, "other", private(), limit="1").body["nextCursor"]

    found = timeline(api, "c", visitor(), cursor=cursor)

    assert found.status == 200
    assert {item["id"] for item in found.body["items"]} <= {"mine"}


def test_the_last_message_and_the_time_are_those_that_the_caller_may_see(api: Api) -> None:
    write(api, a_message(id="shown"))
    before = get(api, "c", visitor()).conversation
    write(api, a_message(id="hidden", visibility="private"), {"id": "event", "type": "event", "visibility": "private"})

    theirs, ours = get(api, "c", visitor()).conversation, get(api, "c").conversation

    assert theirs == before
    assert theirs["lastTimelineItem"]["id"] == "shown"
    assert ours["lastTimelineItem"]["id"] == "hidden"
    assert ours["updatedAt"] > theirs["updatedAt"]
    for caller, one in (("public", theirs), ("private", ours)):
        assert a_list(api, CALLERS[caller]).body["conversations"] == [one]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    "items", [[], [{"type": "event", "id": "event"}], [a_message(visibility="private", type="identification")]]
)
def test_without_a_message_to_see_there_is_no_last_one(api: Api, caller: str, items: list[dict[str, Any]]) -> None:
    write(api, *items)

    assert "lastTimelineItem" not in get(api, "c", CALLERS[caller]).conversation
    [listed] = a_list(api, CALLERS[caller]).body["conversations"]
    assert "lastTimelineItem" not in listed


# What is answered -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", CALLERS)
def test_what_is_read_is_what_was_answered_to_the_writer(api: Api, caller: str) -> None:
    body = a_body(
        conversationId="c",
        metadata={"n": 12345678901234567890},
        defaultTimelineItems=[a_message("\0😀", id="a"), {"id": "b", "type": "tool", "tool": "search"}],
    )
    written = api(body, CALLERS[caller])

    assert without_visitor(get(api, "c", CALLERS[caller]).conversation) == written.conversation
    assert timeline(api, "c", CALLERS[caller]).body["items"] == written.items


@pytest.mark.parametrize("status", ["resolved", "spam"])
def test_a_conversation_that_is_not_open_is_read_as_any(api: Api, storage: Storage, status: str) -> None:
    write(api, a_message(id="a"))
    set_status(storage, "c", status)

    assert get(api, "c", private()).conversation["status"] == status
    assert ids(timeline(api, "c", visitor()).body["items"]) == ["a"]


def set_status(storage: Storage, conversation_id: str, status: str) -> None:
    """Set the status of a conversation."""
    storage.change((f"CONVERSATION#{WEBSITE}#test#{conversation_id}", CONVERSATION_SK), status=status)


#: A message by what it is sent with, and the preview that a list shows of it: its text and its parts.
TEXT_PART = {"type": "text", "text": "x" * 5_000}
STEP = {"type": "step-start"}
LARGE_TOOL = {
    "type": "tool-x",
    "toolCallId": "1",
    "toolName": "x",
    "state": "result",
    "input": {"a": "x" * 5_000},
}
PREVIEWS: dict[str, tuple[dict[str, Any], str | None]] = {
    "text": ({"text": "ab" * 5_000}, "ab" * 1_000),
    "of two bytes": ({"text": "é" * 5_000}, "é" * 2_000),
    "of four bytes": ({"text": "😀" * 1_500}, "😀" * 1_500),
    "more of four bytes": ({"text": "😀" * 5_000}, "😀" * 2_000),
    # A hundred of them, with all that their conversations may have, would not fit into an answer.
    "of controls": ({"text": "\0" * 5_000}, "\0" * 1_142),
    "text and parts": ({"text": "short", "parts": [STEP, LARGE_TOOL, TEXT_PART]}, "short"),
    "text parts": ({"parts": [TEXT_PART, STEP, TEXT_PART]}, "x" * 2_000),
    "without text": ({"parts": [LARGE_TOOL]}, None),
    "an empty text": ({"text": "", "parts": [LARGE_TOOL]}, ""),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("sent", "preview"), PREVIEWS.values(), ids=PREVIEWS)
def test_a_list_shows_a_preview_of_large_content_and_all_else_shows_the_whole(
    api: Api, caller: str, sent: dict[str, Any], preview: str | None
) -> None:
    written = api(a_body(conversationId="c", defaultTimelineItems=[{**sent, "id": "a"}]), CALLERS[caller])
    [whole] = written.items

    [listed] = a_list(api, CALLERS[caller]).body["conversations"]

    parts = [] if preview is None else [{"type": "text", "text": preview}]
    assert listed["lastTimelineItem"] == {**whole, "text": preview, "parts": parts}
    assert get(api, "c", CALLERS[caller]).conversation["lastTimelineItem"] == whole
    assert timeline(api, "c", CALLERS[caller]).body["items"] == [whole]


def test_a_list_shows_the_whole_of_other_content(api: Api) -> None:
    [whole] = api(a_body(defaultTimelineItems=[{"text": "x" * 2_500, "parts": [STEP]}])).items

    [listed] = a_list(api).body["conversations"]

    assert listed["lastTimelineItem"] == whole


def test_the_largest_item_is_written_listed_and_read(api: Api, stored: Stored) -> None:
    api(a_body(conversationId="probe", defaultTimelineItems=[a_message("x" * 300_000, id="a")]))
    [probe] = [item for item in stored() if item["SK"] == "ITEM#a"]
    # The partition's name stands in the item and in the index: by 4 characters longer here.
    text = "x" * (300_000 + MAX_ITEM_BYTES - stored_size(probe) + 2 * len("robe"))
    write(api, a_message(text, id="a"), to="c")

    assert timeline(api, "c", visitor()).body["items"][0]["text"] == text
    assert get(api, "c", visitor()).conversation["lastTimelineItem"]["text"] == text
    shown = a_list(api, visitor()).body["conversations"]
    assert [one["lastTimelineItem"]["text"] for one in shown] == [text[:2_000]] * 2
    assert api(a_body(conversationId="d", defaultTimelineItems=[a_message(text + "x" * 20, id="a")])).status == 413


@pytest.mark.parametrize("character", ["a", "é", '"', "\0"])
def test_pages_of_large_items_stay_within_5_mb_and_together_have_them_all(api: Api, raw: Any, character: str) -> None:
    text = character * (390_000 // (len(json.dumps(character, ensure_ascii=False).encode()) - 2))
    for number in range(16):
        large = a_message(text, id=f"large-{number}", visibility="private" if number % 3 == 0 else "public")
        body = a_body(conversationId="c", defaultTimelineItems=[large, a_message("small", id=f"small-{number}")])
        assert api(raw=json.dumps(body, ensure_ascii=False)).status == 200
    # An answer has it as the text and as its part, in a body that is a JSON string.
    shown = 2 * len(json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False).encode())

    for caller, count in (("private", 32), ("public", 26)):
        found = pages(api, "c", CALLERS[caller], limit="100")
        assert len(in_order(found)) == len(set(in_order(found))) == count
        response = raw(an_event(None, CALLERS[caller], route=timelines.GET, query={"limit": "100"}, conversationId="c"))
        size = len(json.dumps(response, ensure_ascii=False).encode())
        assert size < 5_000_000 + 1_000
        # Another large one would not have fitted.
        assert size > 5_000_000 - shown - 50_000


def test_the_line_in_the_log_says_how_much_was_read_and_neither_cursor_nor_visitor(api: Api, emitted: Emitted) -> None:
    write(api, *(a_message(id=f"item-{n}") for n in range(5)))
    emitted()

    cursor = timeline(api, "c", visitor(), limit="1").body["nextCursor"]
    emitted()
    timeline(api, "c", visitor(), limit="2", cursor=cursor)
    get(api, "c", visitor())
    a_list(api, visitor())

    lines = emitted()
    requests = [line for line in lines if line.get("message") == "request"]
    assert [(line["route"], line["items"], line.get("limit")) for line in requests] == [
        ("GET /v1/conversations/{conversationId}/timeline", 2, 2),
        ("GET /v1/conversations/{conversationId}", 1, None),
        ("GET /v1/conversations", 1, 6),
    ]
    assert {name for line in lines if "_aws" in line for name in line if name.startswith("Read.")} == {
        "Read.getTimeline",
        "Read.getConversation",
        "Read.listConversations",
    }
    assert "item-4" not in json.dumps(lines)
    assert VISITOR not in json.dumps(lines)


# What has been, and is no more ----------------------------------------------------------------------------------------


def test_expired_items_are_in_no_page(api: Api, stored: Stored, storage: Storage) -> None:
    """DynamoDB deletes them late, and each for itself: what is left of the number of a page is filled."""
    write(api, *(a_message(id=f"{n}", createdAt=MOMENT) for n in range(20)))
    gone = [item for item in stored() if str(item["SK"]).startswith("ITEM#") and int(str(item["SK"])[5:]) % 3]
    storage.let_expire(gone)

    for caller in CALLERS.values():
        found = pages(api, "c", caller, limit="3")
        assert [ids(page) for page in found] == [["12", "15", "18"], ["3", "6", "9"], ["0"]]


@pytest.fixture(params=[-3600, 0, 3600], ids=["an hour behind", "alike", "an hour ahead"])
def clock(request: pytest.FixtureRequest) -> int:
    """By how many seconds the clock of the instance that writes next differs."""
    seconds: int = request.param
    return seconds


@pytest.mark.parametrize("left", ["expired", "items alone"])
def test_what_stood_under_an_id_before_is_in_nothing_after(
    api: Api, stored: Stored, storage: Storage, monkeypatch: pytest.MonkeyPatch, clock: int, left: str
) -> None:
    old = [a_message("old", id=f"old-{n}", visibility=visibility) for n, visibility in enumerate(["public", "private"])]
    write(api, *old, a_message("old", id="both"))
    if left == "expired":
        storage.let_expire(stored())
    else:
        storage.delete((f"CONVERSATION#{WEBSITE}#test#c", CONVERSATION_SK))
    with monkeypatch.context() as differing:
        import time

        now = time.time() + clock
        differing.setattr("support.dynamodb.table.time.time", lambda: now)
        differing.setattr(timestamps, "now", lambda: timestamps.from_epoch(now))
        write(api, a_message("new", id="both"))

    for caller in CALLERS.values():
        assert [item["text"] for page in pages(api, "c", caller) for item in page] == ["new"]
        assert get(api, "c", caller).conversation["lastTimelineItem"]["text"] == "new"
        [listed] = a_list(api, caller).body["conversations"]
        assert listed["lastTimelineItem"]["text"] == "new"
        assert timeline(api, "c", caller, cursor="old-0").paths == ["cursor"]
