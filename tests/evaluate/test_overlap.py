"""Images that are scored against themselves are detected, in whatever way both sides got them."""

import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from stages.evaluate.overlap import check_different_files, check_different_images, check_no_copies
from stages.images.image_sets import ImageSet, ReadOptions, open_images
from tests.scores.factories import make_images, write_folder

READING = ReadOptions("auto", "refuse", None)
Case = tuple[str, str, Callable[[], object]]


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with real images and with other images, each as a folder and as an array."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("real", "other")):
        write_folder(Path(name), make_images(12, seed))
        np.save(f"{name}.npy", make_images(12, seed))


def open_both(real: str, fake: str) -> tuple[ImageSet, ImageSet]:
    return open_images(real, "--real", READING), open_images(fake, "--fake", READING)


def link_files(link: Callable[[Path, Path], object]) -> None:
    Path("links").mkdir()
    for path in Path("real").iterdir():
        link(path.resolve(), Path("links", path.name))


def prepare_split() -> None:
    Path("data/prepared").mkdir(parents=True)
    shutil.copy("real.npy", "data/prepared/train_images.npy")


SAME_FILES: dict[str, Case] = {
    "the same folder": ("real", "real", lambda: None),
    "the same folder by another path": ("real", "../{here}/./real", lambda: None),
    "the scored ones within the real ones": (
        "real",
        "real/generated",
        lambda: shutil.move("other", "real/generated"),
    ),
    "the real ones within the scored ones": (
        "other/train",
        "other",
        lambda: shutil.move("real", "other/train"),
    ),
    "a link to the folder": ("real", "linked", lambda: Path("linked").symlink_to("real")),
    "a link to one file": ("real", "other", lambda: Path("other/x.png").symlink_to("../real/0003.png")),
    "links to all files": ("real", "links", lambda: link_files(os.symlink)),
    "hard links": ("real", "links", lambda: link_files(os.link)),
    "the same array": ("real.npy", "real.npy", lambda: None),
    "a link to the array": ("real.npy", "linked.npy", lambda: Path("linked.npy").symlink_to("real.npy")),
    "a hard link to the array": ("real.npy", "linked.npy", lambda: os.link("real.npy", "linked.npy")),
    "the same array of a file": (
        "both.npz:images",
        "both.npz",
        lambda: np.savez("both.npz", images=make_images(9), y=make_images(9)),
    ),
    "the prepared split by its path": ("train", "data/prepared/train_images.npy", prepare_split),
}


@pytest.mark.parametrize("name", SAME_FILES)
def test_files_that_are_on_both_sides_are_refused(name: str) -> None:
    real, fake, make = SAME_FILES[name]
    make()
    with pytest.raises(
        ValueError, match="share files: .* are also among those of --real .*, such as .*name two sets"
    ):
        check_different_files(*open_both(real, fake.format(here=Path.cwd().name)))


def copy_half() -> None:
    for number in range(6):
        shutil.copy(f"real/{number:04d}.png", f"other/{number + 3:04d}.png")


SAME_IMAGES: dict[str, Case] = {
    "a copy of the folder": ("real", "copy", lambda: shutil.copytree("real", "copy")),
    "a copy of the array": ("real.npy", "copy.npy", lambda: shutil.copy("real.npy", "copy.npy")),
    "the folder as an array": ("real", "real.npy", lambda: None),
    "the array in another form": (
        "real.npy",
        "packed.npz",
        lambda: np.savez_compressed("packed.npz", make_images(12).transpose(0, 2, 3, 1)),
    ),
    "in another order": ("real.npy", "sorted.npy", lambda: np.save("sorted.npy", make_images(12)[::-1])),
    "a part of them": ("real.npy", "few.npy", lambda: np.save("few.npy", make_images(12)[:4])),
    "a part of them, repeated": (
        "real.npy",
        "few.npy",
        lambda: np.save("few.npy", np.tile(make_images(12)[:2], (9, 1, 1, 1))),
    ),
    "half of them": ("real", "other", copy_half),
}


@pytest.mark.parametrize("name", SAME_IMAGES)
def test_images_that_are_on_both_sides_are_refused(name: str) -> None:
    real, fake, make = SAME_IMAGES[name]
    make()
    sets = open_both(real, fake)
    check_different_files(*sets)
    for images in sets:
        images.read_all()
    with pytest.raises(ValueError, match="hold the same images: .* distinct ones are in both, to the pixel"):
        check_different_images(*sets)


def write_blanks() -> None:
    for folder in ("real", "other"):
        shutil.rmtree(folder)
        write_folder(Path(folder), np.zeros((12, 1, 8, 8), dtype=np.uint8))


def copy_all() -> None:
    shutil.rmtree("other")
    shutil.copytree("real", "other")


def copy_some() -> None:
    shutil.rmtree("other")
    Path("other/deep").mkdir(parents=True)
    for number in range(5):
        shutil.copy(f"real/{number:04d}.png", f"other/deep/{9 - number}.png")


COPIES: dict[str, tuple[bool, Callable[[], object]]] = {
    "all of them": (True, copy_all),
    "some, by other names": (True, copy_some),
    "half of them": (False, copy_half),
    "none": (False, lambda: None),
    "blank images": (False, write_blanks),
}


@pytest.mark.parametrize("name", COPIES)
def test_copied_files_are_refused_before_any_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_refused, make = COPIES[name]
    make()
    sets = open_both("real", "other")
    monkeypatch.setattr(ImageSet, "__getitem__", lambda *_: pytest.fail("an image was decoded"))
    with pytest.raises(ValueError, match="other are copies of those of") if is_refused else nullcontext():
        check_no_copies(*sets)


def make_blank() -> None:
    np.save("real.npy", np.concatenate([make_images(12), np.zeros((1, 1, 8, 8), dtype=np.uint8)]))
    np.save("other.npy", np.zeros((12, 1, 8, 8), dtype=np.uint8))


@pytest.mark.parametrize(
    ("make", "shared"),
    [
        (lambda: None, 0),
        # A generator has collapsed to a blank image, and one of the real images is blank too.
        (make_blank, 1),
        (lambda: np.save("other.npy", np.concatenate([make_images(3, 0), make_images(9, 1)])), 3),
    ],
)
def test_few_equal_images_are_counted(make: Callable[[], object], shared: int) -> None:
    make()
    sets = open_both("real.npy", "other.npy")
    check_different_files(*sets)
    for images in sets:
        images.read_all()
    assert check_different_images(*sets) == shared


def test_two_arrays_of_one_file_are_two_sets() -> None:
    np.savez("both.npz", real=make_images(9), fake=make_images(9, 1))
    sets = open_both("both.npz:real", "both.npz:fake")
    check_different_files(*sets)
    check_no_copies(*sets)


def test_the_content_identifies_a_set_and_not_its_place_or_form() -> None:
    shutil.copytree("real", "copy")
    sets = [open_images(name, "--real", READING) for name in ("real", "copy", "real.npy", "other")]
    for images in sets:
        images.read_all()
    assert sets[0].sha256 == sets[1].sha256 == sets[2].sha256 != sets[3].sha256
    sets[0].select(np.arange(12)[::-1])
    assert sets[0].sha256 != sets[1].sha256
