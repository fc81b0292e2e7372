"""Origins: what a browser's `Origin` header may say, and which of them a public key accepts.

An origin is handled in its normal form, `scheme://host[:port]`: lower case, no default port, IPv6 compressed
(RFC 6454 section 6.2). An allowed origin is the same, or has `*.` before its host.
"""

import re
from collections.abc import Set as AbstractSet
from ipaddress import IPv6Address
from typing import Literal

Mode = Literal["live", "test"]

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[(?P<ipv6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def normalise(origin: str) -> str | None:
    """Bring an origin into its normal form.

    Parameters
    ----------
    origin
        As a client sent it. One trailing `/` is dropped: a mobile SDK sends what it was configured with.

    Returns
    -------
    `scheme://host[:port]`, or None for anything but an http or https origin: `null`, several origins, a path, a
    userinfo, a wildcard, or any character outside of ASCII (browsers send IDN as punycode).
    """
    # Lower-casing can turn other characters into ASCII ones (U+212A into "k"), so it comes after the check.
    if not origin.isascii():
        return None
    match = _ORIGIN.fullmatch(origin.lower().removesuffix("/"))
    if match is None:
        return None
    scheme, host = match["scheme"], match["host"]
    if match["ipv6"] is not None:
        try:
            host = f"[{IPv6Address(match['ipv6']).compressed}]"
        except ValueError:
            return None
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if port > 65535:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


def is_loopback(origin: str) -> bool:
    """Tell whether an origin in normal form is this machine's own."""
    match = _ORIGIN.fullmatch(origin)
    return match is not None and match["host"] in _LOOPBACK_HOSTS


def allows(allowed: AbstractSet[str], origin: str, mode: Mode) -> bool:
    """Tell whether a public key of this mode accepts an origin.

    Parameters
    ----------
    allowed
        The website's allowed origins in normal form. `https://*.example.com` covers every subdomain of
        example.com, at any depth, and `https://example.com` itself.
    origin
        In normal form (see `normalise`).
    mode
        Live keys accept https only and never a loopback host; test keys accept every loopback origin.
    """
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return False
    scheme, host, port = match["scheme"], match["host"], match["port"]
    if host in _LOOPBACK_HOSTS:
        return mode == "test"
    if mode == "live" and scheme != "https":
        return False
    if origin in allowed:
        return True
    suffix = f":{port}" if port else ""
    labels = host.split(".")
    return any(f"{scheme}://*.{'.'.join(labels[depth:])}{suffix}" in allowed for depth in range(len(labels)))
