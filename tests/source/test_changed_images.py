"""DVC detects whether the user's own images have changed."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.driving import change, dvc, list_run, working_copy

pytestmark = pytest.mark.slow


def write_images(folder: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02d}.png")


def prepare() -> list[str]:
    return list_run(dvc("repro", "prepare"))


def test_changed_images_are_prepared_again_and_unchanged_ones_are_not(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_images(images)

    def use_images(params: dict[str, dict[str, object]]) -> None:
        params["prepare"].update(dataset="image_folder", path=str(images))

    with working_copy(tmp_path / "repository", use_images):
        assert prepare() == ["check", "prepare"]
        assert prepare() == []
        for path in images.rglob("*.png"):
            os.utime(path)
        assert prepare() == []
        (images / "a/20.png").write_bytes((images / "a/01.png").read_bytes())
        assert prepare() == ["prepare"]
        assert len(np.load("data/prepared/train_images.npy")) == 21
        (images / "b/02.png").write_bytes((images / "b/01.png").read_bytes())
        assert prepare() == ["prepare"]
        (images / "a/20.png").unlink()
        assert prepare() == ["prepare"]
        images.rename(tmp_path / "gone")
        assert prepare() == []
        # The params name a copy of the images in another folder. It is read once, but no other stage becomes stale.
        before = Path("data/prepared/train_images.npy").read_bytes()
        change(lambda params: params["prepare"].update(path=str(tmp_path / "gone")))
        assert prepare() == ["check", "prepare"]
        assert Path("data/prepared/train_images.npy").read_bytes() == before
