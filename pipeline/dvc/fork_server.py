"""The standard library's fork server, started with all that DVC and the stages import.

This module is itself the first on the server's preload list: imported there, it removes the flow's temporary
folders when the server ends, which is after the flow.
"""

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from multiprocessing import forkserver
from multiprocessing.util import Finalize
from pathlib import Path
from typing import NamedTuple

CAN_FORK = sys.platform == "linux"
FOLDERS_VARIABLE = "COMPARISON_FORK_SERVER_FOLDERS"
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


class Folders(NamedTuple):
    """The folders that go when the flow has ended, however it ended.

    Attributes:
        socket: the folder of the fork server's socket.
        temporary: the folder of the children's temporary files, of which one that is killed removes none.
    """

    socket: Path
    temporary: Path

    def remove(self) -> None:
        """Remove both."""
        for folder in self:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def start_fork_server() -> Folders:
    """Start this process's fork server unless it runs.

    The server imports what it preloads meanwhile, and ends once this process and all children are gone.
    """
    folders = Folders(
        *(Path(tempfile.mkdtemp(prefix="comparison-", dir=dir)) for dir in (_find_short_folder(), None))
    )
    forkserver.set_forkserver_preload(list(PRELOADED))
    default, tempfile.tempdir = tempfile.tempdir, str(folders.socket)
    os.environ[FOLDERS_VARIABLE] = os.pathsep.join(map(str, folders))
    try:
        forkserver.ensure_running()
    finally:
        tempfile.tempdir = default
        del os.environ[FOLDERS_VARIABLE]
    # For a server that has been killed; after multiprocessing has removed its own folder in there.
    Finalize(None, folders.remove, exitpriority=-200)
    return folders


def _find_short_folder() -> str | None:
    """Return a folder for temporary files whose path leaves room for a socket's name; None for the usual one."""
    usual = tempfile.gettempdir()
    return None if len(os.fsencode(usual)) <= MOST_FOLDER_BYTES - len("/comparison-xxxxxxxx") else "/tmp"  # noqa: S108


def _remove_folders_at_exit() -> None:
    folders, server = Folders(*map(Path, os.environ.pop(FOLDERS_VARIABLE).split(os.pathsep))), os.getpid()
    # A forked child is not the server.
    atexit.register(lambda: folders.remove() if os.getpid() == server else None)


if FOLDERS_VARIABLE in os.environ:
    _remove_folders_at_exit()
