"""Visitors: what their pages tell of them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from api.routes import visitors
from api.routes.conversations import LIST
from support.dynamodb.table import Table
from support.values import timestamps
from support.values.visitor import PAGE_SK, VISITOR_SK

from tests.builders import (
    LIVE_PRIVATE_KEY,
    OTHER_PRIVATE_KEY,
    OTHER_VISITOR,
    SETTINGS,
    VISITOR,
    WEBSITE,
    a_message,
    private,
)
from tests.calls import change as change_status
from tests.calls import get, open_one, patch, read_inbox, user, visitor
from tests.client import Api, Emitted, Response, api_over
from tests.stored import Storage

CANARY = "canary-71d0"

BROWSER = {
    "browser": "Chrome",
    "browserVersion": "142.0",
    "os": "Linux",
    "osVersion": "6.1",
    "device": "Linux PC",
    "deviceType": "desktop",
    "language": "en-US",
    "timezone": "Europe/Berlin",
    "screenResolution": "800x600",
    "viewport": "1000x800",
}
PAGE = {"url": "https://shop.example.com/a", "path": "/a", "title": "A", "referrerUrl": None, "updatedAt": "t1"}
ATTRIBUTION = {"version": 1, "firstTouch": {"channel": "direct", "isDirect": True, "utm": {"source": None}}}

#: What is never recorded.
PLACE = ("ip", "city", "region", "country", "countryCode", "latitude", "longitude")


def tell(api: Api, body: object, headers: dict[str, str] | None = None, id_: str = VISITOR) -> Response:
    return api(body, visitor() if headers is None else headers, route=visitors.PATCH, visitorId=id_)


def act(api: Api, body: object = None, headers: dict[str, str] | None = None, id_: str = VISITOR) -> Response:
    return api(body or {}, visitor() if headers is None else headers, route=visitors.TELL, visitorId=id_)


def known(api: Api, id_: str = VISITOR, headers: dict[str, str] | None = None) -> dict[str, Any]:
    response = api(None, headers, route=visitors.GET, visitorId=id_)
    assert response.status == 200, response.body
    return response.body  # type: ignore[no-any-return]


@pytest.fixture
def kept(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that moves the clock to a day, and calls the API with a retention of 30 days."""

    def at(day: float, days: int = 30) -> Api:
        now = 1_795_521_600 + day * 86_400
        monkeypatch.setattr("time.time", lambda: now)
        monkeypatch.setattr(timestamps, "now", lambda: timestamps.from_epoch(now))
        return api_over(storage.table(), settings=replace(SETTINGS, retention_days={"live": days, "test": days}))

    return at


@pytest.mark.parametrize("headers", [visitor(), private()], ids=["public", "private"])
def test_what_a_page_tells_is_read_by_the_team(api: Api, headers: dict[str, str]) -> None:
    response = tell(api, {**BROWSER, "attribution": ATTRIBUTION, "currentPage": PAGE}, headers)

    assert response.body == known(api)
    assert response.body == {
        **BROWSER,
        "attribution": ATTRIBUTION,
        "currentPage": PAGE,
        "id": VISITOR,
        "websiteId": WEBSITE,
        "organizationId": response.body["organizationId"],
        "isBlocked": False,
        "blockedAt": None,
        "blockedByUserId": None,
        "createdAt": response.body["updatedAt"],
        "updatedAt": response.body["updatedAt"],
        "lastSeenAt": None,
        "contact": None,
        **dict.fromkeys(PLACE),
    }


def test_what_is_sent_replaces_null_removes_and_the_rest_stays(api: Api) -> None:
    first = tell(api, {**BROWSER, "currentPage": PAGE}).body
    response = tell(api, {"browser": "Firefox", "os": None, "currentPage": None})

    changed = {"browser": "Firefox", "os": None, "currentPage": None, "updatedAt": response.body["updatedAt"]}
    assert response.body == known(api) == {**first, **changed}


def test_what_pages_must_not_say_is_accepted_and_not_kept(api: Api, storage: Storage) -> None:
    claims = {"name": CANARY, "email": CANARY, "externalId": CANARY, "metadata": {"a": CANARY}, "more": CANARY}
    response = tell(api, {**claims, **dict.fromkeys(PLACE, CANARY)})

    assert response.status == 200
    assert CANARY not in json.dumps(response.body)
    assert CANARY not in str(storage.scan("VISITOR#"))


