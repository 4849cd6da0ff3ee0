"""Ask whether GANs copy: samples, data/prepared -> results/neighbours (nearest training images, a picture a trial)."""

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
from stages.common.cli import run_stage
from stages.common.compute import configure_compute
from stages.common.grid import Grid
from stages.common.image_grid import write_grid
from stages.common.params import load_section
from stages.neighbours.params import NeighboursParams
from stages.neighbours.search import Images, Spaces, find_nearest
from stages.neighbours.summary import summarise_spaces
from stages.scores.extractor import load_extractor

HELD_OUT = "held out"


def main() -> None:
    """Look at each trial's last snapshot; a trial that has none, or failed, is left out as the report leaves it out."""
    params = load_section(NeighboursParams, "neighbours")
    train, test = (read_images(images_file(split), made_by="prepare") for split in ("train", "test"))
    queries = {}
    for trial in Grid.load().trials():
        images = read_last_samples(trial, params.sample_count)
        if images is not None:
            queries[trial.name] = images
    device = configure_compute()
    held_out = choose_evenly(test, params.real_count)
    found = find_nearest({HELD_OUT: held_out, **queries}, train, load_extractor(device), device)
    yardstick = found.pop(HELD_OUT)
    for name, spaces in found.items():
        write_picture(name, queries[name][: params.shown], spaces, train)
    trials = {
        name: {**summarise_spaces(spaces, yardstick), "picture": f"{name}.png"}
        for name, spaces in found.items()
    }
    counts = {"sample_count": params.sample_count, "held_out_count": len(held_out), "train_count": len(train)}
    write_json(NEIGHBOURS / NEIGHBOURS_RECORD, counts | {"shown": params.shown, "trials": trials})


def read_last_samples(trial: Trial, count: int) -> Images | None:
    """Read the first images of a trial's last snapshot; None where it has no snapshot or its sampling failed."""
    path = SAMPLES / trial.name / MANIFEST
    if not path.exists():
        return None
    points = read_json(path, made_by=f"sample@{trial.name}")["points"]
    if not points:
        return None
    images = read_images(SAMPLES / trial.name / points[-1]["images"], made_by=f"sample@{trial.name}")
    return np.array(images[:count])


def choose_evenly(images: Images, count: int) -> Images:
    """Choose images all over a split, the whole of it when it is smaller."""
    places = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(np.int64)
    return np.array(images[places])


def write_picture(name: str, samples: Images, spaces: Spaces, train: Images) -> None:
    """Write samples above their nearest training images: by pixels, then by features."""
    rows = [samples, *(train[spaces[space].indices[: len(samples)]] for space in ("pixels", "features"))]
    write_grid(NEIGHBOURS / f"{name}.png", np.concatenate(rows), len(rows), len(samples))


if __name__ == "__main__":
    run_stage(main)
