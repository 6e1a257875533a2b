"""Origins of web pages (RFC 6454)."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address


def check_origin(origin: str) -> str:
    """Return what to change so that browsers send `origin` (RFC 6454, section 6.2); empty if nothing."""
    parts = re.fullmatch(r"([^:/]+)://(\[[^\]]*\]|[^:/?#@\[\]]+)(?::([0-9]+))?", origin)
    if parts is None:
        return _advice_on_form(origin)
    scheme, host, port = parts[1].lower(), parts[2].lower(), int((parts[3] or "0")[:9])
    if scheme not in {"http", "https"}:
        return "use http or https as the scheme"
    if advice := _check_host(host):
        return advice
    if parts[3] and not 1 <= port <= 65_535:
        return "use a port from 1 to 65535"
    if host.startswith("["):
        host = f"[{IPv6Address(host[1:-1])}]"
    is_default_port = (scheme, port) in {("http", 80), ("https", 443)}
    sent = f"{scheme}://{host}{f':{port}' if port and not is_default_port else ''}"
    return "" if sent == origin else f"use {sent}, as browsers send it"


def _check_host(host: str) -> str:
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
        elif host.rpartition(".")[2].isdecimal():
            IPv4Address(host)
    except AddressValueError:
        return f"{host} is not an IP address"
    if not host.isascii():
        return "write the host in Punycode (xn--…), as browsers send it"
    if "*" in host:
        return "list each origin; patterns are not supported"
    if not re.fullmatch(r"\[.*\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", host):
        return f"{host} is not a host name"
    return ""


def _advice_on_form(origin: str) -> str:
    if origin == "*":
        return "use * alone, or list origins without it"
    if origin == "null":
        return "every sandboxed page and local file has this origin. Use * to allow all origins"
    if "://" not in origin:
        return "use SCHEME://HOST[:PORT], such as https://blog.example"
    if origin.endswith("/") and not check_origin(origin.rstrip("/")):
        return "remove the trailing slash"
    return "use only the scheme, the host and the port: SCHEME://HOST[:PORT]"
