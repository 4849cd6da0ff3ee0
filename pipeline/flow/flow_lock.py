"""Let only one flow at a time work in a repository; a second one waits, since both would write the same files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = Path(".dvc/tmp/flow.lock")
# This file holds the id of the run that has the lock, or that had it when it was killed.
OWNER = Path(".dvc/tmp/flow.txt")
POLL_SECONDS = 0.5


@contextmanager
def lock_repository(run: str, on_wait: Callable[[str], None]) -> Iterator[str | None]:
    """Wait until no other flow works in this repository, and keep others out until the context ends.

    The operating system releases the lock of a process that dies.

    Args:
        run: the id of this flow's run, which a waiting flow shows in its log.
        on_wait: a function that is called with a line to log if there is another flow.

    Yields:
        The id of the last flow's run if that flow was killed; None if it ended in order.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(LOCK, poll_interval=POLL_SECONDS)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait(
            f"another flow works in this repository (run {_read_owner() or 'unknown'}); waiting for its end"
        )
        lock.acquire()
    try:
        killed = _read_owner()
        OWNER.write_text(run, encoding="utf-8")
        yield killed
    finally:
        OWNER.unlink(missing_ok=True)
        lock.release()


def find_killed_run() -> str | None:
    """Return the id of the last flow's run if that flow was killed; None if it ended in order or is still running."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(LOCK, timeout=0):
            return _read_owner()
    except Timeout:
        return None


def _read_owner() -> str | None:
    return OWNER.read_text(encoding="utf-8").strip() or None if OWNER.exists() else None
