"""Change params.yaml for one run, and restore the former file however the run ends.

A run of a deployment may ask for another preset. Meanwhile a copy of the former file is kept in `.dvc/tmp/params`. If
the run is killed, a separate process, the guard, restores the file. If the whole machine goes down, the next flow,
schedule or worker restores it.
"""

import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from stages.common.artifacts import write_bytes
from stages.common.params import PARAMS_FILE

FOLDER = Path(".dvc/tmp/params")
LOCK = Path(".dvc/tmp/params.lock")
FORMER, CHANGED = "former.yaml", "changed.yaml"
# The guard waits for the end of its standard input, a pipe that closes when the run's process ends.
GUARD = (
    "import sys; sys.stdin.read(); from pipeline.flow.temporary_params import restore; restore(sys.argv[1])"
)


@contextmanager
def temporary_params(change: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Change params.yaml until the context ends; the caller keeps other flows out.

    Args:
        change: a function that changes the file. If it raises an error, the former file is restored.

    Yields:
        A function that restores the former file, for a process that is about to end without leaving the context.
    """
    name = uuid.uuid4().hex
    write_bytes(FOLDER / name / FORMER, PARAMS_FILE.read_bytes())
    command = [sys.executable, "-c", GUARD, name]
    # The guard is in a session of its own, so that a signal to the run's session does not end it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            change()
            write_bytes(FOLDER / name / CHANGED, PARAMS_FILE.read_bytes())
            yield lambda: restore(name)
        finally:
            restore(name)
            # The file is restored, so the guard has nothing left to do.
            guard.kill()


def restore_all() -> None:
    """Restore params.yaml after runs that were killed together with their guards."""
    for folder in sorted(FOLDER.glob("*")):
        restore(folder.name)


def restore(name: str) -> None:
    """Restore the params.yaml that a run has changed, unless a person has edited the file meanwhile."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    folder = FOLDER / name
    with FileLock(LOCK):
        former, changed = (
            path.read_bytes() if path.exists() else None for path in (folder / FORMER, folder / CHANGED)
        )
        is_edited = changed is not None and PARAMS_FILE.exists() and PARAMS_FILE.read_bytes() != changed
        if former is not None and not is_edited:
            write_bytes(PARAMS_FILE, former)
        shutil.rmtree(folder, ignore_errors=True)
