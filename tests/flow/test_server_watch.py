"""A flow whose server is gone ends, in one line; one whose server is only restarted goes on."""

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
server_watch.RESTART_SECONDS = float(sys.argv[1])
if sys.argv[2] == "temporary":
    os.environ[server_watch.TEMPORARY] = str(os.getpid())
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
