"""Taking away what an item says, and erasing a conversation."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from api.routes import timelines
from api.routes.conversations import GET, LIST
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.store.erasure import ErasureStore
from support.values import timestamps
from support.values.conversation import conversation_pk

from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    VISITOR,
    WEBSITE,
    a_body,
    a_message,
    private,
    public,
)
from tests.calls import (
    ID,
    change,
    erase,
    get,
    open_one,
    patch,
    rate,
    read_inbox,
    remove,
    see,
    send,
    timeline,
    user,
    visitor,
    who_has_seen,
)
from tests.client import Api, Response, Stored, api_over
from tests.operators import Operate
from tests.scripted import overtake
from tests.stored import Storage

CARD, HI = "4111 1111 1111 1111", "Hi!"
LARGE = CARD + "x" * 5_000
#: What marks content of an item that is removed, wherever it may be left.
MARK = "4111"
LONG_AGO = "2020-01-01T00:00:00.000Z"

PK = conversation_pk(WEBSITE, "test", ID)


def a_card(text: str = CARD, **fields: Any) -> dict[str, Any]:
    return a_message(text, id="card", **fields)


def last(api: Api, headers: dict[str, str] | None = None) -> str | None:
    """Return the text of `lastTimelineItem`, the same in every way to read it."""
    headers = private() if headers is None else headers
    one = get(api, headers)
    lists = [api(None, {**headers, "x-visitor-id": VISITOR}, route=LIST).body["conversations"]]
    if "authorization" in headers:
        lists.append(read_inbox(api).body["items"])
    for conversations in lists:
        [listed] = [listed for listed in conversations if listed["id"] == ID]
        assert listed.get("lastTimelineItem", {}).get("id") == one.get("lastTimelineItem", {}).get("id")
    item = one.get("lastTimelineItem")
    return None if item is None else item["text"]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def after(api: Api, item_id: str, headers: dict[str, str] | None = None) -> list[str]:
    response = api(None, headers, route=timelines.GET, conversationId=ID, query={"after": item_id})
    return ids(response.body["items"])


# What one item says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [CARD, LARGE], ids=["small", "large"])
def test_what_was_removed_is_nowhere_and_its_place_is_known(api: Api, stored: Stored, text: str) -> None:
    open_one(api, a_message(HI, id="hi"))
    sent = send(api, visitor(), **a_card(text)).body["item"]
    send(api, visitor(), id="more", text="Sorry!")

    response = remove(api, "card", user("user-7"))

    assert response.status == 200
    assert "idempotent-replayed" not in response.headers
    item = response.body["item"]
    assert item["deletedAt"] == get(api)["updatedAt"] == get(api, visitor())["updatedAt"]
    assert item == {
        **sent,
        "text": None,
        "tool": None,
        "parts": [],
        "deletedAt": item["deletedAt"],
        "deletedByUserId": "user-7",
    }
    for headers in (visitor(), private()):
        assert ids(timeline(api, headers)) == ["hi", "more"]
        assert (after(api, "hi", headers), after(api, "card", headers)) == (["more"], ["more"])
    assert MARK not in json.dumps(stored())


def test_it_is_removed_once_and_known_by_whom_to_the_team_alone(api: Api, stored: Stored) -> None:
    open_one(api, a_card())
    first = remove(api, "card")
    before = stored()

    again = remove(api, "card", user("user-2"))

    assert first.body["item"]["deletedByUserId"] is None
    assert (again.status, again.headers["idempotent-replayed"], again.body) == (200, "true", first.body)
    assert stored() == before
    assert "deletedByUserId" not in send(api, visitor(), **a_card()).body["item"]


@pytest.mark.parametrize("other", ["y" * 5_000, HI], ids=["large", "small"])
def test_the_last_message_is_the_newest_that_is_left(api: Api, stored: Stored, other: str) -> None:
    open_one(api, a_message("first", id="first"), a_message(other, id="second"))
    send(api, id="note", text=LARGE, visibility="private", userId="user-1")
    send(api, visitor(), **a_card(LARGE))
    send(api, id="event", type="event", parts=[{"type": "step-start"}])

    remove(api, "card")
    assert (last(api), last(api, visitor())) == (LARGE, other)

    remove(api, "note")
    remove(api, "second")
    assert (last(api), last(api, visitor())) == ("first", "first")

    remove(api, "first")
    assert (last(api), last(api, visitor())) == (None, None)
    assert MARK not in json.dumps(stored())

    send(api, visitor(), id="new", text="Again")
    assert (last(api), last(api, visitor())) == ("Again", "Again")


def test_a_removed_note_tells_a_visitor_nothing(api: Api) -> None:
    open_one(api, a_message(HI, id="hi"))
    send(api, id="note", text=CARD, visibility="private", userId="user-1")
    before, seen = get(api), get(api, visitor())

    remove(api, "note")

    assert get(api, visitor()) == seen
    assert get(api)["updatedAt"] > before["updatedAt"]
    assert send(api, visitor(), id="note", text="?").code == "PRIVATE_KEY_REQUIRED"


def test_under_the_id_of_a_removed_item_nothing_is_compared_or_written(api: Api, stored: Stored) -> None:
    open_one(api, a_message(HI, id="hi"), a_card())
    send(api, visitor(), id="late", text=CARD)
    removed = {id_: remove(api, id_).body["item"] for id_ in ("card", "late")}
    change(api, "resolve")
    before = stored()

    for headers in (visitor(), private()):
        for id_, text in (("card", CARD), ("card", "Anything"), ("late", "else")):
            response = send(api, headers, id=id_, text=text)
            assert (response.status, response.headers["idempotent-replayed"]) == (200, "true")
            known = {**removed[id_]} if headers == private() else removed[id_] | {"deletedByUserId": ...}
            assert response.body["item"] == {k: v for k, v in known.items() if v is not ...}
    replay = api(a_body(conversationId=ID, defaultTimelineItems=[a_message(HI, id="hi"), a_message("?", id="card")]))
    assert (replay.status, replay.headers["idempotent-replayed"]) == (200, "true")
    assert [item["deletedAt"] is None for item in replay.items] == [True, False]
    assert replay.conversation["lastTimelineItem"]["id"] == "hi"
    assert stored() == before


def test_the_answer_to_an_idempotency_key_says_which_item_was_removed(api: Api) -> None:
    body, headers = a_body(defaultTimelineItems=[a_message(CARD), a_message(HI)]), {**private(), "idempotency-key": "k"}
    opened = api(body, headers)
    remove(api, opened.items[0]["id"], id_=opened.conversation["id"])

    again = api(body, headers)

    assert [(item["id"], item["text"]) for item in again.items] == [
        (opened.items[0]["id"], None),
        (opened.items[1]["id"], HI),
    ]


def test_of_a_rating_the_comment_goes_and_the_rating_stays(api: Api) -> None:
    open_one(api, a_message(HI))
    change(api, "resolve")
    assert rate(api, visitor(), rating=5, comment=CARD).status == 200
    event = timeline(api)[-1]

    remove(api, event["id"])

    assert get(api)["visitorRating"] == 5
    assert rate(api, visitor(), rating=5, comment=CARD).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("headers", "conversation_id", "item_id"),
    [
        (private(), ID, "unknown"),
        (private(), "unknown", "card"),
        (private(), ID, "card%20"),
        (private(OTHER_PRIVATE_KEY), ID, "card"),
        (private(LIVE_PRIVATE_KEY), ID, "card"),
    ],
)
def test_an_unknown_item_is_a_404(api: Api, headers: dict[str, str], conversation_id: str, item_id: str) -> None:
    open_one(api, a_card())

    assert remove(api, item_id, headers, conversation_id).code == "HTTP_404"
    assert timeline(api)[0]["text"] == CARD


def test_a_visitor_removes_nothing(api: Api) -> None:
    open_one(api, a_card())

    assert (remove(api, "card", visitor()).code, erase(api, visitor()).code) == ("PRIVATE_KEY_REQUIRED",) * 2
    assert timeline(api)[0]["text"] == CARD


# Others at the same time ----------------------------------------------------------------------------------------------


def by_another(storage: Storage) -> Api:
    return api_over(storage.table())


@pytest.fixture
def overtakes(database: Table, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let another call come just before one of the table, from an instance whose clock is an hour behind.

    The clock of this one is ahead from then on. With one clock, a write that is overtaken is dated before the other
    one, and fails for that alone.
    """
    ahead = [0]
    monkeypatch.setattr(timestamps, "now", lambda: timestamps.from_epoch(time.time() + ahead[-1]))

    def let(method: str, do: Callable[[], object]) -> None:
        def come_first() -> None:
            ahead.append(0)
            do()
            ahead.pop()

        ahead.append(3_600)
        overtake(database, method, come_first)

    return let


