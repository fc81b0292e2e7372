"""conversations/origins.py: the normal form of an origin, and which ones a public key accepts."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values.origins import allows, normalise

if TYPE_CHECKING:
    from support.values.api_key import Mode

ALLOWED = frozenset(
    {
        "https://app.example.com",
        "https://shop.example.com:8443",
        "http://plain.example.com",
        "https://*.example.org",
        "https://*.example.net:8443",
        "http://*.plain.example",
        "http://localhost:3000",
        "https://localhost",
        "https://localhost:3443",
        "https://127.0.0.1",
        "https://xn--mnchen-3ya.de",
        "capacitor://localhost",
        "app://.",
    }
)


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("HTTPS://EXAMPLE.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://example.com:80", "https://example.com:80"),
        ("https://example.com:65535", "https://example.com:65535"),
        ("https://a_b.example.com", "https://a_b.example.com"),
        ("https://[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("Capacitor://LOCALHOST/", "capacitor://localhost"),
        ("ionic://localhost:8100", "ionic://localhost:8100"),
        ("app://./", "app://."),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
    ],
)
def test_an_origin_has_one_normal_form(sent: str, normal: str) -> None:
    assert normalise(sent) == normal


@pytest.mark.parametrize(
    "sent",
    [
        *("", "null", "https://", "https:///", "https://a//", "https://a/b", "https://a:0", "https://a:65536"),
        *("https://*.a.com", "https://a.com,https://b.com", "https://a@b", "https://a\\b", "ws://a.com", "https://[1]"),
        *("https://\N{KELVIN SIGN}.com", "https://a.com\n", "https://a.com ", "https://a..b", "https://[::1%25eth0]"),
        *(
            "https://a.",
            "ftp://a",
            "wss://a",
            "null://a",
            "file://a",
            "data://a",
            "blob://a",
            "javascript://a",
            "about://a",
        ),
        *("app://", "app://a//", "app://a/b", "app://a@b", "app://a\\b", "app://a,app://a", "app://*.a", "app://a:0"),
        *("app:a", "://a", "1app://a", "app://a\n", "app://a b", "\N{KELVIN SIGN}app://a"),
    ],
)
def test_what_is_no_single_origin_has_none(sent: str) -> None:
    assert normalise(sent) is None


def test_an_origin_longer_than_any_host_makes_it_is_none() -> None:
    longest = f"https://{'a.' * 126}a:65535"

    assert normalise(f"{longest}/") == longest
    assert normalise(f"https://a{'a.' * 126}a:65535/") is None
    assert normalise(f"app://{'a.' * 4500}a") is None


@given(st.text() | st.from_regex(r"(https?|app|file)://[a-zA-Z0-9.\[\]:@*/_-]{0,40}", fullmatch=True))
def test_whatever_is_sent_a_normal_form_is_its_own(sent: str) -> None:
    normal = normalise(sent)

    assert normal is None or (normal.isascii() and normalise(normal) == normal)


@pytest.mark.parametrize(
    ("origin", "accepted_by"),
    [
        ("https://app.example.com", "live test"),
        ("https://app.example.com:8443", ""),
        ("https://a.app.example.com", ""),
        ("https://example.com", ""),
        ("https://shop.example.com:8443", "live test"),
        ("https://shop.example.com", ""),
        ("http://app.example.com", ""),
        ("http://plain.example.com", "test"),
        ("https://plain.example.com", ""),
        ("https://example.org", "live test"),
        ("https://a.example.org", "live test"),
        ("https://a.b.c.d.example.org", "live test"),
        ("https://aexample.org", ""),
        ("https://example.org.evil.com", ""),
        ("https://org", ""),
        ("http://a.example.org", ""),
        ("https://a.example.org:8443", ""),
        ("https://a.example.net:8443", "live test"),
        ("https://a.example.net", ""),
        ("http://a.plain.example", "test"),
        ("https://xn--mnchen-3ya.de", "live test"),
        ("https://xn--mnchen-3yb.de", ""),
        ("http://localhost", "test"),
        ("http://localhost:3000", "test"),  # in the list of a live key, too
        ("https://localhost", "live test"),  # what apps have
        ("https://localhost:3443", "test"),
        ("https://localhost:1", "test"),
        ("https://127.0.0.1", "test"),
        ("http://127.0.0.1:8080", "test"),
        ("https://[::1]:8080", "test"),
        ("http://127.0.0.2", ""),
        ("http://[::2]", ""),
        ("http://localhost.example", ""),
        ("capacitor://localhost", "live test"),
        ("capacitor://localhost:3000", ""),
        ("capacitor://a.localhost", ""),
        ("ionic://localhost", ""),
        ("app://.", "live test"),
        ("app://a", ""),
        ("not an origin", ""),
    ],
)
def test_each_mode_accepts_what_it_may(origin: str, accepted_by: str) -> None:
    modes: tuple[Mode, ...] = ("live", "test")

    assert [mode for mode in modes if allows(ALLOWED, origin, mode)] == accepted_by.split()


def test_no_allowed_origins_accept_nothing_but_the_developer_s_machine() -> None:
    assert not allows(frozenset(), "https://example.com", "test")
    assert allows(frozenset(), "http://localhost:3000", "test")
    assert not allows(frozenset(), "https://localhost", "live")


OWN_MACHINE = [
    "https://app.localhost",
    "https://127.0.0.2",
    "https://0.0.0.0",
    "https://[::ffff:127.0.0.1]",
    "https://[::]",
]


@pytest.mark.parametrize("origin", OWN_MACHINE)
def test_no_live_key_accepts_another_name_of_the_visitor_s_machine(origin: str) -> None:
    normal = normalise(origin)
    assert normal is not None
    allowed = frozenset({normal, "https://*.localhost"})

    assert not allows(allowed, normal, "live")
    assert allows(allowed, normal, "test")


@given(st.from_regex(r"https?://([a-z*]{1,3}\.){0,3}[a-z*]{1,3}(:[1-9][0-9]{0,3})?", fullmatch=True))
def test_a_live_key_never_accepts_plain_http(origin: str) -> None:
    assert not allows(frozenset({origin}), origin, "live") or origin.startswith("https://")


@pytest.mark.parametrize(
    "origin", ["null", "file://", "file://a", "data://a", "blob://a", "javascript://a", "about://a"]
)
def test_what_anybody_s_page_has_is_not_accepted_even_if_it_is_stored(origin: str) -> None:
    assert not allows(frozenset({origin}), origin, "test")
