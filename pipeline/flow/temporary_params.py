"""Change params.yaml for one run, and put the former file back however the run ends.

A run of a deployment may ask for another preset. The file as it was lies in DVC's folder meanwhile. A guard, a process
of its own, puts it back where the run is killed. Where the whole machine went down, the next flow, schedule or worker
does.
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
# Standard input ends when the run's process does.
GUARD = (
    "import sys; sys.stdin.read(); from pipeline.flow.temporary_params import restore; restore(sys.argv[1])"
)


@contextmanager
def temporary_params(change: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Change params.yaml until the context ends; the caller keeps other flows out.

    Args:
        change: changes the file. If it raises an error, the file is as before.

    Yields:
        Puts the former file back, for a process that is about to end without leaving the context.
    """
    name = uuid.uuid4().hex
    write_bytes(FOLDER / name / FORMER, PARAMS_FILE.read_bytes())
    command = [sys.executable, "-c", GUARD, name]
    # What ends the run's session spares its guard.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            change()
            write_bytes(FOLDER / name / CHANGED, PARAMS_FILE.read_bytes())
            yield lambda: restore(name)
        finally:
            restore(name)
            # There is nothing left for it to do.
            guard.kill()


def restore_all() -> None:
    """Put back the params.yaml that runs have changed which were killed together with their guards."""
    for folder in sorted(FOLDER.glob("*")):
        restore(folder.name)


def restore(name: str) -> None:
    """Put back the params.yaml that a run has changed, unless a person has edited the file meanwhile."""
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
