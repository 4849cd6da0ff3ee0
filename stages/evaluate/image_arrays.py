"""Read images from .npy and .npz files: find the array, the order of its axes and the range of its values."""

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Layout = Literal["auto", "NHWC", "NCHW"]
Floats = Literal["refuse", "unit", "symmetric"]

SUFFIXES = (".npy", ".npz")
# The names that common tools give the images in a file with several arrays.
USUAL_KEYS = ("images", "arr_0")
CHANNELS = (1, 3)
RANGES = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}


def split_key(text: str) -> tuple[Path, str | None]:
    """Split `file.npz:name` into the file and the name of the array, which is None where there is none."""
    stem, dot, key = text.rpartition(".npz:")
    return (Path(f"{stem}.npz"), key) if dot else (Path(text), None)


def read_images(path: Path, key: str | None, layout: Layout, floats: Floats) -> NDArray[np.uint8]:
    """Read the images of a .npy or .npz file; a .npy file of uint8 is mapped into memory.

    Args:
        path: the file.
        key: the name of the array in an .npz file; None where the file holds one array or one with a usual name.
        layout: of the array; `auto` finds it where only one axis can be that of the channels.
        floats: the range of floating-point images, which is never guessed; `refuse` refuses them.

    Returns:
        uint8 [N, C, H, W].

    Raises:
        ValueError: the file is damaged, holds no images or several arrays, or their layout or range is ambiguous.
    """
    array = _load(path, key)
    array = _to_nchw(array, path, layout)
    if array.dtype == np.uint8:
        images: NDArray[np.uint8] = array
        return images
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{path} holds {array.dtype}, expected uint8 in 0..255; convert it")
    if floats == "refuse":
        raise ValueError(
            f"{path} holds {array.dtype} from {array.min():.4g} to {array.max():.4g}, expected uint8 in 0..255; name "
            "the range: --floats unit for [0, 1], --floats symmetric for [-1, 1]"
        )
    return _to_pixels(array, path, *RANGES[floats])


def _load(path: Path, key: str | None) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
            return array
        with np.load(path, allow_pickle=False) as archive:
            chosen: NDArray[Any] = archive[_choose_key(path, key, list(archive.files))]
            return chosen
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged or no {path.suffix} file ({error})") from None
    except ValueError as error:
        # numpy raises this also for pickled objects, which could run any code.
        raise ValueError(f"{path} cannot be read: {error}") from None


def _choose_key(path: Path, key: str | None, keys: list[str]) -> str:
    usual = [name for name in USUAL_KEYS if name in keys]
    if key is None and (len(keys) == 1 or usual):
        return keys[0] if len(keys) == 1 else usual[0]
    if key is None or key not in keys:
        wanted = "several arrays" if key is None else f"no array {key!r}"
        raise ValueError(f"it holds {wanted}; there is {', '.join(keys)}: name one as {path}:{keys[0]}")
    return key


def _to_nchw(array: NDArray[Any], path: Path, layout: Layout) -> NDArray[Any]:
    if array.ndim == 3 and layout == "auto":
        # These are grey images without an axis for channels.
        return array[:, None]
    if array.ndim != 4:
        raise ValueError(
            f"{path} holds {list(array.shape)}, expected [N, H, W, C], [N, C, H, W] or [N, H, W]"
        )
    found = [name for name, axis in (("NCHW", 1), ("NHWC", 3)) if array.shape[axis] in CHANNELS]
    if layout == "auto" and len(found) == 2:
        raise ValueError(f"{path} holds {list(array.shape)}, which is ambiguous; use --layout NHWC or NCHW")
    chosen = found[0] if layout == "auto" and found else layout
    if chosen not in found:
        raise ValueError(
            f"{path} holds {list(array.shape)}: the axis of channels in the layout {layout} has neither 1 nor 3"
        )
    return array if chosen == "NCHW" else array.transpose(0, 3, 1, 2)


def _to_pixels(array: NDArray[Any], path: Path, low: float, high: float) -> NDArray[np.uint8]:
    """Map floats in [low, high] to 0..255 with rounding, image by image."""
    pixels = np.empty(array.shape, dtype=np.uint8)
    for index, image in enumerate(array):
        # The comparison is also False for NaN.
        if not (low <= image.min() and image.max() <= high):
            raise ValueError(
                f"{path}: image {index} (counted from 0) spans {image.min():.4g} to {image.max():.4g}, outside "
                f"[{low:g}, {high:g}]; --floats names another range, or clip the images"
            )
        pixels[index] = np.rint((image.astype(np.float64) - low) * (255.0 / (high - low)))
    return pixels
