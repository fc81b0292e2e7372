"""The visitor's rating of a resolved conversation."""

import json
from typing import Any

import pytest
from api.routes import ratings
from support.dynamodb.table import Table

from tests.builders import LIVE_PRIVATE_KEY, OTHER_PRIVATE_KEY, OTHER_VISITOR, VISITOR, a_message, private, public
from tests.calls import ID, change, get, open_one, rate, timeline, visitor
from tests.client import Api, Stored, api_over


@pytest.fixture(autouse=True)
def resolved(api: Api) -> None:
    open_one(api, a_message("Hi!", id="first"))
    change(api, "resolve")


@pytest.mark.parametrize("rating", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("headers", [private(), visitor()], ids=["private", "public"])
def test_a_rating_is_told(api: Api, headers: dict[str, str], rating: int) -> None:
    response = rate(api, headers, rating=rating)

    assert response.body == {"conversationId": ID, "rating": rating, "ratedAt": response.body["ratedAt"]}
    assert "idempotent-replayed" not in response.headers
    for reader in (private(), visitor()):
        conversation = get(api, reader)
        assert (conversation["visitorRating"], conversation["visitorRatingAt"]) == (rating, response.body["ratedAt"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        *({"rating": rating} for rating in (0, 6, 4.5, "5", True, None, [5])),
        {"rating": 5, "comment": "x" * 2_001},
        {"rating": 5, "comment": 7},
        {"rating": 5, "visitorId": "x"},
    ],
)
def test_what_is_no_rating_is_a_400(api: Api, stored: Stored, body: dict[str, Any]) -> None:
    before = stored()
    refused = rate(api, visitor(), **body)

    assert (refused.status, refused.code) == (400, "VALIDATION_FAILED")
    assert len(refused.paths) == 1
    assert refused.paths[0] in {"rating", "comment", "visitorId"}
    assert stored() == before


@pytest.mark.parametrize(("raw", "rating"), [('{"rating": 5.0}', 5), ('{"rating": 1e0}', 1)])
def test_a_whole_number_may_be_written_as_a_double(api: Api, raw: str, rating: int) -> None:
    response = api(headers=visitor(), raw=raw, route=ratings.RATE, conversationId=ID)

    assert json.dumps(response.body["rating"]) == str(rating)
    assert json.dumps(get(api)["visitorRating"]) == str(rating)


@pytest.mark.parametrize("comment", [None, "", "x" * 2_000, "🎉" * 2_000])
def test_the_team_reads_the_rating_and_its_comment_and_the_visitor_nothing(api: Api, comment: str | None) -> None:
    before = timeline(api, visitor())
    rate(api, visitor(), rating=2, comment=comment, canary="canary")

    item = timeline(api)[-1]
    assert (item["type"], item["visibility"], item["visitorId"], item["userId"]) == ("event", "private", VISITOR, None)
    assert item["text"] == comment
    [part] = item["parts"]
    assert (part["type"], part["rating"], part["source"]) == ("feedback", 2, "widget")
    assert part["feedbackId"]
    assert "canary" not in str(item)
    assert timeline(api, visitor()) == before


def test_the_visitor_sees_that_the_conversation_has_changed(api: Api) -> None:
    before = get(api, visitor())["updatedAt"]
    rate(api, visitor(), rating=5)

    assert get(api, visitor())["updatedAt"] > before
    assert get(api, private())["updatedAt"] > before


@pytest.mark.parametrize("body", [{"rating": 5}, {"rating": 5, "comment": "Kind."}, {"rating": 5, "comment": ""}])
@pytest.mark.parametrize("reopened", [False, True])
def test_exactly_the_same_again_is_a_replay(api: Api, stored: Stored, body: dict[str, Any], reopened: bool) -> None:
    first = rate(api, visitor(), **body)
    if reopened:
        change(api, "reopen")
    before = stored()
    again = rate(api, visitor(), **body)

    assert again.headers["idempotent-replayed"] == "true"
    assert again.body == first.body
    assert stored() == before


def test_no_public_key_can_ask_what_a_server_sent(api: Api) -> None:
    rate(api, private(), rating=2, comment="Their words")
    change(api, "reopen")
    guesses = [rate(api, visitor(), rating=2, comment=comment) for comment in ("Their words", "Others")]

    assert [guess.code for guess in guesses] == ["CONVERSATION_NOT_RESOLVED"] * 2


def test_the_last_rating_stands(api: Api) -> None:
    responses = [
        rate(api, visitor(), **body)
        for body in ({"rating": 5}, {"rating": 1}, {"rating": 1, "comment": "Sorry."}, {"rating": 5})
    ]

    assert all("idempotent-replayed" not in response.headers for response in responses)
    times = [response.body["ratedAt"] for response in responses]
    assert times == sorted(set(times))
    assert (get(api)["visitorRating"], get(api)["visitorRatingAt"]) == (5, times[-1])
    rated = [item["parts"][0]["rating"] for item in timeline(api) if item["parts"][0]["type"] == "feedback"]
    assert rated == [5, 1, 1, 5]


@pytest.mark.parametrize(("verb", "headers"), [("reopen", visitor()), ("reopen", private()), ("spam", private())])
def test_only_a_resolved_conversation_can_be_rated(
    api: Api, stored: Stored, verb: str, headers: dict[str, str]
) -> None:
    change(api, verb)
    before = stored()
    refused = rate(api, headers, rating=5)

    assert (refused.status, refused.code) == (409, "CONVERSATION_NOT_RESOLVED")
    assert stored() == before


def test_a_visitor_rates_a_spam_conversation_as_a_resolved_one(api: Api) -> None:
    change(api, "spam")

    assert rate(api, visitor(), rating=1).status == 200
    assert (get(api, visitor())["visitorRating"], get(api)["status"]) == (1, "spam")


def test_a_visitor_rates_their_own(api: Api, stored: Stored) -> None:
    before = stored()
    called = [
        ("unknown", visitor()),
        ("mal formed", private()),
        (ID, visitor(OTHER_VISITOR)),
        (ID, private(OTHER_PRIVATE_KEY)),
        (ID, private(LIVE_PRIVATE_KEY)),
    ]
    responses = [rate(api, headers, id_, rating=5) for id_, headers in called]

    assert {response.code for response in responses} == {"HTTP_404"}
    assert all(response.body == responses[0].body for response in responses)
    assert stored() == before
    assert rate(api, public(), rating=5).code == "VISITOR_ID_REQUIRED"
    assert rate(api, visitor(OTHER_VISITOR), rating=5, visitorId=VISITOR).status == 200


def test_ratings_of_public_keys_count_for_the_limit_by_address(database: Table) -> None:
    api = api_over(database, rate_limit=2)
    statuses = [rate(api, visitor(), rating=5).status for _ in range(4)]

    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 429
    assert rate(api, private(), rating=5).status == 200
