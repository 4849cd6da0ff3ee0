"""Compare a classifier's accuracy with that of always predicting the most frequent class."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from stages.common.errors import InputError

# One in a thousand classifiers that have learned nothing would pass.
SIGNIFICANCE = 0.001


def check_beats_chance(correct_count: int, labels: NDArray[np.int64]) -> None:
    """Refuse a classifier whose accuracy is not clearly above the share of the most frequent class.

    The test is exact and one-sided. Under the hypothesis that each image is classified correctly with a probability
    equal to that share, the probability of at least `correct_count` correct images must be below SIGNIFICANCE.

    Args:
        correct_count: the number of test images that are classified correctly.
        labels: int64 [N], the labels of the test images.

    Raises:
        InputError: the accuracy could be due to chance.
    """
    count = len(labels)
    share = float(np.bincount(labels).max()) / count
    probability = compute_tail(correct_count, count, share)
    if probability >= SIGNIFICANCE:
        raise InputError(
            f"the classifier is right about {correct_count} of {count} test images, {correct_count / count:.2%}, and "
            f"always naming the commonest class is right about {share:.2%}: this is not clearly above chance "
            f"(probability {probability:.2g}, less than {SIGNIFICANCE} is needed), so its scores would mean little; "
            "train longer (extractor.classifier.epochs), widen it (width), give more test images, or set "
            "extractor.name to inception"
        )


def compute_tail(correct_count: int, count: int, share: float) -> float:
    """Compute the probability of `correct_count` or more successes in `count` trials, each with probability `share`.

    Source: the binomial distribution's tail as an incomplete beta function, Abramowitz and Stegun 1964, 26.5.24.
    """
    return 1.0 if correct_count <= 0 else float(betainc(correct_count, count - correct_count + 1, share))
