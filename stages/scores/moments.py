"""Mean and covariance of features, gathered in one pass in float64."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.linalg import blas

from stages.common.artifacts import write_bytes

Matrix = NDArray[np.float64]

# Rows are gathered before they are multiplied: a product of few rows waits for memory, one of many computes.
LEAST_ROWS_AT_A_TIME = 512


class Moments:
    """The Gaussian that FID takes features for.

    Attributes:
        image_count: how many images.
        mean: float64 [D].
        factor: float64 [image_count - 1, D], whose `factor.T @ factor` is the covariance. Kept in place of it
            where there are no more images than features: it is smaller, and holds what the covariance, squared,
            has rounded away. None otherwise.
    """

    def __init__(
        self, image_count: int, mean: Matrix, covariance: Matrix | None = None, factor: Matrix | None = None
    ) -> None:
        """Take the mean and either the covariance, as `covariance` describes it, or its factor."""
        assert (covariance is None) != (factor is None)
        self.image_count, self.mean, self.factor = image_count, mean, factor
        if covariance is not None:
            self.covariance = covariance

    @cached_property
    def covariance(self) -> Matrix:
        """float64 [D, D], unbiased (divided by image_count - 1), as in the authors' code."""
        assert self.factor is not None
        product: Matrix = self.factor.T @ self.factor
        return product

    def total_variance(self) -> float:
        """Compute the trace of the covariance."""
        if self.factor is None:
            return float(np.trace(self.covariance))
        return float(blas.ddot(self.factor.ravel(), self.factor.ravel()))


class StreamingMoments:
    """Merges mean and scatter of each lot of features into the running ones: no digit is lost to a large mean.

    Keeps one lot, of D features or a few more, and the scatter; the latter only once there are more images than
    features.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances", equation 2.1.
    """

    def __init__(self, dimension: int) -> None:
        """Start empty.

        Args:
            dimension: D, of the features.
        """
        self.count = 0
        self._dimension = dimension
        self._lot: Matrix = np.empty((max(dimension, LEAST_ROWS_AT_A_TIME) + 1, dimension))
        self._lot_count = 0
        self._mean: Matrix = np.zeros(dimension)
        self._merged_count = 0
        # Only its upper triangle is filled, in LAPACK's order of memory.
        self._scatter: Matrix | None = None

    def add(self, features: NDArray[np.floating]) -> None:
        """Add features, any float type, [N, D].

        Raises:
            ValueError: they are not of this shape, or a feature is not finite.
        """
        if features.ndim != 2 or features.shape[1] != self._dimension:
            raise ValueError(f"features {list(features.shape)} do not fit, expected [N, {self._dimension}]")
        is_finite = np.isfinite(features).all(axis=1)
        if not is_finite.all():
            raise ValueError(
                f"the features of image {self.count + int(np.argmin(is_finite))} (counted from 0) are not finite"
            )
        capacity = len(self._lot) - 1
        for start in range(0, len(features), capacity):
            self._take(features[start : start + capacity], capacity)

    def _take(self, rows: NDArray[np.floating], capacity: int) -> None:
        room = capacity - self._lot_count
        self._append(rows[:room])
        if len(rows) > room:
            self._merge_lot()
            self._append(rows[room:])

    def _append(self, rows: NDArray[np.floating]) -> None:
        self._lot[self._lot_count : self._lot_count + len(rows)] = rows
        self._lot_count += len(rows)
        self.count += len(rows)

    def _merge_lot(self) -> None:
        """Add the lot's scatter about its own mean, and that of the two means about their common one."""
        lot = self._lot[: self._lot_count + 1]
        shift = _centre(lot[:-1]) - self._mean
        total = self._merged_count + self._lot_count
        # As one more row, so that one product does it all.
        lot[-1] = shift * np.sqrt(self._merged_count * self._lot_count / total)
        if self._scatter is None:
            self._scatter = np.zeros((self._dimension, self._dimension), order="F")
        self._scatter = blas.dsyrk(1.0, lot.T, beta=1.0, c=self._scatter, overwrite_c=True)
        self._mean = self._mean + shift * (self._lot_count / total)
        self._merged_count, self._lot_count = total, 0

    def finish(self) -> Moments:
        """Return the moments of all that was added; nothing can be added any more.

        Raises:
            ValueError: fewer than two images were added.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 images, but there is {self.count}")
        if self.count <= self._dimension:
            lot = self._lot[: self.count]
            return Moments(self.count, _centre(lot), factor=_drop_mean_row(lot) / np.sqrt(self.count - 1))
        if self._lot_count > 0:
            self._merge_lot()
        assert self._scatter is not None
        upper = self._scatter
        upper /= self.count - 1
        covariance = np.triu(upper) + np.triu(upper, 1).T
        return Moments(self.count, self._mean, covariance)


def _centre(rows: Matrix) -> Matrix:
    """Subtract the mean of rows [N, D] in place and return it."""
    mean: Matrix = rows.mean(axis=0)
    rows -= mean
    # What rounding left of a large mean.
    rest = rows.mean(axis=0)
    rows -= rest
    exact: Matrix = mean + rest
    return exact


def _drop_mean_row(centred: Matrix) -> Matrix:
    """Return N - 1 rows with the scatter of N centred ones, by a reflection that turns their mean into the first.

    With N rows, one singular value would be 0 but for rounding, whose root is no small number.
    """
    count = len(centred)
    normal = np.full(count, 1.0 / np.sqrt(count))
    normal[0] += 1.0
    projected = (normal @ centred) * (2.0 / (normal @ normal))
    rows: Matrix = centred[1:] - np.outer(normal[1:], projected)
    return rows


def write_moments(path: Path, moments: Moments) -> None:
    """Write moments to a safetensors file, atomically."""
    tensors = {"image_count": np.array(moments.image_count, dtype=np.int64), "mean": moments.mean}
    if moments.factor is None:
        tensors["covariance"] = np.ascontiguousarray(moments.covariance)
    else:
        tensors["factor"] = np.ascontiguousarray(moments.factor)
    write_bytes(path, save(tensors))


def read_moments(path: Path) -> Moments:
    """Read what `write_moments` wrote.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        tensors = load_file(path)
        count, mean = int(tensors["image_count"]), tensors["mean"]
        if "factor" in tensors:
            return Moments(count, mean, factor=tensors["factor"])
        return Moments(count, mean, tensors["covariance"])
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; make it with `dvc repro reference`") from None
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}); make it anew: `dvc repro -f reference`") from None
