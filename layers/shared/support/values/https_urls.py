"""Absolute https URLs that every client can read."""

import re

_HOST = re.compile(r"https://(?:[a-z0-9._~-]+|\[[0-9a-f:]+\])(?::[0-9]+)?/")
#: What a URL may not have after its host (RFC 3986, section 3), though browsers leave it as it is.
_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")


def https_url(text: str) -> str | None:
    """Return a URL as browsers serialise it (URL Standard), in ASCII, with all encoded that RFC 3986 wants encoded.

    Browsers alone read less strict ones: other clients reject the whole response for one of them. It is None for what
    is no absolute https URL, for one with a user name or a password, and for a host with other characters than letters,
    digits, dots, hyphens, tildes and underscores.
    """
    # Here, since few requests need it: a cold start is imports.
    import can_ada

    try:
        url = can_ada.parse(text) if re.match(r"https://[^\s/\\]", text, re.IGNORECASE) else None
    except ValueError:
        url = None
    if url is None or url.username or url.password or (host := _HOST.match(url.href)) is None:
        return None
    rest, hash_sign, fragment = url.href[host.end() :].partition("#")
    return f"{host[0]}{_encode(rest)}{hash_sign}{_encode(fragment)}"


def _encode(text: str) -> str:
    return _NOT_ENCODED.sub(lambda match: f"%{ord(match[0]):02X}", text)
