"""The Inception Score, which is high if each image clearly belongs to a class and all classes are equally frequent."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError


class InceptionScore(NamedTuple):
    """An Inception Score.

    Attributes:
        mean: mean over the splits, as in the authors' code.
        deviation: population standard deviation over the splits, as in the authors' code.
        standard_error: the standard error of the mean, from the sample standard deviation over the splits; None for one
            split.
    """

    mean: float
    deviation: float
    standard_error: float | None


def compute_inception_score(logits: NDArray[np.floating], splits: int, shuffle_seed: int) -> InceptionScore:
    """Compute exp(E_x KL(p(y|x) || p(y))) on each of `splits` parts of the shuffled images.

    Args:
        logits: any float type, [N, K], the logits of N images and K classes. The score is in [1, K].
        splits: the number of parts that the images are divided into; their sizes differ by 1 at most.
        shuffle_seed: the seed of the shuffling; without shuffling, images sorted by class would score far too low.

    Raises:
        InputError: there are fewer images than splits.

    Source: Salimans et al. 2016, "Improved Techniques for Training GANs", section 4.
    """
    count = len(logits)
    if count < splits:
        raise InputError(f"scores.splits = {splits}, but there are only {count} images; lower it")
    # NumPy guarantees that RandomState's stream never changes; torch-fidelity uses it, too.
    order = np.random.RandomState(shuffle_seed).permutation(count)
    log_probabilities = _log_softmax(logits.astype(np.float64)[order])
    edges = [split * count // splits for split in range(splits + 1)]
    scores = [_score(log_probabilities[start:end]) for start, end in pairwise(edges)]
    error = None if splits == 1 else float(np.std(scores, ddof=1)) / splits**0.5
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), error)


def _score(log_probabilities: NDArray[np.float64]) -> float:
    probabilities = np.exp(log_probabilities)
    marginal = probabilities.mean(axis=0)
    # A class whose probability is 0 for every image adds 0.
    log_marginal = np.log(np.where(marginal > 0.0, marginal, 1.0))
    divergences = (probabilities * (log_probabilities - log_marginal)).sum(axis=1)
    return float(np.exp(divergences.mean()))


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
