"""List the image files of a folder, of a zip, or of a folder of zips, without unpacking any zip to disk."""

import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

from stages.common.artifacts import SPLITS
from stages.common.image_files import SUFFIXES, UnreadableImage
from stages.prepare.log import log

LARGEST_FILE_BYTES = 256 << 20
# Images hardly compress, so a zip whose files claim to be larger by more than this ratio is a decompression bomb.
LARGEST_ZIP_RATIO = 200
SMALL_ZIP_BYTES = 1 << 30
# With other compression methods zipfile cannot stop a few bytes from unpacking to any size.
SAFE_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ImageFile(NamedTuple):
    """One image file.

    Attributes:
        parts: its path below the root: ("train", "cat", "0001.jpg").
        where: its name in messages.
        read: returns its bytes, or raises UnreadableImage.
    """

    parts: tuple[str, ...]
    where: str
    read: Callable[[], bytes]


def list_image_files(path: Path) -> list[ImageFile]:
    """List the image files under `path`, without hidden ones, sorted by their paths.

    A folder of zips is read as one tree: a zip whose name contains train or test, such as
    `cats-train.zip`, is that split.

    Args:
        path: a folder, a zip, or a folder that holds zips and no images.

    Raises:
        ValueError: there are no images, or a zip is damaged or unsafe.
        OSError: a folder cannot be listed.
    """
    if not path.is_dir():
        files = _list_zip(path)
    else:
        files = _list_folder(path) or [
            file for archive in sorted(path.glob("*.zip")) for file in _list_zip_of_split(archive)
        ]
    if not files:
        raise ValueError(f"{path} holds no images, that is, no files that end in {', '.join(SUFFIXES)}")
    return strip_outer_folders(sorted(files, key=lambda file: file.parts))


def strip_outer_folders(files: list[ImageFile]) -> list[ImageFile]:
    """Remove outer folders that hold all the others, as zips often have, but never train/, test/ or a class."""
    while len({file.parts[0] for file in files}) == 1 and min(len(file.parts) for file in files) > 2:
        if files[0].parts[0].lower() in SPLITS:
            break
        files = [file._replace(parts=file.parts[1:]) for file in files]
    return files


def _list_folder(root: Path) -> list[ImageFile]:
    files = []
    for folder, subfolders, names in os.walk(root, onerror=_raise, followlinks=True):
        parent = Path(folder)
        subfolders[:] = [name for name in subfolders if not _is_hidden(name) and not _is_loop(parent / name)]
        for path in sorted(parent / name for name in names if not _is_hidden(name)):
            parts = path.relative_to(root).parts
            files.append(ImageFile(_normalise(parts), str(path), partial(_read_file, path)))
    return _keep_images(root, files)


def _raise(error: OSError) -> NoReturn:
    raise error


def _is_loop(folder: Path) -> bool:
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def _read_file(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size <= LARGEST_FILE_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(str(path), error.strerror or str(error)) from None
    raise UnreadableImage(str(path), f"{size} bytes are more than {LARGEST_FILE_BYTES}")


def _list_zip_of_split(path: Path) -> list[ImageFile]:
    """List a zip beside others; its name tells the split unless its folders do."""
    files = strip_outer_folders(_list_zip(path))
    named = [split for split in SPLITS if split in re.split(r"[^a-z]+", path.stem.lower())]
    if len(named) != 1 or any(file.parts[0].lower() in SPLITS for file in files):
        return files
    return [file._replace(parts=(named[0], *file.parts)) for file in files]


def _list_zip(path: Path) -> list[ImageFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no complete zip file ({error}): it is cut short, damaged or of another format; "
            "make it again, or name a folder or zip of class folders"
        ) from None
    members = [member for member in archive.infolist() if not member.is_dir()]
    _check_size(path, members)
    files = []
    for member in members:
        parts = tuple(member.filename.replace("\\", "/").split("/"))
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(
                f"{path} names a file outside itself, {member.filename!r}; do not trust this zip"
            )
        if not any(_is_hidden(part) for part in parts):
            read = partial(_read_member, archive, member)
            files.append(ImageFile(_normalise(parts), f"{path}: {member.filename}", read))
    return _keep_images(path, files)


def _check_size(path: Path, members: list[zipfile.ZipInfo]) -> None:
    claimed, packed = sum(member.file_size for member in members), path.stat().st_size
    if claimed > max(SMALL_ZIP_BYTES, LARGEST_ZIP_RATIO * packed):
        raise ValueError(
            f"{path} claims to unpack from {packed} to {claimed} bytes; images do not compress this much, so "
            "it is not read"
        )


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read one file of a zip into memory, no more than the size that the zip claims for it."""
    where = f"{archive.filename}: {member.filename}"
    if member.file_size > LARGEST_FILE_BYTES:
        raise UnreadableImage(where, f"{member.file_size} bytes are more than {LARGEST_FILE_BYTES}")
    if member.compress_type not in SAFE_METHODS:
        raise UnreadableImage(
            where, "its compression method is neither store nor deflate; make the zip again"
        )
    try:
        with archive.open(member) as file:
            # read() without a size would unpack the whole file before it compares the sizes.
            return file.read(member.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        # zipfile raises RuntimeError for an encrypted file.
        raise UnreadableImage(where, str(error) or "the zip ends within it") from None


def _keep_images(path: Path, files: list[ImageFile]) -> list[ImageFile]:
    images = [file for file in files if file.parts[-1].lower().endswith(SUFFIXES)]
    others = [file.parts[-1] for file in files if not file.parts[-1].lower().endswith((*SUFFIXES, ".zip"))]
    if others and images:
        log(f"{path}: ignored {len(others)} files whose names are not those of images, such as {others[0]}")
    return images


def _is_hidden(name: str) -> bool:
    """Return whether a name is hidden or one that operating systems add, such as .DS_Store or __MACOSX."""
    return name.startswith(".") or name == "__MACOSX"


def _normalise(parts: Iterable[str]) -> tuple[str, ...]:
    """Normalise accents: macOS encodes them differently, and the order and the split depend on the names."""
    return tuple(unicodedata.normalize("NFC", part) for part in parts)
