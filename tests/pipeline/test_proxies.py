import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import requests
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from pipeline.flow.server import name_address
from pipeline.health import is_healthy
from pipeline.proxies import exempt_loopback

ROOT = Path(__file__).parents[2]
PROXY = "http://proxy.example:3128"
OWN = ["http://127.0.0.1:4200/api", "http://localhost:5000", "http://[::1]:4200"]
OWN_HOSTS = "127.0.0.1,localhost,::1"
OTHER = "http://mlflow.example:5000"


@pytest.fixture(params=["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def patch(request: pytest.FixtureRequest) -> Iterator[pytest.MonkeyPatch]:
    """Set a proxy, and no hosts that are exempt from it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setenv(request.param, PROXY)
        yield patch


def find_proxies(url: str) -> list[object]:
    """Return the proxy that each HTTP library of this project, Prefect and MLflow would use for an address."""
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
        # httpx would refuse to start with any of these values.
        (
            {"NO_PROXY": "[::1]:80,::1/128,2001:db8::/32,[2001:db8::1],é,host:port,127.0.0.1:*,::1],a\x7fb"},
            OWN_HOSTS,
        ),
        ({"NO_PROXY": " ,, ,"}, OWN_HOSTS),
        (
            {"NO_PROXY": "10.0.0.0/8,2001:db8::1,.b.example:80"},
            f"10.0.0.0/8,2001:db8::1,.b.example:80,{OWN_HOSTS}",
        ),
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


# This prints whether httpx follows the environment, first for a server of this project and then for any other.
CALL = """
import os, ssl
from pipeline.proxies import check_environment, exempt_loopback, ignore_environment
exempt_loopback(os.environ)
try:
    check_environment()
except ValueError as error:
    print(f"refused: {error}")
ignore_environment()
import httpx
httpx.AsyncClient(), httpx.AsyncHTTPTransport()
client = httpx.Client()
ssl.create_default_context(cafile=os.environ["PREFECT_API_SSL_CERT_FILE"])
assert client._transport_for_url(httpx.URL("http://127.0.0.1:4200")) is client._transport
"""


@pytest.mark.parametrize(
    "odd",
    [
        {"ALL_PROXY": "socks5://proxy.example:1080"},
        {"all_proxy": "socks5h://proxy.example", "SSLKEYLOGFILE": "/missing/keys"},
        {"http_proxy": "socks4://proxy.example"},
        {"HTTPS_PROXY": "ftp://proxy.example"},
        {"all_proxy": "http://proxy.example:port"},
        {"SSL_CERT_FILE": "/missing/company.pem"},
        {"SSL_CERT_FILE": __file__},
    ],
)
def test_own_servers_are_called_whatever_the_environment_holds_and_others_are_not_called_by_it(
    odd: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **odd},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.startswith("refused: Prefect's server cannot be called as ")
        and done.stdout.count("\n") == 1
    )
    assert set(odd) <= set(done.stdout.partition("called as ")[2].partition(" of the")[0].split(", "))


def test_prefects_client_starts_for_an_own_server_whatever_the_environment_holds(tmp_path: Path) -> None:
    call = "from pipeline.proxies import ignore_environment; ignore_environment(); from prefect import get_client; "
    call += "get_client(sync_client=True); get_client(sync_client=False)"
    odd = {
        "ALL_PROXY": "socks5://proxy.example",
        "SSL_CERT_FILE": "/missing",
        "SSLKEYLOGFILE": "/missing/keys",
    }
    own = {
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        "PREFECT_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, env=own | odd, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
