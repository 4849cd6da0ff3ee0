import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
import requests
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from pipeline.flow.server import name_address
from pipeline.health import is_healthy
from pipeline.proxies import exempt_loopback

PROXY = "http://proxy.example:3128"
OWN = ["http://127.0.0.1:4200/api", "http://localhost:5000", "http://[::1]:4200"]
OTHER = "http://mlflow.example:5000"


@pytest.fixture(params=["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def patch(request: pytest.FixtureRequest) -> Iterator[pytest.MonkeyPatch]:
    """Have a proxy and nothing that is called without it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setenv(request.param, PROXY)
        yield patch


def find_proxies(url: str) -> list[object]:
    """Ask each library that we or Prefect or MLflow call servers with what proxy it would use for an address."""
    transport = httpx.Client()._transport_for_url(httpx.URL(url))
    found = [
        requests.utils.get_environ_proxies(url, no_proxy=None).get("http"),
        requests.utils.get_environ_proxies(url, no_proxy=None).get("all"),
        getattr(transport._pool, "_proxy_url", None),  # type: ignore[attr-defined]
        get_proxy(parse_uri(url.replace("http://", "ws://"))),
    ]
    return [proxy for proxy in found if proxy]


@pytest.mark.parametrize("url", OWN)
def test_own_servers_are_called_without_the_proxy(patch: pytest.MonkeyPatch, url: str) -> None:
    assert find_proxies(url)
    exempt_loopback(os.environ)
    assert not find_proxies(url)
    assert find_proxies(OTHER)


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"no_proxy": "a.example, .b.example"}, "a.example,.b.example,127.0.0.1,localhost,::1"),
        ({"no_proxy": "a.example", "NO_PROXY": "b.example"}, "a.example,b.example,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "localhost,[::1]"}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example,*"}, "*"),
    ],
)
def test_what_is_called_without_a_proxy_stays_so(given: dict[str, str], becomes: str) -> None:
    environment = dict(given)
    exempt_loopback(environment)
    assert environment == {"no_proxy": becomes, "NO_PROXY": becomes}


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.usefixtures("patch")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_health_of_own_servers_is_asked_for_without_the_proxy(host: str) -> None:
    kind = type(
        "Server", (HTTPServer,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET}
    )
    try:
        server = kind((host, 0), Healthy)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with server:
        Thread(target=server.handle_request, daemon=True).start()
        assert is_healthy(f"{name_address(host, server.server_port)}/health")
