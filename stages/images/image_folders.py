"""Read images from a folder or zip of image files; opening decodes all of them, and keeps them if memory allows."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from stages.common.errors import InputError
from stages.common.file_tree import (
    FileTree,
    ListedFile,
    UnreadableFile,
    describe_passed_over,
    format_faults,
    show_path,
)
from stages.common.image_files import crop_and_resize, decode
from stages.common.image_listing import (
    Survey,
    explain_no_images,
    join_unreadable,
    list_images,
    select_images,
)
from stages.common.zip_files import list_zip

# The network and its features need the rest of the free memory.
LARGEST_SHARE_OF_MEMORY = 0.25
Pixels = NDArray[np.uint8]
"""uint8 [H, W] for grey, [H, W, 3] for colour."""


class Shape(NamedTuple):
    """The size of one image file in pixels, and whether it is grey."""

    height: int
    width: int
    is_grey: bool


class FolderImages(NamedTuple):
    """The images of a folder or a zip.

    Attributes:
        name: the name of the folder or zip, for messages.
        files: the image files, sorted.
        shape: C, H, W of every image, after resizing.
        resize: side, in pixels, to which every image is cropped and resized; None leaves images as they are.
        kept: the pixels of every image, after resizing; None if they need too much memory, so that files are read
            again.
    """

    name: str
    files: list[ListedFile]
    shape: tuple[int, int, int]
    resize: int | None
    kept: list[Pixels] | None

    def read(self, index: int) -> NDArray[np.uint8]:
        """Read one image, uint8 [C, H, W].

        Raises:
            UnreadableFile: the image's file has changed since the folder was opened.
        """
        file = self.files[index]
        if self.kept is None:
            picture = _resize(decode(file.where, file.read()).image, self.resize)
        else:
            picture = Image.fromarray(self.kept[index])
        pixels = to_array(picture if self.shape[0] == 1 else picture.convert("RGB"))
        if pixels.shape != self.shape:
            raise UnreadableFile(
                file.where, f"it has changed: {list(pixels.shape)} where it was {list(self.shape)}"
            )
        return pixels


def to_array(picture: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of a picture of mode L or RGB, uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _resize(picture: Image.Image, side: int | None) -> Image.Image:
    return picture if side is None else crop_and_resize(picture, side)


def open_folder(folder: Path, resize: int | None) -> FolderImages:
    """List the images of a folder, and decode all of them once.

    Args:
        folder: the folder; its subfolders are read as well.
        resize: side, in pixels, to which images are cropped and resized; None demands that all have one size.

    Raises:
        InputError: it cannot be listed completely, holds no images, images that cannot be read (all of them are
            named, the first twenty in full), or images of different sizes.
    """
    return _open_tree(list_images(folder), show_path(folder), resize)


def open_zip(path: Path, resize: int | None) -> FolderImages:
    """List the images of a zip, and decode all of them once; nothing is unpacked to disk.

    Raises:
        InputError: the zip is damaged or unsafe, or an error occurs that `open_folder` raises, too.
    """
    name = show_path(path)
    tree = select_images(list_zip(path), name)
    tree.files.sort(key=lambda file: (file.parts, file.where))
    return _open_tree(tree, name, resize)


def _open_tree(tree: FileTree, name: str, resize: int | None) -> FolderImages:
    if not tree.files:
        raise InputError(explain_no_images(name, tree))
    if tree.passed_over:
        print(f"{name}: passed over {describe_passed_over(tree.passed_over)}")
    shapes, kept = _decode_all(tree.files, name, resize)
    # A grey file among colour files is a colour image that a tool saved as grey to make the file smaller.
    channels = 1 if all(shape.is_grey for shape in shapes) else 3
    if resize is None:
        _check_equal_sizes(tree.files, shapes, name)
    height, width = shapes[0][:2] if resize is None else (resize, resize)
    return FolderImages(name, tree.files, (channels, height, width), resize, kept)


def _decode_all(
    files: list[ListedFile], name: str, resize: int | None
) -> tuple[list[Shape], list[Pixels] | None]:
    """Decode every file once, so that all unreadable files are named before anything is computed.

    Returns:
        The shapes before resizing, and the pixels after resizing, or None where they need too much memory.
    """
    shapes, faults, survey = [], [], Survey()
    kept: list[Pixels] | None = []
    room = LARGEST_SHARE_OF_MEMORY * psutil.virtual_memory().available
    for file in files:
        try:
            decoded = decode(file.where, file.read())
        except UnreadableFile as error:
            faults.append(str(error))
            continue
        survey.add(file.where, decoded)
        shapes.append(Shape(decoded.image.height, decoded.image.width, decoded.image.mode == "L"))
        if kept is not None:
            pixels = np.asarray(_resize(decoded.image, resize))
            room -= pixels.nbytes
            kept.append(pixels)
            if room <= 0:
                kept = None
    if faults:
        raise InputError(join_unreadable(name, faults, len(files)))
    survey.finish(name, print)
    return shapes, kept


def _check_equal_sizes(files: list[ListedFile], shapes: list[Shape], name: str) -> None:
    first = shapes[0]
    odd = [
        f"{file.where} is {shape.height} x {shape.width}"
        for file, shape in zip(files, shapes, strict=True)
        if shape[:2] != first[:2]
    ]
    if odd:
        raise InputError(
            format_faults(
                f"{name} holds images of different shapes; --resize N crops all to a square and resizes them to the "
                f"same size. {files[0].where} is {first.height} x {first.width}, but",
                odd,
            )
        )
