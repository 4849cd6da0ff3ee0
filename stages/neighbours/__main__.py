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
from stages.common.compute import configure_compute
from stages.common.errors import InputError
from stages.common.grid import Grid
from stages.common.image_grid import write_grid
from stages.common.params import load_section
from stages.neighbours.params import NeighboursParams
from stages.neighbours.search import Images, Spaces, find_nearest
from stages.neighbours.summary import SUSPICIOUS_QUANTILE, summarise_spaces
from stages.scores.extractor import load_extractor

HELD_OUT = "held out"


def main() -> None:
    """Find the neighbours of the samples of every trial's last snapshot; trials without a snapshot are left out."""
    params = load_section(NeighboursParams, "neighbours")
    train, test = (read_images(images_file(split), made_by="prepare") for split in ("train", "test"))
    queries = {}
    for trial in Grid.load().trials():
        images = read_last_samples(trial, params.sample_count, train.shape[1:])
        if images is not None:
            queries[trial.name] = images
    device = configure_compute()
    held_out = choose_evenly_spaced(test, params.real_count)
    found = find_nearest({HELD_OUT: held_out, **queries}, train, load_extractor(device), device)
    baseline = found.pop(HELD_OUT)
    for name, spaces in found.items():
        write_picture(name, queries[name][: params.shown], spaces, train)
    trials = {
        name: {**summarise_spaces(spaces, baseline), "picture": f"{name}.png"}
        for name, spaces in found.items()
    }
    counts = {"sample_count": params.sample_count, "held_out_count": len(held_out), "train_count": len(train)}
    shown = {"shown": params.shown, "suspicious_quantile": SUSPICIOUS_QUANTILE}
    write_json(NEIGHBOURS / NEIGHBOURS_RECORD, counts | shown | {"trials": trials})


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


def choose_evenly_spaced(images: Images, count: int) -> Images:
    """Choose `count` evenly spaced images of a split, or all of them where there are fewer."""
    indices = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(np.int64)
    return np.array(images[indices])


def write_picture(name: str, samples: Images, spaces: Spaces, train: Images) -> None:
    """Write a picture with three rows: samples, and their nearest training images by pixels and by features."""
    rows = [samples, *(train[spaces[space].indices[: len(samples)]] for space in ("pixels", "features"))]
    write_grid(NEIGHBOURS / f"{name}.png", np.concatenate(rows), len(rows), len(samples))


if __name__ == "__main__":
    run_command(main, __doc__)
