"""Allowed origins at the door: what is stored of what an operator writes, and what is refused."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from operators.allowed_origins import to_stored, warnings
from support.errors import Refusal
from support.values.origins import allows, is_own_machine, normalise

from tests.builders import PUBLIC_KEY

if TYPE_CHECKING:
    from support.values.api_key import Mode


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
        pytest.param("https://💩.la", "https://xn--ls8h.la", id="emoji"),
        pytest.param("https://my_app.müller.de", "https://my_app.xn--mller-kva.de", id="underscore beside an IDN"),
        pytest.param("https://☃\u200b.com", "https://xn--n3h.com", id="zero-width space, which browsers drop"),
        pytest.param(
            "\N{FULLWIDTH LATIN SMALL LETTER A}.b\N{IDEOGRAPHIC FULL STOP}com",
            "https://a.b.com",
            id="full-width letter and dot",
        ),
        pytest.param("10.1", "https://10.0.0.1", id="short IPv4"),
        pytest.param("010.0.0.1", "https://8.0.0.1", id="octal IPv4"),
        pytest.param("0x0a000001:8443", "https://10.0.0.1:8443", id="hexadecimal IPv4"),
        pytest.param("*.www.ck", "https://*.www.ck", id="wildcard under an exception from a wildcard rule"),
        pytest.param("*.example.co.uk:8443", "https://*.example.co.uk:8443", id="wildcard right under a public suffix"),
        pytest.param(
            "*.shop.westus.cloudapp.azure.com", "https://*.shop.westus.cloudapp.azure.com", id="rented name of Azure's"
        ),
        pytest.param("https://localhost", "https://localhost", id="app on Android"),
        pytest.param("capacitor://localhost", "capacitor://localhost", id="app"),
        pytest.param("Ionic://LocalHost/", "ionic://localhost", id="app in upper case"),
        pytest.param("tauri://localhost", "tauri://localhost", id="app of Tauri"),
        pytest.param("app://./", "app://.", id="app of Electron"),
        pytest.param("ionic://localhost:8100", "ionic://localhost:8100", id="app with a port"),
        pytest.param("https://null.example", "https://null.example", id="host that begins with null"),
        pytest.param(f"https://{'a.' * 126}a", f"https://{'a.' * 126}a", id="longest host"),
    ],
)
def test_it_is_stored_as_requests_are_compared(written: str, stored: str) -> None:
    assert to_stored([written], "add") == [stored]


def test_it_is_stored_once_and_in_the_order_in_which_it_is_written() -> None:
    assert to_stored(["https://b.com", "a.com", "https://A.com/"], "add") == ["https://b.com", "https://a.com"]


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
        pytest.param("*.co.uk:8443", id="public suffix with a port"),
        pytest.param("*.公司.cn:8443", id="public suffix as IDN with a port"),
        pytest.param("http://*.github.io", id="public suffix over http"),
        pytest.param("*.ck", id="root of a wildcard rule"),
        pytest.param("*.any.ck", id="public suffix by a wildcard rule"),
        pytest.param("*.unheard-of", id="top-level domain that the list does not know"),
        pytest.param("https://*.amazonaws.com", id="above a public suffix"),
        pytest.param("https://*.amazonaws.com:8443", id="above a public suffix with a port"),
        pytest.param("*.windows.net", id="two labels above a public suffix"),
        pytest.param("*.østfold.no", id="above a public suffix as IDN"),
        pytest.param("*.azure.com", id="above Azure's virtual machines"),
        pytest.param("*.westus.cloudapp.azure.com", id="Azure's virtual machines of a region"),
        pytest.param("*.kawasaki.jp", id="above a wildcard rule"),
        pytest.param("*.localhost", id="loopback wildcard"),
        pytest.param("https://www.*.example.com", id="wildcard in the middle"),
        pytest.param("https://*.*.example.com", id="two wildcards"),
        pytest.param("https://*example.com", id="wildcard in a label"),
        pytest.param("https://[::g]", id="malformed IPv6"),
        pytest.param("256.1.1.1", id="IPv4 out of range"),
        pytest.param("a.1", id="name that ends in a number"),
        pytest.param("https://example.com/widget", id="path"),
        pytest.param("https://example.com?a=b", id="query"),
        pytest.param("https://example.com#a", id="fragment"),
        pytest.param("https://user@example.com", id="userinfo"),
        pytest.param("user:pass@example.com", id="userinfo without scheme"),
        pytest.param("https://example.com:0", id="port 0"),
        pytest.param("https://example.com:65536", id="port too high"),
        pytest.param("https://example.com:", id="empty port"),
        pytest.param("https://example.com:0443", id="port with a zero"),
        pytest.param("https://example.com:\N{FULLWIDTH DIGIT EIGHT}", id="port in a full-width digit"),
        pytest.param("ftp://example.com", id="scheme of no page"),
        pytest.param("wss://example.com", id="WebSocket"),
        pytest.param("capacitor://*.example.com", id="app with a wildcard"),
        pytest.param("capacitor://", id="app without a host"),
        pytest.param("capacitor://localhost/index.html", id="app with a path"),
        pytest.param("capacitor://müller", id="app outside of ASCII"),
        pytest.param("capacitor:localhost", id="app without slashes"),
        pytest.param("https://https://example.com", id="two schemes"),
        pytest.param("https://example.com.", id="trailing dot, which browsers keep"),
        pytest.param("https://example.com\\@evil.com", id="backslash"),
        pytest.param("https://example.com\\evil.com", id="backslash for a slash"),
        pytest.param("https:\\\\example.com", id="backslashes for slashes"),
        pytest.param("https:example.com", id="no slashes"),
        pytest.param("https:///example.com", id="three slashes"),
        pytest.param("https://example.com//", id="two slashes at the end"),
        pytest.param("https://exa\tmple.com", id="tab within"),
        pytest.param("https://exa\nmple.com", id="line feed within"),
        pytest.param("https://example.com\0", id="NUL at the end"),
        pytest.param("https://ex%41mple.com", id="percent-encoded"),
        pytest.param("https://example.com\N{FULLWIDTH SOLIDUS}evil", id="full-width slash"),
        pytest.param("https://\N{FULLWIDTH ASTERISK}.example.com", id="full-width asterisk"),
        pytest.param("https://xn--a", id="malformed punycode"),
        pytest.param(PUBLIC_KEY, id="API key"),
        pytest.param(f"https://{'a' * 64}.com", id="label too long"),
        pytest.param(f"https://a{'a.' * 126}a", id="host too long"),
        pytest.param("https://exam ple.com", id="white space within"),
        pytest.param("https://\u200d.com", id="IDN that browsers refuse"),
    ],
)
def test_it_is_refused_with_its_place(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        to_stored(["https://fine.com", written], "add")

    assert [detail.path for detail in caught.value.details] == ["add.1"]


@pytest.mark.parametrize(
    "written", ["null", "NULL/", "file://", "file:///", "data:", "blob:https://a.com", "javascript:", "about:blank"]
)
def test_what_anybody_s_page_has_is_refused_with_the_reason(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        to_stored([written], "add")

    assert "any site can make such a page" in caught.value.details[0].message


@pytest.mark.parametrize("written", ["https://*.127.0.0.1", "https://*.10.1", "https://*.[2001:db8::1]:8443"])
def test_a_wildcard_before_an_address_is_refused_with_the_reason(written: str) -> None:
    with pytest.raises(Refusal) as caught:
        to_stored([written], "add")

    assert caught.value.details[0].message == "must not have a wildcard before an IP address"


@pytest.mark.parametrize("suffix", ["https://*.github.io", "https://*.amazonaws.com", "https://*.co.uk:8443"])
def test_what_is_stored_by_older_rules_can_be_named(suffix: str) -> None:
    assert to_stored([suffix], "remove", for_removal=True) == [suffix]


def test_every_entry_that_is_wrong_is_named() -> None:
    with pytest.raises(Refusal) as caught:
        to_stored(["*", "https://fine.com", "*.com"], "replace")

    assert [detail.path for detail in caught.value.details] == ["replace.0", "replace.2"]


def test_what_does_less_or_more_than_it_seems_is_warned_about() -> None:
    [app, http, localhost, loopback] = warnings(
        ["capacitor://localhost", "http://example.com", "https://example.com", "https://localhost", "https://[::1]"]
    )

    assert app == "capacitor://localhost: only an app has this origin, never a web page."
    assert http == "http://example.com: only test keys accept http."
    assert localhost.startswith("https://localhost: live keys accept it too")
    assert loopback.startswith("https://[::1]: every test key accepts loopback")


@pytest.mark.parametrize("origin", ["https://localhost", "https://localhost:3000", "http://127.0.0.1", "http://a.com"])
def test_a_warning_says_what_live_keys_do(origin: str) -> None:
    [warning] = warnings([origin])

    assert allows({origin}, origin, "live") == ("live keys accept it" in warning)


_LABEL = st.text("abcxyzABC019-_äßπ公", min_size=1, max_size=8)
_HOST = st.lists(_LABEL, min_size=1, max_size=4).map(".".join) | st.ip_addresses().map(
    lambda address: f"[{address}]" if address.version == 6 else str(address)
)
_WRITTEN = st.builds(
    lambda scheme, wildcard, host, port, slash: scheme + wildcard + host + port + slash,
    st.sampled_from(["", "https://", "http://", "HTTPS://", "app://"]),
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
    mode: Mode = "test" if origin.startswith("http:") or is_own_machine(origin) else "live"
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
