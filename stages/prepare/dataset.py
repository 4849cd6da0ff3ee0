"""What every source returns: class names and, per split, labels and a way to open one image."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Source(NamedTuple):
    """Where a data set came from.

    Attributes:
        kind: which of the sources served.
        location: the path, address or package.
        checked: what proved that these are the published files, or that nothing did.
    """

    kind: str
    location: str
    checked: str


class Split(NamedTuple):
    """One split, its images not yet resized.

    Attributes:
        labels: int64 [N], an index into the class names.
        open_image: gives image i in Pillow's mode L or RGB, or raises UnreadableImage.
    """

    labels: NDArray[np.int64]
    open_image: Callable[[int], Image.Image]


class Dataset(NamedTuple):
    """A data set ready to be written.

    Attributes:
        channels: 1 when every image is grey, else 3.
        division: who divided the images into train and test.
        splits: by the names "train" and "test".
    """

    source: Source
    class_names: list[str]
    channels: int
    division: str
    splits: dict[str, Split]


def hold_images(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    """Make a split of images that are in memory.

    Args:
        images: uint8 [N, H, W] for grey or [N, H, W, 3] for colour.
        labels: int64 [N].
    """
    return Split(labels, lambda index: Image.fromarray(images[index]))