MEANWHILE: dict[str, tuple[Callable[[Api], object], str | None, list[str]]] = {
    "a newer message": (lambda api: send(api, visitor(), id="new", text="new"), "new", ["old", "mid", "new"]),
    "an import before it": (
        lambda api: send(api, id="import", text="import", createdAt=LONG_AGO, userId="user-1"),
        "mid",
        ["import", "old", "mid"],
    ),
    "the removal of the one before": (lambda api: remove(api, "mid"), "old", ["old"]),
    "the same removal": (lambda api: remove(api, "card"), "mid", ["old", "mid"]),
    "a change of status": (lambda api: change(api, "resolve"), "mid", ["old", "mid"]),
    "a title": (lambda api: patch(api, {"title": "t"}), "mid", ["old", "mid"]),
    "seen": (lambda api: see(api, visitor()), "mid", ["old", "mid"]),
}


@pytest.mark.parametrize("name", MEANWHILE)
def test_a_removal_that_another_write_overtakes_forgets_nothing(
    api: Api, storage: Storage, overtakes: Callable[..., None], stored: Stored, name: str
) -> None:
    do, last_text, messages = MEANWHILE[name]
    another = by_another(storage)
    open_one(another, a_message("old", id="old"), a_message("mid", id="mid"), a_card())
    overtakes("transact", lambda: do(another))

    assert remove(api, "card").status == 200

    assert last(another, visitor()) == last_text
    assert [item["id"] for item in timeline(another) if item["type"] == "message"] == messages
    assert MARK not in json.dumps(stored())


