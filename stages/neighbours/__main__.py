"""Find each sample's nearest training image: samples, data/prepared -> results/neighbours (distances, pictures)."""

import numpy as np

from stages.common.artifacts import (
    MANIFEST,
    NEIGHBOURS,
    NEIGHBOURS_RECORD,
    SAMPLES,
    Trial,
    images_file,
    read_images,
    read_json,
    write_json,
)
from stages.common.cli import run_command
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.common.params import load_section
from stages.nearest.comparison import compare_with_training
from stages.nearest.params import NeighboursParams
from stages.nearest.spaces import Images


def main() -> None:
    """Find the neighbours of the samples of every trial's last snapshot; trials without a snapshot are left out."""
    params = load_section(NeighboursParams, "neighbours")
    image_shape = read_images(images_file("train"), made_by="prepare").shape[1:]
    samples = {}
    for trial in Grid.load().trials():
        images = read_last_samples(trial, params.sample_count, image_shape)
        if images is not None:
            samples[trial.name] = images
    write_json(NEIGHBOURS / NEIGHBOURS_RECORD, compare_with_training(samples, "trials", params, NEIGHBOURS))


def read_last_samples(trial: Trial, count: int, image_shape: tuple[int, ...]) -> Images | None:
    """Read the first `count` images of a trial's last snapshot; None where there is no snapshot or no sample of it.

    Raises:
        InputError: the file is missing or damaged, or its images are not of the shape C, H, W.
    """
    path = SAMPLES / trial.name / MANIFEST
    if not path.exists():
        return None
    points = read_json(path, made_by=f"sample@{trial.name}")["points"]
    if not points:
        return None
    path = SAMPLES / trial.name / points[-1]["images"]
    images = read_images(path, made_by=f"sample@{trial.name}")
    if images.shape[1:] != image_shape:
        raise InputError(
            f"{path} holds images {list(images.shape[1:])}, but the training images are {list(image_shape)}; make it "
            f"anew: `dvc repro -f sample@{trial.name}`"
        )
    return np.array(images[:count])


if __name__ == "__main__":
    run_command(main, __doc__)
