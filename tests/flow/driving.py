"""Start flows, wait for their checkpoints and ends, and find the processes that they leave."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.driving import call, make_environment

# It takes two seconds on a quiet machine; tests run beside others.
END_SECONDS = 30
LOG = Path("started.log")


def flow(*arguments: str, may_fail: bool = False) -> str:
    return call(sys.executable, "-m", "pipeline.flow", "run", *arguments, may_fail=may_fail)


def flow_without_network(*arguments: str) -> str:
    """Run the flow in a network namespace with only a loopback interface, if the system lets users make one."""
    command = [sys.executable, "-m", "pipeline.flow", "run", *arguments]
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    return call(*(alone if can_run_with(alone) else []), *command)


def can_run_with(prefix: list[str]) -> bool:
    """Tell whether commands can be started with this prefix."""
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def read_results() -> dict[str, bytes]:
    folders = ("models", "samples", "results/lipschitz", "results/evaluate")
    return {str(path): path.read_bytes() for folder in folders for path in sorted(Path(folder).rglob("*.*"))}


def find_processes_here(*others: int) -> list[psutil.Process]:
    """List the processes that work in this folder, except this process and those with the given ids."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid not in (os.getpid(), *others)
                and process.cwd() == str(Path.cwd())
                and process.status() != "zombie"
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def start_flow(*command: str) -> subprocess.Popen[bytes]:
    """Start a run of the flow, or another of its commands; the output goes to LOG."""
    with LOG.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.flow", *(command or ("run",))],
            env=make_environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def read_log_end(count: int = 60) -> str:
    """Return the last lines in LOG."""
    return "\n".join(LOG.read_text(errors="replace").splitlines()[-count:])


def list_checkpoints(scratch: Path, after: float) -> list[Path]:
    """List the checkpoints in a scratch folder that were written after a time.time()."""
    found = []
    # A state counts only once this record names it.
    for path in (scratch / "train").glob("*/*/checkpoint.json"):
        # The folder is deleted if the code, the params or the data change.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime > after:
                found.append(path)
    return found


def wait_for_checkpoint(process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    """Wait until a training writes a new checkpoint."""
    began = time.time()
    while not list_checkpoints(Path(".scratch"), began):
        code = process.poll()
        assert code is None, f"it ended before a checkpoint, with exit code {code}\n{read_log_end()}"
        assert time.time() - began < seconds, f"no checkpoint\n{read_log_end()}"
        time.sleep(0.1)


def wait_until_alone(*others: int) -> None:
    """Wait until no process except these works in this folder, for a limited time."""
    began = time.monotonic()
    while found := find_processes_here(*others):
        assert time.monotonic() - began < END_SECONDS, found
        time.sleep(0.2)
