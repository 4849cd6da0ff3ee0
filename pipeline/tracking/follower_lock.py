"""Name the process that follows a run, and tell whether the process of a name still runs.

A process holds a lock on a file with its name until it ends, however it ends. Unlike a process id, such a name is
unique across containers, and is never reused after a restart of the machine.
"""

import atexit
import fcntl
from functools import cache
from pathlib import Path
from typing import IO
from uuid import uuid4

from pipeline.tracking.address import find_folder
from pipeline.tracking.trainings import is_locked

FOLDER = "followers"
_held: list[IO[str]] = []


@cache
def name_process() -> str:
    """Name this process, and hold its lock from now on."""
    folder = find_folder().resolve() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / uuid4().hex
    # The file stays open, because closing it would release the lock.
    file = path.open("w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    _held.append(file)
    atexit.register(path.unlink, missing_ok=True)
    return path.name


def has_died(name: str) -> bool:
    """Tell whether the process of this name worked in this repository and has ended.

    A process of another repository, on this machine or another one, is assumed to be alive: only a sync in that
    repository can know whether it has ended.
    """
    path = find_folder() / FOLDER / Path(name).name
    return path.is_file() and not is_locked(path)
