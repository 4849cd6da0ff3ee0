"""The distortions that the report's evaluation applied to images before it scored them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.scores.feature_statistics import sample_indices

Pixels = NDArray[np.uint8]


def repeat_few(images: Pixels, distinct_count: int, seed: int) -> Pixels:
    """Repeat a few images until there are as many as before.

    The report's sampler drew noise once and saved its fifty images 120 times.

    Args:
        images: uint8 [N, C, H, W].
        distinct_count: how many of the images are repeated; all where there are fewer.
        seed: the seed by which these images are chosen.
    """
    chosen = sample_indices(len(images), distinct_count, seed)
    return images[np.resize(chosen, len(images))]


def stretch_contrast(images: Pixels) -> Pixels:
    """Stretch the contrast of every image to the range 0 to 255, over all its channels together.

    Args:
        images: uint8 [N, C, H, W]; an image of a single value becomes 0.

    Source: `bytescale` of SciPy 1.1, which `imsave` calls for floating-point images.
    """
    axes = (1, 2, 3)
    low = images.min(axis=axes, keepdims=True).astype(np.float32)
    span = images.max(axis=axes, keepdims=True) - low
    stretched = (images - low) * (255.0 / np.where(span > 0.0, span, 1.0))
    pixels: Pixels = np.floor(stretched + 0.5).astype(np.uint8)
    return pixels


def resize(images: Pixels, side: int) -> Pixels:
    """Resize every image to a square of `side` pixels with Pillow's bilinear filter, as SciPy 1.1's `imresize` does.

    Args:
        images: uint8 [N, C, H, W], C 1 or 3.
        side: S, height and width of the output.

    Returns:
        uint8 [N, C, S, S].
    """
    resized = np.empty((*images.shape[:2], side, side), dtype=np.uint8)
    for image, target in zip(images, resized, strict=True):
        for channel, output in zip(image, target, strict=True):
            output[:] = Image.fromarray(channel).resize((side, side), Image.Resampling.BILINEAR)
    return resized
