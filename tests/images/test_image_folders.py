"""Image files of a folder are decoded when the folder is opened, and kept in memory if they fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common.file_tree import UnreadableFile
from stages.images import image_folders
from stages.images.image_folders import open_folder


def write_mixed(folder: Path, sizes: list[tuple[int, int]]) -> None:
    """Write images in colour and grey, in turn."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for index, (width, height) in enumerate(sizes):
        shape = (height, width, 3) if index % 2 else (height, width)
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{index}.png")


@pytest.mark.parametrize(
    ("sizes", "resize"), [([(6, 6)] * 4, None), ([(9, 7), (6, 6), (5, 12)], 6), ([(8, 8)], 6)]
)
def test_kept_images_are_those_that_are_read_again(
    sizes: list[tuple[int, int]], resize: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mixed(tmp_path / "images", sizes)
    kept = open_folder(tmp_path / "images", resize)
    monkeypatch.setattr(image_folders, "LARGEST_SHARE_OF_MEMORY", 0.0)
    read = open_folder(tmp_path / "images", resize)
    assert kept.kept is not None and read.kept is None
    assert kept.shape == read.shape == (1 if len(sizes) == 1 else 3, 6, 6)
    for index in range(len(sizes)):
        np.testing.assert_array_equal(kept.read(index), read.read(index))


def test_files_are_read_once_where_their_images_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mixed(tmp_path / "images", [(6, 6), (6, 6)])
    kept = open_folder(tmp_path / "images", None)
    monkeypatch.setattr(image_folders, "LARGEST_SHARE_OF_MEMORY", 0.0)
    read = open_folder(tmp_path / "images", None)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    assert kept.read(1).shape == (3, 6, 6)
    with pytest.raises(UnreadableFile, match="1.png"):
        read.read(1)
