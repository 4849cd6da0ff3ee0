"""Decode one image file: rotate it upright, remove transparency, crop it to a square, resize it."""

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from stages.common.declared_pixels import (
    check_palette,
    check_png_rows,
    check_portable_map,
    check_tiff_parts,
    check_webp_end,
)
from stages.common.deep_pixels import (
    DEEP_GREY_MODES,
    GREY_WITH_ALPHA,
    SIXTEEN_BITS,
    find_raw_mode,
    read_deep_pixels,
)
from stages.common.errors import InputError
from stages.common.file_tree import UnreadableFile
from stages.common.image_metadata import extract_pixel_data
from stages.common.jpeg_scans import end_without_marker
from stages.common.tiff_jpeg import check_jpeg_parts

# The raster formats that Pillow decodes itself; for others, such as EPS, it would start another program.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# Pillow's own limit against decompression bombs, images whose few bytes unpack into a huge array.
LARGEST_PIXEL_COUNT = 89_478_485
FILTER = Image.Resampling.LANCZOS
FILTER_NAME = "Pillow's Lanczos (three lobes, antialiased), after a centre crop to a square"
# The transposition that turns an image upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
GREY_MODES = ("1", "L", "LA", "La", "F", *DEEP_GREY_MODES)
# The errors that Pillow's decoders are known to raise on damaged files.
DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class Decoded(NamedTuple):
    """A decoded image, with facts about its file that a caller may report.

    Attributes:
        image: the upright image, of mode L if the file is grey or has a grey palette, else of mode RGB.
        has_more_frames: whether the file holds further frames or pages.
        largest_of_16_bits: the largest pixel value of a file that declares 16 bits; None for other files.
    """

    image: Image.Image
    has_more_frames: bool
    largest_of_16_bits: int | None


def decode(where: str, content: bytes) -> Decoded:
    """Decode an image file to 8 bits a channel, rotated upright, with transparency replaced by white.

    Only the first of several frames is decoded. Colour profiles and all metadata but the orientation are ignored. A
    value of more than 8 bits is divided by the largest that the file can hold, multiplied by 255 and rounded to the
    nearest integer: of 16 bits, 0x80FF becomes 128 and 0x8101 becomes 129.

    Args:
        where: the file's name, for the error.
        content: the file's bytes.

    Raises:
        UnreadableFile: the bytes are not an image of a known format, are cut short, have too many pixels, have samples
            whose range is unknown, or values outside the range or the palette that the file declares.
    """
    with _explain_decoder_errors(where):
        data = extract_pixel_data(content)
        data = data._replace(content=end_without_marker(data.content))
        image = _open(data.content)
        check_png_rows(data.content)
        check_tiff_parts(data.content)
        check_jpeg_parts(data.content)
        check_webp_end(data.content)
        check_portable_map(image, data.content)
        is_grey = _is_grey(image)
        deep = read_deep_pixels(image, partial(_open, data.content), data)
        if deep is None:
            image, largest = _remove_transparency(image, data.transparent), None
        else:
            largest = int(deep.colours.max()) if deep.white == SIXTEEN_BITS else None
            image = deep.to_eight_bits()
        image = image.convert("L" if is_grey else "RGB")
        if data.orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[data.orientation])
        return Decoded(image, data.has_more_frames or _is_animated(data.content), largest)


def is_grey_file(content: bytes) -> bool:
    """Read from an image file's header whether it is grey; a file that cannot be read counts as grey."""
    try:
        with _explain_decoder_errors(""):
            return _is_grey(_open(extract_pixel_data(content).content))
    except UnreadableFile:
        return True


def is_grey_array(pixels: NDArray[np.uint8]) -> bool:
    """Return whether an image, uint8 [H, W] or [H, W, 3], has the same value in all channels of every pixel."""
    return pixels.ndim == 2 or bool((pixels == pixels[:, :, :1]).all())


def crop_and_resize(image: Image.Image, image_size: int) -> Image.Image:
    """Crop the centre square and resize it to `image_size` pixels; an image of that size stays as it is."""
    width, height = image.size
    if width == height == image_size:
        return image
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((image_size, image_size), FILTER)


@contextlib.contextmanager
def _explain_decoder_errors(where: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except UnidentifiedImageError:
        raise UnreadableFile(where, f"not an image in any of {', '.join(FORMATS)}") from None
    except DECODER_ERRORS as error:
        raise UnreadableFile(where, str(error) or type(error).__name__) from None


def _open(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    width, height = image.size
    if not width * height:
        raise InputError(f"{width} x {height} pixels: the image is empty")
    # Pillow itself only warns up to twice its limit.
    if width * height > LARGEST_PIXEL_COUNT:
        raise InputError(f"{width} x {height} pixels unpack to more than {LARGEST_PIXEL_COUNT} pixels")
    return image


def _is_grey(image: Image.Image) -> bool:
    if image.mode not in ("P", "PA"):
        return image.mode in GREY_MODES or find_raw_mode(image) == GREY_WITH_ALPHA
    palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _is_animated(content: bytes) -> bool:
    """Return whether frames follow the first in an animation; a damaged second frame counts as none."""
    if not content.startswith((b"GIF8", b"RIFF")):
        return False
    with contextlib.suppress(*DECODER_ERRORS):
        return bool(getattr(_open(content), "is_animated", False))
    return False


def _remove_transparency(image: Image.Image, transparent: tuple[int, ...] | None) -> Image.Image:
    """Composite an image over white, because the colour of a transparent pixel has no meaning."""
    image.load()
    check_palette(image)
    if transparent is not None:
        pixels = np.array(image.convert("L" if len(transparent) == 1 else "RGB"))
        pixels[(pixels.reshape(*pixels.shape[:2], -1) == transparent).all(axis=2)] = 255
        return Image.fromarray(pixels)
    if not image.has_transparency_data:
        return image
    is_bitmap = image.format == "BMP"
    image = image.convert("RGBA")
    if is_bitmap and image.getchannel("A").getextrema() == (0, 0):
        # Programs that know of no transparency leave its byte 0 in a BMP; Windows and browsers show such a file opaque.
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
