"""CIFAR-10 in its binary version, packed and unpacked, and the files that are refused."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.prepare import cifar
from stages.prepare.cifar import BATCH_NAMES, RECORD_BYTES, load_archive, load_cifar, read_batch

IMAGE_COUNT = 12


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real batches have 10,000 images each; these have twelve."""
    monkeypatch.setattr(cifar, "BATCH_BYTES", IMAGE_COUNT * RECORD_BYTES)


def make_batches() -> dict[str, bytes]:
    values = np.random.default_rng(0).integers(0, 256, (6, IMAGE_COUNT, RECORD_BYTES), dtype=np.uint8)
    values[:, :, 0] %= 10
    return {name: batch.tobytes() for name, batch in zip(sorted(BATCH_NAMES), values, strict=True)}


def write_archive(path: Path, batches: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_folder(folder: Path, batches: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in batches.items():
        (folder / name).write_bytes(content)


def test_a_record_is_a_label_and_three_planes_of_colour() -> None:
    record = bytes([7]) + bytes([1]) * 1024 + bytes([2]) * 1024 + bytes([3]) * 1023 + bytes([9])
    images, labels = read_batch(record, "batch")
    assert labels.tolist() == [7]
    assert images[0, 0, 0].tolist() == [1, 2, 3]
    assert images[0, 31, 31].tolist() == [1, 2, 9]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0" * (RECORD_BYTES - 1), "holds 3072 bytes"),
        (b"", "holds 0 bytes"),
        (b"\x0a" * RECORD_BYTES, "label 10"),
    ],
)
def test_a_damaged_batch_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"somewhere has the {reason}|somewhere {reason}"):
        read_batch(content, "somewhere")


def test_archive_and_folder_hold_the_same_images_in_the_order_of_the_batches(tmp_path: Path) -> None:
    batches = make_batches()
    write_archive(tmp_path / "cifar-10-binary.tar.gz", batches)
    write_folder(tmp_path / "unpacked", batches)
    packed, unpacked = load_cifar(tmp_path), load_cifar(tmp_path / "unpacked")
    assert len(packed.splits["train"].labels) == 5 * IMAGE_COUNT
    assert len(packed.splits["test"].labels) == IMAGE_COUNT
    for split in ("train", "test"):
        np.testing.assert_array_equal(packed.splits[split].labels, unpacked.splits[split].labels)
        first, second = (np.asarray(each.splits[split].open_image(11)) for each in (packed, unpacked))
        np.testing.assert_array_equal(first, second)
    expected, _ = read_batch(batches["data_batch_2.bin"], "")
    np.testing.assert_array_equal(np.asarray(packed.splits["train"].open_image(IMAGE_COUNT)), expected[0])


def test_an_archive_with_another_checksum_is_recorded_as_unchecked(tmp_path: Path) -> None:
    write_archive(tmp_path / "mine.tar.gz", make_batches())
    assert load_cifar(tmp_path / "mine.tar.gz").source.checked == cifar.NOT_ORIGINAL


def test_missing_batches_are_named(tmp_path: Path) -> None:
    batches = make_batches()
    del batches["data_batch_3.bin"], batches["test_batch.bin"]
    write_folder(tmp_path / "unpacked", batches)
    with pytest.raises(
        ValueError, match=r"lacks data_batch_3.bin, test_batch.bin; fetch https://www.cs.toronto"
    ):
        load_cifar(tmp_path / "unpacked")


def test_a_batch_of_another_length_is_named(tmp_path: Path) -> None:
    batches = make_batches() | {"data_batch_1.bin": b"\0" * RECORD_BYTES}
    write_archive(tmp_path / "cifar.tar.gz", batches)
    with pytest.raises(ValueError, match=r"data_batch_1.bin \(3073 bytes\)"):
        load_archive(tmp_path / "cifar.tar.gz", "local path", "here")


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cifar.tar.gz"
    write_archive(path, make_batches())
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match="cifar.tar.gz is damaged"):
        load_cifar(path)


@pytest.mark.parametrize("name", ["cifar-10-python.tar.gz", "cifar-10-batches-py/data_batch_1"])
@pytest.mark.parametrize("whole", [True, False])
def test_pickles_are_refused_unread(tmp_path: Path, name: str, whole: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps({"data": 1}))
    with pytest.raises(ValueError, match="pickles, which can run any code .* Fetch the binary version"):
        load_cifar(tmp_path if whole or "/" in name else path)


def write_class_folders(root: Path, names: list[str]) -> None:
    for split in ("train", "test"):
        for name in names:
            (root / split / name).mkdir(parents=True)
            Image.new("RGB", (32, 32)).save(root / split / name / "0.png")


def test_class_folders_with_the_ten_names_are_read(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "folders", cifar.CLASS_NAMES)
    dataset = load_cifar(tmp_path / "folders")
    assert dataset.splits["test"].labels.tolist() == list(range(10))


def test_class_folders_with_other_names_are_refused(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "folders", ["cat", "mat"])
    with pytest.raises(ValueError, match="has the classes cat, mat, but CIFAR-10's are airplane"):
        load_cifar(tmp_path / "folders")
