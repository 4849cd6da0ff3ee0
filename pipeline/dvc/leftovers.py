"""Find and remove the files that killed DVC commands leave behind, before DVC works again."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from stages.common.artifacts import OUTPUTS, UNFINISHED, remove_unfinished, write_bytes

# DVC names objects and entries of the run-cache by hashes, and temporary files by a random token.
ENTRY = re.compile(r"[0-9a-f]{64}")
DVC_TEMPORARY = re.compile(r"\.[\w-]{22}\.tmp")
# Others may use a cache outside of the repository, so files in it that are younger than this are kept.
SHARED_AGE_SECONDS = 3600.0
# The start times of processes and the times of files may differ by this error.
CLOCK_SECONDS = 1.0


def clear_leftovers(folder: Path, cache: Path) -> None:
    """Remove the files that killed commands have left in a repository and its cache.

    The caller must hold DVC's lock of the repository, so that no other DVC command writes there.

    Args:
        folder: the repository's root.
        cache: DVC's cache, the folder with `files` and `runs`.
    """
    age = 0.0 if cache.resolve().is_relative_to(folder.resolve()) else SHARED_AGE_SECONDS
    for path in find_cache_leftovers(cache, age):
        _remove(path)
    for output in OUTPUTS:
        remove_unfinished((folder / output).rglob(f".*{UNFINISHED}"))
        for path in (folder / output).rglob(".*.tmp"):
            if DVC_TEMPORARY.fullmatch(path.name):
                _remove(path)
    _clear_rwlock(folder / ".dvc/tmp/rwlock")


def find_cache_leftovers(cache: Path, age_seconds: float = 0.0) -> Iterator[Path]:
    """Find temporary files and empty folders in DVC's cache.

    Args:
        cache: DVC's cache, the folder with `files` and `runs`.
        age_seconds: the smallest age of the files and folders to find, in seconds.
    """
    latest = time.time() - age_seconds
    entries = cache.glob("runs/*/*")
    found = [path for path in cache.glob("files/md5/*/.*.tmp") if DVC_TEMPORARY.fullmatch(path.name)]
    found += [path for path in cache.glob("runs/*/*/.*.tmp") if DVC_TEMPORARY.fullmatch(path.name)]
    found += [path for path in entries if path.is_dir() and all(one in found for one in path.iterdir())]
    # All ages are read before the first file is removed, because that changes the age of its folder.
    yield from [path for path in found if _is_older(path, latest)]


def _is_older(path: Path, latest: float) -> bool:
    try:
        return path.stat().st_mtime <= latest
    except FileNotFoundError:
        return False


def list_run_cache_entries(folder: Path) -> list[str]:
    """List the names of a run-cache folder's entries that are not empty, the newest first; none without a folder."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if ENTRY.fullmatch(path.name) and path.is_file() and path.stat().st_size > 0:
                found.append((path.stat().st_mtime_ns, path.name))
    return [name for _, name in sorted(found, reverse=True)]


def drop_ended_holders(lock: dict[str, Any], written: float) -> bool:
    """Drop the holders of an rwlock that have ended, and return whether there were any.

    DVC identifies a holder only by its process id, and ids are reused, in containers at every start. A process that
    started after the file was written cannot be a holder in it.

    Args:
        lock: the content of the file, which is changed in place.
        written: the time at which the file was written, in seconds since 1970.
    """
    before = json.dumps(lock)
    for paths in (lock.get("write", {}), lock.get("read", {})):
        for path, holders in list(paths.items()):
            several = holders if isinstance(holders, list) else [holders]
            left = [holder for holder in several if not has_ended(int(holder["pid"]), written)]
            if not left:
                del paths[path]
            elif isinstance(holders, list):
                paths[path] = left
    return json.dumps(lock) != before


def has_ended(pid: int, written: float) -> bool:
    """Tell whether the process that had the id `pid` at the time `written` has ended."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.create_time() > written + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _clear_rwlock(path: Path) -> None:
    """Remove an rwlock that cannot be read; otherwise remove the ended holders from it."""
    try:
        written = path.stat().st_mtime
        lock = json.loads(path.read_text(encoding="utf-8"))
        if drop_ended_holders(lock, written):
            write_bytes(path, json.dumps(lock).encode())
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        _remove(path)


def _remove(path: Path) -> None:
    # A shared cache may be read-only for this user; files that cannot be removed there are ignored.
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
