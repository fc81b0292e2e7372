"""From the operators' function to requests: how soon what operators change counts."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from support import authentication
from support.dynamodb.table import Table

from tests.builders import Clock, a_body, private, public
from tests.client import Api, api_over
from tests.operators import Operate, a_key, a_website, operators_over

SHOP = "https://shop.example.com"
CACHE_SECONDS = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def careful(database: Table) -> Api:
    """The API with API_KEY_CACHE_SECONDS=0."""
    return api_over(database, cache_seconds=0)


@pytest.fixture
def cached(database: Table, clock: Clock) -> Api:
    """The API with API_KEY_CACHE_SECONDS=60."""
    return api_over(database, cache_seconds=CACHE_SECONDS, clock=clock)


@pytest.fixture
def shop(operate: Operate) -> str:
    return a_website(operate, SHOP)


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_website_is_made_a_key_is_issued_and_it_works(operate: Operate, careful: Api, shop: str, mode: str) -> None:
    _, secret = a_key(operate, shop, "private", mode)
    _, widget = a_key(operate, shop, "public", mode)

    assert careful(a_body(), private(secret)).conversation["websiteId"] == shop
    assert careful(a_body(), public(widget, SHOP)).conversation["websiteId"] == shop
    assert careful(a_body(), public(widget, "https://other.example.com")).code == "ORIGIN_NOT_ALLOWED"


def remove_origin(operate: Operate, website_id: str, _: str) -> str:
    operate("update_allowed_origins", websiteId=website_id, remove=[SHOP])
    return "ORIGIN_NOT_ALLOWED"


def revoke(operate: Operate, _: str, secret: str) -> str:
    operate("revoke_key", key=secret)
    return "INVALID_API_KEY"


def rotate(operate: Operate, _: str, secret: str) -> str:
    key_id = operate("describe_key", key=secret)["key"]["id"]
    operate("rotate_key", keyId=key_id, gracePeriodSeconds=0)
    return "INVALID_API_KEY"


def delete(operate: Operate, website_id: str, _: str) -> str:
    operate("delete_website", websiteId=website_id, force=True)
    return "INVALID_API_KEY"


Change = Callable[[Operate, str, str], str]
every_change = pytest.mark.parametrize("change", [remove_origin, revoke, rotate, delete])


@every_change
def test_without_a_cache_the_next_request_is_refused(operate: Operate, careful: Api, shop: str, change: Change) -> None:
    _, secret = a_key(operate, shop, "public", "live")
    assert careful(a_body(), public(secret, SHOP)).status == 200

    code = change(operate, shop, secret)

    assert careful(a_body(), public(secret, SHOP)).code == code


@every_change
def test_with_a_cache_a_change_takes_as_long_as_it_lasts_and_no_longer(
    operate: Operate, cached: Api, clock: Clock, shop: str, change: Change
) -> None:
    _, secret = a_key(operate, shop, "public", "live")
    assert cached(a_body(), public(secret, SHOP)).status == 200

    code = change(operate, shop, secret)

    clock.now += CACHE_SECONDS - 1
    assert cached(a_body(), public(secret, SHOP)).status == 200
    clock.now += 1
    assert cached(a_body(), public(secret, SHOP)).code == code


def test_a_new_origin_is_accepted_as_soon_as_the_cache_lets_it(
    operate: Operate, careful: Api, cached: Api, clock: Clock, shop: str
) -> None:
    _, secret = a_key(operate, shop, "public", "live")
    headers = public(secret, "https://new.example.com")
    assert cached(a_body(), headers).code == "ORIGIN_NOT_ALLOWED"

    operate("update_allowed_origins", websiteId=shop, add=["new.example.com"])

    assert careful(a_body(), headers).status == 200
    assert cached(a_body(), headers).code == "ORIGIN_NOT_ALLOWED"
    clock.now += CACHE_SECONDS
    assert cached(a_body(), headers).status == 200


def test_a_rotated_key_and_its_successor_work_in_the_grace_period(operate: Operate, careful: Api, shop: str) -> None:
    key_id, old = a_key(operate, shop, "private", "live")

    new = operate("rotate_key", keyId=key_id)["secret"]

    assert careful(a_body(), private(old)).status == 200
    assert careful(a_body(), private(new)).status == 200


@pytest.mark.parametrize("kind", ["careful", "cached"])
def test_a_key_expires_to_the_second_whatever_the_cache(
    operate: Operate, request: pytest.FixtureRequest, shop: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    api: Api = request.getfixturevalue(kind)
    _, secret = a_key(operate, shop, expiresAt="2036-01-01T00:00:00Z")
    end = 2_082_758_400

    monkeypatch.setattr(authentication, "time", SimpleNamespace(time=lambda: end - 1))
    assert api(a_body(), private(secret)).status == 200
    monkeypatch.setattr(authentication, "time", SimpleNamespace(time=lambda: end))
    assert api(a_body(), private(secret)).code == "INVALID_API_KEY"


def test_a_key_that_a_past_operator_issued_has_expired(database: Table, careful: Api, shop: str) -> None:
    yesterday = operators_over(database, clock=lambda: time.time() - 86_400)
    _, secret = a_key(yesterday, shop, expiresAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 10)))

    assert careful(a_body(), private(secret)).code == "INVALID_API_KEY"
