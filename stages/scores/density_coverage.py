"""Density and coverage: how densely generated images lie near real ones, and how many real ones have one nearby."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.features import Matrix
from stages.scores.neighbours import centre, check_counts, compute_distances, compute_radii


class DensityCoverage(NamedTuple):
    """Density in [0, N / k] and coverage in [0, 1]; for large sets from one distribution, 1 and 1 - 2^-k."""

    density: float
    coverage: float


def compute_density_coverage(
    real: NDArray[np.floating], fake: NDArray[np.floating], neighbours: int, real_radii: Matrix | None = None
) -> DensityCoverage:
    """Compute density and coverage from the balls around real images, each reaching to the image's k-th neighbour.

    Density is the number of balls that a generated image lies in, on average and divided by k; coverage is the share
    of the balls that hold a generated image. Unlike recall, this uses no balls around generated images, because the
    ball of one outlier would be wide enough to hold many images.

    Args:
        real: any float type, [N, D].
        fake: any float type, [M, D].
        neighbours: k.
        real_radii: the result of `compute_radii` for the centred real features, where it is already known.

    Raises:
        InputError: the features differ in dimension, or there are fewer than 10 k images of either kind.

    Source: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", equations 3 and 4;
        they use k = 5.
    """
    check_counts(len(real), len(fake), neighbours, "density and coverage")
    first, second = centre(real, fake)
    if real_radii is None:
        real_radii = compute_radii(first, neighbours)
    within, reached = 0, 0
    for rows, distances in compute_distances(first, second):
        is_within = distances <= real_radii[rows, None]
        within += int(is_within.sum())
        reached += int(is_within.any(axis=1).sum())
    return DensityCoverage(within / (neighbours * len(second)), reached / len(first))
