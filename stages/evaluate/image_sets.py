"""Sets of images from a folder of image files, an array file or a prepared split."""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common import artifacts
from stages.common.image_files import SUFFIXES, Header, UnreadableImage, crop_and_resize, decode, read_header
from stages.evaluate import image_arrays
from stages.evaluate.image_arrays import Floats, Layout

Indices = NDArray[np.int64]
# Number of faulty files that an error names; it counts the rest.
NAMED_FILES = 5


class ReadOptions(NamedTuple):
    """How images are read.

    Attributes:
        layout: the order of an array's axes.
        floats: the range of floating-point arrays.
        resize: side, in pixels, to which every image is cropped and resized; None leaves images as they are.
    """

    layout: Layout
    floats: Floats
    resize: int | None


class ImageSet:
    """Images that are read part by part, from any source.

    It hashes the images that are read, to count the distinct ones.

    Attributes:
        name: the name of the set, for messages.
        shape: N, C, H, W.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int, int],
        read: Callable[[int], NDArray[np.uint8]],
        name_image: Callable[[int], str],
    ) -> None:
        """Make a set of images.

        Args:
            name: the name of the set.
            shape: N, C, H, W.
            read: returns the image with an index, uint8 [C, H, W].
            name_image: returns the name of the image with an index.
        """
        self.name, self.shape = name, shape
        self._read, self._name = read, name_image
        self._indices: Indices = np.arange(shape[0])
        self._digests: set[bytes] = set()

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, part: slice, /) -> NDArray[np.uint8]:
        """Read some images, uint8 [n, C, H, W]."""
        images = np.stack([self._read(int(index)) for index in self._indices[part]])
        self._digests.update(hashlib.sha256(image.tobytes()).digest() for image in images)
        return images

    def select(self, indices: Indices) -> None:
        """Keep only the images with these indices, in this order."""
        self._indices = self._indices[indices]
        self.shape = (len(indices), *self.shape[1:])

    def name_image(self, index: int) -> str:
        """Return the name of the image with an index among the selected ones."""
        return self._name(int(self._indices[index]))

    @property
    def distinct_count(self) -> int:
        """The number of images read so far that differ from each other in any pixel."""
        return len(self._digests)


def open_images(text: str, option: str, reading: ReadOptions) -> ImageSet:
    """Open a set of images; of image files only the headers are read.

    Args:
        text: a folder, an .npy or .npz file, `file.npz:array`, or `train` or `test` for a prepared split.
        option: the option that names the set, for errors.
        reading: how images are read.

    Raises:
        ValueError: there is no such file or folder, or it holds no images or images of different shapes.
    """
    path, key = image_arrays.split_key(text)
    path = path.expanduser()
    if text in artifacts.SPLITS:
        path = artifacts.images_file(text)
        if not path.exists():
            raise ValueError(
                f"{option} {text} is the prepared split, but {path} is missing in {Path.cwd()}; make it with `dvc "
                f"repro prepare`, or write ./{text} for a folder"
            )
    if path.is_dir():
        return _open_folder(path, reading)
    if not path.is_file():
        raise ValueError(f"{option} {text}: there is no such file or folder; expected {_allowed_inputs()}")
    if path.suffix not in image_arrays.SUFFIXES:
        raise ValueError(
            f"{option} {text} is neither a folder nor an array file; expected {_allowed_inputs()}"
        )
    images = image_arrays.read_images(path, key, reading.layout, reading.floats)
    return _open_array(str(path), images, reading.resize)


def _allowed_inputs() -> str:
    return f"a folder of images, {' or '.join(image_arrays.SUFFIXES)}, or {' or '.join(artifacts.SPLITS)}"


def _open_array(name: str, images: NDArray[np.uint8], resize: int | None) -> ImageSet:
    count, channels, height, width = images.shape
    if resize is not None:
        height = width = resize
    if not count:
        raise ValueError(f"{name} holds no images")
    return ImageSet(
        name,
        (count, channels, height, width),
        lambda index: images[index] if resize is None else _resize(images[index], resize),
        lambda index: f"image {index} (counted from 0) of {name}",
    )


def _resize(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)))
    return _to_array(crop_and_resize(picture, side))


def _to_array(picture: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _open_folder(folder: Path, reading: ReadOptions) -> ImageSet:
    files = _list_files(folder)
    headers = _read_headers(files, folder)
    # A grey file among colour files is a colour image that some tool saved as grey to make it smaller.
    channels = 1 if all(header.is_grey for header in headers) else 3
    if reading.resize is None:
        _check_equal_sizes(files, headers, folder)
        height, width = headers[0].height, headers[0].width
    else:
        height = width = reading.resize
    read = partial(_read_file, files, channels, reading.resize)
    return ImageSet(str(folder), (len(files), channels, height, width), read, lambda index: str(files[index]))


def _list_files(folder: Path) -> list[Path]:
    """List the image files under a folder, without hidden ones, sorted by their paths."""
    files: list[Path] = []
    others: list[Path] = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for path in (Path(parent, name) for name in names if not name.startswith(".")):
            (files if path.suffix.lower() in SUFFIXES else others).append(path)
    if not files:
        raise ValueError(f"{folder} holds no images, that is, no files that end in {', '.join(SUFFIXES)}")
    if others:
        print(
            f"{folder}: ignored {len(others)} files whose names are not those of images, such as {min(others)}"
        )
    return sorted(files)


def _read_headers(files: list[Path], folder: Path) -> list[Header]:
    headers, faults = [], []
    for path in files:
        try:
            headers.append(read_header(path))
        except UnreadableImage as error:
            faults.append(str(error))
    if faults:
        raise ValueError(
            f"{folder}: {len(faults)} of {len(files)} files cannot be read: {_format_first(faults)}"
        )
    return headers


def _check_equal_sizes(files: list[Path], headers: list[Header], folder: Path) -> None:
    first = headers[0]
    odd = [
        f"{path} is {header.height} x {header.width}"
        for path, header in zip(files, headers, strict=True)
        if (header.height, header.width) != (first.height, first.width)
    ]
    if odd:
        raise ValueError(
            f"{folder} holds images of different shapes: {files[0]} is {first.height} x {first.width}, but "
            f"{_format_first(odd)}; --resize N crops all to a square and resizes them to the same size"
        )


def _format_first(faults: list[str]) -> str:
    rest = len(faults) - NAMED_FILES
    return "; ".join(faults[:NAMED_FILES]) + (f"; and {rest} more" if rest > 0 else "")


def _read_file(files: list[Path], channels: int, resize: int | None, index: int) -> NDArray[np.uint8]:
    path = files[index]
    picture = decode(str(path), path.read_bytes())
    if resize is not None:
        picture = crop_and_resize(picture, resize)
    return _to_array(picture if channels == 1 else picture.convert("RGB"))
