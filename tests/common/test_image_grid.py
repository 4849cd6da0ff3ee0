from pathlib import Path

import numpy as np
from PIL import Image

from stages.common.image_grid import make_grid, write_grid


def test_a_grid_is_filled_row_by_row() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    assert make_grid(images, rows=2, columns=3)[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_grid_of_colour_images_is_a_colour_picture(tmp_path: Path) -> None:
    images = np.zeros((2, 3, 4, 4), np.uint8)
    images[1, 2] = 200
    write_grid(tmp_path / "grid.png", images, rows=1, columns=2)
    picture = Image.open(tmp_path / "grid.png")
    assert picture.size == (8, 4)
    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert picture.getpixel((5, 1)) == (0, 0, 200)
