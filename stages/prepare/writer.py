"""Write the prepared splits image by image, so that they may be larger than memory."""

from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common import artifacts
from stages.common.errors import InputError
from stages.common.file_tree import UnreadableFile
from stages.common.image_files import crop_and_resize
from stages.common.image_listing import join_unreadable
from stages.prepare.dataset import Dataset, Split
from stages.prepare.log import log
from stages.prepare.splits import check_disjoint, choose_balanced, digest_pixels

BUFFER_BYTES = 1 << 20


class WrittenSplit(NamedTuple):
    """Facts about a split that has been written.

    Attributes:
        labels: int64 [N], the labels of the written images.
        shape: N, C, H, W of the image file.
        resized_count: how many images were cropped or resized.
        errors: one line for each image that could not be read.
        digests: what identifies each distinct image by its written pixels.
    """

    labels: NDArray[np.int64]
    shape: tuple[int, int, int, int]
    resized_count: int
    errors: list[str]
    digests: set[bytes]


def label_chosen(dataset: Dataset, limits: dict[str, int | None]) -> list[NDArray[np.int64]]:
    """Return the labels of the images of each split that `write_dataset` would write, train first."""
    splits = ((dataset.splits[name].labels, limits[name]) for name in artifacts.SPLITS)
    return [labels[choose_balanced(labels, limit)] for labels, limit in splits]


def write_dataset(
    dataset: Dataset, image_size: int, limits: dict[str, int | None]
) -> dict[str, WrittenSplit]:
    """Write images, labels and class names to data/prepared/; either both image files are created or neither.

    Args:
        dataset: the data set to write.
        image_size: side of the written images, in pixels.
        limits: the number of images to keep of each split, balanced by class; None keeps all.

    Raises:
        InputError: images cannot be read, all of which the error names, or half of a split is in the other, too.
        OSError: a file cannot be written.
    """
    written: dict[str, WrittenSplit] = {}
    with ExitStack() as files:
        for name, split in dataset.splits.items():
            path = artifacts.images_file(name)
            temporary = files.enter_context(artifacts.atomic_path(path))
            chosen = choose_balanced(split.labels, limits[name])
            log(f"writing {len(chosen)} {name} images of {image_size} x {image_size} pixels to {path}")
            written[name] = _write_images(temporary, split, chosen, dataset.channels, image_size)
        _check_errors(written)
        dataset.check()
        check_disjoint(written["train"].digests, written["test"].digests, dataset.source.location)
    for name in dataset.splits:
        artifacts.write_array(artifacts.labels_file(name), written[name].labels)
    artifacts.write_json(artifacts.class_names_file(), dataset.class_names)
    return written


def _write_images(
    path: Path, split: Split, chosen: NDArray[np.int64], channels: int, image_size: int
) -> WrittenSplit:
    shape = (len(chosen), channels, image_size, image_size)
    errors: list[str] = []
    digests: set[bytes] = set()
    resized_count = 0
    with path.open("wb", buffering=BUFFER_BYTES) as file:
        _write_header(file, shape)
        for index in chosen.tolist():
            try:
                original = split.open_image(index)
            except UnreadableFile as error:
                errors.append(str(error))
                continue
            image = crop_and_resize(original, image_size).convert("L" if channels == 1 else "RGB")
            resized_count += image.size != original.size
            pixels = np.asarray(image).reshape(image_size, image_size, channels)
            content = pixels.transpose(2, 0, 1).tobytes()
            file.write(content)
            digests.add(digest_pixels(content))
    return WrittenSplit(split.labels[chosen], shape, resized_count, errors, digests)


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file of uint8.

    The images are then written as plain bytes and not through a memory map or ndarray.tofile: on a full disk a memory
    map kills the process, and ndarray.tofile raises an error without a reason.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)


def _check_errors(written: dict[str, WrittenSplit]) -> None:
    errors = [error for split in written.values() for error in split.errors]
    if errors:
        total = sum(split.shape[0] for split in written.values())
        raise InputError(join_unreadable("the data set", errors, total))
