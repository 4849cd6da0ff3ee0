"""Make sets of images from arrays in memory, from an iterable of batches, or from a function that draws images."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.images.image_arrays import check_scale, to_images
from stages.images.image_sets import ImageSet, ReadOptions, make_image_set, open_images

DRAWN_AT_A_TIME = 100
ALLOWED = (
    "an array [N, H, W, C], [N, C, H, W] or [N, H, W] of NumPy or PyTorch, a path of a folder, .zip, .npy or .npz, an "
    "iterable of arrays [N, H, W, C] or [N, C, H, W], or a function draw(n) that returns such an array of n images"
)

Images = Any
"""The types of images that `gather_images` accepts: an array, a path, an iterable of arrays, or a callable."""


def gather_images(images: Images, argument: str, reading: ReadOptions, count: int | None) -> ImageSet:
    """Make a set of images from an object that holds, yields or draws them.

    Batches are converted to uint8 one after another and kept in a temporary file, so that memory does not grow with
    their number.

    Args:
        images: an array of NumPy or PyTorch; a path, as `open_images` takes it; an iterable of arrays; or a callable
            `draw(n)` that returns n images, which is called with at most DRAWN_AT_A_TIME.
        argument: the name of the argument, for errors.
        reading: how arrays are read.
        count: the number of images to draw, or to take from an iterable; None takes all of an iterable.

    Raises:
        InputError: the object gives no images or fewer than `count`, or a batch differs from the first in shape.
    """
    if isinstance(images, str | os.PathLike):
        return open_images(os.fspath(images), argument, reading)
    if is_array(images):
        array = to_array(images, argument)
        pixels = to_images(array, argument, reading.layout, reading.floats)
    elif callable(images):
        if count is None:
            raise InputError(
                f"{argument}_count is missing: {argument} is a function that draws images; say how many"
            )
        pixels = _store(_draw(images, argument, count), argument, reading, count)
    elif isinstance(images, Iterable) and not isinstance(images, bytes | dict):
        pixels = _store(iter(images), argument, reading, count)
    else:
        raise InputError(f"{argument} is a {type(images).__name__}; expected {ALLOWED}")
    check_scale(pixels, argument, reading.floats)
    return make_image_set(argument, pixels, reading.resize, argument)


def is_array(value: object) -> bool:
    """Return whether a value is an array of NumPy, PyTorch or any library that NumPy can read."""
    return isinstance(value, np.ndarray) or (hasattr(value, "__array__") and hasattr(value, "shape"))


def to_array(value: Any, name: str) -> NDArray[Any]:
    """Return the values of an array of any library, on the CPU; floating types that NumPy lacks become float32."""
    if np.ma.is_masked(value):
        raise InputError(
            f"{name} has masked values, which no score leaves out; fill them or remove the images"
        )
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() else value
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} cannot be read as an array ({error}); convert it to one of NumPy") from None


def _draw(draw: Callable[[int], Any], argument: str, count: int) -> Iterator[Any]:
    """Call a function that draws images until it has returned `count` of them."""
    for start in range(0, count, DRAWN_AT_A_TIME):
        wanted = min(DRAWN_AT_A_TIME, count - start)
        batch = draw(wanted)
        found = len(batch) if is_array(batch) and len(batch.shape) else None
        if found != wanted:
            what = f"{found} images" if found is not None else f"a {type(batch).__name__}"
            raise InputError(
                f"{argument} returned {what} where {wanted} were asked for; expected an array of {wanted} images"
            )
        yield batch


def _store(
    batches: Iterator[Any], argument: str, reading: ReadOptions, count: int | None
) -> NDArray[np.uint8]:
    """Write batches to a temporary file and map it: uint8 [N, C, H, W]; the file is deleted with the array."""
    shape, total = None, 0
    with tempfile.TemporaryFile() as file:
        for number, batch in enumerate(batches):
            name = f"{argument}, batch {number} (counted from 0),"
            _check_batch(batch, name)
            images = to_images(to_array(batch, name), name, reading.layout, reading.floats)
            if shape not in (None, images.shape[1:]):
                raise InputError(
                    f"{name} holds images {list(images.shape[1:])}, but the first batch {list(shape or ())}; expected "
                    "one shape"
                )
            shape = images.shape[1:]
            images = images if count is None else images[: count - total]
            file.write(images.tobytes())
            total += len(images)
            if count is not None and total >= count:
                break
        if shape is None:
            raise InputError(f"{argument} yields no batch; expected arrays of images")
        if count is not None and total < count:
            raise InputError(
                f"{argument} yields only {total} images, but {argument}_count is {count}; give more or ask for fewer"
            )
        file.flush()
        return np.memmap(file, dtype=np.uint8, mode="r", shape=(total, *shape))


def _check_batch(batch: Any, name: str) -> None:
    """Refuse a batch that is not an array with four axes; three could belong to one image or to several grey ones."""
    if not is_array(batch):
        raise InputError(f"{name} is a {type(batch).__name__}; expected an array of images alone")
    if len(batch.shape) != 4:
        raise InputError(f"{name} has the shape {list(batch.shape)}; expected [N, H, W, C] or [N, C, H, W]")
