"""Have DVC replace dvc.lock and its rwlock in one rename, and begin anew with an rwlock that it cannot read.

DVC empties these files and then writes them. Killed in between, as when a person or a system ends a run, it leaves half
a file, which every later command refuses: the rwlock until somebody removes it, dvc.lock until it is taken from Git
again, without what was done since. A plain `dvc repro` may still leave such an rwlock; the flow's next run mends it.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

# DVC holds a lock when it writes, so that there is one such file at most; a killed command's is written over.
UNFINISHED = ".unfinished"


class WholeFiles:
    """A file system of DVC's, but for files that are written: each takes its place when it is whole."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    @contextmanager
    def open(self, path: str, mode: str = "r", **options: Any) -> Iterator[IO[str]]:
        """Open a text file."""
        if "w" in mode:
            unfinished = Path(path + UNFINISHED)
            with unfinished.open(mode, **options) as file:
                yield file
            unfinished.replace(path)
        else:
            with self._fs.open(path, mode, **options) as file:
                yield file


class RwlockFiles(WholeFiles):
    """The same, and an rwlock that is no JSON is not there."""

    @contextmanager
    def open(self, path: str, mode: str = "r", **options: Any) -> Iterator[IO[str]]:
        """Open the rwlock; DVC holds the lock that guards it.

        Raises:
            FileNotFoundError: it is not there, or what DVC reads in it is no JSON.
        """
        try:
            with super().open(path, mode, **options) as file:
                yield file
        except ValueError as error:
            print(
                f"'{path}' cannot be read ({error}): a command of DVC was killed while it wrote it. It is begun anew.",
                file=sys.stderr,
            )
            raise FileNotFoundError(path) from error


def write_whole() -> None:
    """Have the DVC of this process do so with its rwlock; see lock_file for dvc.lock."""
    module: Any = import_module("dvc.rwlock")
    edit = module._edit_rwlock

    def edit_rwlock(lock_dir: str, fs: Any, hardlink: bool) -> AbstractContextManager[Any]:
        manager: AbstractContextManager[Any] = edit(lock_dir, RwlockFiles(fs), hardlink)
        return manager

    module._edit_rwlock = edit_rwlock
