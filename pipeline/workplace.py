"""Checks at the start of a command: it runs in the repository's root, its folders are writable, its port is free."""

import os
import socket
import tempfile
from pathlib import Path

from stages.common.errors import InputError
from stages.common.file_tree import UnreadableFile, check_regular_file

# The file and the folder by which the repository's root is known.
FILE, FOLDER = "dvc.yaml", ".dvc"
# The files that commands, and DVC for them, read at once; reading a pipe would wait for ever.
FILES = (FILE, "dvc.lock", "params.yaml")
# The test file has 1 MiB, because an empty file can often be written to a full disk.
PROBE = bytes(2**20)


def require_root() -> None:
    """Refuse to work outside the repository's root, where a command would leave files in the wrong place.

    Raises:
        InputError: the working folder is not the root, and the message says where the root is; or one of the files that
            every command needs is something else, such as a named pipe or a broken link.
    """
    here = Path.cwd()
    if _is_root(here):
        _require_files(here)
        return
    root = next((parent for parent in here.parents if _is_root(parent)), None)
    where = "call it there" if root is None else f"`cd '{root}'` first"
    raise InputError(f"{here} is not the root of the repository, which holds {FILE} and {FOLDER}; {where}")


def require_writable(*folders: Path) -> None:
    """Refuse to start if a folder cannot be written, before anything has been computed.

    Args:
        folders: the folders that this command writes to; missing ones are created.

    Raises:
        OSError: one of the folders, or the folder for temporary files, cannot be written; names the folder and why.
        InputError: one of the folders, or TMPDIR, is not a folder.
    """
    for folder in folders:
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"{folder} should be a folder, but it is a file or a broken link; move it away")
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
    temporary = os.environ.get("TMPDIR")
    if temporary and not Path(temporary).is_dir():
        raise InputError(f"TMPDIR = {temporary!r} is no folder; make it, or unset TMPDIR")
    _probe(Path(tempfile.gettempdir()))


def require_free_port(host: str, port: int) -> None:
    """Refuse to start a server if its port cannot be used, before its address is printed.

    Args:
        host: the name or number of the address to listen at.
        port: the port to listen at.

    Raises:
        InputError: the port is taken or not allowed, or the address is not this machine's; the message says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # Servers set this option too: closed connections of a server that has just ended do not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}, port {port}: {error.strerror}; end the program that has it, or choose another "
            "port with --port, or with PORT=... of make"
        ) from error


def _is_root(folder: Path) -> bool:
    return os.path.lexists(folder / FILE) and (folder / FOLDER).is_dir()


def _require_files(root: Path) -> None:
    for name in FILES:
        path = root / name
        if not os.path.lexists(path):
            continue
        try:
            check_regular_file(path)
        except (OSError, UnreadableFile) as error:
            kind = (
                os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error).partition(": ")[2]
            )
            what = "it is a link that leads nowhere" if isinstance(error, FileNotFoundError) else kind
            raise InputError(f"{path}: {what}; move it away, and run `git checkout {name}`") from None


def _probe(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(PROBE)
    except OSError as error:
        error.filename = str(folder)
        raise
