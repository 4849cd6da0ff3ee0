"""Run the flow once, and print how it ended: on success the table of results and where to find the report."""

import os
import sys
from pathlib import Path
from typing import Any

from httpx import HTTPError
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException

from pipeline.flow.flow import STOPPED, compare
from pipeline.flow.flow_lock import LOCK
from pipeline.flow.server_probe import find_fault
from pipeline.flow.server_settings import TEMPORARY_SERVER_PID, URL
from pipeline.flow.terminal import quiet_terminal
from pipeline.workplace import require_writable
from stages.common.artifacts import REPORT
from stages.common.errors import InputError

TABLE = REPORT / "table1.txt"


def run_once(options: dict[str, Any]) -> int:
    """Run the flow in this process and return the exit code: 0, 1, or 128 and a signal's number.

    Args:
        options: the flow's parameters.
    """
    try:
        with quiet_terminal() as log:
            state: State = compare(**options, return_state=True)
    except (HTTPError, PrefectException, RuntimeError, OSError):
        # A full disk or a lost server, if one is the cause, explains more than Prefect's error.
        explain_end()
        raise
    message = state.message or str(state)
    if state.is_completed():
        if log is not None and TABLE.exists():
            print(TABLE.read_text(encoding="utf-8"))
        print(f"{message}\nOpen {REPORT / 'index.html'}; then `make ui` for the runs in MLflow.", flush=True)
        return 0
    print(message, file=sys.stderr)
    if log is not None:
        print(f"The log of this run: {log}", file=sys.stderr)
    return next((128 + number for number, stopped in STOPPED.items() if stopped == message), 1)


def explain_end() -> None:
    """Find out whether a full disk or a lost server made Prefect fail.

    Raises:
        OSError: a folder cannot be written; the error names the folder and the reason.
        InputError: the server does not answer any more; the message names it and says what to do.
    """
    require_writable(LOCK.parent, Path(os.environ["PREFECT_HOME"]))
    api = os.environ.get(URL)
    fault = find_fault(api) if api else None
    if fault is None:
        return
    cure = (
        "call the same command again"
        if TEMPORARY_SERVER_PID in os.environ
        else f"start it, or unset {URL} to use a server for this run alone, and call the same command again"
    )
    raise InputError(
        f"{fault}; it was available when this run began. What was finished is kept; {cure}"
    ) from None
