"""Find out whether a generator gives the same image for the same noise, whatever else is drawn with it."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Run = Callable[[Tensor, Tensor | None, int], NDArray[np.uint8]]
"""A function from noise [N, Z], labels [N] or None, and a seed of torch's global generator to pixels [N, C, H, W]."""
# Runtimes round differently, so that a pixel may differ by one level.
ROUNDING = 1
OWN_NOISE = (
    "the same noise twice gives different images, as the generator adds noise of its own; it is seeded, so the same "
    "numbers of images drawn in the same order are the same again, but image i depends on how they are drawn"
)
OF_BATCH = (
    "an image depends on the other images of its batch, as with batch normalisation in training mode, so it depends on "
    "batch_size; export the generator in evaluation mode"
)


def find_caveat(run: Run, z: Tensor, labels: Tensor | None) -> str | None:
    """Run one batch again with another seed, and then in another order; return what is to be said of the images.

    Args:
        run: draws a batch.
        z: noise [N, Z].
        labels: the labels [N] of a conditional generator.

    Returns:
        OWN_NOISE or OF_BATCH, or None where each image is given by its own noise and label.
    """
    first = run(z, labels, 0)
    if _differ(first, run(z, labels, 1)):
        return OWN_NOISE
    turned = run(torch.roll(z, 1, 0), None if labels is None else torch.roll(labels, 1), 0)
    return OF_BATCH if _differ(np.roll(first, 1, axis=0), turned) else None


def _differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return one.shape != other.shape or int(np.abs(one.astype(np.int16) - other).max()) > ROUNDING
