"""One flow at a time in a repository: another waits, since both would write the same files."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(".dvc/tmp/flow.lock")
POLL_SECONDS = 0.5


@contextmanager
def only_flow_here(say: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other flow works in this repository, then keep others out; the system frees it if we die."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        is_told = False
        while not take(file.fileno()):
            if not is_told:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                say(f"another flow works in this repository (process {owner}); waiting for its end")
                is_told = True
            time.sleep(POLL_SECONDS)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def take(descriptor: int) -> bool:
    """Try to take the lock; tell whether it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
