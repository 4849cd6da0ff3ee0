"""Helpers for servers in tests: find whether a port is open, wait for a condition, and kill a process group."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

from tests.driving import PATIENCE_SECONDS


def find_free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def can_connect(port: int) -> bool:
    """Tell whether something listens at a port of this machine."""
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    is_so: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS, pause: float = 0.3
) -> float:
    """Wait until a condition holds, checking every `pause` seconds; return how many seconds it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"waited {seconds} s for {what}"
        time.sleep(pause)
    return time.monotonic() - began


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its group without warning."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
