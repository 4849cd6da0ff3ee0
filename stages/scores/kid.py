"""The Kernel Inception Distance between two sets of features, which is unbiased for any number of images."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.features import Matrix, check_dimensions

# The number of rows of a kernel matrix that are in memory at once.
ROWS_AT_A_TIME = 512
# The jackknife leaves one image out, and the estimate needs two.
LEAST_IMAGES = 3


class Kid(NamedTuple):
    """A Kernel Inception Distance.

    Attributes:
        value: mean over the subsets of the unbiased estimate; may be slightly negative for similar sets.
        deviation: population standard deviation over the subsets, which depends on their size.
        standard_error: the standard error of the estimate from all images, by the jackknife over both sets.
    """

    value: float
    deviation: float
    standard_error: float


class KernelSums(NamedTuple):
    """Sums of a kernel matrix between two sets A and B of features.

    Attributes:
        in_subsets: float64 [subsets]; the sum over each subset of A and the corresponding subset of B.
        of_rows: float64 [A]; the sum of each row.
        of_columns: float64 [B]; the sum of each column.
    """

    in_subsets: Matrix
    of_rows: Matrix
    of_columns: Matrix


class Subsets(NamedTuple):
    """The subsets of both sets as masks: bool [subsets, N] and bool [subsets, M]."""

    real: NDArray[np.bool_]
    fake: NDArray[np.bool_]


def compute_kid(
    real: NDArray[np.floating],
    fake: NDArray[np.floating],
    subsets: int,
    size: int,
    seed: int,
    within_real: KernelSums | None = None,
) -> Kid:
    """Compute the mean over subsets of the unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3.

    The kernel matrix of all images is computed once, some rows at a time, and summed over each subset. The result is
    exact, and its cost does not grow with the subsets' size. The subsets are those that torch-fidelity draws from the
    seed.

    Args:
        real: any float type, [N, D].
        fake: any float type, [M, D].
        subsets: number of subsets.
        size: number of images of a subset.
        seed: the seed of the choice of the subsets.
        within_real: the result of `sum_real_kernel` for the same arguments, where it is already known.

    Raises:
        InputError: the features differ in dimension, or there are fewer than `size`, or than 3, images of either kind.

    Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4.
    """
    check_counts(len(real), len(fake), size)
    check_dimensions(real, fake)
    chosen = sample_subsets(len(real), len(fake), subsets, size, seed)
    first, second = real.astype(np.float64), fake.astype(np.float64)
    if within_real is None:
        within_real = sum_kernel(first, first, chosen.real, chosen.real)
    within_fake = sum_kernel(second, second, chosen.fake, chosen.fake)
    between = sum_kernel(first, second, chosen.real, chosen.fake)
    own_real, own_fake = _kernel_with_itself(first), _kernel_with_itself(second)
    pairs = size * (size - 1)
    values = (
        (within_real.in_subsets - chosen.real @ own_real) / pairs
        + (within_fake.in_subsets - chosen.fake @ own_fake) / pairs
        - 2.0 * between.in_subsets / size**2
    )
    error = jackknife_discrepancy(
        within_real.of_rows - own_real, within_fake.of_rows - own_fake, between.of_rows, between.of_columns
    )
    return Kid(float(values.mean()), float(values.std()), error)


def sum_real_kernel(
    real: NDArray[np.floating], fake_count: int, subsets: int, size: int, seed: int
) -> KernelSums:
    """Sum the kernel between real images, which is the same for all sets of `fake_count` generated images."""
    features = real.astype(np.float64)
    chosen = sample_subsets(len(real), fake_count, subsets, size, seed).real
    return sum_kernel(features, features, chosen, chosen)


def check_counts(real_count: int, fake_count: int, size: int) -> None:
    """Refuse sets that are smaller than a subset.

    Raises:
        InputError: there are too few images of either kind.
    """
    for name, count in (("real", real_count), ("generated", fake_count)):
        if count < max(size, LEAST_IMAGES):
            raise InputError(
                f"KID: {count} {name} images, but a subset has {size} (and it needs {LEAST_IMAGES}); "
                "lower scores.kid_subset_size or compare more images"
            )


def sample_subsets(real_count: int, fake_count: int, subsets: int, size: int, seed: int) -> Subsets:
    """Sample pairs of subsets without replacement, in the same order of random numbers as torch-fidelity."""
    random = np.random.RandomState(seed)
    masks = (np.zeros((subsets, count), dtype=np.bool_) for count in (real_count, fake_count))
    chosen = Subsets(*masks)
    for real, fake in zip(chosen.real, chosen.fake, strict=True):
        real[random.choice(real_count, size, replace=False)] = True
        fake[random.choice(fake_count, size, replace=False)] = True
    return chosen


def sum_kernel(
    first: Matrix, second: Matrix, in_first: NDArray[np.bool_], in_second: NDArray[np.bool_]
) -> KernelSums:
    """Sum the kernel matrix of float64 [A, D] and [B, D], with only some of its rows in memory at a time."""
    in_subsets, of_rows = np.zeros(len(in_first)), np.zeros(len(first))
    of_columns, is_in_first = np.zeros(len(second)), in_first.T
    weights = in_second.T.astype(np.float64)
    for rows, kernel in _compute_kernel(first, second):
        in_subsets += (is_in_first[rows] * (kernel @ weights)).sum(axis=0)
        of_rows[rows] = kernel.sum(axis=1)
        of_columns += kernel.sum(axis=0)
    return KernelSums(in_subsets, of_rows, of_columns)


def _compute_kernel(first: Matrix, second: Matrix) -> Iterator[tuple[slice, Matrix]]:
    for start in range(0, len(first), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        product = first[rows] @ second.T / first.shape[1] + 1.0
        # numpy's power of 3 is a dozen times slower.
        yield rows, product * product * product


def _kernel_with_itself(features: Matrix) -> Matrix:
    base = np.einsum("nd,nd->n", features, features) / features.shape[1] + 1.0
    result: Matrix = base * base * base
    return result


def jackknife_discrepancy(real: Matrix, fake: Matrix, of_rows: Matrix, of_columns: Matrix) -> float:
    """Compute the standard error of the unbiased squared discrepancy, leaving out one image of one set at a time.

    Args:
        real: float64 [N]; the sum of the kernel of each real image with the other real images.
        fake: float64 [M]; the sum of the kernel of each generated image with the other generated images.
        of_rows: float64 [N]; the sum of the kernel of each real image with the generated images.
        of_columns: float64 [M]; the sum of the kernel of each generated image with the real images.

    Source: Arvesen 1969, "Jackknifing U-statistics", for two samples.
    """
    n, m = len(real), len(fake)
    within_real, within_fake = real.sum() / (n * (n - 1)), fake.sum() / (m * (m - 1))
    crossing = of_rows.sum()
    without_real = (
        (real.sum() - 2.0 * real) / ((n - 1) * (n - 2))
        + within_fake
        - 2.0 * (crossing - of_rows) / ((n - 1) * m)
    )
    without_fake = (
        within_real
        + (fake.sum() - 2.0 * fake) / ((m - 1) * (m - 2))
        - 2.0 * (crossing - of_columns) / (n * (m - 1))
    )
    variance = without_real.var() * (n - 1) + without_fake.var() * (m - 1)
    return float(np.sqrt(variance))
