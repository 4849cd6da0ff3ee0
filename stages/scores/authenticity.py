"""Authenticity: the share of generated images that are no nearer to a training image than its nearest neighbour."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.scores.features import Matrix
from stages.scores.fid_interval import Z_95
from stages.scores.neighbours import centre, check_counts, compute_distances, compute_radii


class Authenticity(NamedTuple):
    """The share of authentic images, in [0, 1]: about 0.5 for images from the training distribution, 0 for copies.

    Attributes:
        value: the share.
        low: lower end of the share's 95 % interval over generated images, for the given training images.
        high: upper end of this interval.
    """

    value: float
    low: float
    high: float


def compute_authenticity(
    train: NDArray[np.floating], fake: NDArray[np.floating], train_radii: Matrix | None = None
) -> Authenticity:
    """Compute the share of generated images whose nearest training image has a nearer neighbour in the training set.

    Copies of training images that are not in `train` remain undetected.

    Args:
        train: the features of training images, any float type, [N, D].
        fake: the features of generated images, any float type, [M, D].
        train_radii: the result of `compute_radii` for the centred training features and one neighbour, where it is
            already known.

    Raises:
        InputError: the features differ in dimension, or there are fewer than 10 images of either kind.

    Source: Alaa et al. 2022, "How Faithful is your Synthetic Data? Sample-level Metrics for Evaluating and Auditing
        Generative Models", section 4.3. The interval is Wilson's (1927) for a share.
    """
    check_counts(len(train), len(fake), 1, "authenticity")
    first, second = centre(train, fake)
    radii = compute_radii(first, 1) if train_radii is None else train_radii
    authentic = 0
    for _, distances in compute_distances(second, first):
        nearest = distances.argmin(axis=1)
        authentic += int((distances.min(axis=1) > radii[nearest]).sum())
    return Authenticity(authentic / len(second), *compute_share_interval(authentic, len(second)))


def compute_share_interval(successes: int, count: int) -> tuple[float, float]:
    """Compute Wilson's 95 % interval of a share, which has a positive width even for shares of 0 and 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share, z2 = successes / count, Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * (share * (1 - share) / count + z2 / (4 * count**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
