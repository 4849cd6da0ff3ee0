"""Read and check the tags of TIFF files and of EXIF data, which has the same form, and keep those of the pixels."""

import struct
from typing import NamedTuple

from stages.common.errors import InputError

ORIENTATION, BITS, PHOTOMETRIC, SAMPLES, EXTRA_SAMPLES, SAMPLE_FORMAT = 274, 258, 262, 277, 338, 339
# The tags of how pixels are stored: size, compression, strips and tiles, samples, palette, JPEG's tables, YCbCr.
PIXEL_TAGS = frozenset(
    {256, 257, BITS, 259, PHOTOMETRIC, 266, 273, SAMPLES, 278, 279, 284, 292, 293, 317, 320, *range(322, 326)}
    | {332, EXTRA_SAMPLES, SAMPLE_FORMAT, *range(512, 522), 347, *range(529, 533), 0xBC01}
)
HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
INTEGER_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
UNSIGNED, SIGNED, FLOATING = 1, 2, 3
WHITE_IS_ZERO = 0
# The number of samples of a colour, by the photometric interpretation.
COLOUR_SAMPLES = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3}
ALPHA = ((1,), (2,))


class Directory(NamedTuple):
    """The first directory of tags of a TIFF file.

    Attributes:
        order: the byte order, `<` or `>`.
        start: the position of the directory, which begins with its number of entries.
        width: the number of bytes of an offset, 4 or 8.
        entries: the bytes of each entry.
        next: the position of the offset of the next directory.
    """

    order: str
    start: int
    width: int
    entries: list[bytes]
    next: int


def read_directory(content: bytes, is_complete: bool = True) -> Directory | None:
    """Read the first directory of tags; None if the content is not TIFF or the directory lies outside it.

    With `is_complete` False a directory with fewer entries than it declares is read as far as it goes.
    """
    if content[:4] not in HEADS:
        return None
    order = "<" if content[:2] == b"II" else ">"
    width = 8 if b"+" in content[:4] else 4
    count_code, offset_code = ("Q", "Q") if width == 8 else ("H", "I")
    try:
        (start,) = struct.unpack_from(order + offset_code, content, width)
        (count,) = struct.unpack_from(order + count_code, content, start)
    except struct.error:
        return None
    first, size = start + struct.calcsize(count_code), 4 + 2 * width
    end = first + count * size
    if not is_complete:
        end = min(end, first + (len(content) - first) // size * size)
    # Some programs leave out the offset of the next directory.
    if end > len(content):
        return None
    entries = [content[place : place + size] for place in range(first, end, size)]
    return Directory(order, start, width, entries, end)


def read_integers(content: bytes, directory: Directory, tag: int) -> tuple[int, ...]:
    """Read the values of a tag; an empty tuple if it is missing, lies outside the file or is not unsigned integers."""
    values: tuple[int, ...] = ()
    for entry in directory.entries:
        number, kind = struct.unpack_from(directory.order + "HH", entry)
        if number != tag or kind not in INTEGER_CODES:
            continue
        code = "Q" if directory.width == 8 else "I"
        count, offset = struct.unpack_from(directory.order + 2 * code, entry, 4)
        form = f"{directory.order}{min(count, 1 << 16)}{INTEGER_CODES[kind]}"
        is_inside = struct.calcsize(form) <= directory.width
        try:
            values = struct.unpack_from(
                form, entry if is_inside else content, 4 + directory.width if is_inside else offset
            )
        except struct.error:
            values = ()
    return values


def read_orientation(content: bytes) -> int | None:
    """Read the orientation, 1 to 8, from a TIFF file or from EXIF data; None where there is none."""
    directory = read_directory(content, is_complete=False)
    values = read_integers(content, directory, ORIENTATION) if directory else ()
    return values[0] if len(values) == 1 and 1 <= values[0] <= 8 else None


def check_samples(content: bytes, directory: Directory) -> None:
    """Refuse samples whose range or meaning the file does not declare.

    Raises:
        InputError: samples are signed, floating-point or of more than 16 bits, or a pixel has samples beyond its colour
            that are not declared as transparency.
    """
    formats = set(read_integers(content, directory, SAMPLE_FORMAT)) or {UNSIGNED}
    bits = max(read_integers(content, directory, BITS), default=1)
    if FLOATING in formats:
        raise InputError("floating-point pixels, whose range is unknown; save it with 8 or 16 bits")
    if formats != {UNSIGNED}:
        kind = "signed" if SIGNED in formats else "complex or undefined"
        raise InputError(f"{kind} pixels, whose range is unknown; save it with 8 or 16 unsigned bits")
    if bits > 16:
        raise InputError(f"{bits}-bit pixels, whose range is unknown; save it with 8 or 16 bits")
    (samples,) = read_integers(content, directory, SAMPLES)[:1] or (1,)
    (photometric,) = read_integers(content, directory, PHOTOMETRIC)[:1] or (WHITE_IS_ZERO,)
    colours = COLOUR_SAMPLES.get(photometric, samples)
    extra = read_integers(content, directory, EXTRA_SAMPLES)
    if samples > colours and (samples - colours > 1 or extra not in ALPHA):
        raise InputError(
            f"{samples} samples a pixel, of which {colours} are a colour and the others are not declared as "
            "transparency; save the bands that are to be seen as a grey or RGB image"
        )


def keep_pixel_tags(content: bytes, directory: Directory) -> bytes:
    """Return a TIFF file whose only directory holds only the tags of the pixels.

    The new directory is appended, because pixels of a damaged file may overlap the old one.
    """
    order, width = directory.order, directory.width
    kept = [entry for entry in directory.entries if struct.unpack_from(order + "H", entry)[0] in PIXEL_TAGS]
    block = struct.pack(order + ("Q" if width == 8 else "H"), len(kept)) + b"".join(kept) + bytes(width)
    start = len(content) + len(content) % 2
    offset = struct.pack(order + ("Q" if width == 8 else "I"), start)
    return content[:width] + offset + content[2 * width :].ljust(start - 2 * width, b"\0") + block
