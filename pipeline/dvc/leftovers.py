"""What commands of DVC that were killed leave behind: found, and removed before DVC works again."""

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

# DVC's entries of its run-cache and its objects are named by hashes, its temporary files by a random token.
ENTRY = re.compile(r"[0-9a-f]{64}")
DVC_TEMPORARY = re.compile(r"\.[\w-]{22}\.tmp")
# A cache outside of the repository may be in use by others, whose newer files are left alone.
SHARED_AGE_SECONDS = 3600.0
# Clocks of processes and of files are read with so much error.
CLOCK_SECONDS = 1.0


def clear_leftovers(folder: Path, cache: Path) -> None:
    """Remove what killed commands have left in a repository and its cache.

    The caller holds DVC's lock of the repository, so that no command of DVC writes there.

    Args:
        folder: the repository's root.
        cache: DVC's cache, the folder that has `files` and `runs` in it.
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
        cache: the folder that has `files` and `runs` in it.
        age_seconds: what is younger is left out.
    """
    latest = time.time() - age_seconds
    entries = cache.glob("runs/*/*")
    found = [path for path in cache.glob("files/md5/*/.*.tmp") if DVC_TEMPORARY.fullmatch(path.name)]
    found += [path for path in cache.glob("runs/*/*/.*.tmp") if DVC_TEMPORARY.fullmatch(path.name)]
    found += [path for path in entries if path.is_dir() and all(one in found for one in path.iterdir())]
    # All ages are read before the first is removed, which changes that of its folder.
    yield from [path for path in found if _is_older(path, latest)]


def _is_older(path: Path, latest: float) -> bool:
    try:
        return path.stat().st_mtime <= latest
    except FileNotFoundError:
        return False


def list_run_cache_entries(folder: Path) -> list[str]:
    """List the names of a run-cache folder's whole entries, the newest first; none where there is no folder."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if ENTRY.fullmatch(path.name) and path.is_file() and path.stat().st_size > 0:
                found.append((path.stat().st_mtime_ns, path.name))
    return [name for _, name in sorted(found, reverse=True)]


def drop_ended_holders(lock: dict[str, Any], written: float) -> bool:
    """Drop the holders of an rwlock that have ended, and return whether there were any.

    DVC knows a holder by its process id alone, and ids repeat: in containers at every start. No process that began
    after the file was written is one that the file names.

    Args:
        lock: what the file holds; is changed.
        written: when the file was written, in seconds since 1970.
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
    """Tell whether the process that had an id at a time has ended."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE or process.create_time() > written + CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _clear_rwlock(path: Path) -> None:
    """Remove an rwlock that cannot be read, and from one that can the holders that have ended."""
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
    # A shared cache may be read-only here; what is left in it is looked past.
    with contextlib.suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
