"""For downloads by libraries: a timeout, without which they would wait for a silent server, and proxies for them."""

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
    """Explain after a failed download that it could not use a SOCKS proxy; "" where the environment names none."""
    proxies = map(urlsplit, urllib.request.getproxies().values())
    # A password may be a part of the address.
    hosts = sorted({f"{proxy.hostname}" for proxy in proxies if proxy.scheme.startswith("socks")})
    if not hosts:
        return ""
    return (
        f"; the environment names {', '.join(hosts)} as a proxy, and downloads cannot use SOCKS: set HTTPS_PROXY and "
        "HTTP_PROXY to an HTTP proxy, or give a local copy"
    )