def test_a_removal_that_makes_the_item_the_last_message_overtakes_its_own(
    api: Api, storage: Storage, overtakes: Callable[..., None]
) -> None:
    another = by_another(storage)
    open_one(another, a_message("old", id="old"), a_message("mid", id="mid"), a_card())
    overtakes("transact", lambda: remove(another, "card"))

    assert remove(api, "mid").status == 200

    assert last(another, visitor()) == "old"


def test_an_import_that_a_removal_overtakes_becomes_the_last_message(
    api: Api, storage: Storage, overtakes: Callable[..., None]
) -> None:
    another = by_another(storage)
    open_one(another, a_message("old", id="old", createdAt="2019-01-01T00:00:00.000Z", userId="user-1"), a_card())
    overtakes("transact", lambda: remove(another, "card"))

    assert send(api, id="import", text="import", createdAt=LONG_AGO, userId="user-1").status == 200

    assert last(another, visitor()) == "import"


@pytest.mark.parametrize("method", ["transact", "get_many"])
def test_a_replay_that_a_removal_overtakes_shows_nothing_of_it(database: Table, storage: Storage, method: str) -> None:
    api, another = api_over(database), by_another(storage)
    open_one(another, a_message("old", id="old"), a_card())
    overtake(database, method, lambda: remove(another, "card"))

    response = api(a_body(conversationId=ID, defaultTimelineItems=[a_card()]), public())

    assert response.status == 200
    assert MARK not in json.dumps(response.body)
    assert response.conversation["lastTimelineItem"]["id"] == "old"


READS: dict[str, Callable[[Api], Response]] = {
    "GET": lambda api: api(None, visitor(), route=GET, conversationId=ID),
    "list": lambda api: api(None, visitor(), route=LIST),
    "inbox": read_inbox,
    "timeline": lambda api: api(None, visitor(), route=timelines.GET, conversationId=ID),
    "title": lambda api: patch(api, {"title": "t"}),
}


