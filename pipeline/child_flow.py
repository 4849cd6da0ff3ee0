"""Run flows in child processes, and shut them down in order when this process is told to end."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def exit_on_signals() -> None:
    """Make SIGINT and SIGTERM raise SystemExit with 128 + the signal's number, so that cleanup code runs."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def run_flow(
    arguments: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> int:
    """Run a flow to its end, and return its exit code.

    An exception that interrupts the wait, such as the SystemExit of `exit_on_signals`, is raised again after the flow
    has shut down in order.

    Args:
        arguments: the arguments of `python -m pipeline.flow run`.
        folder: the repository; None for the current folder.
        environment: environment variables of the flow; None for those of this process.
    """
    # Where output is not a terminal, it is buffered: earlier lines must be written before those of the flow.
    sys.stdout.flush()
    command = [sys.executable, "-m", "pipeline.flow", "run", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment) as flow:
        try:
            return flow.wait()
        except BaseException:
            # SIGTERM lets the trainings of the flow write their checkpoints.
            flow.terminate()
            raise
