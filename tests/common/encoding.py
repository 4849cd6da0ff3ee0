"""Files that image libraries do not write: PNG of any depth, JPEG with any segment, EXIF data with any entries."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ORIENTATION = 0x0112


def pack(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def make_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(
    pixels: NDArray[Any], colour_type: int, depth: int = 16, before: bytes = b"", after: bytes = b""
) -> bytes:
    """Make a PNG of [H, W, C] with chunks before and after its pixels."""
    rows = b"".join(
        b"\0" + (row.astype(">u2").tobytes() if depth == 16 else np.packbits(_to_bits(row, depth)).tobytes())
        for row in pixels
    )
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, colour_type, 0, 0, 0)
    chunks = make_chunk(b"IHDR", head) + before + make_chunk(b"IDAT", zlib.compress(rows)) + after
    return b"\x89PNG\r\n\x1a\n" + chunks + make_chunk(b"IEND", b"")


def _to_bits(row: NDArray[Any], depth: int) -> NDArray[np.uint8]:
    shifts = np.arange(depth - 1, -1, -1)
    return ((row.reshape(-1, 1) >> shifts) & 1).astype(np.uint8).ravel()


def make_exif(*entries: bytes, extra: bytes = b"") -> bytes:
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return b"Exif\0\0" + head + b"".join(entries) + struct.pack("<I", 0) + extra


def make_entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")


def add_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def make_exif_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif
