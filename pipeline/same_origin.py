"""An ASGI middleware that lets a server of this project answer requests of its own pages only.

A browser lets any web page send requests to 127.0.0.1. Such a request names the page's origin in its `Origin` header.
If the page's host name was made to resolve to this machine (DNS rebinding), the `Host` header has that name. Programs
such as Prefect's client send no `Origin`.

Source: RFC 6454, section 7 (Origin); RFC 9110, section 7.2 (Host).
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
# Addresses that a server can listen at but that no client can call.
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to
POLICY_VIOLATION = 1008
# The server's pages may connect to this server only (Prefect's would report their use elsewhere), and pages of other
# origins cannot show them in a frame.
CONTENT_POLICY = (b"content-security-policy", b"connect-src 'self'; frame-ancestors 'self'")


class SameOriginMiddleware:
    """Refuses HTTP requests and WebSockets that pages of other origins send, or that name another server."""

    def __init__(
        self, application: Application, allowed_hosts: Collection[str], closed_paths: Collection[str] = ()
    ) -> None:
        """Wrap an application.

        Args:
            application: the ASGI application that answers the requests that are not refused.
            allowed_hosts: host names and IP addresses, without ports, at which the server may be called.
            closed_paths: prefixes of paths that are refused to everybody.
        """
        self._application = application
        self._allowed_hosts = frozenset(name.lower() for name in allowed_hosts)
        self._closed_paths = tuple(closed_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            # The scope "lifespan" reports that the server starts or stops.
            await self._application(scope, receive, send)
            return
        reason = self.find_reason_to_refuse(scope)
        if reason is None:
            await self._application(scope, receive, _add_header(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": reason})
        else:
            await answer(send, 403, "text/plain; charset=utf-8", f"{reason}\n")

    def find_reason_to_refuse(self, scope: Scope) -> str | None:
        """Find out why a request is refused; None where it is not."""
        hosts = _read_headers(scope, b"host")
        if len(hosts) != 1 or _read_name(hosts[0]) not in self._allowed_hosts:
            return (
                f"Host {', '.join(hosts)!r} is not an address of this server. If it should be, start the server with "
                "--allow NAME."
            )
        if any(_read_origin(origin) != hosts[0].lower() for origin in _read_headers(scope, b"origin")):
            return "Pages of other origins may not call this server."
        if scope["path"].startswith(self._closed_paths):
            return "This part of the server is closed."
        return None


def list_own_names(host: str, more: Collection[str] = ()) -> list[str]:
    """List the names at which a server may be called.

    Args:
        host: the address at which it listens.
        more: names under which others reach it, such as that of a container.
    """
    own = () if host in WILDCARDS else (host,)
    return list(dict.fromkeys((*LOOPBACK_NAMES, *own, *more)))


async def answer(send: Send, status: int, content_type: str, text: str) -> None:
    """Answer a request in the application's place, and close the connection."""
    headers = [(b"content-type", content_type.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _add_header(send: Send) -> Send:
    """Add the content security policy to the answer. If the answer has one already, browsers apply both."""

    async def send_with_header(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), CONTENT_POLICY]
        await send(message)

    return send_with_header


def _read_headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _read_name(host: str) -> str | None:
    """Read the name in a Host header, in lower case and without the port; None where the header is malformed."""
    try:
        return urlsplit(f"//{host}").hostname if not set(host) & set("/?#@\\") else None
    except ValueError:
        return None


def _read_origin(origin: str) -> str | None:
    """Read host and port of an Origin header, in lower case; None where the header is malformed."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
