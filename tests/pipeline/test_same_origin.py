"""The middleware refuses requests of other origins before they reach an application that answers everything."""

import asyncio
from typing import Any

import httpx
import pytest

from pipeline.same_origin import SameOriginMiddleware, list_own_names

OWN = "http://127.0.0.1:4200"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer HTTP requests and accept WebSockets."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})


APPLICATION = SameOriginMiddleware(answer, list_own_names("127.0.0.1", ["prefect"]), ["/closed"])


def request(method: str, path: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(APPLICATION)
        async with httpx.AsyncClient(transport=transport, base_url=OWN) as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


def open_websocket(*headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """Open a WebSocket and return the server's answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/events", "headers": headers}
    asyncio.run(APPLICATION(scope, None, send))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        # A server at another port of this machine is another origin, and so is the default port of another protocol.
        "http://127.0.0.1:3000",
        "http://localhost:4200",
        "https://127.0.0.1",
        # A sandboxed page, or a page from a local file, has this origin.
        "null",
        "http://[",
        "",
    ],
)
def test_a_page_of_another_origin_is_refused(method: str, origin: str) -> None:
    reply = request(method, "/api", Origin=origin)
    assert (reply.status_code, reply.text) == (403, "Pages of other origins may not call this server.\n")
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4200",
        # These names and addresses only look like the server's own.
        "127.0.0.1.evil.example",
        "10.0.0.1:4200",
        "127.0.0.1@evil.example",
        "127.0.0.1/evil.example",
        "[::1",
        "",
    ],
)
def test_a_call_for_another_name_is_refused(host: str) -> None:
    reply = request("GET", "/api", Host=host)
    assert reply.status_code == 403
    assert f"Host {host!r} is not an address of this server" in reply.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": OWN},
        {"Host": "localhost:4200", "Origin": "http://localhost:4200"},
        {"Host": "LOCALHOST", "Origin": "http://localhost"},
        {"Host": "[::1]:4300", "Origin": "http://[::1]:4300"},
        {"Host": "prefect:4200"},
        # The server may be behind a proxy that speaks TLS.
        {"Host": "prefect", "Origin": "https://prefect"},
    ],
)
def test_programs_and_own_pages_are_answered(headers: dict[str, str]) -> None:
    reply = request("POST", "/api", **headers)
    assert (reply.status_code, reply.text) == (200, "answered")


def test_own_pages_may_call_nobody_else_and_are_framed_by_nobody_else() -> None:
    assert (
        request("GET", "/").headers["content-security-policy"] == "connect-src 'self'; frame-ancestors 'self'"
    )


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"127.0.0.1:4200"), (b"origin", b"http://evil.example")],
        [(b"host", b"evil.example"), (b"origin", b"http://evil.example")],
        [],
    ],
)
def test_a_websocket_from_elsewhere_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    (message,) = open_websocket(*headers)
    assert (message["type"], message["code"]) == ("websocket.close", 1008)


def test_a_websocket_of_own_pages_is_accepted() -> None:
    headers = [(b"host", b"127.0.0.1:4200"), (b"origin", OWN.encode())]
    assert open_websocket(*headers) == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(("path", "status"), [("/closed", 403), ("/closed/x", 403), ("/open", 200)])
def test_a_closed_part_answers_nobody(path: str, status: int) -> None:
    assert request("GET", path).status_code == status


@pytest.mark.parametrize("headers", [[], [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]])
def test_a_call_has_one_host(headers: list[tuple[bytes, bytes]]) -> None:
    scope: dict[str, Any] = {"type": "http", "path": "/", "headers": headers}
    assert "is not an address" in str(APPLICATION.find_reason_to_refuse(scope))


@pytest.mark.parametrize(
    ("host", "more", "names"),
    [
        ("127.0.0.1", [], ["127.0.0.1", "localhost", "::1"]),
        ("0.0.0.0", ["prefect"], ["127.0.0.1", "localhost", "::1", "prefect"]),
        ("192.168.0.7", [], ["127.0.0.1", "localhost", "::1", "192.168.0.7"]),
    ],
)
def test_a_server_knows_its_names(host: str, more: list[str], names: list[str]) -> None:
    assert list_own_names(host, more) == names
