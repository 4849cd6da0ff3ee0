"""End a flow whose Prefect server is gone, or whose disk is full.

Prefect itself waits minutes for a server that is gone, and then prints tracebacks. If the server cannot write, Prefect
prints a traceback for each task that fails.
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
# With less free space Prefect's database cannot be written.
LEAST_FREE_BYTES = 1_000_000
# The temporary server of a run is never restarted.
TEMPORARY_PATIENCE_SECONDS = 1.0
# A lasting server may be restarted; Prefect's client retries for about a minute.
RESTART_PATIENCE_SECONDS = 30.0
# A server that accepts connections but does not answer may be busy.
SILENT_PATIENCE_SECONDS = 90.0
_ENDING = threading.Lock()


def watch_server(stop_functions: list[Callable[[], object]]) -> None:
    """Start threads that end this process as soon as the flow's server is gone or a disk is full.

    Args:
        stop_functions: functions that are called in order to end the flow's stages before the process ends; more may be
            added at any time.
    """
    is_over = threading.Event()
    folders = [Path.cwd(), Path(os.environ["PREFECT_HOME"]), Path(tempfile.gettempdir())]
    threads = [threading.Thread(target=_watch_disk, args=(folders, stop_functions, is_over), daemon=True)]
    api = os.environ.get(URL)
    if api:
        threads.append(
            threading.Thread(target=_watch_server, args=(api, stop_functions, is_over), daemon=True)
        )
    # Exit handlers run in reverse order: the watch must end before the temporary server, which was registered earlier.
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
    # For each bad reply, the last time at which it did not apply. A silent server still runs, so silence resets the
    # time of NOBODY_THERE.
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
    """Return the first of these folders whose disk is full; None if all have space."""
    for folder in folders:
        try:
            if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
                return folder
        except OSError:
            # The folder does not exist yet, or was removed.
            continue
    return None


def _end_process(reason: str, stop_functions: list[Callable[[], object]]) -> NoReturn:
    # The lock is never released: one thread ends the process, and the other one waits here until then.
    _ENDING.acquire()
    print(
        f"error: {reason}. All stages were ended; the same command goes on from the last checkpoints.",
        file=sys.stderr,
        flush=True,
    )
    # From here on Prefect would only print that it cannot reach its server.
    silence = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)
    try:
        for stop in stop_functions:
            stop()
    finally:
        # An ordinary exit would first try to report to the server.
        os._exit(1)
