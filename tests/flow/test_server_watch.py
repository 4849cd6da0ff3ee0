"""A flow whose server is gone ends with one line; a flow whose server is only restarted goes on."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.flow.server_probe import Reply, probe
from tests.driving import ROOT, make_environment
from tests.serving import find_free_port, wait_until

FLOW = """
import os, sys, threading, time
from pipeline.flow import server_watch
server_watch.POLL_SECONDS = 0.1
server_watch.RESTART_PATIENCE_SECONDS = float(sys.argv[1])
if sys.argv[2] == "temporary":
    os.environ[server_watch.TEMPORARY_SERVER_PID] = str(os.getpid())
server_watch.watch_server([lambda: open("ended", "w").close()])
time.sleep(float(sys.argv[3]))
print("went on")
"""
SERVER = """
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""


def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=make_environment(PYTHONPATH=str(ROOT), **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_server(port: int) -> subprocess.Popen[str]:
    """Start a server that answers everything with 404, and wait until it does."""
    server = start(SERVER, str(port))
    address = f"http://127.0.0.1:{port}/"
    wait_until(lambda: probe(address) is not Reply.NOBODY_THERE, "the server", 30, pause=0.05)
    return server


@pytest.mark.parametrize(("kind", "patience"), [("temporary", "600"), ("other", "1"), ("never there", "1")])
def test_a_flow_whose_server_is_gone_ends_all_that_it_runs_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, patience: str
) -> None:
    monkeypatch.chdir(tmp_path)
    port = find_free_port()
    server = start_server(port) if kind != "never there" else None
    flow = start(FLOW, patience, kind, "600", PREFECT_API_URL=f"http://127.0.0.1:{port}/api")
    time.sleep(1.5)
    if server is not None:
        server.kill()
        server.communicate()
    printed, errors = flow.communicate(timeout=20)
    assert flow.returncode == 1 and printed == ""
    (line,) = errors.splitlines()
    assert line.startswith("error: Prefect's ") and "is gone (nobody listens there for" in line
    assert (tmp_path / "ended").exists()


SILENT_SERVER = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""


def test_a_busy_server_that_is_then_restarted_has_all_the_time_of_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    port = find_free_port()
    server = start(SILENT_SERVER, str(port))
    flow = start(FLOW, "3", "other", "9", PREFECT_API_URL=f"http://127.0.0.1:{port}/api")
    # This is longer than a restart may take.
    time.sleep(6)
    server.kill()
    server.communicate()
    time.sleep(1)
    server = start_server(port)
    assert flow.communicate(timeout=30) == ("went on\n", "")
    server.kill()
    server.communicate()


def test_what_cannot_be_stopped_does_not_keep_a_flow_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = FLOW.replace('[lambda: open("ended", "w").close()]', "[lambda: 1 / 0]")
    flow = start(code, "1", "other", "600", PREFECT_API_URL=f"http://127.0.0.1:{find_free_port()}/api")
    _, errors = flow.communicate(timeout=30)
    assert flow.returncode == 1 and len(errors.splitlines()) == 1


def test_a_full_disk_ends_a_flow_without_a_server_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = FLOW.replace("server_watch.POLL_SECONDS = 0.1", "server_watch.LEAST_FREE_BYTES = 10**18")
    flow = start(code, "1", "other", "600", PREFECT_API_URL="")
    _, errors = flow.communicate(timeout=30)
    assert flow.returncode == 1 and "is full; free some space" in errors
    assert (tmp_path / "ended").exists()


def test_a_flow_whose_server_is_restarted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    port = find_free_port()
    server = start_server(port)
    flow = start(FLOW, "20", "other", "4", PREFECT_API_URL=f"http://127.0.0.1:{port}/api")
    time.sleep(1)
    server.kill()
    server.communicate()
    server = start_server(port)
    assert flow.communicate(timeout=30) == ("went on\n", "")
    server.kill()
    server.communicate()
