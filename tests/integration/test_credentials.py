"""Who may call: `Authorization` and `X-Public-Key`."""

import base64

import pytest
from support.dynamodb.table import Table
from support.values.api_key import ApiKey, hash_secret

from tests.builders import (
    EXPIRED_KEY,
    LIVE_PRIVATE_KEY,
    ORIGIN,
    OTHER_PRIVATE_KEY,
    OTHER_PUBLIC_KEY,
    OTHER_WEBSITE,
    PRIVATE_KEY,
    PUBLIC_KEY,
    REVOKED_KEY,
    UNKNOWN_KEY,
    WEBSITE,
    a_body,
    an_event,
    private,
    public,
)
from tests.client import Api, Stored, api_over
from tests.stored import Storage

HEX = PRIVATE_KEY.removeprefix("sk_test_")
BASIC = "Basic " + base64.b64encode(b"staging:secret").decode()


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {PRIVATE_KEY}", f"bearer {PRIVATE_KEY}", f"BEARER {PRIVATE_KEY}", f"Bearer {LIVE_PRIVATE_KEY}"],
)
def test_a_private_key_is_accepted_whatever_the_case_of_the_scheme(api: Api, authorization: str) -> None:
    assert api(a_body(), {"authorization": authorization}).status == 200


def test_header_names_are_read_in_any_case(api: Api) -> None:
    assert api(a_body(), {"Authorization": f"Bearer {PRIVATE_KEY}"}).status == 200


def test_a_public_key_is_accepted_from_its_website(api: Api) -> None:
    assert api(a_body(), public()).status == 200


def test_a_private_key_needs_no_origin_and_ignores_one(api: Api) -> None:
    assert api(a_body(), {**private(), "origin": "https://evil.example"}).status == 200


def test_the_private_key_decides_if_both_are_sent(api: Api) -> None:
    both = {**private(OTHER_PRIVATE_KEY), "x-public-key": PUBLIC_KEY}

    assert api(a_body(), both).conversation["websiteId"] == OTHER_WEBSITE


@pytest.mark.parametrize(
    "authorization",
    [
        *(f"Bearer {UNKNOWN_KEY}", "Bearer", "Bearer ", "bearer\tx", "Bearer x y", f"Bearer {PRIVATE_KEY[:-1]}"),
        *(f"{BASIC},Bearer {PRIVATE_KEY}", f"{BASIC}, bearer", f"Bearer {PRIVATE_KEY},{BASIC}"),
        f"Bearer {PUBLIC_KEY}",
    ],
)
def test_an_invalid_private_key_is_not_made_up_for_by_a_public_one(api: Api, authorization: str) -> None:
    assert api(a_body(), {**public(), "authorization": authorization}).code == "INVALID_API_KEY"


#: What a browser or a proxy sends by itself, or a program by another's rules.
OTHER_SCHEMES = [
    *(BASIC, "basic", f"Basic {PRIVATE_KEY}", 'Digest username="bearer", realm="x"', "Negotiate", "AWS4-HMAC-SHA256 x"),
    *(f"Bearertoken {PRIVATE_KEY}", f"Token {PRIVATE_KEY}", PRIVATE_KEY, f"{BASIC},{BASIC}", "\N{BULLET}"),
]


@pytest.mark.parametrize("authorization", OTHER_SCHEMES)
def test_another_scheme_is_no_key_and_the_public_one_counts(api: Api, authorization: str) -> None:
    headers = {"authorization": authorization}

    assert (
        api(a_body(), headers | public(OTHER_PUBLIC_KEY, "https://other.example.net")).conversation["websiteId"]
        == OTHER_WEBSITE
    )
    assert api(a_body(), headers | public(UNKNOWN_KEY.replace("sk", "pk"))).code == "INVALID_API_KEY"
    assert api(a_body(), headers).code == "API_KEY_MISSING"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"authorization": ""}, id="empty authorization"),
        pytest.param({"authorization": PRIVATE_KEY}, id="no scheme"),
        pytest.param({"authorization": BASIC}, id="another scheme"),
        pytest.param({"x-public-key": "", "origin": ORIGIN}, id="empty public key"),
        pytest.param({"x-api-key": PRIVATE_KEY, "cookie": f"key={PRIVATE_KEY}"}, id="elsewhere"),
    ],
)
def test_a_missing_key_is_401(api: Api, stored: Stored, headers: dict[str, str]) -> None:
    response = api(a_body(), headers)

    assert (response.status, response.code) == (401, "API_KEY_MISSING")
    assert response.headers["www-authenticate"] == "Bearer"
    assert stored() == []


