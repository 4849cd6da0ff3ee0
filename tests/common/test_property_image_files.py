"""Randomly changed image files are refused by name, or read with the pixels that Pillow itself decodes."""

import io
import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stages.common.file_tree import UnreadableFile
from stages.common.image_files import FORMATS, decode, is_grey_file
from tests.common.encoding import make_exif_orientation, pack

NOISE = np.random.default_rng(0).integers(0, 256, (9, 13, 4), dtype=np.uint8)
# Damaged data of a JPEG may need more bytes than there are, so that its last blocks, in 16 of 45 rows, differ.
TALL = np.tile(NOISE, (5, 1, 1))
SURE_SHARE = 29 / 45
DEEP = np.random.default_rng(0).integers(0, 65536, (9, 13), dtype=np.uint16)


def make_files() -> list[bytes]:
    """Make files of every format, plain and with an orientation, transparency, a palette or 16 bits."""
    exif = make_exif_orientation(6)
    colour, grey, clear = (Image.fromarray(NOISE).convert(mode) for mode in ("RGB", "L", "RGBA"))
    files = [pack(colour, form) for form in ("PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")]
    files += [pack(image, form, exif=exif) for image in (colour, grey) for form in ("PNG", "WEBP", "TIFF")]
    tall = Image.fromarray(TALL).convert("RGB")
    files += [pack(tall.convert(mode), "JPEG", exif=exif) for mode in ("RGB", "L")]
    files += [pack(clear, form) for form in ("PNG", "WEBP", "TIFF")]
    files += [pack(colour.quantize(16), form, transparency=3) for form in ("PNG", "GIF")]
    files += [pack(colour, "TIFF", compression=name) for name in ("tiff_lzw", "jpeg", "packbits")]
    files += [pack(Image.fromarray(DEEP), form) for form in ("PNG", "TIFF", "PPM")]
    return [
        *files,
        *(pack(tall, "JPEG", progressive=way) for way in (0, 1)),
        pack(tall.convert("CMYK"), "JPEG"),
    ]


FILES = make_files()
edits = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6)


def mutate(content: bytes, changes: list[tuple[int, int]], cut: int, near_start: bool) -> bytes:
    broken = bytearray(content)
    for place, value in changes:
        broken[place % (min(len(broken), 300) if near_start else len(broken))] = value
    return bytes(broken[: len(broken) - cut])


def decode_by_pillow(content: bytes) -> NDArray[np.uint8] | None:
    """Decode an image of 8 bits without transparency by Pillow alone; None if that is not possible."""
    try:
        with warnings.catch_warnings(action="ignore"):
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(content), formats=FORMATS))
            if image.has_transparency_data or image.mode.startswith(("I", "F")):
                return None
            return np.asarray(image.convert("RGB"))
    except Exception:
        return None


@given(st.sampled_from(FILES), edits, st.one_of(st.just(0), st.integers(0, 200)), st.booleans())
def test_property_a_mutated_file_is_read_as_pillow_reads_it_or_named(
    content: bytes, changes: list[tuple[int, int]], cut: int, near_start: bool
) -> None:
    broken = mutate(content, changes, cut, near_start)
    is_grey_file(broken)
    try:
        image = decode("broken", broken).image
    except UnreadableFile as error:
        assert str(error).startswith("broken: ")
        return
    assert image.mode in ("L", "RGB")
    expected = decode_by_pillow(broken)
    if expected is not None:
        pixels = np.asarray(image.convert("RGB"))
        assert pixels.shape == expected.shape
        equal = (pixels == expected).all(axis=2).mean()
        assert equal >= (SURE_SHARE if broken.startswith(b"\xff\xd8") else 1)


@given(st.binary(max_size=64), st.sampled_from([content[:40] for content in FILES]))
def test_property_any_bytes_are_read_or_named(tail: bytes, head: bytes) -> None:
    for content in (tail, head + tail):
        try:
            decode("bytes", content)
        except UnreadableFile as error:
            assert str(error).startswith("bytes: ")
