"""The scores computed from features that benchmarks/scores.py times: ours and those of every installed library."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks import score_baselines as baselines
from benchmarks.score_baselines import Features
from stages.scores.authenticity import compute_authenticity
from stages.scores.cmmd import compute_cmmd
from stages.scores.copying_test import compute_copying_test
from stages.scores.density_coverage import compute_density_coverage
from stages.scores.frechet import compute_frechet_distance
from stages.scores.kid import compute_kid
from stages.scores.neighbours import centre, compute_radii
from stages.scores.precision_recall import compute_precision_recall

OURS = "ours"
SEED = 0
SUBSETS, LARGEST_SUBSET = 100, 1000
NEIGHBOURS = 3
# The numbers of features D of DINOv2 ViT-L, of sFID, and of CLIP ViT-L.
DINOV2, SPATIAL, CLIP = 1024, 2023, 768
# The package to import for each library.
PACKAGES = {"pytorch-fid": "pytorch_fid", "torch-fidelity": "torch_fidelity", "torchmetrics": "torchmetrics"}

Job = Callable[[], float]
Draw = Callable[[int, int, int], Features]
"""A function that draws features float32 [N, D], given N, a seed and D."""


def list_installed() -> dict[str, bool]:
    """Return whether each library is installed, by the library's name."""
    return {name: find_spec(package) is not None for name, package in PACKAGES.items()}


def make_jobs(count: int, draw: Draw) -> dict[str, dict[str, Job]]:
    """Make the jobs to time, by score and by library; every library gets the same features and caches nothing.

    Args:
        count: the number of real and of generated images each.
        draw: the function that draws the features.
    """
    real, fake, held_out = (draw(count, seed, baselines.FEATURES) for seed in range(3))
    size = min(LARGEST_SUBSET, count)
    jobs: dict[str, dict[str, Job]] = {
        "KID": {
            OURS: lambda: compute_kid(real, fake, SUBSETS, size, SEED).value,
            "torch-fidelity": partial(_torch_fidelity_kid, real, fake, size),
            "torchmetrics": partial(_torchmetrics_kid, real, fake, size),
        },
        "precision and recall": {
            OURS: lambda: compute_precision_recall(real, fake, NEIGHBOURS).precision,
            "torch-fidelity": partial(_torch_fidelity_precision, real, fake),
        },
        "density and coverage": {OURS: lambda: compute_density_coverage(real, fake, NEIGHBOURS).density},
        "authenticity": {OURS: partial(_authenticity, real, fake)},
        "C_T": {OURS: lambda: compute_copying_test(real, held_out, fake, SEED).value or 0.0},
        "CMMD": {OURS: partial(_cmmd, *(draw(count, seed, CLIP) for seed in range(2)))},
    }
    for title, dimension in (("FD-DINOv2", DINOV2), ("sFID", SPATIAL)):
        if count > dimension:
            jobs[title] = _make_distances(*(draw(count, seed, dimension) for seed in range(2)))
    installed = list_installed()
    return {
        title: {name: job for name, job in by_name.items() if installed.get(name, True)}
        for title, by_name in jobs.items()
    }


def _make_distances(real: Features, fake: Features) -> dict[str, Job]:
    """Make the jobs that compute Fréchet distances from features: the moments, then the formula."""

    def ours() -> float:
        return compute_frechet_distance(*map(baselines.compute_moments, (real, fake)))

    def theirs(distance: Callable[[Any, Any], float]) -> float:
        return distance(*map(baselines.compute_statistics, (real, fake)))

    return {OURS: ours} | {name: partial(theirs, found) for name, found in baselines.DISTANCES.items()}


def _torch_fidelity_kid(real: Features, fake: Features, size: int) -> float:
    """Compute KID with torch-fidelity in float32, its default, in which a value near 0 has few correct digits."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(
        torch.from_numpy(real),
        torch.from_numpy(fake),
        kid_subsets=SUBSETS,
        kid_subset_size=size,
        rng_seed=SEED,
        verbose=False,
    )
    return float(found["kernel_inception_distance_mean"])


def _torchmetrics_kid(real: Features, fake: Features, size: int) -> float:
    """Compute KID with torchmetrics, with the identity as its network; it draws other subsets than ours."""
    from torchmetrics.image.kid import KernelInceptionDistance

    metric = KernelInceptionDistance(feature=nn.Identity(), subsets=SUBSETS, subset_size=size)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    return float(metric.compute()[0])


def _torch_fidelity_precision(real: Features, fake: Features) -> float:
    from torch_fidelity.metric_prc import prc_features_to_metric

    parts = (torch.from_numpy(part).double() for part in (fake, real))
    found = prc_features_to_metric(*parts, prc_neighborhood=NEIGHBOURS, prc_batch_size=10_000, verbose=False)
    return float(found["precision"])


def _authenticity(real: Features, fake: Features) -> float:
    centred, _ = centre(real, real[:1])
    return compute_authenticity(real, fake, compute_radii(centred, 1)).value


def _cmmd(real: Features, fake: Features) -> float:
    return compute_cmmd(np.asarray(real), np.asarray(fake)).value
