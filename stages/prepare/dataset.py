"""The type of a data set that every source returns: class names, and for each split labels and images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# The beginning of `Source.checked` where no checksum proves that the files are the published ones.
UNCHECKED = "nothing"


class Source(NamedTuple):
    """The source of a data set.

    Attributes:
        kind: the kind of the source, such as `local path`.
        location: the path, address or package of the source.
        checked: the checksum that proves that these are the published files; or UNCHECKED and the reason.
    """

    kind: str
    location: str
    checked: str

    @property
    def is_published(self) -> bool:
        """Whether these are the published files, proven by a checksum."""
        return not self.checked.startswith(UNCHECKED)


class Split(NamedTuple):
    """One split, with its images as the source holds them.

    Attributes:
        labels: int64 [N], indices into the class names.
        open_image: returns image i in Pillow's mode L or RGB, or raises UnreadableFile.
    """

    labels: NDArray[np.int64]
    open_image: Callable[[int], Image.Image]


class Dataset(NamedTuple):
    """A data set that is ready to be written.

    Attributes:
        source: the source of the data set.
        class_names: K names, in the order of the labels.
        channels: 1 when every image is grey, else 3.
        division: who or what divided the images into train and test, in words.
        splits: the splits "train" and "test", by name.
        check: called after all images have been opened; it raises InputError for faults of the set as a whole.
    """

    source: Source
    class_names: list[str]
    channels: int
    division: str
    splits: dict[str, Split]
    check: Callable[[], None] = lambda: None


def in_memory_split(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    """Make a split from images that are in memory.

    Args:
        images: uint8 [N, H, W] for grey or [N, H, W, 3] for colour.
        labels: int64 [N].
    """
    return Split(labels, lambda index: Image.fromarray(images[index]))
