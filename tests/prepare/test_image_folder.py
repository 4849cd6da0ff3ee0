"""Class folders and zips of them: every layout, the split, and every fault that is detected."""

import io
import os
import struct
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common import file_tree, zip_files
from stages.common.errors import InputError
from stages.common.file_tree import UnreadableFile
from stages.prepare.dataset import Dataset
from stages.prepare.image_folder import load_image_folder
from stages.prepare.writer import write_dataset

DIVIDED = [f"{split}/{name}/{index}.png" for split in ("train", "test") for name in "ab" for index in (0, 1)]
UNDIVIDED = [f"{name}/{index}.png" for name in "ab" for index in range(6)]


def paint(value: int, mode: str = "L", form: str = "PNG") -> bytes:
    """Make a small image whose value identifies it."""
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), value if mode == "L" else (value, 0, 0)).save(buffer, form)
    return buffer.getvalue()


def fill_folder(root: Path, names: list[str], content: bytes | None = None) -> Path:
    for value, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(paint(value) if content is None else content)
    return root


def fill_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for value, name in enumerate(names):
            archive.writestr(name, b"notes" if name.endswith(".txt") else paint(value))
    return path


def values_of(dataset: Dataset, split: str) -> list[int]:
    images = dataset.splits[split]
    return [int(np.asarray(images.open_image(index))[0, 0]) for index in range(len(images.labels))]


def test_given_splits_are_kept_in_the_order_of_class_and_name(tmp_path: Path) -> None:
    dataset = load_image_folder(fill_folder(tmp_path / "images", DIVIDED))
    assert dataset.class_names == ["a", "b"]
    assert dataset.splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert values_of(dataset, "train") == [0, 1, 2, 3]
    assert values_of(dataset, "test") == [4, 5, 6, 7]


@pytest.mark.parametrize("names", [DIVIDED, UNDIVIDED])
@pytest.mark.parametrize("outer", ["", "outer/", "outer/inner/"])
def test_a_zip_has_the_images_of_its_folder_also_within_outer_folders(
    tmp_path: Path, names: list[str], outer: str
) -> None:
    folder = load_image_folder(fill_folder(tmp_path / "folder", names))
    archive = load_image_folder(fill_zip(tmp_path / "images.zip", [outer + name for name in names]))
    for split in ("train", "test"):
        assert values_of(folder, split) == values_of(archive, split)
        assert folder.splits[split].labels.tolist() == archive.splits[split].labels.tolist()


def test_images_without_splits_are_divided_one_in_six(tmp_path: Path) -> None:
    dataset = load_image_folder(fill_folder(tmp_path / "images", UNDIVIDED))
    assert dataset.splits["train"].labels.tolist() == [0] * 5 + [1] * 5
    assert dataset.splits["test"].labels.tolist() == [0, 1]
    assert sorted(values_of(dataset, "train") + values_of(dataset, "test")) == list(range(12))
    assert dataset.division.startswith("one image in 6 of each class is test")


@pytest.mark.parametrize("inner", ["{split}/{name}", "{name}", "outer/{split}/{name}"])
def test_a_train_zip_and_a_test_zip_side_by_side_are_one_data_set(tmp_path: Path, inner: str) -> None:
    for split in ("train", "test"):
        names = [f"{inner.format(split=split, name=name)}/0.png" for name in "ab"]
        fill_zip(tmp_path / f"pets-{split}.zip", names)
    dataset = load_image_folder(tmp_path)
    assert dataset.class_names == ["a", "b"]
    assert {split: content.labels.tolist() for split, content in dataset.splits.items()} == {
        "train": [0, 1],
        "test": [0, 1],
    }


def test_hidden_and_other_files_are_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hidden = ["__MACOSX/train/a/._0.png", "train/a/.hidden.png", "train/.cache/c/0.png", ".DS_Store"]
    dataset = load_image_folder(fill_zip(tmp_path / "images.zip", [*DIVIDED, *hidden, "train/a/notes.txt"]))
    assert values_of(dataset, "train") == [0, 1, 2, 3]
    assert "passed over 4 hidden (._0.png, ...); 1 not an image (notes.txt)" in capsys.readouterr().err
    fill_folder(tmp_path / "folder", [*DIVIDED, *hidden])
    assert values_of(load_image_folder(tmp_path / "folder"), "train") == [0, 1, 2, 3]


