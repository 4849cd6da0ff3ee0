"""Pictures of real and generated images for figures and galleries."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import atomic_path, images_file, labels_file, read_array, read_images
from stages.common.class_order import round_robin_order
from stages.common.image_grid import make_grid
from stages.report.results.read import TrialResult

Picture = NDArray[np.uint8]
"""uint8 [height, width] for grey, [height, width, 3] for colour."""


class Illustration(NamedTuple):
    """A picture file in the report's folder.

    Attributes:
        file: its name.
        title: what stands under it.
        description: what it shows, for those who do not see it.
    """

    file: str
    title: str
    description: str


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture as PNG, as small as it gets, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)


def read_picture(path: Path) -> Picture:
    """Read a grid of samples.

    Raises:
        ValueError: the file is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; make it with `dvc repro sample@{path.parent.name}`") from None
    except OSError as error:
        raise ValueError(
            f"{path} is damaged ({error}); make it anew: `dvc repro -f sample@{path.parent.name}`"
        ) from None


def show_real(rows: int, columns: int) -> Picture:
    """Arrange real images of the train split in a grid as large as that of the samples, in turns over the classes."""
    images = read_images(images_file("train"), made_by="prepare")
    labels = read_array(labels_file("train"), made_by="prepare")
    # A data set may be smaller than the grid; it is then shown more than once.
    chosen = np.resize(round_robin_order(labels), rows * columns)
    return _squeeze(make_grid(np.stack([images[index] for index in chosen]), rows, columns))


def show_course(result: TrialResult, image_size: int, tiles: int) -> Picture:
    """Stack a corner of every point's grid: the same noise, over the training from top to bottom.

    Args:
        result: the trial, with one point or more.
        image_size: of one image, in pixels.
        tiles: images across and down, fewer where the grid has fewer.
    """
    side = tiles * image_size
    return np.concatenate(
        [read_picture(result.grids[point.generator_step])[:side, :side] for point in result.points]
    )


def _squeeze(grid: NDArray[np.uint8]) -> Picture:
    return grid[:, :, 0] if grid.shape[2] == 1 else grid
