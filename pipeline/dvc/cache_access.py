"""Whether DVC can write into its cache, asked before anything runs: a cache of several users may be read-only here."""

import os
from pathlib import Path

from stages.common.errors import InputError

# Where DVC writes: objects, and the entries of its run-cache.
WRITTEN = ("", "files", "files/md5", "files/md5/[0-9a-f][0-9a-f]", "runs", "runs/[0-9a-f][0-9a-f]")


def require_writable_cache(cache: Path) -> None:
    """Refuse to work where DVC could not keep what stages make.

    Args:
        cache: DVC's cache, the folder that has `files` and `runs` in it; it need not be there yet.

    Raises:
        InputError: a folder in it cannot be written by this user; names it, and two ways out.
    """
    found = [folder for pattern in WRITTEN for folder in (cache.glob(pattern) if pattern else [cache])]
    closed = [folder for folder in found if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        raise InputError(
            f"DVC's cache {closed[0]} cannot be written by this user. Have its owner share it with a group (`dvc "
            "config cache.shared group` before it is filled), or keep a cache of your own that takes from it: `dvc "
            f"config --local --unset cache.dir; dvc remote add --local --default shared '{cache}'; dvc pull "
            "--run-cache`"
        )
