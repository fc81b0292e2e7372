"""Validates the allowed origins that operators enter, and brings them into their stored form."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import can_ada
from publicsuffixlist import PSLFILE, PublicSuffixList
from support.errors import Detail
from support.validation import invalid
from support.values.origins import APP_ON_LOCALHOST, NEVER_ALLOWED, is_loopback, is_own_machine, normalise

MAX_ORIGINS = 100

#: RFC 1035 section 2.3.4; browsers check neither. The second also keeps out an API key, which would pass for a host.
_MAX_HOST, _MAX_LABEL = 253, 63

#: The list lacks Azure's virtual machines, `<name>.<region>.cloudapp.azure.com`, where anybody chooses a free name
#: (https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses, Domain name label).
_SUFFIX_RULES = [*Path(PSLFILE).read_text("utf-8").splitlines(), "*.cloudapp.azure.com"]

# A browser would take any other character for the end of the host, or silently drop it.
_ENTRY = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    r"(?P<wildcard>\*\.)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\x00-\x20/\\?#@%:]+)"
    r"(?P<port>:[1-9][0-9]{0,4})?"
)

_FORM = (
    "must be a scheme, a host and optionally a port, such as https://app.example.com, https://*.example.com,"
    " example.com or an app's capacitor://localhost"
)


def to_stored(entries: Iterable[str], path: str, *, for_removal: bool = False) -> list[str]:
    """Convert allowed origins to the form that requests are checked against, in the same order without duplicates.

    Parameters
    ----------
    entries
        `example.com` means `https://example.com`. The host of a web page may have a `*.` before it, and any spelling
        that browsers understand, such as an IDN.
    path
        The name of the event's field, for error details.
    for_removal
        True for origins to be removed: older rules may have allowed them.

    Raises `Refusal` (VALIDATION_FAILED) with one detail for each invalid entry.
    """
    stored: dict[str, None] = {}
    details = []
    for position, entry in enumerate(entries):
        try:
            stored[_to_stored(entry, for_removal=for_removal)] = None
        except ValueError as error:
            details.append(Detail(f"{path}.{position}", str(error)))
    if details:
        raise invalid(details)
    return list(stored)


def host_of(origin: str) -> str:
    """Return the host of a stored allowed origin, without wildcard and port."""
    host = origin.partition("://")[2].removeprefix("*.")
    return host if host.endswith("]") else re.sub(r":\d+$", "", host)


def to_host(entry: str) -> str:
    """Normalise a host name as browsers do. Raises ValueError."""
    origin = _to_stored(entry, for_removal=False)
    if origin != f"https://{host_of(origin)}":
        raise ValueError
    return host_of(origin)


def warnings(stored: Iterable[str]) -> list[str]:
    """Warn about allowed origins that accept fewer or more requests than they seem to."""
    found = []
    for origin in stored:
        if origin == APP_ON_LOCALHOST:
            found.append(
                f"{origin}: live keys accept it too, from apps and from any page that the visitor's machine serves."
            )
        elif is_loopback(origin):
            found.append(f"{origin}: every test key accepts loopback origins anyway, and no live key ever does.")
        elif is_own_machine(origin.replace("*.", "")):
            found.append(f"{origin}: it is on the visitor's own machine, so no live key accepts it.")
        elif origin.startswith("http:"):
            found.append(f"{origin}: only test keys accept http.")
        elif not origin.startswith("https:"):
            found.append(f"{origin}: only an app has this origin, never a web page.")
    return found


def _to_stored(entry: str, *, for_removal: bool) -> str:
    written = entry.strip().removesuffix("/")
    if written.partition(":")[0].lower() in NEVER_ALLOWED:
        raise ValueError(
            "must not be null, nor have the scheme file, data, blob, javascript or about: any site can make such a"
            " page. Use the https origin of your pages, or your app's own, such as capacitor://localhost"
        )
    match = _ENTRY.fullmatch(written)
    if match is None:
        raise ValueError(_FORM)
    scheme, wildcard = (match["scheme"] or "https").lower(), match["wildcard"]
    address = f"{scheme}://{match['host']}{match['port'] or ''}"
    of_web = scheme in {"http", "https"}
    origin = normalise(_as_browsers_serialise(address) if of_web else address)
    if origin is None:
        raise ValueError(_FORM)
    rest = origin.partition("://")[2]
    name = rest.partition(":")[0]
    if len(name) > _MAX_HOST or any(len(label) > _MAX_LABEL for label in name.split(".")):
        raise ValueError(_FORM)
    if not wildcard:
        return origin
    if not of_web:
        raise ValueError("must not have a wildcard after an app's scheme: list each of its origins")
    if rest.startswith("[") or name.replace(".", "").isdecimal():
        raise ValueError("must not have a wildcard before an IP address")
    if not for_removal and (name in _above_suffixes or _public_suffixes.is_public(name)):
        raise ValueError(f"must not have a wildcard on or above a public suffix: others own sites under {name}")
    return f"{scheme}://*.{rest}"


def _as_browsers_serialise(address: str) -> str:
    """Normalise the host of a web page as browsers do (URL Standard, host parsing)."""
    try:
        return can_ada.parse(address).origin
    except ValueError:
        raise ValueError(_FORM) from None


def _names_above_suffixes(rules: Iterable[str]) -> Iterator[str]:
    """Yield the parent domains of public suffixes: `amazonaws.com`, because of `s3.amazonaws.com`."""
    for rule in rules:
        if not rule.startswith("//"):
            name = rule if rule.isascii() else rule.encode("idna").decode()
            while name := name.partition(".")[2]:
                yield name


_public_suffixes = PublicSuffixList(_SUFFIX_RULES)
_above_suffixes = frozenset(_names_above_suffixes(_SUFFIX_RULES))
