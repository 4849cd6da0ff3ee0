"""Metadata: the orientation is applied for every format, and damage to the rest never makes sound pixels unreadable."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from stages.common.file_tree import UnreadableFile
from stages.common.image_files import decode
from tests.common.encoding import (
    ORIENTATION,
    add_segment,
    make_chunk,
    make_entry,
    make_exif,
    make_exif_orientation,
    make_png,
    pack,
)

NOISE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE)
ORIENTED = make_entry(ORIENTATION, 3, 1, struct.pack("<H", 6))
JPEG = pack(PICTURE, "JPEG", quality=95)
SIZE_OF_TURNED = (8, 12)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_format_is_turned_upright_once(form: str, orientation: int, mode: str) -> None:
    content = pack(PICTURE.convert(mode), form, exif=make_exif_orientation(orientation))
    plain = Image.open(io.BytesIO(pack(PICTURE.convert(mode), form)))
    plain.getexif()[ORIENTATION] = orientation
    expected = ImageOps.exif_transpose(plain).convert(mode if form != "WEBP" else "RGB")
    np.testing.assert_array_equal(np.asarray(decode("x", content).image), np.asarray(expected))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("big_tiff", [False, True])
def test_tiff_files_of_all_kinds_are_turned_upright(compression: str | None, big_tiff: bool) -> None:
    exif = make_exif_orientation(6)
    content = pack(PICTURE, "TIFF", exif=exif, compression=compression, big_tiff=big_tiff)
    expected = np.asarray(PICTURE.transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(np.asarray(decode("x", content).image), expected)


def test_an_orientation_in_xmp_counts_where_exif_has_none() -> None:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6" caf\xe9/>'
    assert decode("x", add_segment(JPEG, 0xE1, xmp)).image.size == SIZE_OF_TURNED


@pytest.mark.parametrize(
    "exif",
    [
        make_exif(ORIENTED, make_entry(0x011A, 2, 3, b"72\0")),
        make_exif(ORIENTED, make_entry(0x0128, 2, 2, b"2\0")),
        make_exif(ORIENTED, make_entry(0x011A, 5, 1, struct.pack("<I", 38)), extra=struct.pack("<II", 0, 0)),
        make_exif(ORIENTED, make_entry(0x8769, 4, 1, struct.pack("<I", 1 << 31))),
        make_exif(ORIENTED, make_entry(0x927C, 7, 1 << 31, b"\xff\xff\xff\x7f")),
        make_exif(ORIENTED, make_entry(0x010E, 99, 5, b"what")),
        b"Exif\0\0" + make_exif(ORIENTED),
        # The offset of the next directory is left out.
        make_exif(ORIENTED)[:-4],
        # The directory declares 257 entries and has one.
        make_exif(ORIENTED).replace(b"\x08\0\0\0\1\0", b"\x08\0\0\0\1\1"),
    ],
    ids=["text", "unit", "zero", "pointer", "count", "type", "twice", "end", "entries"],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_read_among_broken_entries(form: str, exif: bytes) -> None:
    if form == "JPEG":
        content = add_segment(JPEG, 0xE1, exif)
    elif form == "PNG":
        content = make_png(NOISE, 2, 8, before=make_chunk(b"eXIf", exif))
    else:
        content = pack(PICTURE, "WEBP", exif=exif)
    assert decode("x", content).image.size == SIZE_OF_TURNED


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0", b"Exif\0\0II*\0", make_exif()[:12], make_exif(make_entry(ORIENTATION, 3, 1, b"\x09\0"))],
)
def test_an_orientation_that_is_none_leaves_the_image_as_it_is(exif: bytes) -> None:
    assert decode("x", add_segment(JPEG, 0xE1, exif)).image.size == (12, 8)


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (0xE0, b"JFIF\0\1"),
        (0xE0, b"JFXX\0"),
        (0xE2, b"ICC_PROFILE\0\1\2garbage"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        (0xED, b"Photoshop 3.0\x008BIM\xff\xff\xff"),
        (0xEE, b"Adobe"),
        (0xFE, b"\xff\xfe caf\xe9 \0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0caf\xe9"),
    ],
)
def test_damaged_segments_of_a_jpeg_change_no_pixel(marker: int, body: bytes) -> None:
    expected = np.asarray(decode("x", JPEG).image)
    np.testing.assert_array_equal(np.asarray(decode("x", add_segment(JPEG, marker, body)).image), expected)


@pytest.mark.parametrize(
    "chunk",
    [
        make_chunk(b"iCCP", b"profile\0\0garbage"),
        make_chunk(b"iCCP", b"\xff\xff"),
        make_chunk(b"zTXt", b"Comment\0\0garbage"),
        make_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (80 << 20))),
        make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0caf\xe9"),
        make_chunk(b"tEXt", b"caf\xe9"),
        make_chunk(b"tEXt", b"Comment\0text")[:-1] + b"?",
        make_chunk(b"pHYs", b"\1"),
        make_chunk(b"cHRM", b"\1\2\3"),
        make_chunk(b"gAMA", b""),
        make_chunk(b"eXIf", b"garbage"),
        make_chunk(b"tIME", b""),
        make_chunk(b"acTL", b"\0"),
        make_chunk(b"sRGB", b""),
    ],
    ids=lambda chunk: chunk[4:16],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_damaged_chunks_of_a_png_change_no_pixel(chunk: bytes, place: str) -> None:
    content = make_png(NOISE, 2, 8, **{place: chunk})
    np.testing.assert_array_equal(np.asarray(decode("x", content).image), NOISE)


@pytest.mark.parametrize(
    ("tag", "kind", "value"), [(282, 2, "72"), (296, 2, "inch"), (34675, 2, "no profile")]
)
def test_damaged_tags_of_a_tiff_change_no_pixel(tag: int, kind: int, value: str) -> None:
    content = bytearray(pack(PICTURE, "TIFF", dpi=(72, 72), icc_profile=b"profile"))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    places = [start + 2 + 12 * number for number in range(count)]
    (place,) = [place for place in places if struct.unpack_from("<H", content, place) == (tag,)]
    content[place : place + 12] = make_entry(tag, kind, len(value) + 1, b"\xff\xff\xff\xff")
    np.testing.assert_array_equal(np.asarray(decode("x", bytes(content)).image), NOISE)


@pytest.mark.parametrize("part", [b"IHDR", b"IDAT", b"PLTE", b"tRNS"])
def test_a_png_whose_pixels_were_changed_is_refused_by_its_checksum(part: bytes) -> None:
    palette = make_chunk(b"PLTE", bytes(range(6))) + make_chunk(b"tRNS", b"\0\1")
    content = make_png(NOISE[..., :1] % 2, 3, 8, before=palette)
    broken = bytearray(content)
    broken[content.index(part) + 4] ^= 1
    with pytest.raises(UnreadableFile, match=f"x: the checksum of its part {part.decode()} is wrong"):
        decode("x", bytes(broken))


def test_a_second_frame_is_noticed_in_every_format_that_has_them() -> None:
    other = Image.fromarray(255 - NOISE)
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        several = decode("x", pack(PICTURE, form, save_all=True, append_images=[other], lossless=True))
        alone = decode("x", pack(PICTURE, form, lossless=True))
        assert (several.has_more_frames, alone.has_more_frames) == (True, False)
        if form != "GIF":
            np.testing.assert_array_equal(np.asarray(several.image), np.asarray(alone.image))
