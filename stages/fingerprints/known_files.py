"""The record of the files that were read before, with which a file that is unchanged need not be read again."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stages.common.artifacts import write_bytes

FOLDER = Path(".cache/source")


class KnownFile(NamedTuple):
    """A file as it was read.

    Attributes:
        size: the size in bytes.
        modified: time of the last modification, in nanoseconds.
        changed: time of the last change of the content or of the entry, in nanoseconds; no program sets it back.
        inode: number in the file system.
        is_certain: whether any later change shows in the times.
        sha256: the SHA-256 of the content.
    """

    size: int
    modified: int
    changed: int
    inode: int
    is_certain: bool
    sha256: str


def read_known_files(path: Path) -> dict[str, KnownFile]:
    """Read the record of a path, by the files' names relative to it; a missing or damaged record is empty."""
    try:
        content = json.loads(_find_record(path).read_text(encoding="utf-8"))
        return {name: KnownFile(*entry) for name, entry in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_known_files(path: Path, files: Mapping[str, KnownFile]) -> None:
    """Write the record of a path, atomically."""
    # What stands for bytes of a name that are no UTF-8 is written as an escape.
    write_bytes(_find_record(path), json.dumps(files).encode())


def _find_record(path: Path) -> Path:
    return FOLDER / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]}.json"