@pytest.mark.parametrize("text", [CARD, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("read", READS)
def test_a_read_that_a_removal_overtakes_is_of_before_or_of_after(
    database: Table, storage: Storage, text: str, nth: int, read: str
) -> None:
    """Between its calls there is no time at which no message is the last one."""
    api, another = api_over(database), by_another(storage)
    open_one(another, a_message("old", id="old"), a_card(text))
    overtake(database, "get_many", lambda: remove(another, "card"), nth=nth)

    body = READS[read](api).body

    if read == "timeline":
        assert ids(body["items"]) in (["old", "card"], ["old"])
        assert all(item["text"] for item in body["items"])
        return
    [shown] = body.get("conversations") or body.get("items") or [body["conversation"]]
    assert shown["lastTimelineItem"]["text"]
    if read != "title":
        is_after = shown["updatedAt"] != shown["createdAt"]
        assert shown["lastTimelineItem"]["id"] == ("old" if is_after else "card")


# A whole conversation -------------------------------------------------------------------------------------------------


def finish(storage: Storage, items: int | None = None) -> None:
    """Do what the function does that deletes what is left."""
    erased = ErasureStore(storage.table(), pause=lambda _: None).finish(PK, Deadline.after(60))
    assert erased.is_done
    assert items in {None, erased.items}


def a_rich_conversation(api: Api) -> None:
    open_one(api, a_message(HI, id="hi"), a_card(LARGE), metadata={"plan": MARK})
    send(api, id="note", text=CARD, visibility="private", userId="user-1")
    see(api, user())
    see(api, visitor())
    patch(api, {"title": CARD})
    change(api, "resolve")
    rate(api, visitor(), rating=1, comment=CARD)


def test_an_erased_conversation_is_gone_at_once_and_for_everybody(api: Api, operate: Operate, stored: Stored) -> None:
    a_rich_conversation(api)

    response = erase(api)

    assert (response.status, response.body) == (202, {"conversationId": ID})
    for headers in (visitor(), private()):
        for refused in (
            api(None, headers, route=GET, conversationId=ID),
            api(None, headers, route=timelines.GET, conversationId=ID),
            send(api, headers, **a_card(LARGE)),
            see(api, headers | user()),
            rate(api, headers, rating=1, comment=CARD),
        ):
            assert refused.code == "HTTP_404"
        assert api(None, {**headers, "x-visitor-id": VISITOR}, route=LIST).body["conversations"] == []
    for refused in (erase(api), remove(api, "card"), change(api, "reopen"), patch(api, {"title": "?"})):
        assert refused.code == "HTTP_404"
    assert read_inbox(api).body["items"] == []
    shown = operate("get_conversation", websiteId=WEBSITE, mode="test", conversationId=ID)
    assert shown["error"]["code"] == "NOT_FOUND"
    [row] = [row for row in stored() if row["SK"] == "CONVERSATION"]
    assert MARK not in json.dumps(row)


@pytest.mark.parametrize("visitor_id", [VISITOR, OTHER_VISITOR])
def test_its_id_is_free_again_once_all_of_it_is_erased(
    api: Api, storage: Storage, stored: Stored, visitor_id: str
) -> None:
    a_rich_conversation(api)
    erase(api)
    body = {"conversationId": ID, "visitorId": visitor_id, "defaultTimelineItems": [a_message("New", id="hi")]}

    for headers in (public(), private()):
        refused = api(body, headers)
        assert (refused.status, refused.code) == (503, "UNAVAILABLE")
        assert int(refused.headers["retry-after"]) >= 1
    finish(storage)
    assert stored() == []

    opened = api(body, public())
    assert (opened.status, opened.items[0]["text"]) == (200, "New")
    assert ids(timeline(api)) == ["hi"]
    assert who_has_seen(api) == []


@pytest.mark.parametrize("method", ["update", "transact", "get_many"])
def test_a_write_that_an_erasure_overtakes_is_a_404_and_leaves_nothing(
    database: Table, storage: Storage, stored: Stored, method: str
) -> None:
    api, another = api_over(database), by_another(storage)
    writes: list[Callable[[], Response]] = [
        lambda: send(api, visitor(), id="new", text="new"),
        lambda: send(api, id="import", text="import", createdAt=LONG_AGO, userId="user-1"),
        lambda: remove(api, "card"),
        lambda: change(api, "resolve"),
        lambda: patch(api, {"title": "t"}),
        lambda: see(api, visitor()),
        lambda: see(api, user("user-9")),
        lambda: erase(api),
    ]
    for write in writes:
        a_rich_conversation(another)
        change(another, "reopen")
        seen = len(who_has_seen(another))
        calls = iter([True])

        def come_first(calls: Any = calls) -> None:
            if next(calls, False):
                erase(another)

        original = getattr(database, method)
        overtake(database, method, come_first)
        response = write()
        setattr(database, method, original)
        assert (response.code == "HTTP_404") or next(calls, False)
        erase(another)
        finish(storage)
        assert (stored(), seen) == ([], 2)


def test_an_append_that_an_erasure_overtakes_is_a_503(database: Table, storage: Storage) -> None:
    api, another = api_over(database), by_another(storage)
    a_rich_conversation(another)
    change(another, "reopen")
    overtake(database, "transact", lambda: erase(another), nth=2)

    assert api(a_body(conversationId=ID, defaultTimelineItems=[a_message("new", id="new")])).code == "UNAVAILABLE"


def test_nothing_of_others_is_erased(api: Api, storage: Storage, stored: Stored) -> None:
    """Ids that begin alike, another website and mode, an earlier conversation's items under the same id."""
    for id_ in (f"{ID}1", f"{ID}-", "b"):
        open_one(api, a_message(HI), id_=id_)
    for key in (OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY):
        assert api(a_body(conversationId=ID, defaultTimelineItems=[a_message(HI)]), private(key)).status == 200
    before = stored()
    a_rich_conversation(api)
    storage.let_expire([row for row in stored() if row["PK"] == PK and row["SK"] == "ITEM#card"])

    erase(api)
    finish(storage)

    assert sorted(stored(), key=str) == sorted(before, key=str)


def test_what_is_not_being_erased_is_never_deleted(api: Api, storage: Storage, stored: Stored) -> None:
    """A message of the queue may come late, when a new conversation has the id."""
    open_one(api, a_message(HI))
    before = stored()

    finish(storage, items=0)

    assert stored() == before
