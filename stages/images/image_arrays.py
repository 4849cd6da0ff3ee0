"""Convert arrays to images: find the order of an array's axes and the range of its values."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.common.image_listing import SMALLEST_PLAUSIBLE_BYTE, check_brightness

Layout = Literal["auto", "NHWC", "NCHW"]
Floats = Literal["refuse", "unit", "symmetric"]

CHANNELS = (1, 3)
RANGES = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}
# What 0 of [-1, 1] becomes.
MIDDLE = 128


def convert_images(array: NDArray[Any], name: str, layout: Layout, floats: Floats) -> NDArray[np.uint8]:
    """Convert an array of a whole set to images; an array of uint8 is not copied.

    The arguments and errors are those of `to_images` and `check_scale`.

    Returns:
        uint8 [N, C, H, W].
    """
    images = to_images(array, name, layout, floats)
    check_scale(images, name, floats)
    return images


def to_images(array: NDArray[Any], name: str, layout: Layout, floats: Floats) -> NDArray[np.uint8]:
    """Convert an array, which may be a part of a set of images, to images.

    Args:
        array: the array with three or four axes.
        name: the name of the file or the argument, for errors.
        layout: the layout of the array; `auto` infers it where only one axis can be that of the channels.
        floats: the range of floating-point images, which is never guessed; `refuse` refuses them.

    Returns:
        uint8 [N, C, H, W].

    Raises:
        InputError: the array does not hold images, or its layout or range is ambiguous.
    """
    array = _to_nchw(array, name, layout)
    if array.dtype == np.uint8:
        images: NDArray[np.uint8] = array
        return images
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} holds {array.dtype}, expected uint8 in 0..255; convert it")
    if floats == "refuse":
        raise InputError(
            f"{name} holds {array.dtype} from {array.min():.4g} to {array.max():.4g}, expected uint8 in 0..255; name "
            "the range: --floats unit for [0, 1], --floats symmetric for [-1, 1]"
        )
    return _to_pixels(array, name, *RANGES[floats])


def _to_nchw(array: NDArray[Any], name: str, layout: Layout) -> NDArray[Any]:
    if array.ndim not in (3, 4) or not array.size:
        raise InputError(
            f"{name} holds {array.dtype} {list(array.shape)}, expected images [N, H, W, C], [N, C, H, W] or [N, H, W]"
        )
    if array.ndim == 3:
        if layout != "auto":
            raise InputError(
                f"{name} holds {list(array.shape)}, which has no axis of channels; omit --layout"
            )
        if array.shape[2] in CHANNELS:
            raise InputError(f"{name} holds {list(array.shape)}, which is one image, expected [N, H, W, C]")
        if array.shape[0] == array.shape[1] != array.shape[2]:
            raise InputError(
                f"{name} holds {list(array.shape)}, which looks like [H, W, N], expected [N, H, W]; transpose it, or "
                "add an axis for channels to what is [N, H, W]"
            )
        # These are grey images without an axis for channels.
        return array[:, None]
    found = [order for order, axis in (("NCHW", 1), ("NHWC", 3)) if array.shape[axis] in CHANNELS]
    if layout == "auto" and len(found) == 2:
        raise InputError(f"{name} holds {list(array.shape)}, which is ambiguous; use --layout NHWC or NCHW")
    chosen = found[0] if layout == "auto" and found else layout
    if chosen not in found:
        raise InputError(
            f"{name} holds {list(array.shape)}: the axis of channels in the layout {layout} has neither 1 nor 3"
        )
    return array if chosen == "NCHW" else array.transpose(0, 3, 1, 2)


def check_scale(images: NDArray[np.uint8], name: str, floats: Floats) -> None:
    """Refuse images that use a small part of their range; the first one that uses more ends the search.

    Args:
        images: uint8 [N, C, H, W], the whole set.
        name: the name of the file or the argument, for errors.
        floats: the range of floating-point arrays, from which they may have been converted.

    Raises:
        InputError: no pixel reaches a tenth of white, and not all are 0; or no value of [-1, 1] was below 0.
    """
    if floats == "symmetric" and all(int(image.min()) >= MIDDLE for image in images):
        raise InputError(
            f"{name} holds no pixel below the middle of the range, so its floats are hardly of [-1, 1]; --floats unit "
            "for [0, 1], and no --floats for uint8"
        )
    largest = 0
    for image in images:
        largest = max(largest, int(image.max()))
        if largest >= SMALLEST_PLAUSIBLE_BYTE:
            return
    check_brightness(largest, name)


def _to_pixels(array: NDArray[Any], name: str, low: float, high: float) -> NDArray[np.uint8]:
    """Map floats in [low, high] to 0..255 with rounding, image by image."""
    pixels = np.empty(array.shape, dtype=np.uint8)
    for index, image in enumerate(array):
        # The comparison is also False for NaN.
        if not (low <= image.min() and image.max() <= high):
            raise InputError(
                f"{name}: image {index} (counted from 0) spans {image.min():.4g} to {image.max():.4g}, outside "
                f"[{low:g}, {high:g}]; --floats names another range, or clip the images"
            )
        pixels[index] = np.rint((image.astype(np.float64) - low) * (255.0 / (high - low)))
    return pixels
