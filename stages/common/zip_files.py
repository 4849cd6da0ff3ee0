"""List and read the files of a zip without unpacking it to disk."""

import zipfile
import zlib
from collections import Counter
from functools import partial
from pathlib import Path

from stages.common.errors import InputError
from stages.common.file_tree import (
    HEAD_BYTES,
    HIDDEN,
    LARGEST_FILE_BYTES,
    FileTree,
    ListedFile,
    PassedOver,
    UnreadableFile,
    check_regular_file,
    is_hidden,
    normalise_parts,
    show_path,
)

# Images hardly compress, so a zip whose files claim to unpack to more than this ratio is a decompression bomb.
LARGEST_ZIP_RATIO = 200
SMALL_ZIP_BYTES = 1 << 30
# zipfile can limit how much it unpacks only with these compression methods.
SAFE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def list_zip(path: Path) -> FileTree:
    """List the files of a zip in the same form as `list_folder`; their bytes are read from the zip.

    Raises:
        InputError: the zip is damaged, names a file outside itself or twice, or claims to unpack to an absurd size.
    """
    check_regular_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(
            f"{show_path(path)} is not a complete zip file ({error}): it is cut short, damaged or of another format; "
            "make it again, or name a folder or zip of class folders"
        ) from None
    members = archive.infolist()
    _check_size(path, members)
    _check_distinct(path, members)
    tree = FileTree([], set(), [])
    for member in members:
        parts = normalise_parts(member.filename.replace("\\", "/").removesuffix("/").split("/"))
        where = f"{show_path(path)}: {show_path(member.filename)}"
        if any(part in ("", ".", "..") for part in parts):
            raise InputError(
                f"{show_path(path)} names a file outside itself, {member.filename!r}; do not trust this zip"
            )
        if any(map(is_hidden, parts)):
            tree.passed_over.append(PassedOver(parts, where, HIDDEN))
            continue
        folder = parts if member.is_dir() else parts[:-1]
        tree.folders.update(folder[:depth] for depth in range(len(folder) + 1))
        if not member.is_dir():
            read = partial(_read_member, archive, member)
            tree.files.append(ListedFile(parts, where, read, partial(read, HEAD_BYTES)))
    return tree


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    claimed, packed = sum(member.file_size for member in members), path.stat().st_size
    if claimed > max(SMALL_ZIP_BYTES, LARGEST_ZIP_RATIO * packed):
        raise InputError(
            f"{show_path(path)} claims to unpack from {packed} to {claimed} bytes; images do not compress this much, "
            "so it is not read"
        )


def _check_distinct(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip with two files of one name: unpacked, they would be one file, so the set would be different."""
    counts = Counter(member.filename for member in members if not member.is_dir())
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise InputError(
            f"{show_path(path)} holds {counts[repeated[0]]} files named {show_path(repeated[0])}, so it is unclear "
            "which is meant; make the zip again, from a folder"
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int | None = None) -> bytes:
    """Read one file of a zip into memory, at most as many bytes as the zip claims for it."""
    where = f"{show_path(archive.filename or '')}: {show_path(member.filename)}"
    if member.file_size > LARGEST_FILE_BYTES:
        raise UnreadableFile(where, f"{member.file_size} bytes are more than {LARGEST_FILE_BYTES}")
    if member.compress_type not in SAFE_METHODS:
        raise UnreadableFile(where, "its compression method is neither store nor deflate; make the zip again")
    try:
        with archive.open(member) as file:
            # read() without a size would unpack the whole file before it compares the sizes.
            return file.read(limit or member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        # zipfile raises RuntimeError for an encrypted file.
        raise UnreadableFile(where, str(error) or "the zip ends within it") from None
