"""Precision and recall: the shares of generated images near real ones, and of real images near generated ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.features import Matrix
from stages.scores.neighbours import centre, check_counts, compute_distances, compute_radii


class PrecisionRecall(NamedTuple):
    """The precision, a share of the generated images, and the recall, a share of the real ones, in [0, 1]."""

    precision: float
    recall: float


def compute_precision_recall(
    real: NDArray[np.floating], fake: NDArray[np.floating], neighbours: int, real_radii: Matrix | None = None
) -> PrecisionRecall:
    """Compute the share of each set that lies in any ball around the other set's images.

    The ball around an image reaches to its k-th neighbour.

    Args:
        real: any float type, [N, D].
        fake: any float type, [M, D].
        neighbours: k.
        real_radii: the result of `compute_radii` for the centred real features, where it is already known.

    Raises:
        InputError: the features differ in dimension, or there are fewer than 10 k images of either kind.

    Source: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models",
        equations 1 and 2; they use k = 3.
    """
    check_counts(len(real), len(fake), neighbours, "precision and recall")
    first, second = centre(real, fake)
    if real_radii is None:
        real_radii = compute_radii(first, neighbours)
    fake_radii = compute_radii(second, neighbours)
    is_covered = np.zeros(len(second), dtype=np.bool_)
    recalled = 0
    for rows, distances in compute_distances(first, second):
        is_covered |= (distances <= real_radii[rows, None]).any(axis=0)
        recalled += int((distances <= fake_radii).any(axis=1).sum())
    return PrecisionRecall(float(is_covered.mean()), recalled / len(first))
