"""Arrange images in a grid and write it as one PNG."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import atomic_path


def make_grid(images: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Arrange images in a grid, row by row.

    Args:
        images: uint8 [rows * columns, C, H, W].
        rows: number of rows.
        columns: number of columns.

    Returns:
        uint8 [rows * H, columns * W, C].
    """
    _, channels, height, width = images.shape
    tiles = images.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    return tiles.reshape(rows * height, columns * width, channels)


def write_grid(path: Path, images: NDArray[np.uint8], rows: int, columns: int) -> None:
    """Write a grid of the images, uint8 [rows * columns, C, H, W] with C 1 or 3, as a PNG, atomically."""
    grid = make_grid(images, rows, columns)
    picture = Image.fromarray(grid.squeeze(2) if grid.shape[2] == 1 else grid)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
