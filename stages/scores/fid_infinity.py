"""FID extrapolated to infinitely many generated images, where it has lost its bias."""

import numpy as np
from numpy.typing import NDArray

from stages.scores.frechet import compute_frechet_distance
from stages.scores.moments import Moments, StreamingMoments

# The paper goes from 5000 to 50,000 images.
LEAST_SHARE = 10
IMAGES_AT_A_TIME = 1000


def fid_infinity(real: Moments, features: NDArray[np.floating], points: int, seed: int) -> float:
    """Fit a line to FIDs of fewer and fewer of the images over 1 / their number, and take its value at 0.

    Args:
        real: moments of the real images, whose own number stays as it is.
        features: any float type, [N, D], of the generated ones.
        points: numbers of images, evenly spaced from a tenth of all (but more than D) to all.
        seed: of the drawing of images for each number.

    Raises:
        ValueError: there are too few images for numbers that are apart and all above D.

    Source: Chong and Forsyth 2020, "Effectively Unbiased FID and Inception Score and where to find them",
        algorithm 1, with images drawn from those that there are in place of Sobol sequences.
    """
    counts = choose_counts(len(features), features.shape[1], points)
    random = np.random.RandomState(seed)
    distances = [
        compute_frechet_distance(real, _gather(features[random.permutation(len(features))[:count]]))
        for count in counts
    ]
    _, intercept = np.polyfit(1.0 / counts, distances, 1)
    return float(intercept)


def choose_counts(count: int, dimension: int, points: int) -> NDArray[np.int64]:
    """Choose the numbers of images that FID is computed at, from the least to all.

    Raises:
        ValueError: the least would be more than half of all.
    """
    least = max(count // LEAST_SHARE, dimension + 1)
    if 2 * least > count:
        raise ValueError(
            f"FID-infinity: {count} images, but with {dimension} features it needs {2 * least} or more to see how "
            "FID changes with their number; draw more, or set scores.fid_infinity_points to 0"
        )
    return np.linspace(least, count, points).round().astype(np.int64)


def _gather(features: NDArray[np.floating]) -> Moments:
    gatherer = StreamingMoments(features.shape[1])
    for start in range(0, len(features), IMAGES_AT_A_TIME):
        gatherer.add(features[start : start + IMAGES_AT_A_TIME])
    return gatherer.finish()
