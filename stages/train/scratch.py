"""The scratch folder of a trial, from whose checkpoint an interrupted training resumes.

DVC deletes a stage's outputs before it runs the stage again, and keeping them (`persist`) would switch off its
run-cache. So the training works in an untracked folder, whose name is a hash of everything that the trial depends on,
and copies the finished files to the tracked outputs at the end. A folder that was made under other params, code or data
has another name and is deleted.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from stages.common.artifacts import (
    SCRATCH,
    TRAINING_LOCK,
    UNFINISHED,
    Trial,
    lock_unfinished,
    sync_to_disk,
)

CHUNK_BYTES = 1 << 20
_locks: list[TextIO] = []


def hash_files(paths: Iterable[Path]) -> str:
    """Return the sha256, in hexadecimal, of the contents of files in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def list_sources(gan: str) -> list[Path]:
    """List the code that a training runs: the packages that DVC has as its dependencies, and the GAN's file."""
    packages = [Path("stages") / package for package in ("common", "networks", "train")]
    return [path for package in packages for path in sorted(package.rglob("*.py"))] + [
        Path(f"stages/gans/{gan}.py")
    ]


def open_scratch(trial: Trial, depends_on: dict[str, Any]) -> Path:
    """Open the scratch folder of a trial for its dependencies, and create it if it does not exist.

    This process holds a shared lock in the folder until it ends, which shows other processes that the training runs.

    Args:
        trial: the trial.
        depends_on: the dependencies, as values that JSON can hold; a change of any of them leads to another folder.

    Returns:
        The folder. Folders of the same trial under other dependencies are deleted, and a line says so.
    """
    key = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:16]
    folder = SCRATCH / "train" / trial.name / key
    if folder.parent.exists():
        for other in sorted(folder.parent.iterdir()):
            if other != folder:
                print(
                    f"{trial.name}: discarding a state made under other params, code or data ({other})",
                    flush=True,
                )
                shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / TRAINING_LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_SH)
    _locks.append(lock)
    return folder


def publish(files: Mapping[str, Path], folder: Path) -> None:
    """Copy finished files to a tracked output folder, which gets its name only when it is complete.

    Args:
        files: the files by their names in the folder.
        folder: the folder, which is replaced.
    """
    temporary = folder.with_name(f".{folder.name}{UNFINISHED}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    descriptor = os.open(temporary, os.O_RDONLY)
    try:
        lock_unfinished(descriptor)
        for name, file in files.items():
            shutil.copyfile(file, temporary / name)
            sync_to_disk(temporary / name)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
        sync_to_disk(folder.parent)
    finally:
        os.close(descriptor)
