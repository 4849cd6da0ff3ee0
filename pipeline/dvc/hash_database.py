"""Make DVC keep its database of file hashes in a folder to which only this user can write.

DVC unpickles data from this database (diskcache, CVE-2025-69872), so whoever can write to it can run code as this user.
DVC's default is `/var/tmp/dvc/repo`, where every user of the machine may replace another user's database.
"""

import os
import stat
from pathlib import Path

from stages.common.errors import InputError

VARIABLE = "DVC_SITE_CACHE_DIR"
# This folder is on a local disk, because SQLite cannot rely on the locks of a network file system.
PARENT = Path("/var/tmp")  # noqa: S108  Its sticky bit keeps others from replacing the folder, which is checked.
PRIVATE_MODE = 0o700
OTHERS_MAY_WRITE = 0o022


def use_private_folder(parent: Path = PARENT) -> None:
    """Make DVC in this process and its children keep its database in a folder to which only this user can write.

    If the user has set DVC_SITE_CACHE_DIR, that folder is used.

    Args:
        parent: the folder in which the private folder is created.

    Raises:
        InputError: the path is not a folder of this user, or others may write to it.
    """
    if os.environ.get(VARIABLE):
        return
    folder = parent / f"dvc-{os.getuid()}"
    if not _is_private(folder):
        raise InputError(
            f"{folder} must be a folder to which only you can write, because DVC unpickles files there, and it is not; "
            f"remove it, or set {VARIABLE} to a private folder"
        )
    os.environ[VARIABLE] = str(folder)


def _is_private(folder: Path) -> bool:
    """Create a folder if it does not exist, and tell whether only this user can write to it."""
    try:
        folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return is_ours and not stat.S_IMODE(found.st_mode) & OTHERS_MAY_WRITE
