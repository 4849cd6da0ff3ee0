"""Identify a set of images by its content, independent of how and where it is stored."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def digest_image(image: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of an image's pixels, uint8 [C, H, W]."""
    return hashlib.sha256(image.tobytes()).digest()


def combine_digests(image_shape: Iterable[int], digests: Iterable[bytes]) -> str:
    """Return the SHA-256, in hexadecimal, of a set of images in their order.

    Args:
        image_shape: C, H, W.
        digests: the result of `digest_image` for each image.
    """
    whole = hashlib.sha256(" ".join(map(str, image_shape)).encode())
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()


def digest_images(images: NDArray[np.uint8]) -> str:
    """Return the SHA-256, in hexadecimal, of a set of images, uint8 [N, C, H, W], in their order."""
    return combine_digests(images.shape[1:], map(digest_image, images))
