"""Where a public key may be used: the `Origin` header."""

import pytest

from tests.builders import LIVE_PUBLIC_KEY, PUBLIC_KEY, a_body, public
from tests.client import Api, Stored
from tests.operators import Operate, a_key, a_website


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com:443",
        "HTTPS://App.Example.COM",
        "https://example.org",
        "https://a.example.org",
        "https://a.b.c.example.org",
        "https://shop.example.com:8443",
    ],
)
@pytest.mark.parametrize("key", [PUBLIC_KEY, LIVE_PUBLIC_KEY])
def test_an_allowed_origin_is_accepted(api: Api, key: str, origin: str) -> None:
    assert api(a_body(), public(key, origin)).status == 200


LOOPBACK = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost",
    "https://localhost:5173",
    "http://127.0.0.1:8080",
    "https://127.0.0.1",
    "http://[::1]:3000",
    "https://[::1]",
]


@pytest.mark.parametrize("origin", LOOPBACK)
def test_a_test_key_works_on_the_developer_s_own_machine(api: Api, origin: str) -> None:
    assert api(a_body(), public(PUBLIC_KEY, origin)).status == 200


@pytest.mark.parametrize("origin", LOOPBACK)
def test_a_live_key_does_not(api: Api, origin: str) -> None:
    assert api(a_body(), public(LIVE_PUBLIC_KEY, origin)).code == "ORIGIN_NOT_ALLOWED"


@pytest.mark.parametrize("headers", [{"x-public-key": PUBLIC_KEY}, {"x-public-key": PUBLIC_KEY, "origin": ""}])
def test_a_public_key_needs_an_origin(api: Api, stored: Stored, headers: dict[str, str]) -> None:
    response = api(a_body(), {**headers, "referer": "https://app.example.com/"})

    assert (response.status, response.code) == (403, "ORIGIN_REQUIRED")
    assert stored() == []


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param("null", id="null"),
        pytest.param("*", id="wildcard"),
        pytest.param("https://*.example.org", id="wildcard entry itself"),
        pytest.param("https://app.example.com,https://app.example.com", id="sent twice"),
        pytest.param("https://app.example.com https://evil.example", id="list"),
        pytest.param("https://app.example.com.evil.com", id="allowed host as a prefix"),
        pytest.param("https://evilexample.org", id="allowed host as a suffix"),
        pytest.param("https://evil.com?.example.org", id="allowed host in a query"),
        pytest.param("https://evil.com#.example.org", id="allowed host in a fragment"),
        pytest.param("https://evil.com/.example.org", id="allowed host in a path"),
        pytest.param("https://example.com", id="parent domain"),
        pytest.param("https://a.app.example.com", id="subdomain of an exact entry"),
        pytest.param("http://app.example.com", id="another scheme"),
        pytest.param("http://a.example.org", id="another scheme than a wildcard's"),
        pytest.param("ftp://app.example.com", id="ftp"),
        pytest.param("file://", id="file"),
        pytest.param("chrome-extension://app.example.com", id="extension"),
        pytest.param("capacitor://localhost", id="app that is not listed"),
        pytest.param("blob:https://app.example.com", id="blob"),
        pytest.param("null, https://app.example.com", id="null and another"),
        pytest.param("app.example.com", id="no scheme"),
        pytest.param("//app.example.com", id="scheme-relative"),
        pytest.param("https:app.example.com", id="no slashes"),
        pytest.param("https://app.example.com:8443", id="another port"),
        pytest.param("https://app.example.com:80", id="http's port"),
        pytest.param("https://shop.example.com", id="without the entry's port"),
        pytest.param("https://app.example.com:", id="empty port"),
        pytest.param("https://app.example.com:0443", id="port with a zero"),
        pytest.param("https://app.example.com:65979", id="port that wraps around to 443"),
        pytest.param("https://app.example.com:443evil", id="port with letters"),
        pytest.param("https://app.example.com//", id="two slashes"),
        pytest.param("https://app.example.com/path", id="path"),
        pytest.param("https://app.example.com?", id="empty query"),
        pytest.param("https://app.example.com.", id="trailing dot"),
        pytest.param("https://.example.org", id="empty label"),
        pytest.param("https://a..example.org", id="empty label inside"),
        pytest.param("https://user:password@app.example.com", id="credentials"),
        pytest.param("https://app.example.com@evil.com", id="allowed host as a user"),
        pytest.param("https://@app.example.com", id="empty userinfo"),
        pytest.param("https://evil.com\\.example.org", id="backslash"),
        pytest.param("https:\\\\app.example.com", id="backslashes for slashes"),
        pytest.param("https://app.example.com\t", id="tab"),
        pytest.param("https://app.exa\tmple.com", id="tab inside"),
        pytest.param("https://app.example.com\n", id="line feed"),
        pytest.param("https://app.example.com\0.evil.com", id="NUL"),
        pytest.param(" https://app.example.com", id="space before"),
        pytest.param("https://app.example.com%2eevil.com", id="percent-encoded"),
        pytest.param("https://%61pp.example.com", id="percent-encoded letter"),
        pytest.param("https://\N{FULLWIDTH LATIN SMALL LETTER A}pp.example.com", id="fullwidth"),
        pytest.param("https://app\N{FULLWIDTH FULL STOP}example.com", id="fullwidth dot"),
        pytest.param("https://app\N{IDEOGRAPHIC FULL STOP}example.com", id="ideographic dot"),
        pytest.param("https://\N{CYRILLIC SMALL LETTER A}pp.example.com", id="homograph"),
        pytest.param("https://xn--pp-7kc.example.com", id="punycode that is not listed"),
        pytest.param("https://boo\N{KELVIN SIGN}.example.org", id="Kelvin sign"),
        pytest.param("https://\N{LATIN SMALL LETTER LONG S}hop.example.org", id="long s"),
        pytest.param("http://localhost.evil.com", id="localhost as a prefix"),
        pytest.param("http://evil-localhost", id="localhost as a suffix"),
        pytest.param("http://a.localhost", id="subdomain of localhost"),
        pytest.param("http://127.0.0.1.evil.com", id="loopback address as a prefix"),
        pytest.param("http://127.0.0.2", id="another loopback address"),
        pytest.param("http://0.0.0.0", id="any address"),
        pytest.param("http://[::ffff:7f00:1]", id="mapped loopback address"),
        pytest.param("http://[::1", id="open bracket"),
        pytest.param("http://[:::1]", id="malformed IPv6"),
        pytest.param("https://" + "a." * 4000 + "com", id="8 KB"),
    ],
)
def test_any_other_origin_is_refused(api: Api, stored: Stored, origin: str) -> None:
    response = api(a_body(), public(origin=origin))

    assert (response.status, response.code) == (403, "ORIGIN_NOT_ALLOWED")
    assert "example" not in str(response.body)
    assert stored() == []


@pytest.mark.parametrize("mode", ["live", "test"])
@pytest.mark.parametrize("origin", ["capacitor://localhost", "ionic://localhost", "app://.", "https://localhost"])
def test_an_app_s_origin_is_accepted_once_it_is_listed(api: Api, operate: Operate, origin: str, mode: str) -> None:
    _, secret = a_key(operate, a_website(operate, origin), "public", mode)

    assert api(a_body(), public(secret, origin)).status == 200


def test_the_origin_is_checked_before_the_body(api: Api) -> None:
    assert api(raw="{", headers=public(origin="https://evil.example")).code == "ORIGIN_NOT_ALLOWED"
