"""Read, arrange and write pictures of real and generated images."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import atomic_path, images_file, labels_file, read_array, read_images
from stages.common.errors import InputError
from stages.common.image_grid import make_grid
from stages.report.results.trials import TrialResult

Pixels = NDArray[np.uint8]
"""uint8 [height, width] for grey, [height, width, 3] for colour."""


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write a picture as an optimised PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", optimize=True)


def read_picture(path: Path, made_by: str) -> Pixels:
    """Read a picture that another stage wrote, `made_by`.

    Raises:
        InputError: the file is missing or is not a picture; the message names the stage that makes it.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it with `dvc repro {made_by}`") from None
    except OSError as error:
        raise InputError(f"{path} is damaged ({error}); make it anew: `dvc repro -f {made_by}`") from None


def arrange_real_images(rows: int, columns: int) -> Pixels:
    """Arrange real images of the train split in a grid, in turns over the classes, as in a grid of samples."""
    images = read_images(images_file("train"), made_by="prepare")
    labels = read_array(labels_file("train"), made_by="prepare")
    # The order is the first image of each class, then the second of each, and so on.
    place_in_class = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        place_in_class[labels == label] = np.arange((labels == label).sum())
    chosen = np.lexsort((labels, place_in_class))
    # A data set may be smaller than the grid; its images are then repeated.
    chosen = np.resize(chosen, rows * columns)
    grid = make_grid(np.stack([images[index] for index in chosen]), rows, columns)
    return grid[:, :, 0] if grid.shape[2] == 1 else grid


def stack_points(result: TrialResult, image_size: int, tiles: int) -> Pixels:
    """Stack the upper left corner of every point's grid, the first point on top.

    Args:
        result: the trial, with one point or more.
        image_size: the side of one image, in pixels.
        tiles: the number of images across and down; a smaller grid has fewer.
    """
    side, made_by = tiles * image_size, f"sample@{result.trial.name}"
    grids = [read_picture(result.grids[point.generator_step], made_by) for point in result.points]
    return np.concatenate([grid[:side, :side] for grid in grids])
