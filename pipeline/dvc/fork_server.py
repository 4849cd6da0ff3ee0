"""The standard library's fork server, started with all that DVC and the stages import.

This module is itself the first on the server's preload list: imported there, it removes the folder of the server's
socket when the server ends.
"""

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

CAN_FORK = sys.platform == "linux"
FOLDER_VARIABLE = "COMPARISON_FORK_SERVER_FOLDER"
# A socket's path has at most 107 bytes; the server adds "/pymp-xxxxxxxx/listener-xxxxxxxx".
MOST_FOLDER_BYTES = 60

# Modules that DVC or a stage imports later than its first line. One that is missing here costs time, nothing else.
# There is none of the stages' own modules, which every stage reads anew.
PRELOADED = (
    __name__,
    # DVC
    "dulwich.client",
    "dulwich.ignore",
    "dulwich.index",
    "dulwich.worktree",
    "dvc.cachemgr",
    "dvc.data_cloud",
    "dvc.dirs",
    "dvc.lock",
    "dvc.repo",
    "dvc.repo.artifacts",
    "dvc.repo.datasets",
    "dvc.repo.graph",
    "dvc.repo.metrics",
    "dvc.repo.open_repo",
    "dvc.repo.params",
    "dvc.repo.plots",
    "dvc.repo.reproduce",
    "dvc.repo.stage",
    "dvc.rwlock",
    "dvc.scm",
    "dvc.stage.cache",
    "dvc.utils.strictyaml",
    "dvc_data.hashfile._progress",
    "dvc_data.hashfile.db.local",
    "dvc_data.hashfile.status",
    "dvc_data.index",
    "networkx",
    "ruamel.yaml",
    "scmrepo.git",
    # stages
    "torch",
    "numpy",
    "scipy.linalg",
    "scipy.sparse.linalg",
    "pydantic",
    "yaml",
    "safetensors.torch",
    "safetensors.numpy",
    "PIL.Image",
    "tqdm",
)


@cache
def start_fork_server() -> Path:
    """Start this process's fork server unless it runs, and return the folder of its socket.

    The server imports what it preloads meanwhile, and ends once this process and all children are gone.
    """
    folder = Path(tempfile.mkdtemp(prefix="comparison-", dir=_find_short_folder()))
    forkserver.set_forkserver_preload(list(PRELOADED))
    default, tempfile.tempdir = tempfile.tempdir, str(folder)
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        forkserver.ensure_running()
    finally:
        tempfile.tempdir = default
        del os.environ[FOLDER_VARIABLE]
    return folder


def _find_short_folder() -> str | None:
    """Return a folder for temporary files whose path leaves room for a socket's name; None for the usual one."""
    usual = tempfile.gettempdir()
    return None if len(os.fsencode(usual)) <= MOST_FOLDER_BYTES - len("/comparison-xxxxxxxx") else "/tmp"  # noqa: S108


def _remove_folder_at_exit() -> None:
    folder, server = os.environ.pop(FOLDER_VARIABLE, None), os.getpid()

    def remove() -> None:
        # A forked child is not the server.
        if folder is not None and os.getpid() == server:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


if FOLDER_VARIABLE in os.environ:
    _remove_folder_at_exit()
