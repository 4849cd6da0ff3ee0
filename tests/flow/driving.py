"""Start flows, wait for what they do, and look for what they leave."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.driving import call, make_environment

END_SECONDS = 10


def flow(*arguments: str, may_fail: bool = False) -> str:
    return call(sys.executable, "-m", "pipeline.flow", "run", *arguments, may_fail=may_fail)


def read_results() -> dict[str, bytes]:
    folders = ("models", "samples", "results/lipschitz", "results/evaluate")
    return {str(path): path.read_bytes() for folder in folders for path in sorted(Path(folder).rglob("*.*"))}


def find_here(*others: int) -> list[psutil.Process]:
    """List the processes that work in this folder, but for this one and those named by their ids."""
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
    """Start a run of the flow, or another command of it."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.flow", *(command or ("run",))],
        env=make_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_checkpoint(process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    """Wait until a training writes a checkpoint from now on."""
    began = time.time()
    while not any(
        path.stat().st_mtime > began for path in Path(".scratch/train").glob("*/*/state.safetensors")
    ):
        assert process.poll() is None, "it ended before"
        assert time.time() - began < seconds, "no checkpoint"
        time.sleep(0.1)


def wait_until_alone(*others: int) -> None:
    """Wait until no process works here but for these; ten seconds at most."""
    began = time.monotonic()
    while found := find_here(*others):
        assert time.monotonic() - began < END_SECONDS, found
        time.sleep(0.2)
