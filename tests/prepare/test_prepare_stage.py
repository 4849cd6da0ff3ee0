"""The stage as DVC runs it: files, manifest, exit code and the one message of a failure."""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from stages.common.errors import InputError
from stages.prepare.__main__ import main

ROOT = Path(__file__).parents[2]
DIGITS = {"dataset": "digits", "path": None, "image_size": 8, "train_limit": None, "test_limit": None}


def write_params(extractor: str = "classifier", **changes: Any) -> None:
    params = {"prepare": DIGITS | changes, "extractor": {"name": extractor}}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def prepare_here(extractor: str = "classifier", **changes: Any) -> dict[str, Any]:
    """Run the stage's main function in this process, which takes less time, and return the manifest."""
    write_params(extractor, **changes)
    main()
    manifest: dict[str, Any] = json.loads(Path("data/manifest.json").read_text())
    return manifest


def prepare(
    largest_file_bytes: int | None = None, extractor: str = "classifier", **changes: Any
) -> subprocess.CompletedProcess[str]:
    """Run the stage with the given params; a limit on the size of files stands for a full disk."""

    def limit_file_size() -> None:
        if largest_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))

    write_params(extractor, **changes)
    return subprocess.run(
        [sys.executable, "-m", "stages.prepare"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_file_size,
    )


def read_all() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("data/prepared").iterdir())}


