"""Allowed origins as an operator writes them, and as they are stored."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address

import idna
from publicsuffixlist import PublicSuffixList
from support.errors import Detail
from support.origins import is_loopback, normalise
from support.validation import invalid

MAX_ORIGINS = 100

#: RFC 1035 section 2.3.4. It also keeps out an API key, which would pass for the name of a host.
_MAX_LABEL = 63

_public_suffixes = PublicSuffixList()

_FORM = (
    "must be a scheme, a host and perhaps a port, such as https://app.example.com, https://*.example.com or example.com"
)


def to_stored(entries: Iterable[str], path: str, *, accept: bool = True) -> list[str]:
    """Bring allowed origins into the form that requests are checked against, sorted and each once.

    Parameters
    ----------
    entries
        `example.com` means `https://example.com`; a `*.` may stand before the host; an IDN may be written as such.
    path
        What the entries are called in the event.
    accept
        Whether requests from them are to be accepted; otherwise they only name what is stored, by older rules perhaps.

    Raises `Refusal` (VALIDATION_FAILED) that lists what to change.
    """
    stored, details = set(), []
    for position, entry in enumerate(entries):
        try:
            stored.add(_to_stored(entry, accept=accept))
        except ValueError as error:
            details.append(Detail(f"{path}.{position}", str(error)))
    if details:
        raise invalid(details)
    return sorted(stored)


def warnings(stored: Iterable[str]) -> list[str]:
    """Tell an operator which allowed origins do less than they may seem to."""
    found = []
    for origin in stored:
        if is_loopback(origin):
            found.append(f"{origin}: every test key accepts loopback origins as it is, and no live key ever does.")
        elif origin.startswith("http:"):
            found.append(f"{origin}: only test keys accept http.")
    return found


def _to_stored(entry: str, *, accept: bool) -> str:
    scheme, separator, rest = entry.strip().removesuffix("/").rpartition("://")
    host, wildcard = (rest.removeprefix("*."), "*.") if rest.startswith("*.") else (rest, "")
    origin = normalise(f"{scheme if separator else 'https'}://{_ascii(host)}")
    if origin is None:
        raise ValueError(_FORM)
    scheme, _, rest = origin.partition("://")
    name = rest.partition(":")[0]
    if any(len(label) > _MAX_LABEL for label in name.split(".")) or _is_malformed_ipv4(name):
        raise ValueError(_FORM)
    if not wildcard:
        return origin
    if rest.startswith("[") or name.replace(".", "").isdecimal():
        raise ValueError("must not have a wildcard before an IP address")
    if accept and _public_suffixes.is_public(name):
        raise ValueError(f"must not have a wildcard on a public suffix: others own sites under {name}")
    return f"{scheme}://*.{rest}"


def _is_malformed_ipv4(name: str) -> bool:
    """Tell whether a browser takes a name for an IPv4 address that it would write otherwise, or not at all.

    WHATWG URL standard, "ends in a number checker".
    """
    if re.fullmatch(r"\d+|0x[0-9a-f]*", name.rpartition(".")[2], re.ASCII) is None:
        return False
    try:
        IPv4Address(name)
    except ValueError:
        return True
    return False


def _ascii(host: str) -> str:
    """Write an IDN as punycode (UTS 46), as browsers send it; leave the rest to `normalise`."""
    if host.isascii():
        return host
    name, colon, port = host.partition(":")
    try:
        return idna.encode(name, uts46=True).decode() + colon + port
    except idna.IDNAError:
        raise ValueError(_FORM) from None
