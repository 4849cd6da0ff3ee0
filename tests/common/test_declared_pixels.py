"""Image files with values above their declared largest, or indices beyond their palette, are refused."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from stages.common.file_tree import UnreadableFile
from stages.common.image_files import decode
from tests.common.encoding import make_chunk, pack

FIRST, LAST = bytes([100, 0, 50, 3, 4, 5]), bytes([100, 0, 50, 3, 4, 101])


def make_text(kind: int, values: bytes) -> bytes:
    return b"P%d # the comment says 999\n2 1 100\n" % kind + b" ".join(b"%d" % value for value in values)


@pytest.mark.parametrize(
    ("content", "found", "largest"),
    [
        (b"P6 2 1 100\n" + LAST, 101, 100),
        (b"P5 3 2 100\n" + LAST, 101, 100),
        (b"P5 # from a camera\n2 1\n1023\n" + struct.pack(">HH", 1023, 1024), 1024, 1023),
        (b"P6 1 1 4095\n" + struct.pack(">HHH", 0, 5000, 3), 5000, 4095),
        (make_text(3, LAST), 101, 100),
        (make_text(2, LAST[-2:]), 101, 100),
        (b"P2 1 1 1000\n1001\n", 1001, 1000),
    ],
)
def test_a_portable_map_with_a_value_above_its_largest_is_refused(
    content: bytes, found: int, largest: int
) -> None:
    message = f"map: a pixel has the value {found}, but the header declares {largest} as the largest; correct"
    with pytest.raises(UnreadableFile, match=message):
        decode("map", content)


@pytest.mark.parametrize(
    "content",
    [
        b"P6 2 1 100\n" + FIRST,
        b"P6 2 1 100\n" + FIRST + b"\xff\xff behind the pixels",
        make_text(3, FIRST),
        make_text(3, FIRST + LAST),
    ],
)
def test_a_portable_map_is_scaled_by_its_largest_value(content: bytes) -> None:
    expected = [[[255, 0, 128], [8, 10, 13]]]
    np.testing.assert_array_equal(np.asarray(decode("map", content).image), expected)


def make_png(indices: list[int], colours: int, transparent: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", len(indices), 1, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"PLTE", bytes(range(3 * colours)))]
    chunks += [(b"tRNS", transparent)] if transparent else []
    chunks += [(b"IDAT", zlib.compress(b"\0" + bytes(indices))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(make_chunk(*chunk) for chunk in chunks)


def make_bmp(indices: list[int], colours: int) -> bytes:
    start = 54 + 4 * colours
    row = bytes(indices).ljust(-(-len(indices) // 4) * 4, b"\0")
    info = struct.pack("<IiiHHIIiiII", 40, len(indices), 1, 1, 8, 0, len(row), 0, 0, colours, 0)
    palette = bytes(value for index in range(colours) for value in (index, 9, 7, 0))
    return b"BM" + struct.pack("<IHHI", start + len(row), 0, 0, start) + info + palette + row


@pytest.mark.parametrize("make", [make_png, make_bmp])
def test_an_index_beyond_the_palette_is_refused(make: Callable[[list[int], int], bytes]) -> None:
    decode("picture", make([0, 3, 2], 4))
    with pytest.raises(
        UnreadableFile, match="picture: a pixel has the index 200, but the palette has the colours 0 to 3"
    ):
        decode("picture", make([0, 200, 2], 4))


def test_a_gif_may_have_a_transparent_index_beyond_its_palette() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 90, 90, 0])
    image.putdata([0, 3])
    content = pack(image, "GIF", transparency=3, optimize=False)
    # The palette of four colours is replaced by its first two.
    place = content.index(bytes([200, 0, 0, 0, 200, 0]))
    short = content[:10] + bytes([content[10] & 0xF8]) + content[11 : place + 6] + content[place + 12 :]
    assert np.asarray(decode("x", short).image).tolist() == [[[200, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize(
    "content",
    [b"P6\r\n2 1\r\n255\r\n" + FIRST, b"P5\r\n3 2 100\r\n" + FIRST, b"P4\r\n8 1\r\n\xaa"],
)
def test_a_binary_map_with_the_line_ends_of_a_text_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="map: its header has the line ends CR LF"):
        decode("map", content)
