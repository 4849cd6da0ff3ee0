"""Mean and covariance of features, gathered batch by batch in float64."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.common.artifacts import write_bytes

Matrix = NDArray[np.float64]


class Moments(NamedTuple):
    """The Gaussian that FID takes features for.

    Attributes:
        image_count: how many images.
        mean: float64 [D].
        covariance: float64 [D, D], unbiased (divided by image_count - 1), as in the authors' code.
    """

    image_count: int
    mean: Matrix
    covariance: Matrix


class MomentsGatherer:
    """Merges each batch's mean and scatter into the running ones, which loses no digits to a large mean.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances", equation 2.1.
    """

    def __init__(self, dimension: int) -> None:
        """Start empty.

        Args:
            dimension: D, of the features.
        """
        self.count = 0
        self.mean: Matrix = np.zeros(dimension)
        self.scatter: Matrix = np.zeros((dimension, dimension))

    def add(self, features: NDArray[np.floating]) -> None:
        """Add features, any float type, [N, D]."""
        batch = features.astype(np.float64)
        mean = batch.mean(axis=0)
        centred = batch - mean
        shift, total = mean - self.mean, self.count + len(batch)
        self.scatter += centred.T @ centred + np.outer(shift, shift) * (self.count * len(batch) / total)
        self.mean = self.mean + shift * (len(batch) / total)
        self.count = total

    def finish(self) -> Moments:
        """Return the moments of all that was added.

        Raises:
            ValueError: fewer than two images were added.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 images, but there is {self.count}")
        return Moments(self.count, self.mean, self.scatter / (self.count - 1))


def write_moments(path: Path, moments: Moments) -> None:
    """Write moments to a safetensors file, atomically."""
    tensors = {
        "image_count": np.array(moments.image_count, dtype=np.int64),
        "mean": moments.mean,
        "covariance": np.ascontiguousarray(moments.covariance),
    }
    write_bytes(path, save(tensors))


def read_moments(path: Path) -> Moments:
    """Read what `write_moments` wrote.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        tensors = load_file(path)
        return Moments(int(tensors["image_count"]), tensors["mean"], tensors["covariance"])
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; make it with `dvc repro reference`") from None
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}); make it anew: `dvc repro -f reference`") from None
