"""Order labelled images in turns over their classes."""

import numpy as np
from numpy.typing import NDArray


def round_robin_order(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of all images in round-robin order: the first of each class, the second of each, and so on.

    Each round goes through the classes in the order of their numbers; a class without further images is skipped.

    Args:
        labels: int64 [N].

    Returns:
        int64 [N], a permutation of 0..N-1.
    """
    rounds = np.empty_like(labels)
    for label in np.unique(labels):
        members = labels == label
        rounds[members] = np.arange(members.sum())
    return np.lexsort((labels, rounds))
