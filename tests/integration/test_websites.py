"""GET /v1/websites: what a widget needs to show itself."""

import json
import re
from typing import Any

import pytest
from api.routes.websites import GET
from support.dynamodb.table import Table
from support.values.api_key import ApiKey, hash_secret

from tests.builders import (
    LIVE_PUBLIC_KEY,
    ORGANIZATION,
    OTHER_PRIVATE_KEY,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    REVOKED_KEY,
    VISITOR,
    WEBSITE,
    Clock,
    private,
    public,
)
from tests.client import Api, Emitted, api_over
from tests.operators import Operate, a_key, a_website
from tests.stored import Storage

CACHE_SECONDS = 60
ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
PROFILE: dict[str, Any] = {
    "domain": "www.example.com",
    "description": "Parcels \N{PACKAGE} and letters",
    "logoUrl": "https://www.example.com/logo.svg",
    "defaultLanguage": "pt-BR",
    "availableHumanAgents": [{"id": "jane", "name": "Jane", "image": "https://www.example.com/jane.jpg"}],
    "availableAIAgents": [{"id": "robin", "name": "Robin", "image": None}],
}


def get(api: Api, headers: dict[str, str] | None = None) -> dict[str, Any]:
    response = api(headers=headers or private(), route=GET)
    assert response.status == 200
    body: dict[str, Any] = response.body
    return body


@pytest.mark.parametrize("headers", [private(), public()], ids=["private", "public"])
def test_a_widget_is_told_what_it_needs_to_show_itself(api: Api, operate: Operate, headers: dict[str, str]) -> None:
    operate("update_website", websiteId=WEBSITE, name="Shop", **PROFILE)

    assert get(api, {**headers, "x-visitor-id": VISITOR}) == {
        **PROFILE,
        "id": WEBSITE,
        "name": "Shop",
        "organizationId": ORGANIZATION,
        "status": "active",
        "lastOnlineAt": None,
        "availableHumanAgents": [{**PROFILE["availableHumanAgents"][0], "email": None, "lastSeenAt": None}],
        "visitor": {"id": VISITOR, "isBlocked": False, "language": None, "contact": None},
    }


def test_what_operators_have_not_set_is_there_all_the_same(api: Api) -> None:
    response = get(api, private(OTHER_PRIVATE_KEY))

    del response["visitor"]
    assert response == {
        "id": OTHER_WEBSITE,
        "name": "Other example",
        "domain": "other.example.net",
        "description": None,
        "logoUrl": None,
        "organizationId": "01JDEM00RGAN1SAT10NB000000",
        "defaultLanguage": "en",
        "status": "active",
        "lastOnlineAt": None,
        "availableHumanAgents": [],
        "availableAIAgents": [],
    }


def test_the_demo_website_has_a_teammate_and_an_ai_agent(api: Api) -> None:
    response = get(api, public(LIVE_PUBLIC_KEY))

    assert [len(response[agents]) for agents in ("availableHumanAgents", "availableAIAgents")] == [1, 1]


@pytest.mark.parametrize(
    ("origins", "domain"),
    [
        ([], ""),
        (["shop.example.com", "a.example.com"], "shop.example.com"),
        (["https://*.example.com:8443"], "example.com"),
        (["https://[::1]:3000"], "[::1]"),
        (["capacitor://localhost"], "localhost"),
    ],
)
def test_a_domain_that_is_not_set_is_the_host_of_the_origin_that_was_allowed_first(
    api: Api, operate: Operate, origins: list[str], domain: str
) -> None:
    _, secret = a_key(operate, a_website(operate, *origins))

    assert get(api, private(secret))["domain"] == domain


def test_a_domain_that_is_not_set_follows_the_origins(database: Table, operate: Operate) -> None:
    website_id = a_website(operate, "https://old.example.com")
    _, secret = a_key(operate, website_id)
    api = api_over(database, cache_seconds=0)

    operate("update_allowed_origins", websiteId=website_id, add=["a.example.com", "new.example.com"])
    assert get(api, private(secret))["domain"] == "old.example.com"
    operate("update_allowed_origins", websiteId=website_id, remove=["old.example.com"])
    assert get(api, private(secret))["domain"] == "a.example.com"
    operate("update_website", websiteId=website_id, domain="shop.example.com")
    operate("update_allowed_origins", websiteId=website_id, remove=["a.example.com"])
    assert get(api, private(secret))["domain"] == "shop.example.com"


