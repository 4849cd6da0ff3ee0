"""The folder of DVC's database of file hashes: one where nobody but this user can write.

DVC unpickles what it reads there (diskcache, CVE-2025-69872), so whoever can write there runs code as this user. Its
own choice is `/var/tmp/dvc/repo`, in which every user of the machine may replace what another one's DVC has made.
"""

import os
import stat
from pathlib import Path

from stages.common.errors import InputError

VARIABLE = "DVC_SITE_CACHE_DIR"
# On this machine's own disk: SQLite cannot rely on the locks of a network's file system.
PARENT = Path("/var/tmp")  # noqa: S108  Its sticky bit keeps others from replacing the folder, which is checked.
PRIVATE_MODE = 0o700
OTHERS_MAY_WRITE = 0o022


def use_private_folder(parent: Path = PARENT) -> None:
    """Have DVC in this process, and in those that it starts, keep its database in a folder of this user alone.

    A folder that the user has named stays.

    Args:
        parent: the parent folder in which the folder is made.

    Raises:
        InputError: something else has the folder's name, or others may write there.
    """
    if os.environ.get(VARIABLE):
        return
    folder = parent / f"dvc-{os.getuid()}"
    if not _is_private(folder):
        raise InputError(
            f"{folder} should be a folder in which you alone may write, since DVC unpickles what it reads there, and "
            f"it is not; remove it, or set {VARIABLE} to a folder that is"
        )
    os.environ[VARIABLE] = str(folder)


def _is_private(folder: Path) -> bool:
    """Make a folder if it is not there, and tell whether it is one in which this user alone may write."""
    try:
        folder.mkdir(mode=PRIVATE_MODE, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return is_ours and not stat.S_IMODE(found.st_mode) & OTHERS_MAY_WRITE
