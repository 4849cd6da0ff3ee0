"""Read images of more than 8 bits a channel at full depth, composite them over white, and round them to 8 bits.

Pillow keeps only the upper byte of each 16-bit colour value, so such a file is decoded a second time for the lower one.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.errors import InputError
from stages.common.image_metadata import PixelData

SIXTEEN_BITS = 65535
DEEP_GREY_MODES = ("I", "I;16", "I;16L", "I;16B")
GREY_WITH_ALPHA = "LA;16B"
# Pillow's decoder of the upper bytes for one byte order reads the lower bytes of the other byte order.
OTHER_ORDER = ";16B" if sys.byteorder == "little" else ";16L"
LOWER_BYTES = {";16B": ";16L", ";16L": ";16B", ";16N": OTHER_ORDER}


class DeepPixels(NamedTuple):
    """An image of more than 8 bits a channel.

    Attributes:
        colours: int64 [H, W, C], not yet rotated by the file's orientation; C is 1 for grey, 3 for RGB, 4 for CMYK.
        alpha: int64 [H, W], or None where nothing is transparent.
        white: the largest value, which is white among colours and opaque in alpha.
    """

    colours: NDArray[np.int64]
    alpha: NDArray[np.int64] | None
    white: int

    def to_eight_bits(self) -> Image.Image:
        """Composite the image over white and scale it to 8 bits: an image of mode L for grey, RGB or CMYK."""
        white, colours = self.white, self.colours
        if self.alpha is not None:
            alpha = self.alpha[..., None]
            # Transparency and scale are applied in one division, so that values are rounded once.
            colours, white = colours * alpha + white * (white - alpha), white * white
        pixels = ((colours * 255 + white // 2) // white).astype(np.uint8)
        if pixels.shape[2] == 1:
            return Image.fromarray(pixels[..., 0])
        return Image.fromarray(pixels, mode="CMYK" if pixels.shape[2] == 4 else "RGB")


def find_raw_mode(image: Image.Image) -> str:
    """Return the name of Pillow's decoder for an image that is open but not loaded; "" where there is none."""
    tiles = getattr(image, "tile", ())
    if not tiles:
        return ""
    arguments = tiles[0].args
    return arguments if isinstance(arguments, str) else str(arguments[0]) if arguments else ""


def read_deep_pixels(
    image: Image.Image, open_again: Callable[[], Image.Image], data: PixelData
) -> DeepPixels | None:
    """Read the pixels of an image with more than 8 bits a channel; return None for an image with fewer.

    Args:
        image: the image, open but not loaded.
        open_again: opens the same file a second time.
        data: what the file declares about its pixels.

    Raises:
        InputError: the pixels are floating-point, or have 16 bits and are premultiplied by alpha.
    """
    raw_mode = find_raw_mode(image)
    if image.mode == "F":
        raise InputError("floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
    if image.mode in DEEP_GREY_MODES:
        values = np.asarray(image).astype(np.int64)[..., None]
        alpha = None
    elif raw_mode[-4:] in LOWER_BYTES:
        values, alpha = _read_sixteen_bits(image, open_again(), raw_mode)
    else:
        return None
    white = data.largest or SIXTEEN_BITS
    values = white - values if data.is_inverted else values
    if data.transparent is not None:
        values[(values == data.transparent).all(axis=2)] = white
    return DeepPixels(values, alpha, white)


def _read_sixteen_bits(
    image: Image.Image, again: Image.Image, raw_mode: str
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    if raw_mode.startswith("RGBa"):
        raise InputError("16-bit pixels that are multiplied by their transparency; save it with 8 bits")
    if raw_mode == GREY_WITH_ALPHA:
        # A pixel has four bytes: the upper and the lower one of grey, then those of alpha.
        split = _decode_as(again, "RGBA")
        return split[..., :1] * 256 + split[..., 1:2], split[..., 2] * 256 + split[..., 3]
    values = np.asarray(image).astype(np.int64) * 256
    values += _decode_as(again, raw_mode[:-4] + LOWER_BYTES[raw_mode[-4:]])
    if image.mode == "RGBA":
        return values[..., :3], values[..., 3]
    return values, None


def _decode_as(image: Image.Image, raw_mode: str) -> NDArray[np.int64]:
    def replace(arguments: object) -> object:
        return (raw_mode, *arguments[1:]) if isinstance(arguments, tuple) else raw_mode

    image.tile = [tile._replace(args=replace(tile.args)) for tile in image.tile]  # type: ignore[attr-defined]
    return np.asarray(image).astype(np.int64)
