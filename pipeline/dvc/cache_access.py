"""Whether DVC can write into its cache, asked before anything runs: a cache of several users may be read-only here."""

import os
import shlex
from pathlib import Path

from stages.common.errors import InputError

# Where DVC writes: objects, and the entries of its run-cache.
WRITTEN_FOLDERS = ("files", "files/md5", "files/md5/[0-9a-f][0-9a-f]", "runs", "runs/[0-9a-f][0-9a-f]")


def require_writable_cache(cache: Path) -> None:
    """Refuse to work where DVC could not keep what stages make.

    Args:
        cache: DVC's cache, the folder that has `files` and `runs` in it; it need not be there yet.

    Raises:
        InputError: a folder in it, or the one in which it would be made, cannot be written by this user; names it, and
            two ways out.
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
