"""Pixels of more than 8 bits: rounding, transparency, the range that a file declares, and what is refused."""

import struct

import numpy as np
import pytest
from PIL import Image

from stages.common.file_tree import UnreadableFile
from stages.common.image_files import decode
from stages.common.image_listing import Survey
from tests.common.encoding import make_chunk, make_png, pack

VALUES = np.array([0, 128, 129, 255, 256, 0x80FF, 0x8101, 0x8080, 0xFF7F, 65535, 40000, 300])
GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6
WHITE_ON_KEY = [255, 255, 255]


def round_to_eight_bits(values: np.ndarray) -> np.ndarray:
    return np.rint(values / 257).astype(np.uint8)


@pytest.mark.parametrize(("colour_type", "channels"), [(GREY, 1), (RGB, 3)])
def test_sixteen_bits_are_rounded_alike_in_grey_and_in_colour(colour_type: int, channels: int) -> None:
    pixels = np.stack([np.roll(VALUES, shift) for shift in range(channels)], axis=1).reshape(3, 4, channels)
    image = decode("x", make_png(pixels, colour_type)).image
    assert image.mode == ("L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), round_to_eight_bits(pixels))


@pytest.mark.parametrize("colour_type", [GREY_ALPHA, RGB_ALPHA])
def test_sixteen_bits_are_laid_over_white_before_they_are_rounded(colour_type: int) -> None:
    channels = 1 if colour_type == GREY_ALPHA else 3
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, channels + 1))
    pixels[0, 0, -1], pixels[0, 1, -1] = 0, 65535
    alpha = pixels[..., -1:] / 65535
    expected = np.rint((pixels[..., :-1] * alpha + 65535 * (1 - alpha)) / 257)
    image = decode("x", make_png(pixels, colour_type)).image
    assert image.mode == ("L" if channels == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(image).reshape(expected.shape), expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_value_of_a_grey_png_is_white(depth: int) -> None:
    white = (1 << depth) - 1
    pixels = np.array([[0, white]]).reshape(1, 2, 1)
    image = decode("x", make_png(pixels, GREY, depth, make_chunk(b"tRNS", struct.pack(">H", 0)))).image
    assert np.asarray(image).tolist() == [[255, 255]]
    image = decode("x", make_png(pixels, GREY, depth, make_chunk(b"tRNS", struct.pack(">H", white)))).image
    assert np.asarray(image).tolist() == [[0, 255]]


@pytest.mark.parametrize(("depth", "value"), [(8, 200), (16, 0x8001)])
def test_the_transparent_value_of_an_rgb_png_is_white_and_one_near_it_is_not(depth: int, value: int) -> None:
    pixels = np.array([[[value, 0, value], [value + 1, 0, value]]])
    key = make_chunk(b"tRNS", struct.pack(">HHH", value, 0, value))
    image = np.asarray(decode("x", make_png(pixels, RGB, depth, key)).image)
    assert image[0, 0].tolist() == WHITE_ON_KEY
    assert image[0, 1, 1] == 0


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_sixteen_bit_grey_tiff_files_are_rounded(compression: str | None) -> None:
    image = Image.fromarray(VALUES.astype(np.uint16).reshape(3, 4))
    decoded = decode("x", pack(image, "TIFF", compression=compression)).image
    np.testing.assert_array_equal(np.asarray(decoded).ravel(), round_to_eight_bits(VALUES))


def make_tiff(
    pixels: np.ndarray, bits: int, *, photometric: int = 2, form: int = 1, extra: int | None = None
) -> bytes:
    """Make an uncompressed big- or little-endian TIFF, by the type of the pixels, of [H, W, C]."""
    order = ">" if pixels.dtype.byteorder == ">" else "<"
    height, width, channels = pixels.shape
    data = pixels.tobytes()
    tags = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [1],
        262: [photometric],
        273: [8],
        277: [channels],
    }
    tags |= {278: [height], 279: [len(data)], 339: [form] * channels}
    if extra is not None:
        tags[338] = [extra]
    place, arrays, entries = 8 + len(data), b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}H", *values)
        if len(packed) > 4:
            arrays, packed = arrays + packed, struct.pack(order + "I", place + len(arrays))
        entries += struct.pack(order + "HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", place + len(arrays))
    return head + data + arrays + struct.pack(order + "H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_rgb_tiff_files_are_rounded_in_either_byte_order(order: str) -> None:
    pixels = VALUES.reshape(2, 2, 3).astype(order)
    image = decode("x", make_tiff(pixels, 16)).image
    np.testing.assert_array_equal(np.asarray(image), round_to_eight_bits(pixels))


def test_a_sixteen_bit_tiff_whose_white_is_zero_is_inverted() -> None:
    pixels = np.array([[[0], [65535]]], dtype="<u2")
    assert np.asarray(decode("x", make_tiff(pixels, 16, photometric=0)).image).tolist() == [[255, 0]]


def test_twelve_bits_that_a_file_declares_are_scaled_by_their_range() -> None:
    packed = np.array([[[0xFF, 0xF0, 0x00]]], dtype=np.uint8)
    tiff = make_tiff(packed, 12, photometric=1)
    tiff = tiff.replace(struct.pack("<HHIHH", 256, 3, 1, 1, 0), struct.pack("<HHIHH", 256, 3, 1, 2, 0))
    tiff = tiff.replace(struct.pack("<HHIHH", 277, 3, 1, 3, 0), struct.pack("<HHIHH", 277, 3, 1, 1, 0))
    assert np.asarray(decode("x", tiff).image).tolist() == [[255, 0]]
    pgm = b"P5\n2 1\n4095\n" + struct.pack(">HH", 4095, 2048)
    assert np.asarray(decode("x", pgm).image).tolist() == [[255, 128]]


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (
            np.zeros((2, 2, 3), "<f4"),
            {"bits": 32, "form": 3},
            "floating-point pixels, whose range is unknown",
        ),
        (np.zeros((2, 2, 1), "<f4"), {"bits": 32, "form": 3, "photometric": 1}, "floating-point pixels"),
        (np.zeros((2, 2, 1), "<i2"), {"bits": 16, "form": 2, "photometric": 1}, "signed pixels"),
        (np.zeros((2, 2, 1), "<i1"), {"bits": 8, "form": 2, "photometric": 1}, "signed pixels"),
        (np.zeros((2, 2, 1), "<u4"), {"bits": 32, "photometric": 1}, "32-bit pixels, whose range is unknown"),
        (np.zeros((2, 2, 5), "<u2"), {"bits": 16}, "5 samples a pixel, of which 3 are a colour"),
        (np.zeros((2, 2, 4), "<u1"), {"bits": 8}, "4 samples a pixel"),
        (np.zeros((2, 2, 4), "<u1"), {"bits": 8, "extra": 0}, "4 samples a pixel"),
        (np.zeros((2, 2, 2), "<u1"), {"bits": 8, "extra": 0, "photometric": 1}, "2 samples a pixel"),
    ],
)
def test_samples_whose_range_or_meaning_is_unknown_are_refused(
    pixels: np.ndarray, options: dict[str, int], reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=f"^x: {reason}.*; save"):
        decode("x", make_tiff(pixels, **options))


@pytest.mark.parametrize("largest", [1, 1023, 4095, 16383])
def test_a_set_of_16_bit_images_that_use_few_bits_is_refused(largest: int) -> None:
    survey = Survey()
    for value in (0, largest):
        survey.add("x", decode("x", make_png(np.full((2, 2, 1), value), GREY)))
    with pytest.raises(ValueError, match=f"^set: no pixel of its 2 16-bit images exceeds {largest} of 65535"):
        survey.finish("set", print)
    survey.add("x", decode("x", make_png(np.full((2, 2, 3), 16384), RGB)))
    survey.finish("set", print)


def test_black_images_of_16_bits_are_no_reason_to_refuse_a_set() -> None:
    survey = Survey()
    survey.add("x", decode("x", make_png(np.zeros((2, 2, 1), int), GREY)))
    survey.finish("set", print)
