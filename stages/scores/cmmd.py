"""CMMD: the maximum mean discrepancy between CLIP embeddings, with a Gaussian kernel of fixed width."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.extra_scores import LEAST_IMAGES
from stages.scores.features import Matrix, check_dimensions
from stages.scores.kid import ROWS_AT_A_TIME, jackknife_discrepancy

# The authors' width of the kernel and scale of the score, for embeddings of unit length.
SIGMA = 10.0
SCALE = 1000.0
# With fewer images, the relative error 1 / sqrt(2 n) of the jackknife's standard error is above 7 %.
LEAST = LEAST_IMAGES["cmmd"]


class Cmmd(NamedTuple):
    """A CMMD with its standard error.

    Attributes:
        value: the unbiased estimate, as the paper defines it; may be slightly negative for similar sets.
        biased: the estimate of the authors' code, which counts each image's similarity to itself: higher by about
            1000 (1 - k) (1 / n + 1 / m), where k is the mean kernel within a set.
        standard_error: the standard error of the unbiased estimate, by the jackknife over both sets.
    """

    value: float
    biased: float
    standard_error: float


def compute_cmmd(real: NDArray[np.floating], fake: NDArray[np.floating]) -> Cmmd:
    """Compute 1000 times the squared discrepancy with the kernel exp(-|x - y|^2 / (2 sigma^2)), sigma = 10.

    Embeddings are scaled to unit length first. Only some rows of a kernel matrix are in memory at a time.

    Args:
        real: CLIP's embeddings of real images, any float type, [N, D].
        fake: the embeddings of generated images, any float type, [M, D].

    Raises:
        InputError: the features differ in dimension, there are fewer than 100 images of either kind, or an embedding
            has no direction because it is 0 or not finite.

    Source: Jayasumana et al. 2024, "Rethinking FID: Towards a Better Evaluation Metric for Image Generation", section
        4; sigma, scale and unit length as in their code (google-research/cmmd).
    """
    check_dimensions(real, fake)
    for name, count in (("real", len(real)), ("generated", len(fake))):
        if count < LEAST:
            raise InputError(
                f"CMMD: {count} {name} images, but its standard error needs {LEAST} or more; compare more images"
            )
    first, second = _scale_to_unit_length(real, "real"), _scale_to_unit_length(fake, "generated")
    within_real, within_fake = (_sum_others(points) for points in (first, second))
    of_rows, of_columns = np.zeros(len(first)), np.zeros(len(second))
    for rows, kernel in _compute_kernel(first, second):
        of_rows[rows] = kernel.sum(axis=1)
        of_columns += kernel.sum(axis=0)
    n, m = len(first), len(second)
    crossing = 2.0 * of_rows.sum() / (n * m)
    unbiased = within_real.sum() / (n * (n - 1)) + within_fake.sum() / (m * (m - 1)) - crossing
    biased = (within_real.sum() + n) / n**2 + (within_fake.sum() + m) / m**2 - crossing
    error = jackknife_discrepancy(within_real, within_fake, of_rows, of_columns)
    return Cmmd(SCALE * float(unbiased), SCALE * float(biased), SCALE * error)


def _scale_to_unit_length(features: NDArray[np.floating], name: str) -> Matrix:
    points = features.astype(np.float64)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if not (np.isfinite(lengths) & (lengths > 0.0)).all():
        raise InputError(
            f"CMMD: an embedding of the {name} images is 0 or not finite, and so has no direction"
        )
    scaled: Matrix = points / lengths
    return scaled


def _sum_others(points: Matrix) -> Matrix:
    """Sum the kernel between each point and all others: float64 [N]."""
    sums = np.empty(len(points))
    for rows, kernel in _compute_kernel(points, points):
        # The kernel of a point with itself is 1.
        sums[rows] = kernel.sum(axis=1) - np.diagonal(kernel, rows.start)
    return sums


def _compute_kernel(first: Matrix, second: Matrix) -> Iterator[tuple[slice, Matrix]]:
    for start in range(0, len(first), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        # Embeddings have unit length, so |x - y|^2 = 2 - 2 x.y.
        yield rows, np.exp((first[rows] @ second.T - 1.0) / SIGMA**2)
