"""Who has seen a conversation, and when."""

import time
from dataclasses import replace

import pytest
from api.routes import seen
from support.dynamodb.table import Table
from support.values import timestamps
from support.values.conversation import CONVERSATION_SK

from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    a_message,
    an_event,
    private,
    public,
)
from tests.calls import ID, get, open_one, rate, see, send, user, visitor, who_has_seen
from tests.client import Api, Response, Stored, api_over
from tests.stored import Storage

NOON, ONE = "2026-11-24T12:00:00.000Z", "2026-11-24T13:00:00.000Z"
CALLERS = pytest.mark.parametrize("headers", [visitor(), user()], ids=["visitor", "user"])


@pytest.fixture
def opened(api: Api) -> Response:
    return open_one(api, a_message("Hi!", id="first"))


@pytest.mark.usefixtures("opened")
def test_the_visitor_s_stands_in_the_conversation(api: Api) -> None:
    assert "visitorLastSeenAt" not in get(api)
    response = see(api, visitor())

    assert response.body == {"conversationId": ID, "lastSeenAt": response.body["lastSeenAt"]}
    assert response.body["lastSeenAt"] <= timestamps.now()
    for reader in (private(), visitor()):
        assert get(api, reader)["visitorLastSeenAt"] == response.body["lastSeenAt"]


def test_who_has_seen_it_is_told_the_last_one_first(api: Api, opened: Response) -> None:
    at = [see(api, headers).body["lastSeenAt"] for headers in (user("user-1"), visitor(), user("user-2"))]
    for reader in (private(), visitor()):
        two, them, one = who_has_seen(api, reader)
        assert (two["userId"], two["visitorId"], two["lastSeenAt"]) == ("user-2", None, at[2])
        assert (one["userId"], one["visitorId"], one["lastSeenAt"]) == ("user-1", None, at[0])
        assert them == {
            "id": them["id"],
            "conversationId": ID,
            "userId": None,
            "visitorId": VISITOR,
            "aiAgentId": None,
            "lastSeenAt": at[1],
            "createdAt": opened.conversation["createdAt"],
            "updatedAt": at[1],
            "deletedAt": None,
        }
        assert len({entry["id"] for entry in (one, them, two)}) == 3

    again = see(api, user("user-1")).body["lastSeenAt"]
    first = who_has_seen(api)[0]
    assert (first["id"], first["userId"], first["lastSeenAt"]) == (one["id"], "user-1", again)
    assert first["createdAt"] == one["createdAt"]


def test_nobody_has_seen_what_nobody_said_to_have_seen(api: Api, opened: Response) -> None:  # noqa: ARG001
    assert who_has_seen(api) == []


@CALLERS
def test_seen_does_not_move_the_conversation(api: Api, opened: Response, headers: dict[str, str]) -> None:
    see(api, headers)

    for reader in (private(), visitor()):
        assert get(api, reader)["updatedAt"] == opened.conversation["updatedAt"]


@pytest.mark.usefixtures("opened")
@CALLERS
def test_it_never_goes_back(api: Api, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: "2999-11-24T13:00:00.000Z")
    late = see(api, headers)
    monkeypatch.setattr(timestamps, "now", lambda: "2999-11-24T12:00:00.000Z")
    early = see(api, headers)

    assert late.body["lastSeenAt"] == "2999-11-24T13:00:00.000Z"
    assert early.body == late.body
    assert [entry["lastSeenAt"] for entry in who_has_seen(api)] == [late.body["lastSeenAt"]]


@CALLERS
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_it_is_never_before_the_newest_item_that_the_caller_may_see(
    api: Api, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], visibility: str
) -> None:
    monkeypatch.setattr(timestamps, "now", lambda: NOON)
    open_one(api, a_message("Hi!"))
    monkeypatch.setattr(timestamps, "now", lambda: ONE)
    send(api, private(), text="Later", visibility=visibility, type="event")
    monkeypatch.setattr(timestamps, "now", lambda: NOON)

    hidden = visibility == "private" and headers == visitor()
    assert see(api, headers).body["lastSeenAt"] == (NOON if hidden else ONE)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("raw", [None, "", "{}", '{"visitorId": null}', '{"visitorId": ""}', '{"other": 1}'])
@CALLERS
def test_a_body_that_says_nothing_is_none(api: Api, headers: dict[str, str], raw: str | None) -> None:
    event = an_event(headers=headers, raw=raw or "", route=seen.SEE, conversationId=ID)
    if raw is None:
        del event["body"], event["headers"]["content-type"]

    assert api(event=event).status == 200


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8"])
def test_what_is_not_sent_has_no_media_type(api: Api, content_type: str) -> None:
    headers = {**visitor(), "content-type": content_type}

    for base64 in (False, True):
        assert api(None, headers, raw="", base64=base64, route=seen.SEE, conversationId=ID).status == 200
    assert api(None, headers, raw="{}", route=seen.SEE, conversationId=ID).code == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.usefixtures("opened")
