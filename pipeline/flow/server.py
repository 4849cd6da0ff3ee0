"""Prefect's server: the one that `make server` starts, and a temporary one for a single run, which ends with it."""

import atexit
import contextlib
import os
import socket
import sys
import threading
import time
from pathlib import Path

from pipeline.dvc.worker import DiedError, StoppedError, WorkerPool
from pipeline.flow import SERVER_HOST
from pipeline.health import is_healthy
from stages.common.artifacts import write_bytes

URL_VARIABLE = "PREFECT_API_URL"
UI_URL_VARIABLE = "PREFECT_UI_API_URL"
# Where `make server` last served: a run shows up there without being told to.
SERVED = "server.txt"
HEALTH_SECONDS = 2.0
POLL_SECONDS = 0.05
# A first start without `make` makes Prefect's database, which takes 6 s where nothing else runs.
START_SECONDS = 120.0
SHOWN_LINES = 10
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to


def name_address(host: str, port: int) -> str:
    """Return the address at which a server that listens on `host` is called; one that listens everywhere is local."""
    called = SERVER_HOST if host in EVERYWHERE else host
    return f"http://[{called}]:{port}" if ":" in called else f"http://{called}:{port}"


def serve(host: str, port: int) -> int:
    """Become Prefect's server."""
    address = name_address(host, port)
    write_bytes(Path(os.environ["PREFECT_HOME"]) / SERVED, f"{address}/api\n".encode())
    print(f"Prefect's pages: {address} (Ctrl-C ends it)", flush=True)
    os.environ.pop(URL_VARIABLE, None)
    # Its pages would look for the API at the usual port, whatever this one is.
    os.environ.setdefault(UI_URL_VARIABLE, f"{address}/api")
    command = ["-m", "prefect", "server", "start", "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606  no shell


def find_server() -> bool:
    """Use the server of PREFECT_API_URL or the one that `serve` started here; return whether there is one."""
    if URL_VARIABLE in os.environ:
        return True
    try:
        address = (Path(os.environ["PREFECT_HOME"]) / SERVED).read_text(encoding="utf-8").strip()
    except OSError:
        return False
    if not is_healthy(f"{address}/health", HEALTH_SECONDS):
        return False
    os.environ[URL_VARIABLE] = address
    return True


class TemporaryServer:
    """A server that ends with this process, however it ends.

    Make it before Prefect is imported: at this process's exit Prefect still sends log lines, and what is made first
    ends last.
    """

    def __init__(self) -> None:
        # It imports nothing of what stages do, so a process of its own starts sooner than a fork of theirs.
        self._pool = WorkerPool(is_preloaded=False)
        atexit.register(self._pool.stop)
        self._lines: list[str] = []
        self._port = find_free_port()
        self._thread = threading.Thread(target=self._run, name="Prefect's temporary server", daemon=True)
        os.environ[URL_VARIABLE] = f"http://{SERVER_HOST}:{self._port}/api"
        self._thread.start()

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: it does not; says what it printed.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(f"{os.environ[URL_VARIABLE]}/health", HEALTH_SECONDS):
            if not self._thread.is_alive() or time.monotonic() > deadline:
                printed = "\n".join(self._lines[-SHOWN_LINES:])
                raise RuntimeError(f"Prefect's temporary server did not start:\n{printed}")
            time.sleep(POLL_SECONDS)

    def _run(self) -> None:
        with contextlib.suppress(StoppedError, DiedError):
            self._pool.call(
                serve_temporarily,
                self._port,
                on_line=self._lines.append,
                environment={"PREFECT_UI_ENABLED": "false"},
            )


def serve_temporarily(port: int) -> None:
    """Serve Prefect's API without pages and schedules, on this machine alone."""
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(ephemeral=True), host=SERVER_HOST, port=port, log_level="error")


def find_free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with contextlib.closing(socket.socket()) as free:
        free.bind((SERVER_HOST, 0))
        return int(free.getsockname()[1])
