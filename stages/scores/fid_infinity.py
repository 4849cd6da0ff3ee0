"""FID extrapolated to infinitely many generated images, which removes its bias."""

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.scores.frechet import compute_frechet_distance
from stages.scores.moments import Moments, compute_moments

# The smallest number of images is all divided by this; the paper uses 5000 to 50,000.
LEAST_SHARE = 10


def compute_fid_infinity(real: Moments, features: NDArray[np.floating], points: int, seed: int) -> float:
    """Fit a line to FIDs of increasing numbers of images as a function of 1 / number, and return its value at 0.

    Args:
        real: the moments of the real images, whose number stays the same.
        features: the features of the generated images, any float type, [N, D].
        points: the number of FIDs, at numbers of images evenly spaced from a tenth of all (but more than D) to all.
        seed: the seed by which the images for each FID are chosen.

    Raises:
        InputError: there are too few images, as even the smallest number must be above D.

    Source: Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score and where to find them",
        algorithm 1; the images are chosen from the given ones instead of generated from Sobol sequences.
    """
    counts = choose_counts(len(features), features.shape[1], points)
    random = np.random.RandomState(seed)
    distances = [
        compute_frechet_distance(real, compute_moments(features[random.permutation(len(features))[:count]]))
        for count in counts
    ]
    _, intercept = np.polyfit(1.0 / counts, distances, 1)
    return float(intercept)


def choose_counts(count: int, dimension: int, points: int) -> NDArray[np.int64]:
    """Choose the numbers of images that FID is computed at, from the smallest to all.

    Raises:
        InputError: the smallest number would be more than half of all images.
    """
    least = max(count // LEAST_SHARE, dimension + 1)
    if 2 * least > count:
        raise InputError(
            f"FID-infinity: {count} images, but with {dimension} features it needs {2 * least} or more to fit a "
            "line; generate more, or set scores.fid_infinity_points to 0"
        )
    return np.linspace(least, count, points).round().astype(np.int64)
