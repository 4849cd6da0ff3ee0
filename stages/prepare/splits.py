"""Choose images deterministically: a test split by the hash of their names, and a subset that is balanced by class."""

import hashlib
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stages.common.class_order import round_robin_order

# One image in six, as in CIFAR-10.
TEST_SHARE = 6
BY_HASH = f"one image in {TEST_SHARE} of each class is test, chosen by the SHA-256 of its name"


def choose_test_images(names: Sequence[str], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose a stratified test split by the hash of each image's name, so that an added image moves few others.

    Args:
        names: one name for each image, in any order.
        labels: int64 [N].

    Returns:
        bool [N], True where the image belongs to the test split: a sixth of every class, rounded, at least one.
    """
    is_test = np.zeros(len(names), dtype=np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        members.sort(key=lambda index: hashlib.sha256(os.fsencode(names[index])).digest())
        count = max(1, (len(members) + TEST_SHARE // 2) // TEST_SHARE)
        is_test[members[:count]] = True
    return is_test


def choose_balanced(labels: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    """Choose the first images of each class, as many of each class as of every other where there are enough.

    Where `limit` is no multiple of the number of classes, the first classes get one image more.

    Args:
        labels: int64 [N].
        limit: the number of images to choose; all are chosen if it is None or above N.

    Returns:
        int64 [limit], indices in ascending order.
    """
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    return np.sort(round_robin_order(labels)[:limit])
