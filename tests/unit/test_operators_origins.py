"""Allowed origins at the door: what is stored of what an operator writes, and what is refused."""

import pytest
from api_keys.allowed_origins import to_stored, warnings
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.errors import Refusal
from support.origins import Mode, allows, is_loopback, normalise

from tests.builders import PUBLIC_KEY


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        pytest.param("example.com", "https://example.com", id="bare host"),
        pytest.param("  example.com ", "https://example.com", id="white space around"),
        pytest.param("*.example.com", "https://*.example.com", id="bare wildcard"),
        pytest.param("https://example.com:443", "https://example.com", id="default port of https"),
        pytest.param("http://example.com:80", "http://example.com", id="default port of http"),
        pytest.param("https://example.com:8443", "https://example.com:8443", id="another port"),
        pytest.param("https://*.example.com:8443", "https://*.example.com:8443", id="wildcard and port"),
        pytest.param("https://example.com:65535", "https://example.com:65535", id="highest port"),
        pytest.param("HTTPS://Example.COM", "https://example.com", id="upper case"),
        pytest.param("https://example.com/", "https://example.com", id="trailing slash"),
        pytest.param("bücher.example/", "https://xn--bcher-kva.example", id="IDN, trailing slash"),
        pytest.param("10.0.0.1", "https://10.0.0.1", id="IPv4"),
        pytest.param("https://münchen.de", "https://xn--mnchen-3ya.de", id="IDN"),
        pytest.param("*.MÜNCHEN.de:8443", "https://*.xn--mnchen-3ya.de:8443", id="IDN, wildcard, port"),
        pytest.param("https://straße.de", "https://xn--strae-oqa.de", id="IDN as browsers map it"),
        pytest.param("https://[0:0::1]:3000", "https://[::1]:3000", id="IPv6"),
        pytest.param("http://localhost:3000", "http://localhost:3000", id="loopback"),
    ],
)
def test_it_is_stored_as_requests_are_compared(written: str, stored: str) -> None:
    assert to_stored([written], "add") == [stored]


def test_it_is_stored_sorted_and_once() -> None:
    assert to_stored(["https://b.com", "a.com", "https://A.com/"], "add") == ["https://a.com", "https://b.com"]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="empty"),
        pytest.param("*", id="everything"),
        pytest.param("https://*", id="every host"),
        pytest.param("https://*.com", id="top-level domain"),
        pytest.param("*.co.uk", id="public suffix"),
        pytest.param("*.github.io", id="host of strangers' sites"),
        pytest.param("*.公司.cn", id="public suffix as IDN"),
        pytest.param("*.xn--55qx5d.cn", id="public suffix as punycode"),
        pytest.param("*.localhost", id="loopback wildcard"),
        pytest.param("https://www.*.example.com", id="wildcard in the middle"),
        pytest.param("https://*.*.example.com", id="two wildcards"),
        pytest.param("https://*example.com", id="wildcard in a label"),
        pytest.param("https://*.127.0.0.1", id="wildcard before IPv4"),
        pytest.param("https://*.[::1]", id="wildcard before IPv6"),
        pytest.param("https://[::g]", id="malformed IPv6"),
        pytest.param("10.1", id="short IPv4"),
        pytest.param("010.0.0.1", id="octal IPv4"),
        pytest.param("0x0a000001", id="hexadecimal IPv4"),
        pytest.param("256.1.1.1", id="IPv4 out of range"),
        pytest.param("a.1", id="name that ends in a number"),
        pytest.param("https://example.com/widget", id="path"),
        pytest.param("https://example.com?a=b", id="query"),
        pytest.param("https://example.com#a", id="fragment"),
        pytest.param("https://user@example.com", id="userinfo"),
        pytest.param("user:pass@example.com", id="userinfo without scheme"),
        pytest.param("https://example.com:0", id="port 0"),
        pytest.param("https://example.com:65536", id="port too high"),
        pytest.param("ftp://example.com", id="another scheme"),
        pytest.param("https://https://example.com", id="two schemes"),
        pytest.param("https://example.com.", id="trailing dot"),
        pytest.param("https://example.com\\@evil.com", id="backslash"),
        pytest.param(PUBLIC_KEY, id="API key"),
        pytest.param(f"https://{'a' * 64}.com", id="label too long"),
        pytest.param("https://exam ple.com", id="white space within"),
        pytest.param("https://☃\u200b.com", id="IDN that browsers refuse"),
    ],
)
def test_it_is_refused_with_its_place(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        to_stored(["https://fine.com", written], "add")

    assert [detail.path for detail in caught.value.details] == ["add.1"]


def test_what_is_stored_by_older_rules_can_be_named() -> None:
    assert to_stored(["https://*.github.io"], "remove", accept=False) == ["https://*.github.io"]


def test_every_entry_that_is_wrong_is_named() -> None:
    with pytest.raises(Refusal) as caught:
        to_stored(["*", "https://fine.com", "*.com"], "replace")

    assert [detail.path for detail in caught.value.details] == ["replace.0", "replace.2"]


def test_what_does_less_than_it_seems_is_warned_about() -> None:
    [http, loopback] = warnings(["http://example.com", "https://example.com", "https://localhost:3000"])

    assert http == "http://example.com: only test keys accept http."
    assert loopback.startswith("https://localhost:3000: every test key accepts loopback")


_LABEL = st.text("abcxyzABC019-_äßπ公", min_size=1, max_size=8)
_HOST = st.lists(_LABEL, min_size=1, max_size=4).map(".".join) | st.ip_addresses().map(
    lambda address: f"[{address}]" if address.version == 6 else str(address)
)
_WRITTEN = st.builds(
    lambda scheme, wildcard, host, port, slash: scheme + wildcard + host + port + slash,
    st.sampled_from(["", "https://", "http://", "HTTPS://"]),
    st.sampled_from(["", "*."]),
    _HOST,
    st.just("") | st.integers(0, 70_000).map(lambda port: f":{port}"),
    st.sampled_from(["", "/"]),
)


@given(_WRITTEN)
@example("https://*.a.b.com")
@example("[::ffff:1.2.3.4]:443")
def test_whatever_is_accepted_is_honoured_on_requests(written: str) -> None:
    try:
        [stored] = to_stored([written], "add")
    except Refusal:
        assume(False)
    origin = stored.replace("*.", "")
    mode: Mode = "live" if origin.startswith("https:") and not is_loopback(origin) else "test"
    scheme, _, rest = origin.partition("://")

    assert to_stored([stored], "add") == [stored]
    assert normalise(origin) == origin
    assert allows({stored}, origin, mode)
    assert allows({stored}, f"{scheme}://deep.sub.{rest}", mode) == ("*." in stored)


@given(st.text(max_size=40) | _WRITTEN)
def test_nothing_an_operator_writes_is_a_crash(written: str) -> None:
    try:
        stored = to_stored([written], "add")
    except Refusal:
        return
    assert all(entry.isascii() and entry == entry.lower() for entry in stored)