def test_images_are_grey_unless_one_is_in_colour(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", DIVIDED)
    assert load_image_folder(root).channels == 1
    (root / "test/b/1.png").write_bytes(paint(9, "RGB"))
    assert load_image_folder(root).channels == 3


def test_an_unreadable_file_does_not_decide_the_channels(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", DIVIDED)
    (root / "train/a/0.png").write_text("no image")
    assert load_image_folder(root).channels == 1


def test_accents_are_normalised(tmp_path: Path) -> None:
    names = [f"{name}/{index}.png" for name in ("chêne", "orme") for index in range(6)]
    composed = load_image_folder(fill_folder(tmp_path / "one", names))
    decomposed = load_image_folder(
        fill_folder(tmp_path / "other", [unicodedata.normalize("NFD", name) for name in names])
    )
    assert composed.class_names == decomposed.class_names
    assert values_of(composed, "test") == values_of(decomposed, "test")


def test_linked_class_folders_are_followed_and_a_link_in_a_circle_is_not(tmp_path: Path) -> None:
    fill_folder(tmp_path / "elsewhere", ["0.png", "1.png"])
    root = fill_folder(tmp_path / "images", ["a/0.png", "a/1.png"])
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "circle").symlink_to(root)
    dataset = load_image_folder(root)
    assert dataset.class_names == ["a", "b"]
    assert sum(len(split.labels) for split in dataset.splits.values()) == 4


def test_windows_separators_in_a_zip_are_understood(tmp_path: Path) -> None:
    path = fill_zip(tmp_path / "images.zip", [name.replace("/", "\\") for name in DIVIDED])
    assert load_image_folder(path).class_names == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["train/a/0.png", "train/b/0.png"], "holds train at its top, expected train and test"),
        (["train/a/0.png", "test/a/0.png", "val/a/0.png"], "holds test, train, val at its top"),
        (["train/a/0.png", "train/b/0.png", "test/a/0.png"], "has no images in test/b; train and test need"),
        (["train/a/0.png", "test/A/0.png"], "has no images in train/A, test/a"),
        (
            ["training/a/0.png", "training/b/0.png", "validation/a/0.png"],
            "holds training, validation at its top",
        ),
        (
            ["Training/0.png", "Training/1.png", "TESTING/0.png", "TESTING/1.png"],
            "holds testing, training at",
        ),
        (
            ["train2017/a/0.png", "train2017/b/0.png", "val2017/a/0.png"],
            "holds train2017, val2017 at its top",
        ),
        (
            ["test_images/0.png", "test_images/1.png", "dev-set/0.png", "dev-set/1.png"],
            "holds dev-set, test_images",
        ),
        (["a/0.png", "b/0.png", "stray.png"], "has 1 image outside any class folder, such as .*stray.png"),
        (["0.png", "1.png"], "has 2 images outside any class folder"),
        (["train/0.png", "test/0.png"], "has 2 images outside any class folder"),
        (["a/0.png", "a/1.png", "b/0.png"], "has only one image of b; each class needs two"),
        (["a/notes.txt"], "holds no images in any of JPEG, .*; it holds 1 other file: not an image"),
        ([], "holds no images"),
    ],
)
def test_a_wrong_layout_is_explained(tmp_path: Path, names: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_image_folder(fill_zip(tmp_path / "images.zip", names))


def test_an_empty_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no images"):
        load_image_folder(tmp_path / "empty")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_zip_is_named(tmp_path: Path, share: float) -> None:
    path = fill_zip(tmp_path / "images.zip", DIVIDED)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match="images.zip is not a complete zip file"):
        load_image_folder(path)


def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    path = fill_zip(tmp_path / "images.zip", DIVIDED)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("train/a/1.png").header_offset + 30 + len("train/a/1.png")
    content = bytearray(path.read_bytes())
    content[start + 10 : start + 20] = b"\xff" * 10
    path.write_bytes(content)
    dataset = load_image_folder(path)
    with pytest.raises(UnreadableFile, match=r"images.zip: train/a/1.png: "):
        dataset.splits["train"].open_image(1)


@pytest.mark.parametrize("name", ["../../a/0.png", "/a/0.png", "a/../../0.png", "a/./0.png"])
def test_a_zip_that_points_outside_itself_is_refused(tmp_path: Path, name: str) -> None:
    path = fill_zip(tmp_path / "images.zip", [*DIVIDED, name])
    with pytest.raises(ValueError, match="names a file outside itself"):
        load_image_folder(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("repeated", ["train/a/0.png", "test/b/1.png", "notes.txt"])
def test_a_zip_that_holds_a_name_twice_is_refused(tmp_path: Path, repeated: str) -> None:
    path = fill_zip(tmp_path / "images.zip", [*DIVIDED, "notes.txt", repeated])
    with pytest.raises(InputError, match=f"images.zip holds 2 files named {repeated}, so it is unclear"):
        load_image_folder(path)


def test_a_zip_that_claims_to_unpack_to_absurd_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_files, "SMALL_ZIP_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", b"\0" * (8 << 20))
    with pytest.raises(ValueError, match=r"bomb.zip claims to unpack from \d+ to 8388608 bytes"):
        load_image_folder(path)


