"""Start Prefect's server: a lasting one for `make server`, or a temporary one that ends with the run that needs it."""

import atexit
import contextlib
import os
import socket
import threading
import time
from pathlib import Path

from pipeline.dvc.worker import DiedError, StoppedError, WorkerPool
from pipeline.flow import SERVER_HOST
from pipeline.flow.server_auth import FILE, create_auth, read_auth
from pipeline.flow.server_probe import find_fault
from pipeline.flow.server_proof import is_proven, make_served, read_served
from pipeline.flow.server_settings import (
    AUTH,
    KEY,
    SERVER_AUTH,
    TEMPORARY_SERVER_PID,
    URL,
    list_server_settings,
    prepare_server,
    use_server,
)
from pipeline.health import is_healthy
from pipeline.proxies import check_environment, ignore_environment, is_loopback
from pipeline.same_origin import WILDCARDS
from pipeline.workplace import require_free_port
from stages.common.errors import InputError

HEALTH_SECONDS = 2.0
POLL_SECONDS = 0.05
# The first start creates the database of Prefect, which takes 6 s on an idle machine. A server that ends is noticed at
# once, so this only limits how long one that hangs is waited for; a machine with load 15 needed more than two minutes.
START_SECONDS = 300.0
SHOWN_LINES = 10


def name_address(host: str, port: int) -> str:
    """Return the URL of a server that listens on `host`; a server that listens everywhere is called at 127.0.0.1."""
    called = SERVER_HOST if host in WILDCARDS else host
    return f"http://[{called}]:{port}" if ":" in called else f"http://{called}:{port}"


def serve(host: str, port: int, allowed_hosts: list[str]) -> int:
    """Serve Prefect's API, pages and schedules until interrupted; return the exit code.

    Args:
        host: the address to listen at.
        port: the port to listen at.
        allowed_hosts: further host names at which browsers and workers may call the server.
    """
    home, address = Path(os.environ["PREFECT_HOME"]), name_address(host, port)
    login = f"the value of {SERVER_AUTH}" if SERVER_AUTH in os.environ else f"the content of {home / FILE}"
    require_free_port(host, port)
    prepare_server(os.environ, address, home)
    print(f"Prefect's pages ask for {login}.", flush=True)
    # Prefect reads the environment when it is imported.
    from pipeline.flow.server_app import run_server

    run_server(host, port, allowed_hosts, make_served(address))
    return 0


def find_server() -> bool:
    """Use the server of PREFECT_API_URL or the one that `serve` started here; return whether there is one.

    Raises:
        InputError: the server of PREFECT_API_URL does not answer or refuses the login, or Prefect's client cannot use
            the proxies and certificates of the environment; the message says what to do.
    """
    home, named = Path(os.environ["PREFECT_HOME"]), os.environ.get(URL) or None
    served, has_login = read_served(home), bool({AUTH, KEY} & set(os.environ))
    is_own = served is not None and (named is None or (named == served.api and not has_login))
    if served is not None and is_own and is_proven(served):
        use_server(os.environ, served.api, read_auth(home))
    elif named is None:
        return False
    fault = find_fault(os.environ[URL])
    if fault is not None:
        cure = f"; start it, or unset {URL} to use a server for this run alone" if named else ""
        raise InputError(f"{URL}: {fault}{cure}")
    if is_loopback(os.environ[URL]):
        ignore_environment()
    else:
        check_environment()
    return True


class TemporaryServer:
    """A server that ends with this process, however the process ends.

    Create it before Prefect is imported. At exit Prefect still sends log lines to the server, and exit handlers run in
    the reverse order of their registration, so the server's must be registered first.
    """

    def __init__(self) -> None:
        # The server needs none of the stages' imports, so a new process starts sooner than a fork of the fork server.
        self._pool = WorkerPool(is_preloaded=False)
        atexit.register(self._pool.stop)
        self._lines: list[str] = []
        self._port = find_free_port()
        self._thread = threading.Thread(target=self._run, name="Prefect's temporary server", daemon=True)
        self._address = name_address(SERVER_HOST, self._port)
        self._auth = create_auth()
        use_server(os.environ, f"{self._address}/api", self._auth)
        os.environ[TEMPORARY_SERVER_PID] = str(os.getpid())
        self._thread.start()
        ignore_environment()

    def wait(self) -> None:
        """Wait until the server answers.

        Raises:
            InputError: the server has ended (the message has its last output), or does not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(f"{self._address}/api/health", HEALTH_SECONDS):
            if not self._thread.is_alive():
                printed = "\n".join(self._lines[-SHOWN_LINES:]) or "nothing"
                raise InputError(
                    f"Prefect's temporary server ended before it answered; it printed: {printed}"
                )
            if time.monotonic() > deadline:
                raise InputError(
                    f"Prefect's temporary server did not answer within {START_SECONDS:.0f} s, as happens on an "
                    "overloaded machine; call the same command again"
                )
            time.sleep(POLL_SECONDS)

    def _run(self) -> None:
        settings = list_server_settings(self._address, Path(os.environ["PREFECT_HOME"]), self._auth)
        with contextlib.suppress(StoppedError, DiedError):
            self._pool.call(
                serve_temporarily,
                self._port,
                on_line=self._lines.append,
                environment=settings | {"PREFECT_SERVER_UI_ENABLED": "false"},
            )


def serve_temporarily(port: int) -> None:
    """Serve Prefect's API without pages and schedules, to this machine only."""
    ignore_environment()
    from pipeline.flow.server_app import run_server

    run_server(SERVER_HOST, port)


def find_free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with contextlib.closing(socket.socket()) as free:
        free.bind((SERVER_HOST, 0))
        return int(free.getsockname()[1])
