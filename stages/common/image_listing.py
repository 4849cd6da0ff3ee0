"""Tell image files from others by their names and first bytes, and collect remarks about a set of images."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from stages.common.errors import InputError
from stages.common.file_tree import (
    FileTree,
    ListedFile,
    PassedOver,
    UnreadableFile,
    format_faults,
    list_folder,
    show_path,
)
from stages.common.image_files import FORMATS, Decoded

SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".apng",
    ".bmp",
    ".dib",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
}
SUFFIXES |= {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
# Image formats that are not supported. Leaving such files out would change the set of images, so they are errors.
OTHER_SUFFIXES = {".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".svg", ".psd", ".exr", ".hdr", ".dcm"}
OTHER_SUFFIXES |= {
    ".ico",
    ".tga",
    ".pcx",
    ".svs",
    ".dng",
    ".nef",
    ".cr2",
    ".cr3",
    ".arw",
    ".orf",
    ".raf",
    ".rw2",
}
# The first bytes of the supported formats.
HEADS = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6]\s+(?:#|\d)",
    re.DOTALL,
)
NO_IMAGE = "not an image"
# If the largest 16-bit value of a whole set is smaller, its pixels have 14 bits or fewer, as in X-rays or depth maps.
SMALLEST_PLAUSIBLE_WHITE = 1 << 14
# A tenth of white. If the largest value of a whole set is smaller, its pixels are class numbers, or grey from 0 to 16.
SMALLEST_PLAUSIBLE_BYTE = 26


def list_images(folder: Path) -> FileTree:
    """List the image files under a folder.

    Raises:
        InputError: the folder cannot be listed completely, or it cannot be decided whether a file is an image.
    """
    return select_images(list_folder(folder), show_path(folder))


def select_images(tree: FileTree, root: str) -> FileTree:
    """Keep the files that are images by their names or by their first bytes; all others are passed over.

    Raises:
        InputError: a file without an image's name cannot be read, or a file is an image of another format.
    """
    images: list[ListedFile] = []
    passed_over, faults = list(tree.passed_over), []
    for file in tree.files:
        suffix = Path(file.parts[-1]).suffix.lower()
        try:
            if suffix in OTHER_SUFFIXES:
                raise UnreadableFile(file.where, f"{suffix} is not read; convert it to PNG, or remove it")
            if suffix in SUFFIXES or HEADS.match(file.read_head()):
                images.append(file)
            else:
                passed_over.append(PassedOver(file.parts, file.where, NO_IMAGE))
        except UnreadableFile as error:
            faults.append(str(error))
    if faults:
        raise InputError(format_faults(f"{root}: {count(len(faults), 'file')} cannot be read", faults))
    return FileTree(images, tree.folders, passed_over)


def explain_no_images(root: str, tree: FileTree) -> str:
    """Return the message that a folder holds no images, with what it holds instead."""
    reasons = sorted({item.reason for item in tree.passed_over})
    held = f"; it holds {count(len(tree.passed_over), 'other file')}: {', '.join(reasons)}" if reasons else ""
    return f"{root} holds no images in any of {', '.join(FORMATS)}{held}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Survey:
    """Facts about a set of images, collected while they are decoded, for a message and a check at the end."""

    def __init__(self) -> None:
        self._several_frames: list[str] = []
        self._deep_count = self._largest = self._largest_byte = 0

    def add(self, where: str, decoded: Decoded) -> None:
        """Add an image of the set."""
        if decoded.has_more_frames:
            self._several_frames.append(where)
        if decoded.largest_of_16_bits is not None:
            self._deep_count += 1
            self._largest = max(self._largest, decoded.largest_of_16_bits)
        if self._largest_byte < SMALLEST_PLAUSIBLE_BYTE:
            self._largest_byte = max(self._largest_byte, int(np.asarray(decoded.image).max()))

    def finish(self, root: str, say: Callable[[str], object]) -> None:
        """Report files with several frames by `say`, and check that the files use their range.

        Raises:
            InputError: no pixel of any 16-bit file exceeds 14 bits, or no pixel of any file reaches a tenth of white.
        """
        if self._several_frames:
            files = count(len(self._several_frames), "file")
            say(f"{root}: the first frame of {files} with several is read, such as {self._several_frames[0]}")
        if self._deep_count and 0 < self._largest < SMALLEST_PLAUSIBLE_WHITE:
            raise InputError(
                f"{root}: no pixel of its {count(self._deep_count, '16-bit image')} exceeds {self._largest} of 65535, "
                f"so they probably hold {self._largest.bit_length()} bits and would be almost black; multiply them by "
                f"{1 << (16 - self._largest.bit_length())}, or save them with 8 bits"
            )
        check_brightness(self._largest_byte, root)


def check_brightness(largest: int, root: str) -> None:
    """Refuse a set whose pixels use a small part of their range; a set that is black all over is no mistake of scale.

    Args:
        largest: the largest value of all pixels of the set, of 255.
        root: the name of the set, for the error.

    Raises:
        InputError: the value is below a tenth of white, and not 0.
    """
    if 0 < largest < SMALLEST_PLAUSIBLE_BYTE:
        raise InputError(
            f"{root}: no pixel of any image exceeds {largest} of 255, so the images would be almost black; they are "
            f"numbers of classes and no images, or have to be multiplied by {255 // largest}"
        )


def join_unreadable(root: str, faults: Sequence[str], total: int) -> str:
    """Return the message that names the image files that cannot be read, out of `total`."""
    return format_faults(
        f"{root}: {len(faults)} of {count(total, 'file')} cannot be read; repair or remove them", faults
    )
