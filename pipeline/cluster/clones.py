"""Know the folders of clones in which an agent works from those that a killed one has left, and remove these.

A node that is lost with all its processes, as where a batch system kills a whole job at once, leaves its clone there.
"""

import contextlib
import fcntl
import shutil
import socket
from pathlib import Path
from typing import IO

LOCK = "agent.lock"
# As the worker of Dask names the folders.
PATTERN = f"comparison-*/{LOCK}"


def hold(folder: Path) -> IO[str]:
    """Mark a folder as that of this process; it is until the returned file is closed, or the process has ended."""
    lock = (folder / LOCK).open("w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Locks of another machine may not be seen here, so that it removes its own folders alone.
    lock.write(socket.gethostname())
    lock.flush()
    return lock


def remove_left(parent: Path) -> None:
    """Remove the clones in a folder whose agents on this machine have been killed."""
    for path in parent.glob(PATTERN):
        # Another process may remove it, or it is another user's.
        with contextlib.suppress(OSError), path.open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.read() == socket.gethostname():
                shutil.rmtree(path.parent, ignore_errors=True)
