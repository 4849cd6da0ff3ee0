"""Refuse a generator whose images use so little of the declared range that another range is meant."""

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.common.image_listing import SMALLEST_PLAUSIBLE_BYTE

# What 0 of [-1, 1] becomes.
MIDDLE = 128


def check_scale(pixels: NDArray[np.uint8], output_range: str, name: str) -> None:
    """Refuse a batch none of whose values are negative, or none of whose integers reach a tenth of white.

    Images that are all of one value are left to the scores, because a generator may have collapsed.

    Args:
        pixels: a whole batch, uint8 [N, C, H, W].
        output_range: the declared range, as in `GeneratorOptions`.
        name: the name of the file, for the error.

    Raises:
        InputError: the images were probably declared with the wrong range.
    """
    least, largest = int(pixels.min()), int(pixels.max())
    if least == largest:
        return
    if output_range == "symmetric" and least >= MIDDLE:
        raise InputError(
            f"{name} returns no negative value in {len(pixels)} images, so output_range symmetric, [-1, 1], is hardly "
            "its range; name unit for [0, 1]"
        )
    if output_range == "uint8" and largest < SMALLEST_PLAUSIBLE_BYTE:
        raise InputError(
            f"{name} returns no value above {largest} of 255 in {len(pixels)} images, which would be almost black; "
            "export it with pixels in 0..255"
        )
