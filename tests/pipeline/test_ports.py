"""Every server of this project refuses pages of other origins and calls to other host names.

MLflow's server of models, which the README starts, has no such check; it takes JSON alone, which browsers let no page
of another origin send.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.health import is_healthy
from tests.driving import ROOT, make_environment
from tests.serving import find_free_port, kill, wait_until

pytestmark = pytest.mark.slow

TEMPORARY = "from pipeline.flow.server_app import run_server; run_server('127.0.0.1', {port})"
# For each server: its command, its health check, and a request that changes something.
SERVERS = {
    "prefect": (
        ["-m", "pipeline.flow", "server", "--port", "{port}", "--allow", "prefect"],
        "/api/health",
        "/api/variables/",
    ),
    "temporary": (["-c", TEMPORARY], "/api/health", "/api/variables/"),
    "mlflow": (
        [
            *("-m", "pipeline.tracking", "server", "--port", "{port}", "--allow", "prefect"),
            *("--store", "sqlite:///{folder}/mlflow.db", "--artifacts", "{folder}/artifacts"),
        ],
        "/health",
        "/api/2.0/mlflow/experiments/create",
    ),
}
FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:1"},
    {"Origin": "null"},
    {"Host": "evil.example"},
    {"Host": "10.evil.example"},
    {"Host": "evil.example", "Origin": "http://evil.example"},
]


class Server:
    """A server of this project: its address, its folder, and a request that changes something."""

    def __init__(self, address: str, folder: Path, action: str) -> None:
        self.address, self.folder, self.action = address, folder, action

    def call(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        """Send a request with the password, if there is one; return the status and the body."""
        auth = self.folder / "auth.txt"
        own = (
            {"Authorization": f"Basic {b64encode(auth.read_bytes().strip()).decode()}"}
            if auth.exists()
            else {}
        )
        body = json.dumps({"name": "made", "value": 1}).encode() if method == "POST" else None
        headers = own | {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command, health, action = SERVERS[request.param]
    folder, port = tmp_path_factory.mktemp(request.param), find_free_port()
    words = [word.format(port=port, folder=folder) for word in command]
    environment = make_environment(PREFECT_HOME=str(folder), PYTHONPATH=str(ROOT))
    process = subprocess.Popen([sys.executable, *words], env=environment, cwd=ROOT, start_new_session=True)
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}{health}"), request.param, 180)
        yield Server(f"http://127.0.0.1:{port}", folder, action)
    finally:
        kill(process)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_or_name_is_refused(server: Server, headers: dict[str, str]) -> None:
    for method, path in [("GET", "/"), ("OPTIONS", server.action), ("POST", server.action)]:
        assert server.call(method, path, **headers)[0] == 403


def test_programs_and_own_pages_are_answered(server: Server) -> None:
    assert server.call("POST", server.action)[0] in (200, 201)
    assert server.call("GET", "/", Origin=server.address)[0] in (200, 404)


def test_prefects_server_asks_for_a_password_that_only_this_user_can_read(server: Server) -> None:
    auth = server.folder / "auth.txt"
    if "pipeline.flow" not in SERVERS[server.folder.name.rstrip("0123456789")][0]:
        pytest.skip("this server has no password of its own")
    assert auth.stat().st_mode & 0o777 == 0o600
    assert server.call("POST", "/api/variables/filter", Authorization="Basic YWRtaW46")[0] == 401


def test_mlflows_assistant_is_closed(server: Server) -> None:
    if not server.folder.name.startswith("mlflow"):
        pytest.skip("this server has no assistant")
    assert server.call("GET", "/ajax-api/3.0/mlflow/assistant/config")[0] == 403
