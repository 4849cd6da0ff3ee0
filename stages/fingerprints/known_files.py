"""The record of files that were read before, so that unchanged files need not be read again."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stages.common.artifacts import write_bytes

FOLDER = Path(".cache/source")


class KnownFile(NamedTuple):
    """The state of a file when it was read.

    Attributes:
        size: the size in bytes.
        modified: time of the last modification, in nanoseconds.
        changed: time of the last change of the content or of the inode, in nanoseconds, which programs cannot set.
        inode: number of the file in the file system.
        is_certain: whether the times will show any later change.
        sha256: the SHA-256 of the content.
    """

    size: int
    modified: int
    changed: int
    inode: int
    is_certain: bool
    sha256: str


def read_known_files(path: Path) -> dict[str, KnownFile]:
    """Read the record of the files under a path, by their names relative to it; empty if it is missing or damaged."""
    try:
        content = json.loads(_find_record(path).read_text(encoding="utf-8"))
        return {name: KnownFile(*entry) for name, entry in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_known_files(path: Path, files: Mapping[str, KnownFile]) -> None:
    """Write the record of the files under a path, atomically."""
    # JSON's escapes keep the surrogates that stand for bytes of a name that are not UTF-8.
    write_bytes(_find_record(path), json.dumps(files).encode())


def _find_record(path: Path) -> Path:
    return FOLDER / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]}.json"
