"""Refuse image files with fewer pixels or larger values than they declare; the decoder would fill or clip them."""

import zlib

import numpy as np
from PIL import Image

from stages.common.errors import InputError
from stages.common.image_metadata import PNG_SIGNATURE, list_png_chunks

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
UNPACKED_AT_A_TIME = 1 << 20


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


def check_portable_map(image: Image.Image, content: bytes) -> None:
    """Refuse a PGM or PPM with a value above the largest that its header declares; the decoder would clip it.

    Args:
        image: the image, open but not loaded; only one of this format is checked.
        content: the bytes of its file.

    Raises:
        InputError: a value is too large.
    """
    tiles = getattr(image, "tile", ())
    if image.format != "PPM" or not tiles or tiles[0].codec_name not in ("ppm", "ppm_plain"):
        return
    _, _, start, arguments = tiles[0]
    if not isinstance(arguments, tuple) or not isinstance(arguments[-1], int):
        return
    largest, count = arguments[-1], image.width * image.height * len(image.getbands())
    if tiles[0].codec_name == "ppm_plain":
        lines = (line.partition(b"#")[0] for line in content[start:].splitlines())
        found = max((int(value) for line in lines for value in line.split() if value.isdigit()), default=0)
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
