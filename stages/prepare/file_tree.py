"""List the image files of a folder, of a zip, or of a folder of zips, without unpacking any zip to disk."""

import re
import zipfile
import zlib
from functools import partial
from pathlib import Path

from stages.common.artifacts import SPLITS
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
    describe_passed_over,
    is_hidden,
    list_folder,
    normalise_parts,
    show_path,
)
from stages.common.image_listing import explain_no_images, select_images
from stages.prepare.log import log

# Images hardly compress, so a zip whose files claim to be larger by more than this ratio is a decompression bomb.
LARGEST_ZIP_RATIO = 200
SMALL_ZIP_BYTES = 1 << 30
# With other compression methods zipfile cannot stop a few bytes from unpacking to any size.
SAFE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def list_image_files(path: Path) -> FileTree:
    """List the image files under `path`, sorted by their paths; what is passed over is logged.

    A folder of zips is read as one tree: a zip whose name contains train or test, such as
    `cats-train.zip`, is that split.

    Args:
        path: a folder, a zip, or a folder that holds zips and no images.

    Raises:
        InputError: there are no images, a folder cannot be listed completely, or a zip is damaged or unsafe.
    """
    tree = _select(list_folder(path), path) if path.is_dir() else _select(_list_zip(path), path)
    zips = sorted(path.glob("*.zip")) if path.is_dir() and not tree.files else []
    if zips:
        trees = [_list_zip_of_split(archive) for archive in zips]
        tree = FileTree(
            [file for found in trees for file in found.files],
            set().union(*(found.folders for found in trees)),
            [item for found in trees for item in found.passed_over],
        )
    if not tree.files:
        raise InputError(explain_no_images(show_path(path), tree))
    tree.files.sort(key=lambda file: (file.parts, file.where))
    return strip_outer_folders(tree)


def _select(tree: FileTree, path: Path) -> FileTree:
    tree = select_images(tree, show_path(path))
    if tree.passed_over and tree.files:
        log(f"{show_path(path)}: passed over {describe_passed_over(tree.passed_over)}")
    return tree


def strip_outer_folders(tree: FileTree) -> FileTree:
    """Remove outer folders that hold all the others, as zips often have, but never train/, test/ or a class."""
    while tree.files and min(len(file.parts) for file in tree.files) > 2:
        tops = {parts[0] for parts in tree.folders if parts} | {file.parts[0] for file in tree.files}
        if len(tops) > 1 or tops & set(SPLITS) or tree.files[0].parts[0].lower() in SPLITS:
            break
        tree = FileTree(
            [file._replace(parts=file.parts[1:]) for file in tree.files],
            {parts[1:] for parts in tree.folders if parts},
            [item._replace(parts=item.parts[1:]) for item in tree.passed_over],
        )
    return tree


def _list_zip_of_split(path: Path) -> FileTree:
    """List a zip beside others; its name tells the split unless its folders do."""
    tree = strip_outer_folders(_select(_list_zip(path), path))
    named = [split for split in SPLITS if split in re.split(r"[^a-z]+", path.stem.lower())]
    if len(named) != 1 or any(file.parts[0].lower() in SPLITS for file in tree.files):
        return tree
    top = (named[0],)
    return FileTree(
        [file._replace(parts=top + file.parts) for file in tree.files],
        {top + parts for parts in tree.folders},
        tree.passed_over,
    )


def _list_zip(path: Path) -> FileTree:
    check_regular_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(
            f"{show_path(path)} is no complete zip file ({error}): it is cut short, damaged or of another format; "
            "make it again, or name a folder or zip of class folders"
        ) from None
    members = archive.infolist()
    _check_size(path, members)
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


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int | None = None) -> bytes:
    """Read one file of a zip into memory, no more than the size that the zip claims for it."""
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
