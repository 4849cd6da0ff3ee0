"""Distances between features, some rows at a time, and the balls around images that reach to their k-th neighbour."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from stages.scores.params import LEAST_IMAGES_A_NEIGHBOUR

Matrix = NDArray[np.float64]

# Rows of a distance matrix that are in memory at once.
ROWS_AT_A_TIME = 512
# Below this part of the squared lengths, a squared distance is a rounding error of 0.
ROUNDING = 1e-13


def centre(real: NDArray[np.floating], fake: NDArray[np.floating]) -> tuple[Matrix, Matrix]:
    """Shift both sets, [N, D] and [M, D], by the real ones' mean, in float64: distances stay and keep more digits.

    Raises:
        ValueError: the features differ in dimension.
    """
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"features of {real.shape[1]} and of {fake.shape[1]} numbers cannot be compared; "
            "both must come from one extractor"
        )
    mean = real.mean(axis=0, dtype=np.float64)
    return real.astype(np.float64) - mean, fake.astype(np.float64) - mean


def compute_distances(first: Matrix, second: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Yield squared distances of some rows of float64 [A, D] to all of [B, D], with which rows they are."""
    first_squares, second_squares = (np.einsum("nd,nd->n", points, points) for points in (first, second))
    for start in range(0, len(first), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        scale = first_squares[rows, None] + second_squares
        distances = scale - 2.0 * (first[rows] @ second.T)
        distances[distances < ROUNDING * scale] = 0.0
        yield rows, distances


def find_radii(points: Matrix, neighbours: int) -> Matrix:
    """Return each point's squared distance to its k-th nearest other one: float64 [N] of points [N, D]."""
    radii = np.empty(len(points))
    for rows, distances in compute_distances(points, points):
        # A point is its own nearest one, at distance 0. torch finds the least few four times as fast as numpy.
        nearest = torch.from_numpy(distances).topk(neighbours + 1, dim=1, largest=False, sorted=False).values
        radii[rows] = nearest.amax(dim=1).numpy()
    return radii


def refuse_few(real_count: int, fake_count: int, neighbours: int, score: str) -> None:
    """Refuse sets among which k neighbours are not near.

    Raises:
        ValueError: there are fewer than 10 k images of either.
    """
    least = LEAST_IMAGES_A_NEIGHBOUR * neighbours
    for name, count in (("real", real_count), ("generated", fake_count)):
        if count < least:
            raise ValueError(
                f"{score}: {count} {name} images, but a neighbourhood of {neighbours} means something among {least} "
                "or more; compare more images or lower the neighbours"
            )
