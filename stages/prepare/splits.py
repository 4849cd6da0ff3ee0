"""Choose images deterministically: a test split by the hash of the images' names, and a subset balanced by class."""

import hashlib
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stages.common.class_order import round_robin_order
from stages.common.errors import InputError

# One image in six, as in CIFAR-10.
TEST_SHARE = 6
# Of the distinct images of a split. Honest splits share a few, such as blank ones.
LARGEST_SHARE = 0.5
BY_HASH = f"one image in {TEST_SHARE} of each class is test, chosen by the SHA-256 of its name"


def choose_test_images(names: Sequence[str], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose a stratified test split by the hash of each image's name, so that a new image moves few others.

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
    """Choose the first images of each class, equally many of each where there are enough.

    If `limit` is not a multiple of the number of classes, the first classes get one image more.

    Args:
        labels: int64 [N].
        limit: the number of images to choose; all are chosen if it is None or above N.

    Returns:
        int64 [limit], indices in ascending order.
    """
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    return np.sort(round_robin_order(labels)[:limit])


def digest_pixels(content: bytes) -> bytes:
    """Return what identifies an image by its pixels."""
    return hashlib.sha256(content).digest()


def check_disjoint(train: set[bytes], test: set[bytes], location: str) -> None:
    """Refuse splits that largely hold the same images: scores on one would say how well the other was remembered.

    Args:
        train: what identifies each distinct image of the train split, and
        test: of the test split.
        location: where the data set is, for the error.

    Raises:
        InputError: there are several images in both, and they are half of those of either split, or more.
    """
    shared = len(train & test)
    if shared > 1 and shared >= LARGEST_SHARE * min(len(train), len(test)):
        raise InputError(
            f"{location}: train and test hold the same images: {shared} distinct ones are in both, to the pixel, of "
            f"{len(train)} of train and {len(test)} of test; give test images of its own, or remove copies"
        )
