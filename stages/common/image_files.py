"""Decode one image file: rotate it upright, remove transparency, crop it to a square, resize it."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Raster formats that Pillow decodes by itself; for others, such as EPS, it would start a program.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
# Pillow's own limit, against images whose few bytes unpack into a huge array.
LARGEST_PIXEL_COUNT = 89_478_485
FILTER = Image.Resampling.LANCZOS
FILTER_NAME = "Pillow's Lanczos (three lobes, antialiased), after a centre crop to a square"
SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B")
# EXIF's tag of the orientation, and the orientations that swap height and width.
ORIENTATION, ROTATED = 0x0112, (5, 6, 7, 8)
GREY_MODES = ("1", "L", "LA", "La", "F", *SIXTEEN_BIT_MODES)
# The errors that Pillow's decoders are known to raise on damaged files.
DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class UnreadableImage(ValueError):
    """The error that names one image file and the reason why it cannot be read."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")


def decode(where: str, content: bytes) -> Image.Image:
    """Decode an image file, upright by its EXIF orientation, 8 bits a channel, transparency replaced by white.

    Of several frames the first one is decoded; a colour profile is ignored.

    Args:
        where: the file's name, for the error.
        content: the file's bytes.

    Returns:
        An image of mode L when the file is grey or has a grey palette, else of mode RGB.

    Raises:
        UnreadableImage: the bytes are no image of a known format, are cut short, or have too many pixels.
    """
    with _explain_decoder_errors(where):
        image = _open(io.BytesIO(content))
        is_grey = _is_grey(image)
        image.load()
        image = _remove_transparency(_to_eight_bits(ImageOps.exif_transpose(image)))
        return image.convert("L" if is_grey else "RGB")


def is_grey_file(content: bytes) -> bool:
    """Read from an image file's header whether it is grey; a file that cannot be read counts as grey."""
    try:
        with _explain_decoder_errors(""):
            return _is_grey(_open(io.BytesIO(content)))
    except UnreadableImage:
        return True


class Header(NamedTuple):
    """The shape of the image that `decode` returns, as the header of its file says.

    Attributes:
        height: of the upright image, in pixels.
        width: of the upright image, in pixels.
        is_grey: whether it is grey.
    """

    height: int
    width: int
    is_grey: bool


def read_header(path: Path) -> Header:
    """Read the header of an image file, without its pixels.

    Raises:
        UnreadableImage: the file cannot be read, is no image of a known format, or has too many pixels.
    """
    with _explain_decoder_errors(str(path)), path.open("rb") as file:
        image = _open(file)
        width, height = image.size
        if image.getexif().get(ORIENTATION) in ROTATED:
            width, height = height, width
        return Header(height, width, _is_grey(image))


def crop_and_resize(image: Image.Image, image_size: int) -> Image.Image:
    """Crop the centre square and resize it to `image_size` pixels; an image of that size stays as it is."""
    width, height = image.size
    if width == height == image_size:
        return image
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((image_size, image_size), FILTER)


@contextmanager
def _explain_decoder_errors(where: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except UnidentifiedImageError:
        raise UnreadableImage(where, f"not an image in any of {', '.join(FORMATS)}") from None
    except DECODER_ERRORS as error:
        raise UnreadableImage(where, str(error) or type(error).__name__) from None


def _open(file: IO[bytes]) -> Image.Image:
    image = Image.open(file, formats=FORMATS)
    width, height = image.size
    # Pillow itself only warns up to twice its limit.
    if width * height > LARGEST_PIXEL_COUNT:
        raise ValueError(f"{width} x {height} pixels unpack to more than {LARGEST_PIXEL_COUNT} pixels")
    return image


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in ("P", "PA"):
        return image.mode in GREY_MODES
    palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits with rounding; Pillow's own conversion would clip it to white."""
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
    if image.mode not in SIXTEEN_BIT_MODES:
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit pixels beyond the range of 16 bits; save it with 8 or 16 bits")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _remove_transparency(image: Image.Image) -> Image.Image:
    """Composite an image over white; without its alpha, transparent pixels would show a meaningless colour."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
