"""End a flow whose Prefect server is gone, or whose disk is full.

Prefect itself waits for a server for minutes, and then prints tracebacks. Of one that cannot write it prints one for
each task that fails.
"""

import atexit
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from pipeline.flow.server_probe import Reply, probe
from pipeline.flow.server_settings import TEMPORARY_SERVER_PID, URL

POLL_SECONDS = 1.0
DISK_POLL_SECONDS = 0.1
# With less than that Prefect's database cannot go on.
LEAST_FREE_BYTES = 1_000_000
# Nobody starts the temporary server of a run again.
TEMPORARY_PATIENCE_SECONDS = 1.0
# Another server may be restarted meanwhile; Prefect's client tries again for about a minute.
RESTART_PATIENCE_SECONDS = 30.0
# A server that is there and silent may be busy.
SILENT_PATIENCE_SECONDS = 90.0
_ENDING = threading.Lock()


def watch_server(stop_functions: list[Callable[[], object]]) -> None:
    """End this process as soon as the flow's server is gone or a disk is full, until the process ends by itself.

    Args:
        stop_functions: are called then, one after the other, to end what the flow runs; more may be added at any time.
    """
    is_over = threading.Event()
    folders = [Path.cwd(), Path(os.environ["PREFECT_HOME"]), Path(tempfile.gettempdir())]
    threads = [threading.Thread(target=_watch_disk, args=(folders, stop_functions, is_over), daemon=True)]
    api = os.environ.get(URL)
    if api:
        threads.append(
            threading.Thread(target=_watch_server, args=(api, stop_functions, is_over), daemon=True)
        )
    # What is registered last is called first: before the temporary server ends.
    atexit.register(is_over.set)
    for thread in threads:
        thread.start()


def _watch_server(api: str, stop_functions: list[Callable[[], object]], is_over: threading.Event) -> None:
    is_temporary = os.environ.get(TEMPORARY_SERVER_PID) == str(os.getpid())
    patience = {
        Reply.NOBODY_THERE: TEMPORARY_PATIENCE_SECONDS if is_temporary else RESTART_PATIENCE_SECONDS,
        Reply.SILENT: SILENT_PATIENCE_SECONDS,
    }
    begun = time.monotonic()
    # When it was last otherwise. Who is silent is there all the same.
    since = dict.fromkeys(patience, begun)
    while not is_over.wait(POLL_SECONDS):
        reply = probe(f"{api.rstrip('/')}/health")
        now = time.monotonic()
        if reply != Reply.NOBODY_THERE:
            since[Reply.NOBODY_THERE] = now
        if reply not in patience:
            since[Reply.SILENT] = now
        elif now - since[reply] > patience[reply] and not is_over.is_set():
            kind = "temporary server" if is_temporary else "server"
            reason = f"Prefect's {kind} at {api} is gone ({reply.value} for {now - since[reply]:.0f} s)"
            _end_process(reason, stop_functions)


def _watch_disk(
    folders: list[Path], stop_functions: list[Callable[[], object]], is_over: threading.Event
) -> None:
    while not is_over.wait(DISK_POLL_SECONDS):
        full = find_full(folders)
        if full is not None and not is_over.is_set():
            _end_process(f"the disk that holds {full} is full; free some space", stop_functions)


def find_full(folders: Iterable[Path]) -> Path | None:
    """Find the first of these folders whose disk is full; None where all have space."""
    for folder in folders:
        try:
            if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
                return folder
        except OSError:
            # It is not there yet, or not any more.
            continue
    return None


def _end_process(reason: str, stop_functions: list[Callable[[], object]]) -> NoReturn:
    # One watch ends the process; the other waits here for that.
    _ENDING.acquire()
    print(
        f"error: {reason}. What ran is ended; the same command goes on from the last checkpoints.",
        file=sys.stderr,
        flush=True,
    )
    # All that Prefect has to say from here on is that it does not reach its server.
    silence = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)
    try:
        for stop in stop_functions:
            stop()
    finally:
        # An exit in order would tell the server first.
        os._exit(1)
