"""Run flows in child processes, which end in order when this process is told to end."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def exit_on_signals() -> None:
    """Make SIGINT and SIGTERM end this process by an exit with 128 + its number, cleaning up on its way."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def run_flow(
    arguments: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> int:
    """Run a flow to its end, and return its exit code.

    What interrupts the wait, such as the exit of `exit_on_signals`, goes on once the flow has ended in order.

    Args:
        arguments: the arguments of `python -m pipeline.flow run`.
        folder: the repository; None for the current folder.
        environment: variables of the flow; None for those of this process.
    """
    # Where output is no terminal, what was printed before the flow comes before its lines.
    sys.stdout.flush()
    command = [sys.executable, "-m", "pipeline.flow", "run", *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment) as flow:
        try:
            return flow.wait()
        except BaseException:
            # Its trainings keep their checkpoints.
            flow.terminate()
            raise
