"""Image files whose data are cut, but whose structure is whole, are refused; sound files of the same kinds are read."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.common.file_tree import UnreadableFile
from stages.common.image_files import decode
from stages.common.jpeg_scans import end_without_marker
from tests.common.encoding import make_chunk, pack

RANDOM = np.random.default_rng(0)
SMOOTH = np.cumsum(np.cumsum(RANDOM.normal(size=(90, 110, 3)), axis=0), axis=1)
NOISY = SMOOTH / np.ptp(SMOOTH) * 200 + RANDOM.normal(size=SMOOTH.shape) * 9
PIXELS = (NOISY - NOISY.min()).clip(0, 255).astype(np.uint8)
PICTURE = Image.fromarray(PIXELS)
END = b"\xff\xd9"
# The ways to store a JPEG, by name.
WAYS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "baseline without subsampling": {"subsampling": 0, "quality": 95},
    "optimised": {"optimize": True, "quality": 30},
    "with restart markers": {"restart_marker_blocks": 3},
    "progressive": {"progressive": True},
    "progressive with restart markers": {"progressive": True, "restart_marker_blocks": 5},
}
ROWS = b"".join(b"\0" + row.tobytes() for row in PIXELS)


def cut(jpeg: bytes, missing: int) -> bytes:
    """Remove the last bytes of the data of the last scan and keep the end marker."""
    return jpeg[: -len(END) - missing].rstrip(b"\xff") + END


def end_after_scan(jpeg: bytes, number: int) -> bytes:
    """Keep the first scans of a JPEG and the end marker."""
    place = 0
    for _ in range(number + 1):
        place = jpeg.index(b"\xff\xda", place + 1)
    # Tables may come before a scan.
    tables = jpeg.rfind(b"\xff\xc4", 0, place)
    is_between = tables > jpeg.rfind(b"\xff\xda", 0, place)
    return jpeg[: tables if is_between else place] + END


def make_png(rows: bytes, interlace: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", PICTURE.width, PICTURE.height, 8, 2, 0, 0, interlace)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(make_chunk(*chunk) for chunk in chunks)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("way", WAYS)
def test_a_jpeg_that_is_cut_before_its_end_marker_is_refused(way: str, mode: str) -> None:
    whole = pack(PICTURE.convert(mode), "JPEG", **WAYS[way])
    data = len(whole) - whole.rindex(b"\xff\xda") - 16
    # Each of these files is read by Pillow without a word. Two blocks of the best quality have fewer than 100 bytes.
    for missing in RANDOM.integers(100, data, 14):
        broken = cut(whole, int(missing))
        Image.open(io.BytesIO(broken)).load()
        with pytest.raises(UnreadableFile, match=r"picture.jpg: (image file is truncated|its data end)"):
            decode("picture.jpg", broken)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 31), (110, 90)])
@pytest.mark.parametrize("way", WAYS)
def test_a_whole_jpeg_is_read_as_before(way: str, size: tuple[int, int], mode: str) -> None:
    for picture in (PICTURE.resize(size), Image.new("RGB", size, (9, 200, 77))):
        content = pack(picture.convert(mode), "JPEG", **WAYS[way])
        # Cameras append thumbnails, and a phone a film.
        for behind in (b"", b"\0" * 9, content):
            image = decode("picture.jpg", content + behind).image
            expected = Image.open(io.BytesIO(content)).convert(image.mode)
            np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_a_pillow_without_its_private_decoder_refuses_no_progressive_jpeg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = pack(PICTURE, "JPEG", progressive=True)
    monkeypatch.setattr(Image, "_getdecoder", None)
    assert end_without_marker(whole) == whole


def test_a_progressive_jpeg_without_some_of_its_scans_is_refused() -> None:
    whole = pack(PICTURE, "JPEG", progressive=True)
    count = whole.count(b"\xff\xda")
    assert count > 5
    for number in range(1, count):
        broken = end_after_scan(whole, number)
        Image.open(io.BytesIO(broken)).load()
        with pytest.raises(UnreadableFile, match="picture.jpg: scans are missing, so that component"):
            decode("picture.jpg", broken)


def test_a_jpeg_without_parts_between_its_restart_markers_is_refused() -> None:
    whole = pack(PICTURE, "JPEG", restart_marker_blocks=3)
    start, end = whole.index(b"\xff\xd1"), whole.index(b"\xff\xd3")
    with pytest.raises(
        UnreadableFile, match="picture.jpg: its data end before its last pixel: the file is cut"
    ):
        decode("picture.jpg", whole[:start] + whole[end:])


@pytest.mark.parametrize("mode", ["RGB", "L", "YCbCr"])
@pytest.mark.parametrize("options", [{}, {"strip_size": 2000}, {"big_tiff": True}], ids=str)
def test_a_tiff_with_a_jpeg_part_that_is_cut_is_refused(mode: str, options: dict[str, Any]) -> None:
    whole = pack(PICTURE.convert(mode), "TIFF", compression="jpeg", **options)
    decode("picture.tif", whole)
    tags = Image.open(io.BytesIO(whole)).tag_v2  # type: ignore[attr-defined]
    place = tags[273][-1] + tags[279][-1] * 2 // 3
    broken = whole[:place] + END + whole[place + 2 :]
    with pytest.raises(UnreadableFile, match="picture.tif: its data end before its last pixel"):
        decode("picture.tif", broken)


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.99])
def test_a_png_whose_compressed_data_end_early_but_properly_is_refused(share: float, interlace: int) -> None:
    content = make_png(ROWS[: int(share * len(ROWS))], interlace)
    with pytest.raises(UnreadableFile, match="picture.png: its data unpack to .* rows are missing"):
        decode("picture.png", content)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_rows_of_a_png_of_any_depth_and_size_are_counted_as_the_decoder_does(depth: int) -> None:
    for width, height in ((1, 1), (3, 9), (8, 5), (13, 2)):
        rows = (b"\0" + bytes(-(-width * depth // 8))) * height
        head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
        chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
        content = b"\x89PNG\r\n\x1a\n" + b"".join(make_chunk(*chunk) for chunk in chunks)
        assert decode("picture.png", content).image.size == (width, height)


def test_data_behind_the_last_row_of_a_png_do_no_harm() -> None:
    np.testing.assert_array_equal(np.asarray(decode("x", make_png(ROWS + ROWS)).image), PIXELS)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {}),
    ],
)
def test_a_file_of_another_format_that_is_cut_is_refused(form: str, options: dict[str, Any]) -> None:
    whole = pack(PICTURE, form, **options)
    for share in (0.3, 0.6, 0.95):
        broken = bytearray(whole[: int(len(whole) * share) // 2 * 2])
        if form == "WEBP":
            # The sizes of the file and of its only part fit the shorter file.
            broken[4:8], broken[16:20] = (struct.pack("<I", len(broken) - head) for head in (8, 20))
        with pytest.raises(UnreadableFile):
            decode("picture", bytes(broken))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {"quality": 90}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("GIF", {}),
    ],
)
def test_a_file_whose_end_was_never_written_is_refused(form: str, options: dict[str, Any]) -> None:
    whole = pack(PICTURE, form, **options)
    for share in (0.5, 0.9):
        written = int(len(whole) * share)
        with pytest.raises(UnreadableFile):
            decode("picture", whole[:written].ljust(len(whole), b"\0"))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (278, 1, "it holds 1 of the 90 parts"),
        (278, 45, "it holds 1 of the 2 parts"),
        (257, 180, "it holds 1 of the 2 parts"),
        (284, 2, "it holds 1 of the 3 parts"),
        (273, 0, "it holds 0 of the 1 parts"),
    ],
)
def test_a_tiff_without_some_of_its_strips_is_refused(
    tag: int, value: int, message: str, compression: str | None
) -> None:
    content = bytearray(pack(PICTURE, "TIFF", strip_size=1 << 20, compression=compression))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    places = [start + 2 + 12 * number for number in range(count)]
    (place,) = [place for place in places if struct.unpack_from("<H", content, place) == (tag,)]
    struct.pack_into("<I", content, place + 8, value)
    with pytest.raises(UnreadableFile, match=message):
        decode("picture.tif", bytes(content))


@pytest.mark.parametrize(
    "options",
    [{"strip_size": 3000}, {"strip_size": 3000, "compression": "tiff_lzw"}, {"big_tiff": True}],
    ids=str,
)
def test_a_whole_tiff_of_several_strips_is_read(options: dict[str, Any]) -> None:
    content = pack(PICTURE, "TIFF", **options)
    np.testing.assert_array_equal(np.asarray(decode("x", content).image), PIXELS)