def test_a_member_that_lies_about_its_size_is_held_to_it(tmp_path: Path) -> None:
    path = fill_zip(tmp_path / "images.zip", DIVIDED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/a/2.png", b"\0" * (8 << 20))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 8 << 20), struct.pack("<I", 100)))
    dataset = load_image_folder(path)
    with pytest.raises(UnreadableFile, match="train/a/2.png: "):
        dataset.splits["train"].open_image(2)


def test_a_huge_file_is_named_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (file_tree, zip_files):
        monkeypatch.setattr(module, "LARGEST_FILE_BYTES", 50)
    for root in (fill_folder(tmp_path / "images", DIVIDED), fill_zip(tmp_path / "images.zip", DIVIDED)):
        with pytest.raises(UnreadableFile, match="bytes are more than 50"):
            load_image_folder(root).splits["train"].open_image(0)


def test_a_compression_method_of_unbounded_size_is_refused(tmp_path: Path) -> None:
    path = fill_zip(tmp_path / "images.zip", DIVIDED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("train/a/2.png", paint(2))
    with pytest.raises(UnreadableFile, match="2.png: its compression method is neither store nor deflate"):
        load_image_folder(path).splits["train"].open_image(2)


def test_a_class_none_of_whose_files_is_an_image_is_named(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", UNDIVIDED)
    (root / "empty").mkdir()
    fill_folder(root, ["lists/0.csv", "lists/1.csv"], b"0,1")
    with pytest.raises(ValueError, match="has 2 folders without any image") as caught:
        load_image_folder(root)
    assert "  - empty: it is empty\n  - lists: only 2 other files, such as " in str(caught.value)
    archive = fill_zip(tmp_path / "images.zip", [*DIVIDED, "train/c/notes.txt", "test/c/notes.txt"])
    with pytest.raises(ValueError, match="2 folders without any image(.|\n)*- test/c: only 1 other file"):
        load_image_folder(archive)


def test_images_are_known_by_their_content_whatever_their_names(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", UNDIVIDED)
    for number, form in enumerate(("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")):
        fill_folder(root, [f"c/{number}{'.jfif' if form == 'JPEG' else ''}"], paint(9, "L", form))
    dataset = load_image_folder(root)
    assert sum(int((split.labels == 2).sum()) for split in dataset.splits.values()) == 7


@pytest.mark.parametrize("name", ["photo.heic", "photo.AVIF", "raw.nef"])
def test_images_of_formats_that_are_not_read_are_not_left_out_in_silence(tmp_path: Path, name: str) -> None:
    root = fill_folder(tmp_path / "images", [*UNDIVIDED, f"a/{name}"])
    with pytest.raises(ValueError, match=f"{name}: .* is not read; convert it to PNG, or remove it"):
        load_image_folder(root)


def test_a_class_whose_name_is_not_utf8_is_refused_and_a_file_is_taken(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", UNDIVIDED)
    (root / "a/0.png").rename(root / "a" / os.fsdecode(b"f\xe9e.png"))
    dataset = load_image_folder(root)
    assert sorted(values_of(dataset, "train") + values_of(dataset, "test")) == list(range(12))
    (root / "b").rename(root / os.fsdecode(b"f\xe9e"))
    with pytest.raises(ValueError, match=r"not UTF-8 or not printable; rename them:\n  - f\\xe9e"):
        load_image_folder(root)


def test_prepared_16_bit_images_that_use_few_bits_are_refused(tmp_path: Path) -> None:
    values = np.full((8, 8), 4095, dtype=np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    dataset = load_image_folder(fill_folder(tmp_path / "images", UNDIVIDED, buffer.getvalue()))
    with pytest.raises(ValueError, match="no pixel of its 12 16-bit images exceeds 4095 of 65535"):
        write_dataset(dataset, 8, {"train": None, "test": None})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_an_error_and_not_an_absence(tmp_path: Path) -> None:
    root = fill_folder(tmp_path / "images", DIVIDED)
    (root / "train/a").chmod(0)
    with pytest.raises(ValueError, match="train/a: Permission denied"):
        load_image_folder(root)


def store_grey(form: str, value: int, spoil: bool) -> bytes:
    """Store a grey ramp in colour; `spoil` makes one of its pixels coloured."""
    ramp = np.repeat((np.arange(64, dtype=np.uint8) + value).reshape(8, 8, 1), 3, axis=2)
    if spoil:
        ramp[:4, :4] = (200, 10, 10)
    buffer = io.BytesIO()
    image = Image.fromarray(ramp)
    (image.quantize(64) if form == "GIF" else image).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("spoil", [False, True])
def test_grey_images_that_are_stored_in_colour_get_one_channel_and_a_line_says_so(
    form: str, spoil: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for value, name in enumerate(UNDIVIDED):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store_grey(form, value, spoil and value == 7))
    dataset = load_image_folder(tmp_path / "images")
    written = write_dataset(dataset, 8, {"train": None, "test": None})
    channels = 3 if spoil else 1
    assert dataset.channels == channels and written["train"].shape == (10, channels, 8, 8)
    # The header of a GIF already shows that its palette is grey.
    is_told = "all images are grey, of which 12 are stored in colour" in capsys.readouterr().err
    assert is_told is (not spoil and form != "GIF")


def test_all_that_is_wrong_with_class_folders_is_told_at_once(tmp_path: Path) -> None:
    fill_folder(tmp_path / "images", ["loose.png", "a/0.png", "a/1.png", "b/0.png"])
    (tmp_path / "images/empty").mkdir()
    with pytest.raises(ValueError) as caught:
        load_image_folder(tmp_path / "images")
    for part in ("1 image outside any class folder", "empty: it is empty", "only one image of b"):
        assert part in str(caught.value)


def test_a_line_names_the_classes_and_the_folders_below_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_image_folder(fill_folder(tmp_path / "flat", UNDIVIDED))
    assert capsys.readouterr().err.endswith("flat: 12 images of 2 classes: a, b\n")
    load_image_folder(
        fill_folder(tmp_path / "nested", ["animals/cat/0.png", "animals/dog/0.png", *UNDIVIDED])
    )
    told = capsys.readouterr().err
    assert "14 images of 3 classes: a, animals, b; 2 of them below the folders of classes, such as " in told
    names = [f"{split}/{number:02d}/0.png" for split in ("train", "test") for number in range(12)]
    load_image_folder(fill_folder(tmp_path / "many", [*names, "test/03/more/0.png"]))
    told = capsys.readouterr().err
    assert (
        "12 classes: 00, 01, " in told and ", 09 and 2 more; 1 of them below the folders of classes" in told
    )


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        (
            [
                f"{split}/{name}/{value}.png"
                for split in ("train", "test")
                for name in "ab"
                for value in (1, 2)
            ],
            2,
        ),
        (
            [f"train/{name}/{value}.png" for name in "ab" for value in range(9)]
            + ["test/a/3.png", "test/b/8.png"],
            2,
        ),
        ([f"{name}/{copy}{value}.png" for name in "ab" for copy in "xyz" for value in range(12)], 8),
    ],
    ids=["the same folder twice", "test images taken from train", "each image three times, divided by name"],
)
def test_splits_that_hold_the_same_images_are_refused(names: list[str], shared: int, tmp_path: Path) -> None:
    for name in names:
        fill_folder(tmp_path / "images", [name], paint(int(Path(name).stem.strip("xyz")) * 20))
    dataset = load_image_folder(tmp_path / "images")
    with pytest.raises(
        ValueError, match="train and test hold the same images: (.*) distinct ones are in both"
    ) as e:
        write_dataset(dataset, 8, {"train": None, "test": None})
    assert f" {shared} distinct ones" in str(e.value)
    assert not list(Path().rglob("*.npy"))


def test_splits_may_share_a_single_image_and_copies_within_one(tmp_path: Path) -> None:
    for name in DIVIDED:
        fill_folder(tmp_path / "images", [name], paint(50 if name.endswith("0.png") else len(name) * 20))
    write_dataset(load_image_folder(tmp_path / "images"), 8, {"train": None, "test": None})


@pytest.mark.parametrize(("mode", "largest"), [("L", 1), ("RGB", 9), ("L", 16), ("RGB", 25)])
def test_prepared_images_that_use_few_of_8_bits_are_refused(mode: str, largest: int, tmp_path: Path) -> None:
    def open_all() -> Dataset:
        dataset = load_image_folder(tmp_path / "images")
        for split in dataset.splits.values():
            for index in range(len(split.labels)):
                split.open_image(index)
        return dataset

    for number, name in enumerate(UNDIVIDED):
        fill_folder(tmp_path / "images", [name], paint(largest * number // 11, mode))
    with pytest.raises(ValueError, match=f"no pixel of any image exceeds {largest} of 255, .* multiplied by"):
        open_all().check()
    fill_folder(tmp_path / "images", ["b/9.png"], paint(26, mode))
    open_all().check()
