"""The scores that are off by default, with the requirements of each."""

from collections.abc import Sequence
from typing import Literal

ExtraScore = Literal["authenticity", "cmmd", "ct", "intra_fid", "sfid"]

# The number of first channels of Inception's 17 x 17 feature map that sFID compares.
SPATIAL_CHANNELS = 7
SPATIAL_FEATURES = SPATIAL_CHANNELS * 17 * 17
# The scores that are defined only for one network's features, with this network's extractor.
EXTRACTORS: dict[str, str] = {"cmmd": "clip", "sfid": "inception"}
# The scores that measure whether training images were copied, for which the real images must be the training images.
OF_TRAINING: tuple[str, ...] = ("authenticity", "ct")
# The scores that need the class of every image.
OF_LABELS: tuple[str, ...] = ("intra_fid",)
# The number of cells in the C_T test, and the least number of images of each set in a cell that counts.
CELLS, LEAST_IN_CELL = 3, 20
# The least number of images of each set for these scores.
LEAST_IMAGES = {"authenticity": 10, "cmmd": 100, "ct": CELLS * LEAST_IN_CELL}


def find_extra_faults(extra: Sequence[str], extractor: str, reference_split: str | None) -> list[str]:
    """List the scores that are meaningless with an extractor or a reference, as faults of params.yaml.

    Args:
        extra: the scores' names.
        extractor: the extractor's name.
        reference_split: the split of the real images; None if they are not a split of the prepared data.
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
