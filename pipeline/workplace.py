"""What a command finds at its start: the repository's root as its folder, folders that can be written, a free port."""

import os
import socket
import tempfile
from pathlib import Path

from stages.common.errors import InputError

# What lies in the root of a repository of the project.
FILE, FOLDER = "dvc.yaml", ".dvc"
# A full disk may still take an empty file, and a database that cannot grow is of no use.
PROBE = bytes(2**20)


def require_root() -> None:
    """Refuse to work in another folder than the repository's root, where files would be left that nobody looks for.

    Raises:
        InputError: the working folder is another one; says where the root is.
    """
    here = Path.cwd()
    if _is_root(here):
        return
    root = next((parent for parent in here.parents if _is_root(parent)), None)
    where = "call it there" if root is None else f"`cd '{root}'` first"
    raise InputError(f"{here} is not the root of the repository, which holds {FILE} and {FOLDER}; {where}")


def require_writable(*folders: Path) -> None:
    """Refuse to work where nothing can be written, before anything has been computed.

    Args:
        folders: where this command writes; each is made if it is not there.

    Raises:
        OSError: a folder, or that for temporary files, cannot be written; names it and why.
        InputError: TMPDIR names no folder.
    """
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
    temporary = os.environ.get("TMPDIR")
    if temporary and not Path(temporary).is_dir():
        raise InputError(f"TMPDIR = {temporary!r} is no folder; make it, or unset TMPDIR")
    _probe(Path(tempfile.gettempdir()))


def require_free_port(host: str, port: int) -> None:
    """Refuse to serve where nothing can listen, before an address is printed that is another program's.

    Args:
        host: the name or number of the address to listen at.
        port: the port to listen at.

    Raises:
        InputError: the port is taken or not allowed, or the address is none of this machine; says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections of one that has just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}, port {port}: {error.strerror}; end the program that has it, or choose another "
            "port with --port, or with PORT=... of make"
        ) from error


def _is_root(folder: Path) -> bool:
    return (folder / FILE).is_file() and (folder / FOLDER).is_dir()


def _probe(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(PROBE)
    except OSError as error:
        error.filename = str(folder)
        raise