def test_a_long_text_is_cut_and_a_large_object_is_not_kept(api: Api, storage: Storage) -> None:
    tell(api, {"currentPage": PAGE})
    large = {"url": "x" * 8_192}
    response = tell(api, {"browser": "🎉" * 257, "currentPage": large, "attribution": large})
    act(api, {"currentPage": large})

    assert (response.body["browser"], response.body["currentPage"], response.body["attribution"]) == (
        "🎉" * 256,
        PAGE,
        None,
    )
    assert known(api)["currentPage"] == PAGE
    assert "x" * 100 not in str(storage.scan("VISITOR#"))


@pytest.mark.parametrize("body", [{"browser": 1}, {"currentPage": "x"}, {"attribution": []}])
def test_another_type_is_refused_by_name(api: Api, body: dict[str, object]) -> None:
    assert tell(api, body).paths == list(body)


def test_a_large_body_is_refused(api: Api) -> None:
    for call in (tell, act):
        assert call(api, {"more": "x" * 65_536}).code == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("route", [visitors.PATCH, visitors.TELL])
def test_a_visitor_tells_of_nobody_else(api: Api, storage: Storage, route: Any) -> None:
    for id_, headers in ((OTHER_VISITOR, visitor()), ("no-ulid", visitor()), ("no-ulid", private())):
        assert api({}, headers, route=route, visitorId=id_).code == "HTTP_404"
    assert storage.scan("VISITOR#") == []


def test_activity_moves_the_time_and_the_page(api: Api) -> None:
    response = act(api, {"activityType": "connected", "sessionId": "s", "currentPage": PAGE})
    assert response.body["ok"] is True
    first = known(api)
    assert (first["lastSeenAt"], first["currentPage"]) == (response.body["acceptedAt"], PAGE)

    own = api({"currentPage": {**PAGE, "path": "/b"}}, visitor(), route=visitors.TELL_OWN)

    after = known(api)
    assert after["lastSeenAt"] == own.body["acceptedAt"] >= first["lastSeenAt"]
    assert after == {**first, "lastSeenAt": after["lastSeenAt"], "currentPage": {**PAGE, "path": "/b"}}


def test_a_heartbeat_of_the_same_page_is_one_write_to_the_visitor_s_own_row(
    api: Api, storage: Storage, emitted: Emitted
) -> None:
    act(api, {"currentPage": PAGE, "attribution": ATTRIBUTION})
    page = storage.scan("VISITOR#")
    emitted()

    # Widgets date the page anew with each heartbeat.
    act(api, {"currentPage": {**PAGE, "updatedAt": "t2"}, "attribution": ATTRIBUTION})

    [line] = [line for line in emitted() if line.get("message") == "request"]
    assert line["database_calls"] == 1
    assert [row for row in storage.scan("VISITOR#") if row["SK"] == PAGE_SK] == [
        row for row in page if row["SK"] == PAGE_SK
    ]


def test_the_page_is_the_one_that_was_told_last_by_either_call(api: Api) -> None:
    other = {**PAGE, "path": "/b"}
    act(api, {"currentPage": PAGE})
    tell(api, {"currentPage": other})
    assert known(api)["currentPage"] == other
    act(api, {"currentPage": PAGE})
    assert known(api)["currentPage"] == PAGE


def test_the_team_sees_when_a_visitor_was_there_wherever_it_sees_the_conversation(api: Api) -> None:
    open_one(api, a_message("Hi!"))
    seen_at = act(api).body["acceptedAt"]
    expected = {
        "id": VISITOR,
        "isBlocked": False,
        "blockedAt": None,
        "blockedByUserId": None,
        "lastSeenAt": seen_at,
        "contact": None,
    }

    listed = api(None, {**private(), "x-visitor-id": VISITOR}, route=LIST).body["conversations"]
    shown = [
        get(api),
        patch(api, {"title": "A"}).conversation,
        change_status(api, "resolve").conversation,
        *read_inbox(api).body["items"],
        *listed,
    ]

    for conversation in shown:
        assert conversation["visitor"] == expected
        assert (conversation["priority"], conversation["organizationId"]) == ("normal", known(api)["organizationId"])


def test_a_visitor_who_has_told_nothing_is_shown_to_the_team_as_such(api: Api) -> None:
    opened = open_one(api, a_message("Hi!"))

    assert "visitor" not in opened.conversation
    assert get(api)["visitor"] == {
        "id": VISITOR,
        "isBlocked": False,
        "blockedAt": None,
        "blockedByUserId": None,
        "lastSeenAt": None,
        "contact": None,
    }
    assert api(None, route=visitors.GET, visitorId=VISITOR).code == "HTTP_404"


def test_visitors_are_told_neither_of_the_team_s_fields(api: Api) -> None:
    open_one(api, a_message("Hi!"))
    act(api)

    assert {"visitor", "priority", "organizationId"}.isdisjoint(get(api, visitor()))


@pytest.mark.parametrize("key", [OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY], ids=["website", "mode"])
def test_another_tenant_knows_nothing_of_a_visitor(api: Api, key: str) -> None:
    tell(api, BROWSER)

    assert api(None, private(key), route=visitors.GET, visitorId=VISITOR).code == "HTTP_404"


def test_a_visitor_is_kept_as_long_after_the_last_call_as_a_conversation(kept: Any) -> None:
    tell(kept(0), {**BROWSER, "currentPage": PAGE})
    act(kept(20))

    assert known(kept(49.9))["browser"] == "Chrome"
    assert kept(50.1)(None, route=visitors.GET, visitorId=VISITOR).code == "HTTP_404"

    # What has expired does not come back with the next call.
    act(kept(50.2))
    after = known(kept(50.2))
    assert (after["browser"], after["currentPage"]) == (None, None)
    assert after["createdAt"] == after["lastSeenAt"]


def test_a_shorter_retention_shortens_nothing_that_is_kept(kept: Any) -> None:
    tell(kept(0, days=90), BROWSER)
    act(kept(1, days=30))
    assert known(kept(89, days=30))["browser"] == "Chrome"


def test_what_was_kept_forever_stays(kept: Any) -> None:
    tell(kept(0, days=0), BROWSER)
    act(kept(1, days=30))
    act(kept(1, days=30))
    assert known(kept(400, days=30))["browser"] == "Chrome"


def test_two_calls_that_tell_of_different_fields_lose_neither(database: Table, storage: Storage) -> None:
    """Each is written after the other has read."""
    other = api_over(storage.table())
    api = api_over(database)
    transact = database.transact

    def come_second(*arguments: Any, **named: Any) -> None:
        database.transact = transact  # type: ignore[method-assign]
        assert tell(other, {"os": "Linux"}).status == 200
        assert act(other).status == 200
        transact(*arguments, **named)

    database.transact = come_second  # type: ignore[method-assign]
    assert tell(api, {"browser": "Chrome"}).status == 200

    after = known(api)
    assert (after["browser"], after["os"]) == ("Chrome", "Linux")
    assert after["lastSeenAt"] is not None


def test_what_the_team_s_lists_read_of_a_visitor_does_not_grow_with_what_a_page_tells(
    api: Api, storage: Storage
) -> None:
    largest = dict.fromkeys(BROWSER, "🎉" * 256)
    objects = {"currentPage": {"url": "x" * 8_000}, "attribution": {"a": "x" * 8_000}}
    assert tell(api, {**largest, **objects}).status == 200
    act(api, objects)

    [row] = [row for row in storage.scan("VISITOR#") if row["SK"] == VISITOR_SK]
    assert len(json.dumps(row)) < 1_024


def test_no_call_of_a_page_is_in_a_log(api: Api, emitted: Emitted) -> None:
    page = {"url": CANARY}
    emitted()
    tell(api, {"browser": CANARY, "currentPage": page})
    act(api, {"currentPage": page, "sessionId": CANARY})
    known(api)
    api(None, user(), route=visitors.BLOCK, visitorId=VISITOR)

    lines = emitted()
    assert len([line for line in lines if line.get("message") == "request"]) == 4
    assert CANARY not in str(lines)
    assert VISITOR not in str(lines)


def test_an_address_over_its_limit_gets_the_usual_response_and_nothing_is_kept(database: Table) -> None:
    api = api_over(database, rate_limit=1)
    responses = [act(api, {"currentPage": {"url": str(number)}}) for number in range(11)]
    told = tell(api, BROWSER)

    assert {response.status for response in responses} == {told.status} == {200}
    assert {frozenset(response.body) for response in responses} == {frozenset(("ok", "acceptedAt"))}
    assert not any(name.startswith("ratelimit") for response in (*responses, told) for name in response.headers)
    kept = known(api)
    assert (kept["currentPage"], kept["browser"]) == ({"url": "9"}, None)
    assert kept["lastSeenAt"] == responses[9].body["acceptedAt"]

    stranger = visitor(OTHER_VISITOR)
    assert tell(api, BROWSER, stranger, OTHER_VISITOR).status == 200
    assert api(None, route=visitors.GET, visitorId=OTHER_VISITOR).code == "HTTP_404"


def test_what_a_page_tells_takes_nothing_from_the_limit_of_messages(database: Table, storage: Storage) -> None:
    api = api_over(database, rate_limit=5)
    act(api)
    tell(api, {})

    assert [str(counter["SK"]).split("#")[0] for counter in storage.scan("RATE#")] == ["SIGNALS"]
