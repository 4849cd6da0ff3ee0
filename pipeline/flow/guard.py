"""One flow at a time in a repository: another waits, since both would write the same files."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = Path(".dvc/tmp/flow.lock")
POLL_SECONDS = 0.5


@contextmanager
def only_flow_here(name: str, say: Callable[[str], None]) -> Iterator[str | None]:
    """Wait until no other flow works in this repository, then keep others out; the system frees it if we die.

    Args:
        name: of this flow's run; who waits is told, and who comes after a death.
        say: takes a line for the log.

    Yields:
        The name of the flow that was here last and died; None if it ended in order.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        is_told = False
        while not take(file.fileno()):
            if not is_told:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                say(f"another flow works in this repository (run {owner}); waiting for its end")
                is_told = True
            time.sleep(POLL_SECONDS)
        file.seek(0)
        dead = file.read().strip() or None
        write(file, name)
        try:
            yield dead
        finally:
            write(file, "")


def write(file: IO[str], text: str) -> None:
    """Put a text in the place of all that a file holds."""
    file.truncate(0)
    file.write(text)
    file.flush()


def take(descriptor: int) -> bool:
    """Try to take the lock; tell whether it is ours."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
