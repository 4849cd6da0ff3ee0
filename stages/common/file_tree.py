"""List and read the files of a folder; every file that is left out is reported, and no file can block the reader.

Both `prepare` and `evaluate` use it, so that they read the same files and report the same others.
"""

import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from stages.common.errors import InputError

LARGEST_FILE_BYTES = 256 << 20
HEAD_BYTES = 32
# The number of faulty files that an error names; of the rest it gives the number.
NAMED_FAULTS = 20
SYSTEM_FOLDERS = ("__MACOSX",)
HIDDEN = "hidden"
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class UnreadableFile(InputError):
    """An error that names one file and the reason why it cannot be read."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")


class ListedFile(NamedTuple):
    """A file of a folder or of a zip.

    Attributes:
        parts: the parts of the path below the root, with accents normalised: ("train", "cat", "0001.jpg").
        where: the name of the file in messages.
        read: returns the file's bytes, or raises UnreadableFile.
        read_head: returns the file's first bytes, b"" for an empty file, or raises UnreadableFile.
    """

    parts: tuple[str, ...]
    where: str
    read: Callable[[], bytes]
    read_head: Callable[[], bytes]
    path: Path | None = None


class PassedOver(NamedTuple):
    """A file or folder that was left out, with the reason."""

    parts: tuple[str, ...]
    where: str
    reason: str


class FileTree(NamedTuple):
    """The files and folders under a root.

    Attributes:
        files: the files, sorted by their parts.
        folders: the parts of all folders that were listed, with or without files.
        passed_over: the files and folders that were left out.
    """

    files: list[ListedFile]
    folders: set[tuple[str, ...]]
    passed_over: list[PassedOver]


def show_path(path: str | os.PathLike[str]) -> str:
    r"""Return a path as printable text; control characters and bytes that are not UTF-8 are escaped, as in `\xe9`."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def expand_user(path: str | os.PathLike[str]) -> Path:
    """Replace `~` or `~name` at the beginning of a path by a home folder.

    Raises:
        InputError: the system knows no home folder of that user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"{show_path(path)}: the system knows no such user's home folder; write the whole path"
        ) from None


def list_folder(root: Path) -> FileTree:
    """List the files under a folder; links are followed, and hidden files and folders are passed over.

    A link to a folder that contains it is passed over.

    Raises:
        InputError: a folder cannot be listed, a link leads nowhere, something is neither file nor folder (a device, a
            named pipe), or a folder is reached twice, so that its files would count twice; the error names them.
    """
    tree, faults = FileTree([], set(), []), []
    seen: dict[str, Path] = {}
    pending: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while pending:
        folder, parts = pending.pop()
        real = os.path.realpath(folder)
        if real in seen:
            faults.append(
                f"{show_path(folder)}: the same folder as {show_path(seen[real])}; its files would count twice"
            )
            continue
        seen[real] = folder
        tree.folders.add(parts)
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            faults.append(f"{show_path(folder)}: {error.strerror}")
            continue
        for path in paths:
            fault = _add_entry(tree, pending, path, (*parts, _normalise(path.name)))
            faults.extend([fault] if fault else [])
    if faults:
        raise InputError(format_faults(f"{show_path(root)} cannot be listed completely", faults))
    tree.files.sort(key=lambda file: (file.parts, file.where))
    return tree


def _add_entry(
    tree: FileTree, pending: list[tuple[Path, tuple[str, ...]]], path: Path, parts: tuple[str, ...]
) -> str | None:
    """Add a path to the listed files, the pending folders or the passed-over ones; return its fault, if it has one."""
    where = show_path(path)
    if is_hidden(parts[-1]):
        tree.passed_over.append(PassedOver(parts, where, HIDDEN))
        return None
    try:
        mode = path.stat().st_mode
    except OSError as error:
        is_broken = path.is_symlink() and isinstance(error, FileNotFoundError)
        return f"{where}: {'a link that leads nowhere' if is_broken else error.strerror}"
    if stat.S_ISDIR(mode):
        if path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve()):
            tree.passed_over.append(PassedOver(parts, where, "a link to a folder that contains it"))
        else:
            pending.append((path, parts))
        return None
    if not stat.S_ISREG(mode):
        return f"{where}: {_name_kind(mode)} and not a file"
    head = partial(read_file, path, HEAD_BYTES)
    tree.files.append(ListedFile(parts, where, partial(read_file, path), head, path))
    return None


def read_file(path: Path, limit: int | None = None) -> bytes:
    """Read a file, or its first bytes; special files such as pipes are refused and cannot block.

    Args:
        path: the file.
        limit: the number of bytes to read; None reads all, and refuses a file of more than LARGEST_FILE_BYTES.

    Raises:
        UnreadableFile: the file cannot be read, is not a regular file, is too large or, without a limit, is empty.
    """
    try:
        check_regular_file(path)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already.
            size = os.fstat(descriptor).st_size
            if limit is None and size > LARGEST_FILE_BYTES:
                raise UnreadableFile(show_path(path), f"{size} bytes are more than {LARGEST_FILE_BYTES}")
            if limit is None and not size:
                raise UnreadableFile(show_path(path), "it is empty")
            # A file of /proc has no size but may have content without end.
            return file.read(size if limit is None else min(size, limit))
    except OSError as error:
        raise UnreadableFile(show_path(path), error.strerror or str(error)) from None


def check_regular_file(path: Path) -> None:
    """Refuse a path that is not a regular file, such as a device, from which reading may never end.

    Raises:
        UnreadableFile: it is not a regular file.
        OSError: it does not exist, or this user may not access it.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise UnreadableFile(show_path(path), f"it is {_name_kind(mode)} and not a file")


def _name_kind(mode: int) -> str:
    return next((kind for is_kind, kind in KINDS if is_kind(mode)), "something else")


def is_hidden(name: str) -> bool:
    """Return whether a name is that of a hidden file, or one that operating systems add, such as __MACOSX."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _normalise(name: str) -> str:
    """Normalise accents: macOS encodes them differently, and the order and the split depend on the names."""
    return unicodedata.normalize("NFC", name)


def normalise_parts(parts: Iterable[str]) -> tuple[str, ...]:
    """Normalise the accents of a path."""
    return tuple(map(_normalise, parts))


def format_faults(title: str, faults: Sequence[str]) -> str:
    """Format faults below a title: the first NAMED_FAULTS in a line each, and the number of the others."""
    rest = len(faults) - NAMED_FAULTS
    more = [f"and {rest} more"] if rest > 0 else []
    return "\n".join([f"{title}:", *(f"  - {fault}" for fault in [*faults[:NAMED_FAULTS], *more])])


def describe_passed_over(passed_over: Sequence[PassedOver]) -> str:
    """Describe what was left out in one line, by reason: `3 hidden (.DS_Store, ...), 1 not an image (notes.txt)`."""
    counts = Counter(item.reason for item in passed_over)
    first = {item.reason: show_path(item.parts[-1]) for item in reversed(passed_over)}
    return "; ".join(
        f"{count} {reason} ({first[reason]}{', ...' if count > 1 else ''})"
        for reason, count in counts.items()
    )
