"""What the report's evaluation did to images before it scored them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.scores.feature_statistics import sample_indices

Pixels = NDArray[np.uint8]


def repeat_few(images: Pixels, distinct_count: int, seed: int) -> Pixels:
    """Take a few images over and over, as many in all as there were.

    The report's sampler drew noise once and saved its fifty images 120 times.

    Args:
        images: [N, C, H, W].
        distinct_count: how many of them are taken, drawn from `seed`; all where there are fewer.
        seed: of the drawing.
    """
    chosen = sample_indices(len(images), distinct_count, seed)
    return images[np.resize(chosen, len(images))]


def stretch_contrast(images: Pixels) -> Pixels:
    """Stretch every image to span 0 to 255, over all its channels together.

    Args:
        images: [N, C, H, W]; an image of one single value becomes 0.

    Source: `bytescale` of SciPy 1.1, which its `imsave` calls on floating-point images.
    """
    axes = (1, 2, 3)
    low = images.min(axis=axes, keepdims=True).astype(np.float32)
    span = images.max(axis=axes, keepdims=True) - low
    stretched = (images - low) * (255.0 / np.where(span > 0.0, span, 1.0))
    pixels: Pixels = np.floor(stretched + 0.5).astype(np.uint8)
    return pixels


def resize(images: Pixels, side: int) -> Pixels:
    """Resize every image to a square of `side` pixels by Pillow's bilinear filter, as SciPy 1.1's `imresize` did.

    Args:
        images: [N, C, H, W], C 1 or 3.
        side: S.

    Returns:
        [N, C, S, S].
    """
    resized = np.empty((*images.shape[:2], side, side), dtype=np.uint8)
    for image, target in zip(images, resized, strict=True):
        for channel, place in zip(image, target, strict=True):
            place[:] = Image.fromarray(channel).resize((side, side), Image.Resampling.BILINEAR)
    return resized
