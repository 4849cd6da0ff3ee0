"""Read or draw the images of one file of an entry, as many as a snapshot of the comparison's own GANs has."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.entry.params import Entry
from stages.generators.file import GeneratorFile
from stages.images.image_sets import ReadOptions, open_images
from stages.scores.further_moments import Labels


class EntryImages(NamedTuple):
    """The images of a file, uint8 [N, C, H, W], and what is to be said of them (`GeneratorFile.caveat`)."""

    pixels: NDArray[np.uint8]
    caveat: str | None


def read_entry_images(
    entry: Entry, place: int, key: str, count: int, shape: list[int], seed: int
) -> EntryImages:
    """Read the samples of an entry's file, or draw images from its generator.

    Args:
        entry: the entry that the file belongs to.
        place: the index of the file in the entry's list, which is also the seed of a generator's noise.
        key: the key of the file in params.yaml, for errors.
        count: the number of images; if a file holds more samples, some are chosen at random.
        shape: C, H, W of the data set.
        seed: the seed of this choice.

    Returns:
        `count` images.

    Raises:
        InputError: there are too few images, or they are not of the data set's shape.
    """
    file, caveat = entry.files[place], None
    if entry.generator is not None:
        generator = GeneratorFile(file, entry.generator, seed=place)
        images, caveat = generator.draw(range(count)), generator.caveat
    else:
        images = _read_samples(entry, file, key, count, shape, seed)
    if list(images.shape[1:]) != shape:
        cure = "" if entry.samples is None else ", or set samples.resize to true"
        raise InputError(
            f"{key} = {file!r} has images {list(images.shape[1:])}, but the data set's are {shape}; give images "
            f"of that shape{cure}"
        )
    return EntryImages(images, caveat)


def assign_labels(entry: Entry, count: int) -> Labels | None:
    """Return the classes of a conditional generator's images, image i of class i modulo their number, or else None."""
    classes = None if entry.generator is None else entry.generator.class_count
    return None if classes is None else Labels(np.arange(count) % classes, classes)


def _read_samples(
    entry: Entry, file: str, key: str, count: int, shape: list[int], seed: int
) -> NDArray[np.uint8]:
    assert entry.samples is not None
    side = shape[1] if entry.samples.resize else None
    images = open_images(file, key, ReadOptions(entry.samples.layout, entry.samples.floats, side))
    if len(images) < count:
        raise InputError(
            f"{key} = {file!r} holds {len(images)} images, but sample.sample_count = {count} of each snapshot are "
            "scored; give as many or more, or lower sample.sample_count"
        )
    # The images are shuffled, because folders are often sorted and some scores compare only the first images.
    images.select(np.random.RandomState(seed).permutation(len(images))[:count])
    if shape[0] == 1 and images.shape[1] == 3:
        try:
            images.as_grey()
        except InputError as error:
            raise InputError(
                f"{key} = {file!r}: the data set is grey, but {error}; give grey images"
            ) from None
    return images[:count]
