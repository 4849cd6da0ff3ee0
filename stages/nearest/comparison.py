"""Compare sets of samples with the training images, beside held-out real images: distances and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.artifacts import images_file, read_images
from stages.common.compute import configure_compute
from stages.common.image_grid import write_grid
from stages.nearest.params import NeighboursParams
from stages.nearest.spaces import Images, Spaces, find_nearest
from stages.nearest.summary import SUSPICIOUS_QUANTILE, summarise_spaces
from stages.scores.extractor import load_extractor

HELD_OUT = "held out"


def compare_with_training(
    samples: Mapping[str, Images], key: str, params: NeighboursParams, folder: Path
) -> dict[str, Any]:
    """Find the nearest training images of sets of samples, and write a picture of each set.

    Args:
        samples: sets of samples by name, none of them HELD_OUT; uint8 [N, C, H, W] of the data set's shape.
        key: under which the record has the sets.
        params: how many images are compared and shown.
        folder: where `<name>.png` of each set is written.

    Returns:
        The record: the numbers of images, and under `key` the distances of each set by its name.

    Raises:
        InputError: a prepared split is missing or damaged, or features are not finite.
    """
    train, test = (read_images(images_file(split), made_by="prepare") for split in ("train", "test"))
    held_out = choose_evenly_spaced(test, params.real_count)
    device = configure_compute()
    found = find_nearest({HELD_OUT: held_out, **samples}, train, load_extractor(device), device)
    baseline = found.pop(HELD_OUT)
    for name, spaces in found.items():
        write_picture(folder / f"{name}.png", samples[name][: params.shown], spaces, train)
    sets = {
        name: {**summarise_spaces(spaces, baseline), "picture": f"{name}.png"}
        for name, spaces in found.items()
    }
    counts = {"sample_count": params.sample_count, "held_out_count": len(held_out), "train_count": len(train)}
    shown = {"shown": params.shown, "suspicious_quantile": SUSPICIOUS_QUANTILE}
    return counts | shown | {key: sets}


def choose_evenly_spaced(images: Images, count: int) -> Images:
    """Choose `count` evenly spaced images of a split, or all of them where there are fewer."""
    indices = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(np.int64)
    return np.array(images[indices])


def write_picture(path: Path, samples: Images, spaces: Spaces, train: Images) -> None:
    """Write a picture with three rows: samples, and their nearest training images by pixels and by features."""
    rows = [samples, *(train[spaces[space].indices[: len(samples)]] for space in ("pixels", "features"))]
    write_grid(path, np.concatenate(rows), len(rows), len(samples))
