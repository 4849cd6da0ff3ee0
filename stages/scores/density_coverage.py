"""Density and coverage: how densely generated images lie among real ones, and how many real ones they reach."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.neighbours import Matrix, centre, compute_distances, find_radii, refuse_few


class DensityCoverage(NamedTuple):
    """Density in [0, N / k], 1 for like sets; coverage in [0, 1], 1 - 2^-k for large like sets."""

    density: float
    coverage: float


def density_coverage(
    real: NDArray[np.floating], fake: NDArray[np.floating], neighbours: int, real_radii: Matrix | None = None
) -> DensityCoverage:
    """Count in how many real images' balls a generated one lies, over k, and in what share of the balls any lies.

    Unlike recall neither draws balls around generated images, where one outlier's is wide enough to hold many.

    Args:
        real: any float type, [N, D].
        fake: any float type, [M, D].
        neighbours: k.
        real_radii: what `find_radii` gives for the centred real features, where it is known already.

    Raises:
        ValueError: the features differ in dimension, or are fewer than 10 k.

    Source: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", equations 3 and 4;
        they take k = 5.
    """
    refuse_few(len(real), len(fake), neighbours, "density and coverage")
    first, second = centre(real, fake)
    if real_radii is None:
        real_radii = find_radii(first, neighbours)
    within, reached = 0, 0
    for rows, distances in compute_distances(first, second):
        is_within = distances <= real_radii[rows, None]
        within += int(is_within.sum())
        reached += int(is_within.any(axis=1).sum())
    return DensityCoverage(within / (neighbours * len(second)), reached / len(first))
