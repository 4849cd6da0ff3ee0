"""Find and remove the clones of agents that were killed, but keep those of running agents.

A clone is left behind if all processes of a node are killed, such as when a batch system kills a whole job at once.
"""

import contextlib
import fcntl
import shutil
import socket
from pathlib import Path
from typing import IO

LOCK = "agent.lock"
# The Dask worker creates its folders with this prefix.
PATTERN = f"comparison-*/{LOCK}"


def hold(folder: Path) -> IO[str]:
    """Lock a folder for this process, until the returned file is closed or the process ends."""
    lock = (folder / LOCK).open("w", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Locks of other machines may not be visible here, so each machine removes only its own folders.
    lock.write(socket.gethostname())
    lock.flush()
    return lock


def remove_left(parent: Path) -> None:
    """Remove those clones in a folder whose agents ran on this machine and were killed."""
    for path in parent.glob(PATTERN):
        # Another process may remove the folder at the same time, or the folder may be another user's.
        with contextlib.suppress(OSError), path.open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.read() == socket.gethostname():
                shutil.rmtree(path.parent, ignore_errors=True)
