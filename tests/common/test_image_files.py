"""Decoding of image files: modes, orientation, transparency, crop and resize, and damaged files."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.common import image_files
from stages.common.file_tree import UnreadableFile
from stages.common.image_files import (
    crop_and_resize,
    is_grey_file,
)

RED, WHITE = (255, 0, 0), (255, 255, 255)


def decode(where: str, content: bytes) -> Image.Image:
    return image_files.decode(where, content).image


def pack(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def make_palette(colours: list[int]) -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette(colours)
    image.putdata([0, 1])
    return image


def test_colour_and_grey_stay_what_they_are() -> None:
    assert decode("x", pack(Image.new("RGB", (2, 2), RED))).getpixel((0, 0)) == RED
    assert decode("x", pack(Image.new("L", (2, 2), 77))).getpixel((0, 0)) == 77
    assert decode("x", pack(Image.new("L", (2, 2), 77), "JPEG")).mode == "L"


def test_black_and_white_becomes_0_and_255() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert np.asarray(decode("x", pack(image))).tolist() == [[0, 255]]


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257, 32768, 65535]], dtype=np.uint16)
    image = decode("x", pack(Image.fromarray(values)))
    assert image.mode == "L"
    assert np.asarray(image).tolist() == [[0, 0, 1, 1, 128, 255]]


def test_a_big_endian_sixteen_bit_tiff_is_read() -> None:
    values = np.array([[0, 65535]], dtype=">u2")
    image = decode("x", pack(Image.frombytes("I;16B", (2, 1), values.tobytes()), "TIFF"))
    assert np.asarray(image).tolist() == [[0, 255]]


@pytest.mark.parametrize("value", [-1, 70000])
def test_pixels_of_32_bits_are_refused(value: int) -> None:
    content = pack(Image.new("I", (2, 2), value), "TIFF")
    with pytest.raises(UnreadableFile, match="x: signed pixels, whose range is unknown"):
        decode("x", content)


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(UnreadableFile, match="x: floating-point pixels, whose range is unknown"):
        decode("x", pack(Image.new("F", (2, 2), 0.5), "TIFF"))


def test_a_palette_of_colours_is_colour_and_one_of_greys_is_grey() -> None:
    colour, grey = pack(make_palette([*RED, 0, 0, 255])), pack(make_palette([10, 10, 10, 200, 200, 200]))
    assert decode("x", colour).getpixel((1, 0)) == (0, 0, 255)
    assert np.asarray(decode("x", grey)).tolist() == [[10, 200]]
    assert (is_grey_file(colour), is_grey_file(grey)) == (False, True)


def test_transparency_becomes_white() -> None:
    half = decode("x", pack(Image.new("RGBA", (1, 1), (255, 0, 0, 128))))
    assert half.getpixel((0, 0)) == (255, 127, 127)
    clear = decode("x", pack(Image.new("LA", (1, 1), (0, 0))))
    assert (clear.mode, clear.getpixel((0, 0))) == ("L", 255)
    keyed = decode("x", pack(make_palette([*RED, 0, 0, 255]), transparency=0))
    assert [keyed.getpixel((x, 0)) for x in (0, 1)] == [WHITE, (0, 0, 255)]


def make_bitmap(alphas: list[int], header_bytes: int) -> bytes:
    """Make a BMP of two pixels of 32 bits, blue, green, red and alpha, with a header of version 4 or 5."""
    pixels = bytes(value for alpha in alphas for value in (30, 20, 10, alpha))
    start = 14 + header_bytes
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", header_bytes, 2, 1, 1, 32, 3, 8, 2835, 2835, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", start + 8, 0, 0, start) + header.ljust(header_bytes, b"\0") + pixels


@pytest.mark.parametrize("header_bytes", [108, 124])
@pytest.mark.parametrize(
    ("alphas", "reds"), [([0, 0], [10, 10]), ([255, 255], [10, 10]), ([0, 255], [255, 10])]
)
def test_a_bitmap_whose_alpha_is_0_everywhere_has_none(
    alphas: list[int], reds: list[int], header_bytes: int
) -> None:
    pixels = np.asarray(decode("x", make_bitmap(alphas, header_bytes)))
    assert pixels[0, :, 0].tolist() == reds


def test_cmyk_becomes_rgb() -> None:
    image = decode("x", pack(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"))
    assert image.getpixel((0, 0)) == WHITE


def test_an_image_is_rotated_upright_by_its_exif_orientation() -> None:
    image = Image.new("L", (3, 2))
    image.putpixel((0, 0), 200)
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = decode("x", pack(image, exif=exif))
    assert upright.size == (2, 3)
    assert upright.getpixel((1, 0)) == 200


def test_the_first_frame_of_several_is_decoded() -> None:
    frames = [Image.new("L", (4, 4), value) for value in (50, 250)]
    content = pack(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode("x", content).getpixel((0, 0)) == 50


def test_a_text_file_is_reported_as_no_image() -> None:
    with pytest.raises(UnreadableFile, match="^cat/1.jpg: not an image in any of JPEG, PNG"):
        decode("cat/1.jpg", b"I am a cat")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_a_truncated_image_is_named_in_every_format(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = pack(Image.fromarray(noise), form)
    decode("whole", content)
    with pytest.raises(UnreadableFile, match="^cut: "):
        decode("cut", content[: len(content) // 2])


def test_flipped_bytes_never_raise_another_error() -> None:
    random, faults = np.random.default_rng(0), 0
    noise = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for form in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM"):
        whole = pack(Image.fromarray(noise), form)
        for _ in range(150):
            broken = bytearray(whole)
            for place in random.integers(0, min(len(broken), 200), 4):
                broken[place] = random.integers(0, 256)
            try:
                decode("broken", bytes(broken))
            except UnreadableFile as fault:
                faults += 1
                assert str(fault).startswith("broken: ")
            is_grey_file(bytes(broken))
    assert faults > 100


def test_an_image_that_unpacks_to_absurd_size_is_refused_before_it_is_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_files, "LARGEST_PIXEL_COUNT", 100)
    with pytest.raises(UnreadableFile, match="x: 11 x 10 pixels unpack to more than 100"):
        decode("x", pack(Image.new("L", (11, 10))))


def test_a_real_decompression_bomb_is_refused() -> None:
    content = pack(Image.new("1", (20000, 20000)))
    with pytest.raises(UnreadableFile, match="^x: .*(decompression bomb|unpack to more)"):
        decode("x", content)


def test_the_centre_square_is_kept() -> None:
    values = np.zeros((8, 20), dtype=np.uint8)
    values[:, 6:14] = 255
    assert np.asarray(crop_and_resize(Image.fromarray(values), 8)).min() == 255


def test_an_odd_margin_leaves_the_extra_row_at_the_end() -> None:
    values = np.arange(11, dtype=np.uint8).reshape(11, 1).repeat(8, axis=1)
    assert np.asarray(crop_and_resize(Image.fromarray(values), 8))[:, 0].tolist() == list(range(1, 9))


def test_an_image_of_the_right_size_keeps_every_value() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(np.asarray(crop_and_resize(Image.fromarray(values), 16)), values)


def test_shrinking_averages_pixels() -> None:
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    shrunk = np.asarray(crop_and_resize(Image.fromarray(stripes), 8)).astype(int)
    assert abs(shrunk[:, 1:-1] - 127.5).max() <= 2


def test_a_single_pixel_is_enlarged() -> None:
    assert (
        np.asarray(crop_and_resize(Image.new("RGB", (1, 3), RED), 8)).reshape(-1, 3).tolist()
        == [list(RED)] * 64
    )
