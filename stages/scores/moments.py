"""Mean and covariance of features, computed in one pass in float64."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.linalg import blas

from stages.common.artifacts import explain_read_errors, write_bytes
from stages.common.errors import InputError
from stages.scores.features import Matrix

# Rows are collected before they are multiplied, because memory bandwidth limits a product of few rows.
LEAST_ROWS_AT_A_TIME = 512


class Moments:
    """Mean and covariance of features, which FID takes as those of a Gaussian.

    Attributes:
        image_count: number of images.
        mean: float64 [D].
        factor: float64 [image_count - 1, D]; `factor.T @ factor` is the covariance. If there are no more images than
            features, the factor is kept instead of the covariance, because it is smaller, and more exact, as it holds
            no squares. None otherwise.
    """

    def __init__(
        self, image_count: int, mean: Matrix, covariance: Matrix | None = None, factor: Matrix | None = None
    ) -> None:
        """Make moments from the mean and either the covariance or its factor."""
        assert (covariance is None) != (factor is None)
        self.image_count, self.mean, self.factor = image_count, mean, factor
        if covariance is not None:
            self.covariance = covariance

    @cached_property
    def covariance(self) -> Matrix:
        """The covariance, float64 [D, D], unbiased (divided by image_count - 1), as in the authors' code."""
        assert self.factor is not None
        product: Matrix = self.factor.T @ self.factor
        return product

    def total_variance(self) -> float:
        """Compute the trace of the covariance."""
        if self.factor is None:
            return float(np.trace(self.covariance))
        return float(blas.ddot(self.factor.ravel(), self.factor.ravel()))


class StreamingMoments:
    """A computation of moments from features that arrive chunk by chunk, accurate even if the mean is large.

    It holds one chunk of D rows or slightly more and, once there are more images than features, the sum of squared
    deviations of all earlier chunks.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
        variances", equation 2.1.
    """

    def __init__(self, dimension: int) -> None:
        """Make a computation without features.

        Args:
            dimension: D, the number of features of an image.
        """
        self.count = 0
        self._dimension = dimension
        self._chunk: Matrix = np.empty((max(dimension, LEAST_ROWS_AT_A_TIME) + 1, dimension))
        self._chunk_count = 0
        self._mean: Matrix = np.zeros(dimension)
        self._merged_count = 0
        # Only the upper triangle is filled, in LAPACK's memory order.
        self._scatter: Matrix | None = None

    def add(self, features: NDArray[np.floating]) -> None:
        """Add features, any float type, [N, D].

        Raises:
            InputError: the features have another shape, or one is not finite.
        """
        if features.ndim != 2 or features.shape[1] != self._dimension:
            raise InputError(f"features {list(features.shape)} do not fit, expected [N, {self._dimension}]")
        is_finite = np.isfinite(features).all(axis=1)
        if not is_finite.all():
            raise InputError(
                f"the features of image {self.count + int(np.argmin(is_finite))} (counted from 0) are not finite"
            )
        capacity = len(self._chunk) - 1
        for start in range(0, len(features), capacity):
            self._add_rows(features[start : start + capacity], capacity)

    def _add_rows(self, rows: NDArray[np.floating], capacity: int) -> None:
        free = capacity - self._chunk_count
        self._append(rows[:free])
        if len(rows) > free:
            self._merge_chunk()
            self._append(rows[free:])

    def _append(self, rows: NDArray[np.floating]) -> None:
        self._chunk[self._chunk_count : self._chunk_count + len(rows)] = rows
        self._chunk_count += len(rows)
        self.count += len(rows)

    def _merge_chunk(self) -> None:
        """Add the chunk's scatter about its own mean, and the scatter of both means about their common mean."""
        chunk = self._chunk[: self._chunk_count + 1]
        shift = _centre(chunk[:-1]) - self._mean
        total = self._merged_count + self._chunk_count
        # The second term is a further row, so that one product computes the whole sum.
        chunk[-1] = shift * np.sqrt(self._merged_count * self._chunk_count / total)
        if self._scatter is None:
            self._scatter = np.zeros((self._dimension, self._dimension), order="F")
        self._scatter = blas.dsyrk(1.0, chunk.T, beta=1.0, c=self._scatter, overwrite_c=True)
        self._mean = self._mean + shift * (self._chunk_count / total)
        self._merged_count, self._chunk_count = total, 0

    def finish(self) -> Moments:
        """Return the moments of all features that were added; nothing can be added afterwards.

        Raises:
            InputError: fewer than two images were added.
        """
        if self.count < 2:
            raise InputError(f"a covariance needs at least 2 images, but there is {self.count}")
        if self.count <= self._dimension:
            chunk = self._chunk[: self.count]
            return Moments(self.count, _centre(chunk), factor=_drop_mean_row(chunk) / np.sqrt(self.count - 1))
        if self._chunk_count > 0:
            self._merge_chunk()
        assert self._scatter is not None
        upper = self._scatter
        upper /= self.count - 1
        covariance = np.triu(upper) + np.triu(upper, 1).T
        return Moments(self.count, self._mean, covariance)


def compute_moments(features: NDArray[np.floating]) -> Moments:
    """Compute the moments of features, any float type, [N, D]."""
    streaming = StreamingMoments(features.shape[1])
    streaming.add(features)
    return streaming.finish()


def _centre(rows: Matrix) -> Matrix:
    """Subtract the mean of rows [N, D] in place and return it."""
    mean: Matrix = rows.mean(axis=0)
    rows -= mean
    # If the mean is large, rounding leaves a small rest of it.
    rest = rows.mean(axis=0)
    rows -= rest
    exact: Matrix = mean + rest
    return exact


def _drop_mean_row(centred: Matrix) -> Matrix:
    """Return N - 1 rows with the same scatter as N centred rows.

    A reflection maps the direction in which centred rows do not vary to the first row, which is dropped. With N rows
    one singular value would be 0 up to rounding, and the root of a rounding error is not small.
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
    """Read the file that `write_moments` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    with explain_read_errors(path, "reference", SafetensorError, KeyError):
        tensors = load_file(path)
        count, mean = int(tensors["image_count"]), tensors["mean"]
        if "factor" in tensors:
            return Moments(count, mean, factor=tensors["factor"])
        return Moments(count, mean, tensors["covariance"])


def write_class_moments(path: Path, classes: Sequence[Moments]) -> None:
    """Write the moments of several classes to one safetensors file, atomically."""
    tensors = {
        "image_counts": np.array([moments.image_count for moments in classes], dtype=np.int64),
        "means": np.stack([moments.mean for moments in classes]),
        "covariances": np.stack([moments.covariance for moments in classes]),
    }
    write_bytes(path, save(tensors))


def read_class_moments(path: Path) -> tuple[Moments, ...]:
    """Read the file that `write_class_moments` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    with explain_read_errors(path, "reference", SafetensorError, KeyError):
        tensors = load_file(path)
        parts = (tensors[name] for name in ("image_counts", "means", "covariances"))
        return tuple(Moments(int(count), *rest) for count, *rest in zip(*parts, strict=True))
