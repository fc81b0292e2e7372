"""Origins: normalises `Origin` headers, and decides which origins a public key accepts.

An origin is compared in its normal form, `scheme://host[:port]`: lower case, no default port, IPv6 compressed
(RFC 6454 section 6.2). An allowed origin is the same, or has `*.` before its host if the scheme is http or https.
Other schemes are those of apps' web views, `capacitor://localhost` for one.
"""

import re
from collections.abc import Set as AbstractSet
from ipaddress import IPv6Address

from support.values.api_key import Mode

#: Any site can have the origin `null`, in a sandboxed frame, and anybody can make pages with the other schemes.
NEVER_ALLOWED = frozenset({"null", "file", "data", "blob", "javascript", "about"})

#: The origin of apps' web views that have no scheme of their own, such as Capacitor on Android.
APP_ON_LOCALHOST = "https://localhost"

#: A host has at most 253 characters (RFC 1035 section 2.3.4, written with dots).
_MAX_LENGTH = len("https://") + 253 + len(":65535/")

_WEB = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[(?P<ipv6>[0-9a-f:.]+)\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
# Nor do pages have ftp, ws or wss.
_APP = re.compile(
    rf"(?!(?:https?|ftp|wss?|{'|'.join(sorted(NEVER_ALLOWED))}):)"
    r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(?::[1-9][0-9]{0,4})?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: The hosts of developers' pages: every test key accepts them.
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
#: All names of the machine that the browser runs on (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3).
_OWN_MACHINE = re.compile(
    r"(?:.+\.)?localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::(?:1|ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}|ffff:127[0-9.]+)?\]"
)


def normalise(origin: str) -> str | None:
    """Return an origin in its normal form.

    Parameters
    ----------
    origin
        As a client sent it. One trailing `/` is dropped: mobile SDKs send the URL that they were configured with.

    Returns ------- `scheme://host[:port]`, or None for anything but the origin of a web page or an app: `null`, several
    origins, a path, a userinfo, a wildcard, non-ASCII characters (browsers send IDN as punycode), or more characters
    than an origin can have.
    """
    # Lower-casing can turn other characters into ASCII (U+212A into "k"), so it comes after the check.
    if len(origin) > _MAX_LENGTH or not origin.isascii():
        return None
    origin = origin.lower().removesuffix("/")
    match = _WEB.fullmatch(origin)
    if match is None:
        return origin if _APP.fullmatch(origin) else None
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
    """Tell whether an origin in normal form is that of a web page on a loopback host."""
    match = _WEB.fullmatch(origin)
    return match is not None and match["host"] in _LOOPBACK_HOSTS


def is_own_machine(origin: str) -> bool:
    """Tell whether an origin in normal form is that of a web page on the visitor's own machine."""
    match = _WEB.fullmatch(origin)
    return match is not None and _OWN_MACHINE.fullmatch(match["host"]) is not None


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
        Live keys accept web pages over https only, and of the visitor's own machine only `https://localhost`, if it is
        allowed; test keys accept every loopback origin.
    """
    match = _WEB.fullmatch(origin)
    if match is None:
        return origin in allowed and _APP.fullmatch(origin) is not None
    scheme, host, port = match["scheme"], match["host"], match["port"]
    if host in _LOOPBACK_HOSTS:
        return mode == "test" or (origin == APP_ON_LOCALHOST and origin in allowed)
    if mode == "live" and (scheme != "https" or _OWN_MACHINE.fullmatch(host)):
        return False
    if origin in allowed:
        return True
    suffix = f":{port}" if port else ""
    while host:
        if f"{scheme}://*.{host}{suffix}" in allowed:
            return True
        host = host.partition(".")[2]
    return False