def make_images(root: Path) -> Path:
    """Make 24 images of odd sizes and modes, twelve of each class."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for index in range(12):
            values = random.integers(0, 256, (9 + index, 31 - index, 3), dtype=np.uint8)
            Image.fromarray(values).convert("L" if index == 3 else "RGB").save(root / name / f"{index}.png")
    return root


def test_digits_are_written_as_the_other_stages_read_them() -> None:
    done = prepare()
    assert (done.returncode, done.stdout) == (0, "")
    assert list(read_all()) == [
        "class_names.json",
        "test_images.npy",
        "test_labels.npy",
        "train_images.npy",
        "train_labels.npy",
    ]
    images, labels = np.load("data/prepared/train_images.npy"), np.load("data/prepared/train_labels.npy")
    assert (images.dtype, images.shape) == (np.uint8, (1497, 1, 8, 8))
    assert (labels.dtype, labels.shape) == (np.int64, (1497,))
    assert json.loads(Path("data/prepared/class_names.json").read_text()) == [
        str(digit) for digit in range(10)
    ]


def test_the_manifest_holds_source_counts_shapes_and_checksums() -> None:
    manifest = prepare_here(test_limit=25)
    assert manifest["dataset"] == "digits"
    assert manifest["source"]["kind"] == "scikit-learn"
    assert (manifest["image_size"], manifest["channels"], manifest["resize_filter"]) == (8, 1, None)
    test = manifest["splits"]["test"]
    assert (test["count"], test["shape"]) == (25, [25, 1, 8, 8])
    assert list(test["count_by_class"].values()) == [3, 3, 3, 3, 3, 2, 2, 2, 2, 2]
    checksums = [item for split in manifest["splits"].values() for item in split["sha256"].items()]
    arrays = {name: content for name, content in read_all().items() if name.endswith(".npy")}
    assert dict(checksums) == {name: hashlib.sha256(content).hexdigest() for name, content in arrays.items()}


def test_the_manifest_identifies_the_content_and_not_its_place(tmp_path: Path) -> None:
    def identify(path: Path, **changes: Any) -> tuple[str, bool]:
        manifest = prepare_here(dataset="image_folder", path=str(path), image_size=8, **changes)
        return manifest["sha256"], manifest["is_published"]

    pets, copy = make_images(tmp_path / "pets"), tmp_path / "copy"
    first = identify(pets)
    shutil.copytree(pets, copy)
    assert first == identify(copy) and not first[1]
    # The changes are one pixel of one image, the name of one class, and a limit.
    pixels = np.array(Image.open(copy / "cat/4.png"))
    pixels[6, 12] = 255 - pixels[6, 12]
    Image.fromarray(pixels).save(copy / "cat/4.png")
    others = [identify(copy), identify(pets, train_limit=10)]
    (pets / "cat").rename(pets / "kitten")
    others.append(identify(pets))
    assert len({first, *others}) == 4


def test_only_a_whole_published_data_set_is_called_one() -> None:
    cases: list[tuple[dict[str, Any], bool]]
    cases = [({}, True), ({"image_size": 28}, True), ({"test_limit": 200}, False)]
    for changes, is_published in cases:
        assert prepare_here(**changes)["is_published"] == is_published


def test_a_second_run_writes_the_same_bytes() -> None:
    prepare(image_size=28)
    first = read_all(), Path("data/manifest.json").read_bytes()
    prepare(image_size=28)
    assert (read_all(), Path("data/manifest.json").read_bytes()) == first


def test_a_limit_keeps_images_of_the_whole_set() -> None:
    prepare_here()
    whole = np.load("data/prepared/train_images.npy")
    prepare_here(train_limit=30)
    few, labels = np.load("data/prepared/train_images.npy"), np.load("data/prepared/train_labels.npy")
    assert np.bincount(labels).tolist() == [3] * 10
    assert {image.tobytes() for image in few} <= {image.tobytes() for image in whole}


def test_odd_sizes_and_mixed_modes_become_squares_of_colour(tmp_path: Path) -> None:
    manifest = prepare_here(dataset="image_folder", path=str(make_images(tmp_path / "pets")), image_size=16)
    assert np.load("data/prepared/train_images.npy").shape == (20, 3, 16, 16)
    assert "Lanczos" in manifest["resize_filter"]
    assert manifest["splits"]["train"]["resized_count"] == 20


def test_all_corrupt_files_are_named_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    root = make_images(tmp_path / "pets")
    (root / "cat/1.png").write_bytes((root / "cat/1.png").read_bytes()[:200])
    (root / "dog/7.jpg").write_text("I am a dog")
    (root / "dog/8.png").write_bytes(b"")
    done = prepare(dataset="image_folder", path=str(root), image_size=16)
    message = done.stderr[done.stderr.index("error: ") :].splitlines()
    assert done.returncode == 1
    assert message[0] == "error: the data set: 3 of 25 files cannot be read; repair or remove them:"
    assert sorted(line.split(": ")[0] for line in message[1:]) == [
        f"  - {root}/{name}" for name in ("cat/1.png", "dog/7.jpg", "dog/8.png")
    ]
    assert not list(Path("data/prepared").iterdir())


def test_one_class_is_refused_before_anything_is_written_unless_the_extractor_needs_no_classes(
    tmp_path: Path,
) -> None:
    root = make_images(tmp_path / "pets")
    for path in list((root / "dog").iterdir()):
        path.rename(root / "cat" / f"dog-{path.name}")
    (root / "dog").rmdir()
    done = prepare(dataset="image_folder", path=str(root), image_size=16)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "all images are of one class, 'cat', so the extractor `classifier` has nothing to learn"
        in done.stderr
    )
    assert not Path("data").exists()
    prepare_here("inception", dataset="image_folder", path=str(root), image_size=16)


def test_a_limit_that_leaves_classes_without_images_is_refused() -> None:
    with pytest.raises(
        InputError, match="the train split has no image of the classes 7, 8, 9, so the extractor"
    ):
        prepare_here(train_limit=7)
    with pytest.raises(InputError, match="all 1 test images are of one class, '0', so the extractor"):
        prepare_here(test_limit=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 30}, "prepare.image_size: 30 pixels: the networks need .* nearest: 28 and 32"),
        ({"dataset": "image_folder", "path": "nowhere"}, "prepare.path = 'nowhere' does not exist"),
        ({"colour": True}, "prepare.colour is unknown"),
    ],
)
def test_an_expected_failure_is_one_message_without_a_traceback(
    changes: dict[str, Any], message: str
) -> None:
    done = prepare(**changes)
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert all(part in done.stderr for part in message.split(" .* ")), done.stderr


@pytest.mark.parametrize("largest_file_bytes", [20_000, 95_900])
def test_the_error_of_a_full_disk_names_the_file_and_no_unfinished_file_is_left(
    largest_file_bytes: int,
) -> None:
    done = prepare(largest_file_bytes)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "data/prepared/train_images.npy" in done.stderr.splitlines()[-1]
    assert not list(Path("data/prepared").iterdir())
