"""Sets of images, read from a folder or zip of image files, an array, an array file, or a prepared split."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common import artifacts
from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file, expand_user, show_path
from stages.common.image_files import crop_and_resize
from stages.common.image_listing import list_images
from stages.images.array_files import SUFFIXES as ARRAY_SUFFIXES
from stages.images.array_files import load_array, split_key
from stages.images.image_arrays import Floats, Layout, convert_images
from stages.images.image_folders import FolderImages, open_folder, open_zip, to_array
from stages.scores.image_digest import combine_digests, digest_image

Indices = NDArray[np.int64]
ZIP_SUFFIX = ".zip"
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PICKLE_HINT = (
    "; this is a pickle by its name, often of statistics or weights, which can run any code and is not read"
)
IMAGES_AT_A_TIME = 500


class ReadOptions(NamedTuple):
    """The options of reading images.

    Attributes:
        layout: the order of an array's axes.
        floats: the range of floating-point arrays.
        resize: side, in pixels, to which every image is cropped and resized; None leaves images as they are.
    """

    layout: Layout
    floats: Floats
    resize: int | None


class Source(NamedTuple):
    """A file that images are read from, with the name of the array in it for an .npz file."""

    path: Path
    array: str = ""


class ImageSet:
    """A set of images that is read part by part, from any source.

    Every image that is read is hashed, to identify the set and to count the distinct images.

    Attributes:
        name: the name of the set, for messages.
        shape: N, C, H, W.
        sources: the files that the images are read from; empty for images that are in memory.
        argument: the option or argument that names the set, for messages.
        is_in_memory: whether all images can be read without decoding files again.
    """

    is_in_memory = True

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int, int],
        read: Callable[[int], NDArray[np.uint8]],
        name_image: Callable[[int], str],
        sources: Sequence[Source],
        argument: str,
    ) -> None:
        """Make a set of images.

        Args:
            name: the name of the set.
            shape: N, C, H, W.
            read: returns the image with an index, uint8 [C, H, W].
            name_image: returns the name of the image with an index.
            sources: the files.
            argument: the option or argument that names the set.
        """
        self.name, self.shape, self.sources, self.argument = name, shape, sources, argument
        self._read, self._name = read, name_image
        self._indices: Indices = np.arange(shape[0])
        self._digests: dict[int, bytes] = {}

    @property
    def label(self) -> str:
        """The argument and the name for messages, `--fake samples.npy`; only the name where both are the same."""
        return self.name if self.name == self.argument else f"{self.argument} {self.name}"

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    def __getitem__(self, part: slice, /) -> NDArray[np.uint8]:
        """Read some images, uint8 [n, C, H, W]."""
        indices = self._indices[part].tolist()
        images = np.stack([self._read(index) for index in indices])
        self._digests.update(zip(indices, map(digest_image, images), strict=True))
        return images

    def select(self, indices: Indices) -> None:
        """Keep only the images with these indices, in this order."""
        self._indices = self._indices[indices]
        self.shape = (len(indices), *self.shape[1:])

    def as_grey(self) -> None:
        """Read images that were saved as RGB, but have equal channels, as grey ones.

        Raises:
            InputError: an image is in colour; the error names it.
        """
        for index in self._indices.tolist():
            image = self._read(index)
            if not (image == image[:1]).all():
                raise InputError(f"{self._name(index)} is in colour")
        read = self._read
        self._read = lambda index: read(index)[:1]
        self.shape = (self.shape[0], 1, *self.shape[2:])

    def name_image(self, index: int) -> str:
        """Return the name of the image with an index among the selected ones."""
        return self._name(int(self._indices[index]))

    def read_all(self) -> None:
        """Read all images that have not been read yet, so that all digests are known."""
        if self._digests.keys() >= set(self._indices.tolist()):
            return
        for start in range(0, len(self), IMAGES_AT_A_TIME):
            self[start : start + IMAGES_AT_A_TIME]

    @property
    def digests(self) -> list[bytes]:
        """The digest of each image in order; all images must have been read."""
        return [self._digests[index] for index in self._indices.tolist()]

    @property
    def sha256(self) -> str:
        """The hash of all images by `stages.scores.image_digest`; all images must have been read."""
        return combine_digests(self.shape[1:], self.digests)


class SourceList(NamedTuple):
    """The files that a set of images would be read from.

    Attributes:
        label: the label of the set for messages, as in `ImageSet`.
        sources: the files; empty where none of this name exists.
    """

    label: str
    sources: list[Source]


def list_sources(text: str, argument: str) -> SourceList:
    """List the files of a set of images; files with an image's suffix are not opened.

    Args:
        text: the folder, file or split, as in `open_images`.
        argument: the option or argument that names the set.

    Raises:
        InputError: a folder cannot be listed completely, or the text is empty, which would be the current folder.
    """
    if not text:
        raise InputError(f"{argument} is an empty path; expected {_allowed_inputs()}")
    path, key = split_key(text)
    path = artifacts.images_file(text) if text in artifacts.SPLITS else expand_user(path)
    sources = [Source(path, key or "")] if path.is_file() else []
    if path.is_dir():
        sources = [Source(file.path) for file in list_images(path).files if file.path is not None]
    name = show_path(text)
    return SourceList(name if name == argument else f"{argument} {name}", sources)


def open_images(text: str, argument: str, reading: ReadOptions) -> ImageSet:
    """Open a set of images; image files are decoded once, to find those that cannot be read.

    Args:
        text: a folder, a .zip, .npy or .npz file, `file.npz:array`, or `train` or `test` for a prepared split.
        argument: the option or argument that names the set, for errors.
        reading: how images are read.

    Raises:
        InputError: there is no such file or folder, or it holds no images or images of different shapes.
    """
    path, key = split_key(text)
    path = expand_user(path)
    if text in artifacts.SPLITS:
        path = artifacts.images_file(text)
        if not path.exists():
            raise InputError(
                f"{argument} {text} is the prepared split, but {path} is missing in {Path.cwd()}; make it with `dvc "
                f"repro prepare`, or write ./{text} for a folder"
            )
    if path.is_dir():
        return _open_files(open_folder(path, reading.resize), argument)
    if not path.exists():
        raise InputError(
            f"{argument} {show_path(text)}: there is no such file or folder; expected {_allowed_inputs()}"
        )
    check_regular_file(path)
    if path.suffix.lower() == ZIP_SUFFIX:
        return _open_files(open_zip(path, reading.resize), argument, path)
    if path.suffix not in ARRAY_SUFFIXES:
        hint = PICKLE_HINT if path.suffix.lower() in PICKLES else ""
        raise InputError(
            f"{argument} {show_path(text)} is neither a folder nor a zip nor an array file; expected "
            f"{_allowed_inputs()}{hint}"
        )
    loaded = load_array(path, key)
    name = show_path(text)
    images = convert_images(loaded.values, name, reading.layout, reading.floats)
    return make_image_set(name, images, reading.resize, argument, [Source(path, loaded.name)])


def _allowed_inputs() -> str:
    return f"a folder of images, .zip, {', '.join(ARRAY_SUFFIXES)}, or {' or '.join(artifacts.SPLITS)}"


def make_image_set(
    name: str,
    images: NDArray[np.uint8],
    resize: int | None,
    argument: str,
    sources: Sequence[Source] = (),
) -> ImageSet:
    """Make a set of the images of an array, uint8 [N, C, H, W], in memory or mapped from a file."""
    count, channels, height, width = images.shape
    if resize is not None:
        height = width = resize
    return ImageSet(
        name,
        (count, channels, height, width),
        lambda index: images[index] if resize is None else _resize(images[index], resize),
        lambda index: f"image {index} (counted from 0) of {name}",
        sources,
        argument,
    )


def _resize(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)))
    return to_array(crop_and_resize(picture, side))


def _open_files(images: FolderImages, argument: str, archive: Path | None = None) -> ImageSet:
    """Make a set of images from image files; the files of a zip have the zip as their only source."""
    files = [file.path for file in images.files if file.path is not None] if archive is None else [archive]
    opened = ImageSet(
        images.name,
        (len(images.files), *images.shape),
        images.read,
        lambda index: images.files[index].where,
        [Source(path) for path in files],
        argument,
    )
    opened.is_in_memory = images.kept is not None
    return opened
