"""Run the flow once, and show a person at a terminal how it ended: the table, and what to look at next."""

import sys
from typing import Any

from prefect.client.schemas.objects import State

from pipeline.flow.flow import STOPPED, compare
from pipeline.flow.terminal import quiet_terminal
from stages.common.artifacts import REPORT

TABLE = REPORT / "table1.txt"


def run_once(options: dict[str, Any]) -> int:
    """Run the flow in this process and return the exit code: 0, 1, or 128 and a signal's number.

    Args:
        options: the flow's parameters.
    """
    with quiet_terminal() as log:
        state: State = compare(**options, return_state=True)
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
