"""The scores that are off by default: their names, and what each needs."""

from collections.abc import Sequence
from typing import Literal

ExtraScore = Literal["authenticity", "cmmd", "ct", "intra_fid", "sfid"]

# The first channels of Inception's feature map of 17 x 17 that sFID compares.
SPATIAL_CHANNELS = 7
SPATIAL_FEATURES = SPATIAL_CHANNELS * 17 * 17
# Those that are defined for one network's features alone.
EXTRACTORS: dict[str, str] = {"cmmd": "clip", "sfid": "inception"}
# Those that ask whether training images were copied, so that the real images must be the training images.
OF_TRAINING: tuple[str, ...] = ("authenticity", "ct")
# Those that need the class of every image.
OF_LABELS: tuple[str, ...] = ("intra_fid",)
# Cells of the space of features in the C_T test, and the least images of each set in a cell that counts.
CELLS, LEAST_IN_CELL = 3, 20
# How many images of each set such a score has to compare.
LEAST_IMAGES = {"authenticity": 10, "cmmd": 100, "ct": CELLS * LEAST_IN_CELL}


def find_extra_faults(extra: Sequence[str], extractor: str, reference_split: str | None) -> list[str]:
    """List the scores that mean nothing with an extractor or a reference.

    Args:
        extra: the scores' names.
        extractor: the extractor's name.
        reference_split: the split of the real images; None where they are no split of the prepared data.
    """
    faults = [
        f"scores.extra names {name}, which is defined for the features of {EXTRACTORS[name]}, and extractor.name is "
        f"{extractor}; remove it or change the extractor"
        for name in extra
        if EXTRACTORS.get(name, extractor) != extractor
    ]
    if reference_split not in (None, "train"):
        faults += [
            f"scores.extra names {name}, which asks whether training images were copied, and reference.split is "
            f"{reference_split}; remove it or set reference.split to train"
            for name in extra
            if name in OF_TRAINING
        ]
    return faults
