"""Compute distances between features, some rows at a time, and each image's distance to its k-th neighbour."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.features import Matrix, check_dimensions
from stages.scores.params import LEAST_IMAGES_A_NEIGHBOUR

# The number of rows of a distance matrix that are in memory at once.
ROWS_AT_A_TIME = 512
# A squared distance below this share of the squared lengths counts as 0, up to rounding.
ROUNDING = 1e-13


def centre(real: NDArray[np.floating], fake: NDArray[np.floating]) -> tuple[Matrix, Matrix]:
    """Subtract the real features' mean from both sets, [N, D] and [M, D], in float64.

    The distances stay the same and lose fewer digits to rounding.

    Raises:
        InputError: the features differ in dimension.
    """
    check_dimensions(real, fake)
    mean = real.mean(axis=0, dtype=np.float64)
    return real.astype(np.float64) - mean, fake.astype(np.float64) - mean


def compute_distances(first: Matrix, second: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Yield the squared distances of float64 [A, D] to all of [B, D], some rows at a time, with the rows' slice."""
    first_squares, second_squares = (np.einsum("nd,nd->n", points, points) for points in (first, second))
    for start in range(0, len(first), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        scale = first_squares[rows, None] + second_squares
        distances = scale - 2.0 * (first[rows] @ second.T)
        distances[distances < ROUNDING * scale] = 0.0
        yield rows, distances


def compute_radii(points: Matrix, neighbours: int) -> Matrix:
    """Compute each point's squared distance to its k-th nearest other point: float64 [N] of points [N, D]."""
    radii = np.empty(len(points))
    for rows, distances in compute_distances(points, points):
        # Each point is its own nearest neighbour, at distance 0. torch finds the smallest values four times faster
        # than numpy.
        nearest = torch.from_numpy(distances).topk(neighbours + 1, dim=1, largest=False, sorted=False).values
        radii[rows] = nearest.amax(dim=1).numpy()
    return radii


def check_counts(real_count: int, fake_count: int, neighbours: int, score: str) -> None:
    """Refuse sets that are too small for a neighbourhood of k images.

    Raises:
        InputError: there are fewer than 10 k images of either kind.
    """
    least = LEAST_IMAGES_A_NEIGHBOUR * neighbours
    for name, count in (("real", real_count), ("generated", fake_count)):
        if count < least:
            raise InputError(
                f"{score}: {count} {name} images, but a neighbourhood of {neighbours} needs {least} or more; compare "
                "more images, or lower the number of neighbours"
            )
