"""Check before anything runs that DVC can write to its cache; a shared cache may be read-only for this user."""

import os
import shlex
from pathlib import Path

from stages.common.errors import InputError

# The folders to which DVC writes objects and the entries of its run-cache.
WRITTEN_FOLDERS = ("files", "files/md5", "files/md5/[0-9a-f][0-9a-f]", "runs", "runs/[0-9a-f][0-9a-f]")


def require_writable_cache(cache: Path) -> None:
    """Refuse to start if DVC could not store the outputs of stages in its cache.

    Args:
        cache: DVC's cache, the folder with `files` and `runs`; it need not exist yet.

    Raises:
        InputError: this user cannot write to a folder of the cache, or to the folder in which the cache would be
            created; the message names the folder and two cures.
    """
    first = next(folder for folder in (cache, *cache.parents) if folder.exists())
    found = [first, *(folder for pattern in WRITTEN_FOLDERS for folder in cache.glob(pattern))]
    closed = [folder for folder in found if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        raise InputError(
            f"DVC's cache {cache} cannot be written by this user ({closed[0]}). Have its owner share it with a group "
            "(`dvc config cache.shared group` before it is filled), or keep a cache of your own that takes from it: "
            f"`dvc cache dir --local .dvc/cache; dvc remote add --local --default shared {shlex.quote(str(cache))}; "
            "dvc pull --run-cache`"
        )
