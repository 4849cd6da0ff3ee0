"""Refuse image files with fewer pixels or larger values than they declare; the decoder would fill or clip them."""

import itertools
import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from stages.common.errors import InputError
from stages.common.image_metadata import PNG_SIGNATURE, list_png_chunks
from stages.common.tiff_tags import Directory, read_directory, read_integers

# The number of samples of a pixel, by the colour type of a PNG.
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row and their steps for each pass of an interlaced PNG (Adam7).
PNG_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
# The first bytes of maps whose pixels are binary.
BINARY_MAPS = (b"P4", b"P5", b"P6")
UNPACKED_AT_A_TIME = 1 << 20
# Compressed data do not end in as many zeros; files that were not written to their end are filled with them.
FILLED = bytes(32)
WEBP_DATA = (b"VP8 ", b"VP8L")
# The tags of a TIFF file: its size, samples and their planes, and the strips or tiles of its pixels.
WIDTH, HEIGHT, SAMPLES, PLANES = 256, 257, 277, 284
STRIPS, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT, TILES = 273, 278, 322, 323, 324
SEPARATE_PLANES = 2
# The first bytes of a TIFF file, where no pixels can be.
TIFF_HEAD_BYTES = 8
# More strips than these are not counted.
COUNTED_STRIPS = 1 << 16


def check_png_rows(content: bytes) -> None:
    """Refuse a PNG whose compressed data end properly, but before the last row; the decoder would leave it black.

    Args:
        content: a file of any format; only a PNG is checked.

    Raises:
        InputError: rows are missing.
        zlib.error: the data are damaged.
    """
    if not content.startswith(PNG_SIGNATURE):
        return
    chunks = [(kind, body) for kind, body, _ in list_png_chunks(content)]
    head = next((body for kind, body in chunks if kind == b"IHDR" and len(body) == 13), None)
    if head is None:
        return
    needed = _count_png_bytes(head)
    stream, held = zlib.decompressobj(), 0
    for kind, body in chunks:
        packed = body if kind == b"IDAT" else b""
        while packed and held < needed and not stream.eof:
            held += len(stream.decompress(packed, UNPACKED_AT_A_TIME))
            packed = stream.unconsumed_tail
    if held < needed:
        raise InputError(
            f"its data unpack to {held} bytes where its size needs {needed}: rows are missing; save or fetch it again"
        )


def _count_png_bytes(head: bytes) -> int:
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    bits = head[8] * PNG_SAMPLES.get(head[9], 0)
    passes = PNG_PASSES if head[12] else ((0, 0, 1, 1),)
    sizes = [
        (-(-(width - left) // step), -(-(height - top) // down))
        for left, top, step, down in passes
        if width > left and height > top
    ]
    # Every row begins with a byte that names its filter.
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes)


def check_tiff_parts(content: bytes) -> None:
    """Refuse a TIFF file with fewer strips or tiles than its size needs; the decoder would leave them black.

    Args:
        content: a file of any format; only a TIFF file is checked.

    Raises:
        InputError: strips or tiles are missing, or one has no place in the file, as in sparse files.
    """
    directory = read_directory(content)
    if directory is None:
        return
    tag, needed = _count_tiff_parts(content, directory)
    places = read_integers(content, directory, tag)
    if places and (len(places) < min(needed, COUNTED_STRIPS) or min(places) < TIFF_HEAD_BYTES):
        held = sum(place >= TIFF_HEAD_BYTES for place in places)
        raise InputError(f"it holds {held} of the {needed} parts that its size needs; save or fetch it again")


def _count_tiff_parts(content: bytes, directory: Directory) -> tuple[int, int]:
    """Return the tag of the places of strips or of tiles, and how many the size of the image needs."""

    def read(tag: int, default: int) -> int:
        return next(iter(read_integers(content, directory, tag)), default)

    width, height = read(WIDTH, 0), read(HEIGHT, 0)
    planes = read(SAMPLES, 1) if read(PLANES, 1) == SEPARATE_PLANES else 1
    if read_integers(content, directory, TILES):
        across = math.ceil(width / max(1, read(TILE_WIDTH, 1)))
        return TILES, planes * across * math.ceil(height / max(1, read(TILE_HEIGHT, 1)))
    return STRIPS, planes * math.ceil(height / max(1, read(STRIP_ROWS, max(1, height))))


def check_webp_end(content: bytes) -> None:
    """Refuse a WebP file whose image data end in zeros, from which the decoder would make pixels.

    Args:
        content: a file of any format; only a WebP file is checked.

    Raises:
        InputError: the data end in zeros.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return
    if any(kind in WEBP_DATA and body.endswith(FILLED) for kind, body in _list_webp_chunks(content)):
        raise InputError("its data end in zeros: it was not written completely; save or fetch it again")


def _list_webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        yield kind, content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def check_portable_map(image: Image.Image, content: bytes) -> None:
    """Refuse a PGM or PPM with a value above the largest that its header declares; the decoder would clip it.

    A file whose header was written with CR LF is refused, too, because LF counts as the first pixel.

    Args:
        image: the image, open but not loaded; only one of this format is checked.
        content: the bytes of its file.

    Raises:
        InputError: a value is too large, or the header ends in CR LF.
    """
    tiles = getattr(image, "tile", ())
    if image.format != "PPM" or not tiles:
        return
    _, _, start, arguments = tiles[0]
    if (
        content[:2] in BINARY_MAPS
        and content[start - 1 : start + 1] == b"\r\n"
        and b"\r\n" in content[: start - 1]
    ):
        raise InputError(
            "its header has the line ends CR LF of a text file, so that every pixel would be shifted by a byte; "
            "save it again, in binary mode"
        )
    if tiles[0].codec_name not in ("ppm", "ppm_plain"):
        return
    if not isinstance(arguments, tuple) or not isinstance(arguments[-1], int):
        return
    largest, count = arguments[-1], image.width * image.height * len(image.getbands())
    if tiles[0].codec_name == "ppm_plain":
        lines = (line.partition(b"#")[0] for line in content[start:].splitlines())
        values = (int(value) for line in lines for value in line.split() if value.isdigit())
        found = max(itertools.islice(values, count), default=0)
    else:
        kind = np.dtype(np.uint8 if largest < 256 else ">u2")
        held = min(count, (len(content) - start) // kind.itemsize)
        found = int(np.frombuffer(content, kind, held, start).max(initial=0))
    if found > largest:
        raise InputError(
            f"a pixel has the value {found}, but the header declares {largest} as the largest; correct the header, or "
            "save it again"
        )


def check_palette(image: Image.Image) -> None:
    """Refuse an image with an index beyond its palette, which the decoder would show black.

    Args:
        image: the image, loaded; only one of mode P is checked.

    Raises:
        InputError: an index is too large, and is not the one that is declared transparent.
    """
    if image.mode != "P" or image.palette is None:
        return
    colours = len(image.palette.palette) // len(image.palette.mode)
    counts = image.histogram()
    unknown = [index for index in range(colours, len(counts)) if counts[index]]
    unknown = [index for index in unknown if index != image.info.get("transparency")]
    if unknown:
        raise InputError(
            f"a pixel has the index {unknown[0]}, but the palette has the colours 0 to {colours - 1}; save it again"
        )
