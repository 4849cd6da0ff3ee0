"""A socket timeout for downloads by libraries that set none, and an explanation of SOCKS proxies, which they lack."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Give every socket that is opened in this context a timeout, after which it raises an OSError."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def explain_proxies() -> str:
    """Return an explanation that downloads cannot use SOCKS proxies; "" where the environment names no such proxy."""
    proxies = map(urlsplit, urllib.request.getproxies().values())
    # Only the host names are shown, because an address may contain a password.
    hosts = sorted({f"{proxy.hostname}" for proxy in proxies if proxy.scheme.startswith("socks")})
    if not hosts:
        return ""
    return (
        f"; the environment names {', '.join(hosts)} as a proxy, and downloads cannot use SOCKS: set HTTPS_PROXY and "
        "HTTP_PROXY to an HTTP proxy, or give a local copy"
    )
