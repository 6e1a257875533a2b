"""Addresses of clients."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_NODE_PATTERN = re.compile(r"\[([^\[\]]*)\](?::[A-Za-z0-9._-]+)?|([0-9.]+):[A-Za-z0-9._-]+")


@lru_cache(maxsize=1024)
def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in `text`; None if there is none, as with a Unix socket or `unknown` (RFC 7239, section 6).

    Proxies also write a port, brackets, quotes or the zone of an IPv6 address. On a dual-stack socket, IPv4 clients
    have mapped addresses.
    """
    node = text.strip(' "')
    if match := _NODE_PATTERN.fullmatch(node):
        node = match[1] or match[2] or ""
    try:
        address = ip_address(node.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