def test_the_body_may_say_whose_it_is(api: Api) -> None:
    for headers in (public(), visitor(OTHER_VISITOR), visitor("malformed")):
        assert see(api, headers, body={"visitorId": VISITOR}).status == 200
    assert see(api, visitor(), body={"visitorId": OTHER_VISITOR}).code == "HTTP_404"
    assert see(api, public(), body={"visitorId": "x"}).paths == ["visitorId"]
    assert see(api, public()).code == "VISITOR_ID_REQUIRED"


@pytest.mark.usefixtures("opened")
def test_the_query_may_say_whose_is_told(api: Api) -> None:
    by_query = api(None, public(), route=seen.GET, conversationId=ID, query={"visitorId": VISITOR})
    malformed = api(None, visitor(), route=seen.GET, conversationId=ID, query={"visitorId": "x"})

    assert by_query.status == 200
    assert (malformed.code, malformed.paths) == ("VALIDATION_FAILED", ["visitorId"])
    assert api(None, public(), route=seen.GET, conversationId=ID).code == "VISITOR_ID_REQUIRED"


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("actor", ["", "a b", "x" * 65])
def test_a_private_key_says_who_has_seen_it(api: Api, stored: Stored, actor: str) -> None:
    before = stored()
    refused = see(api, user(actor))

    assert (refused.status, refused.code, refused.paths) == (400, "VALIDATION_FAILED", ["X-Actor-User-Id"])
    assert stored() == before


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("route", [seen.SEE, seen.GET], ids=["mark", "get"])
def test_what_the_caller_does_not_reach_is_one_and_the_same_404(api: Api, stored: Stored, route: object) -> None:
    before = stored()
    called = [
        ("unknown", visitor()),
        ("unknown", user()),
        ("mal formed", user()),
        (ID, visitor(OTHER_VISITOR)),
        (ID, user(key=OTHER_PRIVATE_KEY)),
        (ID, user(key=LIVE_PRIVATE_KEY)),
    ]
    responses = [api({}, headers, route=route, conversationId=id_) for id_, headers in called]

    assert {response.code for response in responses} == {"HTTP_404"}
    assert all(response.body == responses[0].body for response in responses)
    assert stored() == before


@CALLERS
@pytest.mark.parametrize("left", ["all", "what is not the conversation"])
def test_a_later_conversation_of_the_id_was_seen_by_nobody(
    api: Api, stored: Stored, storage: Storage, headers: dict[str, str], left: str
) -> None:
    open_one(api, a_message("secret"))
    old = see(api, headers).body["lastSeenAt"]
    storage.let_expire([item for item in stored() if left == "all" or item["SK"] == CONVERSATION_SK])
    before = stored()

    assert see(api, headers).code == "HTTP_404"
    assert stored() == before
    open_one(api)
    assert who_has_seen(api) == []
    assert "visitorLastSeenAt" not in get(api)
    new = see(api, headers).body["lastSeenAt"]
    [entry] = who_has_seen(api)
    assert entry["lastSeenAt"] == new > old
    assert entry["createdAt"] > old


@CALLERS
def test_seen_is_kept_from_the_last_time_and_moves_no_end(
    database: Table, stored: Stored, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    api = api_over(database, settings=replace(SETTINGS, retention_days={"live": 1, "test": 1}))
    open_one(api)
    see(api, headers)
    [end] = {item["ttl"] for item in stored() if item["SK"] == "CONVERSATION"}
    assert isinstance(end, int)
    later = time.time() + 1_000
    monkeypatch.setattr("support.values.timestamps.now", lambda: timestamps.from_epoch(later))
    see(api, headers)

    ends = {str(item["SK"]): item["ttl"] for item in stored()}
    assert ends.pop("CONVERSATION") == end
    assert set(ends.values()) <= {int(later) + 86_400}


@CALLERS
def test_seen_of_what_is_kept_for_ever_is_kept_for_ever(
    api: Api, database: Table, stored: Stored, headers: dict[str, str]
) -> None:
    open_one(api)
    see(api_over(database, settings=replace(SETTINGS, retention_days={"live": 1, "test": 1})), headers)

    assert not [item for item in stored() if "ttl" in item]


@pytest.mark.usefixtures("opened")
def test_neither_seen_nor_reading_counts_for_the_limit_by_address(database: Table) -> None:
    api = api_over(database, rate_limit=1)
    for _ in range(4):
        assert see(api, visitor()).status == 200
        who_has_seen(api, visitor())
        get(api, visitor())
    # One that counts is the first that does.
    assert rate(api, visitor(), rating=5).code == "CONVERSATION_NOT_RESOLVED"