def test_a_key_in_the_query_is_not_read(api: Api) -> None:
    event = {
        **an_event(a_body(), {}),
        "rawQueryString": f"authorization=Bearer+{PRIVATE_KEY}",
        "queryStringParameters": {"authorization": f"Bearer {PRIVATE_KEY}", "x-public-key": PUBLIC_KEY},
    }

    assert api(event=event).code == "API_KEY_MISSING"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(private(UNKNOWN_KEY), id="unknown"),
        pytest.param(private(REVOKED_KEY), id="revoked"),
        pytest.param(private(EXPIRED_KEY), id="expired"),
        pytest.param({"authorization": "Bearer"}, id="no key"),
        pytest.param({"authorization": f"Bearer {PRIVATE_KEY},Bearer {PRIVATE_KEY}"}, id="sent twice"),
        pytest.param({"authorization": f"Bearer {PRIVATE_KEY} {PRIVATE_KEY}"}, id="two keys"),
        pytest.param(private(PUBLIC_KEY), id="a public key as a private one"),
        pytest.param({"x-public-key": PRIVATE_KEY, "origin": ORIGIN}, id="a private key as a public one"),
        pytest.param({"x-public-key": f"{PUBLIC_KEY},{PUBLIC_KEY}", "origin": ORIGIN}, id="public key sent twice"),
        pytest.param({"x-public-key": f"Bearer {PUBLIC_KEY}", "origin": ORIGIN}, id="public key with a scheme"),
        pytest.param(private(PRIVATE_KEY.upper()), id="upper case"),
        pytest.param(private(f"sk_test_{HEX.upper()}"), id="upper case hex"),
        pytest.param(private(f"sk_prod_{HEX}"), id="unknown mode"),
        pytest.param(private(PRIVATE_KEY[:-1]), id="too short"),
        pytest.param(private(PRIVATE_KEY + "0"), id="too long"),
        pytest.param(private(PRIVATE_KEY + "\nx"), id="line feed"),
        pytest.param(private("sk_test_" + "\N{FULLWIDTH DIGIT ZERO}" * 64), id="fullwidth digits"),
        pytest.param(private("sk_test_" + "0" * 8192), id="8 KB"),
        pytest.param(private(f"sk_test_{HEX}#"), id="number sign"),
    ],
)
def test_keys_that_do_not_work_get_the_same_401(api: Api, stored: Stored, headers: dict[str, str]) -> None:
    response = api(a_body(), headers)

    assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.body == {
        "error": "The API key is not valid.",
        "message": "The API key is not valid.",
        "code": "INVALID_API_KEY",
        "requestId": "JKJaXmPLvHcESHA=",
    }
    assert stored() == []


@pytest.mark.parametrize("raw", ["", "{", '{"visitorId": 1}', "x" * 1_048_577])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_nothing_is_said_about_the_body_before_the_key_is_known(api: Api, raw: str, content_type: str) -> None:
    headers = {**private(UNKNOWN_KEY), "content-type": content_type, "idempotency-key": "", "x-visitor-id": "?"}

    assert api(raw=raw, headers=headers).code == "INVALID_API_KEY"


def test_a_revocation_is_seen_at_once_without_a_cache(storage: Storage, database: Table) -> None:
    api = api_over(database, cache_seconds=0)
    assert api(a_body()).status == 200

    storage.change(ApiKey.key(hash_secret(PRIVATE_KEY)), revokedAt="2026-11-24T12:00:00.000Z")

    assert api(a_body()).code == "INVALID_API_KEY"


def test_a_known_key_is_read_once(api: Api, database: Table) -> None:
    api(a_body())
    api(a_body())

    assert database.usage.calls == 1


def test_the_tenant_is_the_key_s(api: Api, stored: Stored) -> None:
    response = api(a_body(websiteId=OTHER_WEBSITE, organizationId="other"))

    assert response.conversation["websiteId"] == WEBSITE
    assert [item["websiteId"] for item in stored()] == [WEBSITE]
