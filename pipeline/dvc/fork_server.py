"""Start the standard library's fork server, with all modules preloaded that DVC and the stages import.

This module is the first on the server's preload list. When the server imports it, it registers an exit handler that
removes the flow's temporary folders. The server ends after the flow.
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

# Modules that DVC or stages import. If one is missing in this list, stages only start more slowly. The stages' own
# modules are not in it, because every stage imports them again.
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
    """The folders that are removed when the flow has ended, however it ended.

    Attributes:
        socket: the folder of the fork server's socket.
        temporary: the folder of the children's temporary files, which a killed child cannot remove itself.
    """

    socket: Path
    temporary: Path

    def remove(self) -> None:
        """Remove both folders."""
        for folder in self:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def start_fork_server() -> Folders:
    """Start this process's fork server unless it already runs.

    The server imports the preloaded modules in the background. It ends after this process and all children have ended.
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
    # If the server was killed, this process removes the folders, after multiprocessing has removed its own there.
    Finalize(None, folders.remove, exitpriority=-200)
    return folders


def _find_short_folder() -> str | None:
    """Return a folder for temporary files whose path leaves room for a socket's name; None for the usual one."""
    usual = tempfile.gettempdir()
    return None if len(os.fsencode(usual)) <= MOST_FOLDER_BYTES - len("/comparison-xxxxxxxx") else "/tmp"  # noqa: S108


def _remove_folders_at_exit() -> None:
    folders, server = Folders(*map(Path, os.environ.pop(FOLDERS_VARIABLE).split(os.pathsep))), os.getpid()
    # Forked children inherit this exit handler, but only the server may remove the folders.
    atexit.register(lambda: folders.remove() if os.getpid() == server else None)


if FOLDERS_VARIABLE in os.environ:
    _remove_folders_at_exit()