# The visitor --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "x",
        "null",
        "undefined",
        VISITOR.lower(),
        f" {VISITOR}",
        f"{VISITOR}\n",
        f"{VISITOR},{VISITOR}",
        "8" * 26,
        "é",
    ],
)
def test_a_visitor_id_that_is_none_is_no_error(api: Api, sent: str) -> None:
    visitor_id = get(api, {**public(), "x-visitor-id": sent})["visitor"]["id"]

    assert re.fullmatch(ULID, visitor_id)
    assert visitor_id not in sent


def test_each_visitor_without_an_id_gets_another_one(api: Api) -> None:
    assert len({get(api, public())["visitor"]["id"] for _ in range(5)}) == 5


def test_nothing_is_written(storage: Storage, api: Api) -> None:
    before = storage.scan()

    get(api, public())

    assert storage.scan() == before


# Keys, and what is known of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "API_KEY_MISSING"),
        (private(REVOKED_KEY), "INVALID_API_KEY"),
        ({**public(), "origin": ""}, "ORIGIN_REQUIRED"),
        (public(origin="https://evil.example"), "ORIGIN_NOT_ALLOWED"),
    ],
)
def test_it_takes_a_key_like_every_other_call(api: Api, headers: dict[str, str], code: str) -> None:
    assert api(headers=headers, route=GET).code == code


def test_calls_are_not_counted(database: Table) -> None:
    api = api_over(database, rate_limit=1)

    responses = [api(headers=public(), route=GET) for _ in range(3)]

    assert [response.status for response in responses] == [200] * 3
    assert "ratelimit" not in responses[-1].headers


def test_a_change_takes_as_long_as_the_cache_lasts_and_no_longer(database: Table, operate: Operate) -> None:
    clock = Clock()
    api = api_over(database, cache_seconds=CACHE_SECONDS, clock=clock)
    get(api)

    operate("update_website", websiteId=WEBSITE, description="New")

    clock.now += CACHE_SECONDS - 1
    assert get(api)["description"] != "New"
    clock.now += 1
    assert get(api)["description"] == "New"


def test_keys_that_are_issued_or_rotated_later_know_the_profile(api: Api, operate: Operate) -> None:
    website_id = a_website(operate)
    operate("update_website", websiteId=website_id, **PROFILE)

    key_id, issued = a_key(operate, website_id)
    rotated = operate("rotate_key", keyId=key_id)["secret"]

    for secret in (issued, rotated):
        response = get(api, private(secret))
        assert (response["name"], response["description"]) == ("Shop", PROFILE["description"])


def test_a_key_that_was_stored_before_there_were_profiles_goes_on_working(
    storage: Storage, database: Table, operate: Operate
) -> None:
    storage.change(ApiKey.key(hash_secret(PRIVATE_KEY)), websiteName=None, profile=None)
    api = api_over(database, cache_seconds=0)

    old = get(api)
    operate("update_allowed_origins", websiteId=WEBSITE, add=["a.com"])
    healed = get(api)

    assert (old["name"], old["domain"], old["availableAIAgents"]) == ("", "", [])
    assert (healed["name"], healed["domain"], len(healed["availableAIAgents"])) == ("Example", "app.example.com", 1)


def test_what_a_later_version_stores_of_a_profile_is_left_aside(storage: Storage, api: Api) -> None:
    agent = {"id": "jane", "name": "Jane", "email": "jane@example.com"}
    stored = {"description": "New", "availableHumanAgents": [agent], "opensAt": "08:00"}
    storage.change(ApiKey.key(hash_secret(PRIVATE_KEY)), profile=json.dumps(stored))

    response = get(api)

    assert response["description"] == "New"
    assert response["availableHumanAgents"] == [
        {"id": "jane", "name": "Jane", "email": None, "image": None, "lastSeenAt": None}
    ]


def test_it_is_logged_in_one_line_without_the_visitor_s_id(api: Api, emitted: Emitted) -> None:
    visitor_id = get(api, public())["visitor"]["id"]

    lines = emitted()
    [line] = [line for line in lines if line.get("message") == "request"]
    assert (line["route"], line["website_id"], line["items"]) == ("GET /v1/websites", WEBSITE, 1)
    assert visitor_id not in json.dumps(lines)
    assert any("Read.getWebsite" in line for line in lines)
