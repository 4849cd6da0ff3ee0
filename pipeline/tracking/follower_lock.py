"""The names by which runs say which process follows them, and whether the process of a name still runs.

A process holds a lock of a file of its name until it ends, however it ends. Unlike a process id, that also tells a
process in another container from one that is gone, and it outlasts no restart of the machine.
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
    # A file that is closed is not locked.
    file = path.open("w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    _held.append(file)
    atexit.register(path.unlink, missing_ok=True)
    return path.name


def has_died(name: str) -> bool:
    """Tell whether the process of this name worked in this repository and is gone.

    Processes that work in other repositories, of this machine or another one, are taken to be alive: the next sync in
    their own repository knows.
    """
    path = find_folder() / FOLDER / Path(name).name
    return path.is_file() and not is_locked(path)
