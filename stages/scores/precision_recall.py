"""Precision and recall: how many generated images lie among real ones, and how many real among generated ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.neighbours import Matrix, centre, compute_distances, find_radii, refuse_few


class PrecisionRecall(NamedTuple):
    """Shares in [0, 1], of generated images and of real ones."""

    precision: float
    recall: float


def precision_recall(
    real: NDArray[np.floating], fake: NDArray[np.floating], neighbours: int, real_radii: Matrix | None = None
) -> PrecisionRecall:
    """Compute which share of one set lies in any ball around the other's images, each as wide as to its k-th neighbour.

    Args:
        real: any float type, [N, D].
        fake: any float type, [M, D].
        neighbours: k.
        real_radii: what `find_radii` gives for the centred real features, where it is known already.

    Raises:
        ValueError: the features differ in dimension, or are fewer than 10 k.

    Source: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models",
        equations 1 and 2; they take k = 3.
    """
    refuse_few(len(real), len(fake), neighbours, "precision and recall")
    first, second = centre(real, fake)
    if real_radii is None:
        real_radii = find_radii(first, neighbours)
    fake_radii = find_radii(second, neighbours)
    is_covered = np.zeros(len(second), dtype=np.bool_)
    recalled = 0
    for rows, distances in compute_distances(first, second):
        is_covered |= (distances <= real_radii[rows, None]).any(axis=0)
        recalled += int((distances <= fake_radii).any(axis=1).sum())
    return PrecisionRecall(float(is_covered.mean()), recalled / len(first))
