"""The client's IP address."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Behind some chains of CDNs even the gateway's sourceIp has a port, or brackets.
_DRESSED = re.compile(r"(?:\[(.+)\]|([\d.]+))(?::\d+)?", re.ASCII)


def client_address(source: str, forwarded_for: str, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """Return the nearest address that is no trusted proxy's; for IPv6 its /64, all of which one host may have.

    Parameters
    ----------
    source
        The address that the gateway saw.
    forwarded_for
        The header, to which each proxy appends the address that it saw.

    Raises ValueError if `source` is none.
    """
    client = _address(source)
    for hop in reversed(forwarded_for.split(",")):
        if not any(client in proxy for proxy in trusted):
            break
        try:
            client = _address(hop.strip())
        except ValueError:
            break
    return str(ip_network((client, 64), strict=False) if isinstance(client, IPv6Address) else client)


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address; an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is IPv4. Raises ValueError."""
    dressed = _DRESSED.fullmatch(text)
    address = ip_address(text if dressed is None else dressed[1] or dressed[2])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
