"""Write the prepared splits: images one by one, so that a folder larger than the memory passes through."""

from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common import artifacts
from stages.common.image_files import UnreadableImage, crop_and_resize
from stages.prepare.dataset import Dataset, Split
from stages.prepare.division import choose_evenly
from stages.prepare.progress import tell

BUFFER_BYTES = 1 << 20


class Written(NamedTuple):
    """What was written of one split.

    Attributes:
        labels: int64 [N], of the images kept.
        shape: of the image file, N, C, H, W.
        resized_count: how many images were cropped or resized.
        faults: one line for each image that could not be read.
    """

    labels: NDArray[np.int64]
    shape: tuple[int, int, int, int]
    resized_count: int
    faults: list[str]


def write_dataset(dataset: Dataset, image_size: int, limits: dict[str, int | None]) -> dict[str, Written]:
    """Write images, labels and class names to data/prepared/; either all image files appear or none.

    Args:
        dataset: what to write.
        image_size: side of the written images, in pixels.
        limits: for each split how many images to keep, evenly over the classes; None keeps all.

    Raises:
        ValueError: images cannot be read; all of them are named.
        OSError: a file cannot be written.
    """
    written: dict[str, Written] = {}
    with ExitStack() as files:
        for name, split in dataset.splits.items():
            path = artifacts.images_file(name)
            temporary = files.enter_context(artifacts.atomic_path(path))
            chosen = choose_evenly(split.labels, limits[name])
            tell(f"writing {len(chosen)} {name} images of {image_size} x {image_size} pixels to {path}")
            written[name] = _write_images(temporary, split, chosen, dataset.channels, image_size)
        _refuse_faults(written)
    for name in dataset.splits:
        artifacts.write_array(artifacts.labels_file(name), written[name].labels)
    artifacts.write_json(artifacts.class_names_file(), dataset.class_names)
    return written


def _write_images(
    path: Path, split: Split, chosen: NDArray[np.int64], channels: int, image_size: int
) -> Written:
    shape = (len(chosen), channels, image_size, image_size)
    faults: list[str] = []
    resized_count = 0
    with path.open("wb", buffering=BUFFER_BYTES) as file:
        _write_header(file, shape)
        for index in chosen.tolist():
            try:
                original = split.open_image(index)
            except UnreadableImage as fault:
                faults.append(str(fault))
                continue
            image = crop_and_resize(original, image_size).convert("L" if channels == 1 else "RGB")
            resized_count += image.size != original.size
            pixels = np.asarray(image).reshape(image_size, image_size, channels)
            file.write(pixels.transpose(2, 0, 1).tobytes())
    return Written(split.labels[chosen], shape, resized_count, faults)


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the start of a .npy file of uint8.

    The rest is written as plain bytes, not through a memory map or ndarray.tofile: on a full disk the first
    kills the process and the second raises an error without a cause.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)


def _refuse_faults(written: dict[str, Written]) -> None:
    faults = [fault for split in written.values() for fault in split.faults]
    if not faults:
        return
    count = "1 image" if len(faults) == 1 else f"{len(faults)} images"
    listing = "\n".join(f"  - {fault}" for fault in faults)
    raise ValueError(f"{count} cannot be read; mend or remove them, then prepare again:\n{listing}")
