"""The types of features, and the check that two sets of them are comparable."""

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError

Features = NDArray[np.float32]
"""An extractor's features, float32 [N, D]."""

Matrix = NDArray[np.float64]
"""A float64 array, in which formulas are computed."""


def check_dimensions(real: NDArray[np.floating], fake: NDArray[np.floating]) -> None:
    """Refuse two sets of features, [N, D] and [M, E], whose dimensions differ.

    Raises:
        InputError: D is not E.
    """
    if real.shape[1] != fake.shape[1]:
        raise InputError(
            f"features of {real.shape[1]} and of {fake.shape[1]} numbers cannot be compared; "
            "both must come from one extractor"
        )
