"""Fingerprint the files under a path by their names and contents, reading only files that have changed."""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stages.common.artifacts import hash_file
from stages.common.errors import InputError
from stages.common.file_tree import is_hidden
from stages.fingerprints.known_files import KnownFile, read_known_files, write_known_files

SECONDS_BETWEEN_LINES = 10.0
# A file that was changed so shortly before it was read may be changed again without getting a new modification time.
UNCERTAIN_NANOSECONDS = 2 * 10**9
# The content of a path that cannot be read: a pipe, a broken link, a file without permission. If such a path appears
# or disappears, the stage `prepare` runs again and names it.
NOT_READ = "not read"


class Fingerprint(NamedTuple):
    """The identity of a set of files.

    Attributes:
        file_count: number of files.
        byte_count: total size of the files.
        sha256: the SHA-256 over the names of all files, relative to the path, and the SHA-256 of their contents.
    """

    file_count: int
    byte_count: int
    sha256: str


def fingerprint_files(path: Path, key: str) -> Fingerprint:
    """Fingerprint a file, or all files of a folder and its subfolders except hidden ones; links are followed.

    Args:
        path: the path of the file or the folder.
        key: the key of params.yaml that holds the path, for messages.

    Raises:
        InputError: the path is neither a file nor a folder.
    """
    if not path.is_dir() and not path.is_file():
        raise InputError(
            f"{key} = {str(path)!r} is neither a file nor a folder, so there are no images in it"
        )
    names = sorted(_list_names(path)) if path.is_dir() else ["."]
    known, found, last_line = read_known_files(path), {}, time.monotonic()
    digest, byte_count = hashlib.sha256(), 0
    for number, name in enumerate(names):
        file = _read_file(path / name, known.get(name))
        if file is not None:
            found[name], byte_count = file, byte_count + file.size
        content = NOT_READ if file is None else file.sha256
        digest.update(f"{len(name)} {name} {content}\n".encode(errors="surrogateescape"))
        if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            print(
                f"{key}: compared {number + 1} of {len(names)} files in {path}", file=sys.stderr, flush=True
            )
    if found != known:
        write_known_files(path, found)
    return Fingerprint(len(names), byte_count, digest.hexdigest())


def _read_file(path: Path, known: KnownFile | None) -> KnownFile | None:
    """Return a file's size, times and SHA-256, read only if it has changed since `known`; None if it cannot be read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return None
        now = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
        if known is not None and known.is_certain and known[:4] == now:
            return known
        is_certain = max(state.st_mtime_ns, state.st_ctime_ns) < time.time_ns() - UNCERTAIN_NANOSECONDS
        return KnownFile(*now, is_certain, hash_file(path))
    except OSError:
        return None


def _list_names(folder: Path) -> Iterator[str]:
    """List the files under a folder by their names relative to it."""
    seen = set()
    for parent, subfolders, names in os.walk(folder, followlinks=True):
        relative = "" if parent == str(folder) else f"{os.path.relpath(parent, folder)}/"
        state = Path(parent).stat()
        if (state.st_dev, state.st_ino) in seen:
            # A link leads to a folder that has been listed, such as one that contains the link, so only its name is
            # listed.
            subfolders.clear()
            yield relative
            continue
        seen.add((state.st_dev, state.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not is_hidden(name))
        yield from (f"{relative}{name}" for name in names if not is_hidden(name))
