"""Separate the pixels of an image file from its metadata, so that damaged metadata do not make it unreadable.

Only the orientation is read from the metadata, and only in this module. Pillow decodes the file without metadata.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from stages.common import tiff_tags
from stages.common.errors import InputError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
GREY, COLOUR, PALETTE = 0, 2, 3
EXIF_MARK = b"Exif\0\0"
RAW_EXIF = b"Raw profile type exif\0"
LARGEST_TEXT_BYTES = 1 << 20
XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
JPEG_START, JPEG_SCAN, JPEG_APP0, JPEG_ADOBE = b"\xff\xd8", 0xDA, 0xE0, 0xEE
# JPEG's application segments and comments.
JPEG_METADATA = (*range(0xE0, 0xF0), 0xFE)


class PixelData(NamedTuple):
    """The part of an image file that determines its pixels.

    Attributes:
        content: the bytes of a file of the same format without metadata.
        orientation: the orientation by EXIF, 1 to 8.
        has_more_frames: whether more images follow the first, as far as that is known without decoding.
        transparent: the transparent colour of a grey or RGB PNG, one number of 8 or 16 bits for each channel.
        largest: the value of white in a TIFF file of 9 to 15 bits; None where the decoder knows it.
        is_inverted: whether 0 is white and the decoder does not know it, as in TIFF files of more than 8 bits.
    """

    content: bytes
    orientation: int = 1
    has_more_frames: bool = False
    transparent: tuple[int, ...] | None = None
    largest: int | None = None
    is_inverted: bool = False


def extract_pixel_data(content: bytes) -> PixelData:
    """Separate pixels from metadata; a file with a damaged structure is returned unchanged for the decoder to refuse.

    Args:
        content: the bytes of an image file of any format.

    Raises:
        InputError: a checksum in a PNG is wrong, or a TIFF file does not declare the range or meaning of its samples.
    """
    if content.startswith(PNG_SIGNATURE):
        return _read_png(content)
    if content.startswith(JPEG_START):
        return _read_jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return PixelData(content, _read_webp_orientation(content))
    return _read_tiff(content)


def _read_tiff(content: bytes) -> PixelData:
    directory = tiff_tags.read_directory(content)
    if directory is None:
        return PixelData(content)
    tiff_tags.check_samples(content, directory)
    bits = max(tiff_tags.read_integers(content, directory, tiff_tags.BITS), default=1)
    (photometric,) = tiff_tags.read_integers(content, directory, tiff_tags.PHOTOMETRIC)[:1] or (None,)
    return PixelData(
        tiff_tags.keep_pixel_tags(content, directory),
        tiff_tags.read_orientation(content) or 1,
        has_more_frames=any(content[directory.next : directory.next + directory.width]),
        largest=(1 << bits) - 1 if 8 < bits < 16 else None,
        is_inverted=bits > 8 and photometric == tiff_tags.WHITE_IS_ZERO,
    )


def _choose_orientation(exif: bytes, xmp: bytes) -> int:
    while exif.startswith(EXIF_MARK):
        exif = exif[len(EXIF_MARK) :]
    found = XMP_ORIENTATION.search(xmp)
    return tiff_tags.read_orientation(exif) or (int(found[1]) if found else 1)


def _read_webp_orientation(content: bytes) -> int:
    chunks: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, place + 4)
        chunks.setdefault(content[place : place + 4], content[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    return _choose_orientation(chunks.get(b"EXIF", b""), chunks.get(b"XMP ", b""))


def _read_jpeg(content: bytes) -> PixelData:
    kept, exif, xmp = [JPEG_START], b"", b""
    place = len(JPEG_START)
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != JPEG_SCAN:
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        end = place + 2 + length
        if not 0xC0 <= marker <= 0xFE or 0xD0 <= marker <= 0xD9 or length < 2 or end > len(content):
            break
        body = content[place + 4 : end]
        if marker not in JPEG_METADATA or _says_how_jpeg_is_stored(marker, body):
            kept.append(content[place:end])
        elif body.startswith(EXIF_MARK):
            exif = exif or body
        elif b"xap" in body[:29]:
            xmp = xmp or body
        place = end
    return PixelData(b"".join(kept) + content[place:], _choose_orientation(exif, xmp))


def _says_how_jpeg_is_stored(marker: int, body: bytes) -> bool:
    """Return whether a JPEG segment declares the colour space and is long enough for the decoder to read."""
    is_jfif = marker == JPEG_APP0 and body.startswith(b"JFIF\0") and len(body) >= 14
    return is_jfif or (marker == JPEG_ADOBE and body.startswith(b"Adobe") and len(body) >= 12)


def list_png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield kind, body and end of every whole chunk.

    Raises:
        InputError: the checksum of a chunk that determines pixels is wrong.
    """
    place = len(PNG_SIGNATURE)
    while place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            return
        body = content[place + 8 : end - 4]
        if kind in PNG_PIXEL_CHUNKS and content[end - 4 : end] != struct.pack(">I", zlib.crc32(kind + body)):
            raise InputError(f"the checksum of its part {kind.decode()} is wrong: the file is damaged")
        yield kind, body, end
        if kind == b"IEND":
            return
        place = end


def _read_png(content: bytes) -> PixelData:
    kept, exif, xmp = [PNG_SIGNATURE], b"", b""
    bits, colour_type, place, has_more_frames, transparent = 8, -1, len(PNG_SIGNATURE), False, None
    for kind, body, end in list_png_chunks(content):
        if kind == b"IHDR" and len(body) == 13:
            bits, colour_type = body[8], body[9]
        if kind == b"tRNS" and colour_type in (GREY, COLOUR):
            count = 1 if colour_type == GREY else 3
            # A chunk of any other length is damaged and is ignored.
            if len(body) == 2 * count:
                transparent = tuple(_scale_value(value, bits) for value in struct.unpack(f">{count}H", body))
        elif kind in PNG_PIXEL_CHUNKS:
            kept.append(content[place:end])
        elif kind == b"eXIf":
            exif = body
        elif kind in (b"tEXt", b"zTXt") and body.startswith(RAW_EXIF):
            exif = exif or _unpack_raw_exif(kind, body)
        elif kind == b"iTXt" and body.startswith(b"XML:com.adobe.xmp\0"):
            xmp = body
        elif kind == b"acTL":
            has_more_frames = body[:4] not in (b"\0\0\0\0", b"\0\0\0\1")
        place = end
    rest = b"" if content[place + 4 : place + 5].islower() else content[place:]
    if kept[-1][4:8] == b"IEND":
        rest = b""
    return PixelData(b"".join(kept) + rest, _choose_orientation(exif, xmp), has_more_frames, transparent)


def _scale_value(value: int, bits: int) -> int:
    """Scale a value of fewer than 8 bits to 8 bits, as the decoder does; values of 8 or 16 bits stay unchanged."""
    white = (1 << bits) - 1
    return (value & white) * 255 // white if bits < 8 else value & white


def _unpack_raw_exif(kind: bytes, body: bytes) -> bytes:
    """Unpack EXIF data that ImageMagick wrote as hexadecimal text; damaged data count as none."""
    try:
        text = body[len(RAW_EXIF) :]
        if kind == b"zTXt":
            text = zlib.decompressobj().decompress(text[1:], LARGEST_TEXT_BYTES)
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except (zlib.error, ValueError):
        return b""
