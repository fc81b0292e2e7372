"""The route that says that somebody types: to whom it goes, and what is passed on."""

import json
import time

import pytest
from api.routes import typing
from support.dynamodb.table import Table

from tests.builders import OTHER_PRIVATE_KEY, OTHER_VISITOR, PRIVATE_KEY, VISITOR, a_message, private
from tests.calls import ID, open_one, timeline, user, visitor
from tests.client import Api, Emitted, Response, Stored, api_over
from tests.live import Live, as_visitor
from tests.stored import Storage

CANARY = "canary-4f1c"


@pytest.fixture
def live(database: Table) -> Live:
    return Live(database)


@pytest.fixture
def api(database: Table, live: Live) -> Api:
    api = api_over(database, connect=lambda: live.signals)
    open_one(api, a_message("Hi!"))
    return api


def signal(api: Api, headers: dict[str, str], id_: str = ID, **body: object) -> Response:
    return api({"isTyping": True, **body}, headers, route=typing.SIGNAL, conversationId=id_)


def preview_wanted(storage: Storage) -> None:
    for key in storage.scan("APIKEY#"):
        profile = json.loads(str(key["profile"]))
        storage.change((str(key["PK"]), str(key["SK"])), profile=json.dumps({**profile, "typingPreview": True}))


def test_the_team_is_told_that_a_visitor_types(api: Api, live: Live) -> None:
    live.opened("team", {"token": PRIVATE_KEY}, {})
    live.opened("visitor")

    response = signal(api, visitor(), visitorPreview="Where is")

    assert response.status == 200
    assert response.body.pop("sentAt") <= time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
    assert response.body == {"conversationId": ID, "isTyping": True, "visitorPreview": None}
    [frame] = live.gateway.frames("team")
    assert (frame["type"], frame["payload"]["visitorId"], frame["payload"]["userId"]) == (
        "conversationTyping",
        VISITOR,
        None,
    )
    assert live.gateway.frames("visitor") == []


def test_the_visitor_and_the_rest_of_the_team_are_told_that_one_of_the_team_types(api: Api, live: Live) -> None:
    for user_id in ("user-1", "user-2"):
        live.opened(f"of {user_id}", {"token": PRIVATE_KEY, "actorUserId": user_id}, {})
    live.opened("visitor")

    response = signal(api, user("user-1"), isTyping=False, visitorPreview="Where is")

    assert response.body["visitorPreview"] is None
    assert sorted(live.gateway.sent) == ["of user-2", "visitor"]
    [frame] = live.gateway.frames("visitor")
    assert (frame["payload"]["userId"], frame["payload"]["isTyping"]) == ("user-1", False)


def test_the_team_must_say_who_types(api: Api) -> None:
    assert signal(api, private()).paths == ["X-Actor-User-Id"]


@pytest.mark.parametrize(("is_typing", "passed_on"), [(True, "Where is"), (False, None)])
def test_what_is_not_sent_yet_is_passed_on_if_that_is_switched_on(
    database: Table, live: Live, storage: Storage, is_typing: bool, passed_on: str | None
) -> None:
    preview_wanted(storage)
    api = api_over(database, connect=lambda: live.signals)
    open_one(api)
    live.opened("team", {"token": PRIVATE_KEY}, {})

    response = signal(api, visitor(), isTyping=is_typing, visitorPreview="Where is")

    assert response.body["visitorPreview"] == passed_on
    assert live.gateway.frames("team")[0]["payload"]["visitorPreview"] == passed_on


@pytest.mark.parametrize("headers", [visitor(OTHER_VISITOR), user(key=OTHER_PRIVATE_KEY)], ids=["visitor", "website"])
def test_somebody_else_s_conversation_is_not_there(api: Api, live: Live, headers: dict[str, str]) -> None:
    live.opened("visitor")
    live.opened("team", {"token": PRIVATE_KEY}, {})

    assert signal(api, headers).code == "HTTP_404"
    assert live.gateway.posts == []


def test_no_other_visitor_is_told(api: Api, live: Live) -> None:
    live.opened("other", as_visitor(OTHER_VISITOR))

    assert signal(api, user()).status == 200
    assert live.gateway.posts == []


INVALID = {"isTyping": "true", "visitorPreview": "x" * 2_001, "visitorId": "x"}


@pytest.mark.parametrize("field", INVALID)
def test_a_body_is_checked(api: Api, field: str) -> None:
    assert signal(api, visitor(), **{field: INVALID[field]}).paths == [field]


def test_a_large_body_is_refused(api: Api) -> None:
    assert signal(api, visitor(), more="x" * 32_768).code == "PAYLOAD_TOO_LARGE"


def test_where_nobody_listens_it_takes_one_query(api: Api, live: Live) -> None:
    signal(api, visitor())
    before = live.connections_table.usage.calls

    signal(api, visitor())

    assert live.connections_table.usage.calls - before == 1


def test_it_is_no_error_where_connections_can_t_be_read(api: Api, live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    from support.deadlines import unavailable

    def refuse(*_: object) -> None:
        raise unavailable()

    monkeypatch.setattr(live.connections, "of_team", refuse)

    assert signal(api, visitor()).status == 200


def test_over_the_limit_of_an_address_it_gets_the_same_response_and_nobody_is_told(database: Table, live: Live) -> None:
    api = api_over(database, rate_limit=1, connect=lambda: live.signals)
    open_one(api)
    live.opened("team", {"token": PRIVATE_KEY}, {})

    responses = [signal(api, visitor()) for _ in range(12)]

    assert {response.status for response in responses} == {200}
    assert {frozenset(response.body) for response in responses} == {frozenset(responses[0].body)}
    assert len(live.gateway.frames("team")) == 10


def test_it_takes_nothing_from_the_limit_of_messages(database: Table, live: Live, storage: Storage) -> None:
    api = api_over(database, rate_limit=5, connect=lambda: live.signals)
    open_one(api)

    signal(api, visitor())

    assert [str(counter["SK"]).split("#")[0] for counter in storage.scan("RATE#")] == ["SIGNALS"]


def test_nothing_is_stored_or_logged(api: Api, live: Live, storage: Storage, stored: Stored, emitted: Emitted) -> None:
    live.opened("team", {"token": PRIVATE_KEY}, {})
    before, items = stored(), timeline(api, visitor())
    emitted()

    signal(api, visitor(), visitorPreview=CANARY)

    assert stored() == before
    assert timeline(api, visitor()) == items
    text = json.dumps([emitted(), [str(item) for item in [*storage.scan(), *live.records()]]])
    assert CANARY not in text


def test_neither_key_nor_visitor_is_logged(api: Api, live: Live, emitted: Emitted) -> None:
    live.opened("team", {"token": PRIVATE_KEY}, {})
    emitted()

    signal(api, visitor())

    text = json.dumps(emitted())
    assert VISITOR not in text
    assert "pk_test" not in text
