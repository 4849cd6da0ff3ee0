"""The IDX reader: the files that it reads, and every fault that it detects."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.prepare import idx
from stages.prepare.idx import IMAGES_MAGIC, LABELS_MAGIC, load_idx, read_idx

IMAGES = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


def pack(values: np.ndarray, magic: int | None = None) -> bytes:
    header = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim if magic is None else magic, *values.shape)
    return header + values.tobytes()


def write_four(folder: Path, spell: Callable[[str], str] = lambda name: name + ".gz") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        for name, values in (
            (f"{prefix}-images-idx3-ubyte", IMAGES),
            (f"{prefix}-labels-idx1-ubyte", np.array([3, 0, 9], dtype=np.uint8)),
        ):
            spelt, content = spell(name), pack(values)
            (folder / spelt).write_bytes(gzip.compress(content) if spelt.endswith(".gz") else content)


def test_values_and_shape_come_back_plain_and_gzipped(tmp_path: Path) -> None:
    plain, packed = tmp_path / "images", tmp_path / "images.gz"
    plain.write_bytes(pack(IMAGES))
    packed.write_bytes(gzip.compress(pack(IMAGES)))
    np.testing.assert_array_equal(read_idx(plain, IMAGES_MAGIC).values, IMAGES)
    np.testing.assert_array_equal(read_idx(packed, IMAGES_MAGIC).values, IMAGES)
    assert read_idx(plain, IMAGES_MAGIC).sha256 == read_idx(packed, IMAGES_MAGIC).sha256


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends within its header, after 0 bytes"),
        (pack(IMAGES)[:10], "ends within its header, after 10 bytes"),
        (pack(IMAGES, LABELS_MAGIC), "begins with 0x00000801, expected 0x00000803"),
        (pack(IMAGES)[:-1], "holds only 47 bytes where its header says 48"),
        (pack(IMAGES) + b"x", "holds more bytes where its header says 48"),
        (struct.pack(">4I", IMAGES_MAGIC, 2**32 - 1, 2**32 - 1, 2**32 - 1), "its header claims dimensions"),
        (struct.pack(">4I", IMAGES_MAGIC, 0, 28, 28), "its header claims dimensions"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        read_idx(path, IMAGES_MAGIC)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [gzip.compress(pack(IMAGES), mtime=0)[:-12], b"no gzip at all", b"\x1f\x8b\x08\x00junkjunk"]
)
def test_a_damaged_gzip_stream_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="images.gz is damaged"):
        read_idx(path, IMAGES_MAGIC)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("spelling", ["-idx", ".idx"])
@pytest.mark.parametrize("below", ["", "raw"])
def test_the_usual_spellings_are_found(tmp_path: Path, ending: str, spelling: str, below: str) -> None:
    write_four(tmp_path / below, lambda name: name.replace("-idx", spelling) + ending)
    dataset = load_idx("mnist", tmp_path, "local path", "here")
    assert dataset.splits["train"].labels.tolist() == [3, 0, 9]
    np.testing.assert_array_equal(np.asarray(dataset.splits["test"].open_image(2)), IMAGES[2])


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match="lacks train-images-idx3-ubyte, t10k-labels-idx1-ubyte"):
        load_idx("mnist", tmp_path, "local path", "here")


def test_the_numbers_of_images_and_labels_must_be_equal(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(pack(np.zeros(2, dtype=np.uint8))))
    with pytest.raises(ValueError, match="t10k has 3 images, but 2 labels"):
        load_idx("mnist", tmp_path, "local path", "here")


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    write_four(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(pack(np.full(3, 10, dtype=np.uint8))))
    with pytest.raises(ValueError, match="train has the label 10, expected 0 to 9"):
        load_idx("mnist", tmp_path, "local path", "here")


def test_a_data_set_with_other_checksums_is_recorded_as_unchecked(tmp_path: Path) -> None:
    write_four(tmp_path)
    assert load_idx("fashion_mnist", tmp_path, "local path", "here").source.checked == idx.NOT_ORIGINAL
