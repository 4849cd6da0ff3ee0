"""Read the analyses of the discriminators; a trial without one is left out, and named."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.artifacts import LIPSCHITZ, METRICS_LOG, Trial
from stages.common.grid import Grid

# What is said of an image that is the network's own output, and not an error made of it.
SCORE = "score"
KINDS = {"real": "real", "fake": "generated", "interpolated": "between the two"}


class LayerNorms(NamedTuple):
    """A linear layer: what power iteration says of its weight, the exact value, and what the layer does to inputs."""

    sigma_estimate: float
    sigma: float
    operator_norm: float
    sigma_error: float
    has_spectral_norm: bool


class Steepness(NamedTuple):
    """Norms of the gradient of D by its input over images of one kind, and the largest bound of any of them.

    Attributes:
        mean: over the images.
        largest: over the images.
        bound: the largest that holds at any of the images; None where nothing is known to.
        share_of_bound: the largest of any image's norm over its own bound; None likewise.
    """

    mean: float
    largest: float
    bound: float | None
    share_of_bound: float | None


class Analysis(NamedTuple):
    """One snapshot of a discriminator.

    Attributes:
        generator_step: when.
        score_name: what the discriminator says of an image, in words.
        layers: in order.
        factors: the most that each normaliser stretched by.
        sigma_product: of the layers' sigma.
        operator_norm_product: of the layers' operator norms.
        steepness: by kind of image.
    """

    generator_step: int
    score_name: str
    layers: list[LayerNorms]
    factors: list[float]
    sigma_product: float
    operator_norm_product: float
    steepness: dict[str, Steepness]

    @property
    def steepest(self) -> float:
        """The largest gradient norm at any image."""
        return max(one.largest for one in self.steepness.values())

    @property
    def share_of_bound(self) -> float | None:
        """The largest share of its bound that any gradient reached; None where there is no bound."""
        shares = [one.share_of_bound for one in self.steepness.values()]
        return None if None in shares else max(share for share in shares if share is not None)


class TrialAnalysis(NamedTuple):
    """A trial's snapshots in the order of training; none where it diverged before the first."""

    trial: Trial
    points: list[Analysis]


class Analyses(NamedTuple):
    """All there are, in the grid's order, and the names of the trials without."""

    trials: list[TrialAnalysis]
    missing: list[str]

    def of(self, gan: str, setting: str | None = None) -> list[TrialAnalysis]:
        """List the trials of a GAN that have snapshots, under one setting or all."""
        return [
            one
            for one in self.trials
            if one.trial.gan == gan and setting in (None, one.trial.setting) and one.points
        ]


def read_analyses(grid: Grid) -> Analyses:
    """Read results/lipschitz.

    Raises:
        ValueError: a file is damaged.
    """
    trials, missing = [], []
    for trial in grid.trials():
        path = LIPSCHITZ / trial.name / METRICS_LOG
        if path.exists():
            trials.append(TrialAnalysis(trial, _read_points(path, trial)))
        else:
            missing.append(trial.name)
    return Analyses(trials, missing)


def _read_points(path: Path, trial: Trial) -> list[Analysis]:
    lines: Iterable[str] = path.read_text(encoding="utf-8").splitlines()
    try:
        return [_to_analysis(json.loads(line)) for line in lines]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged ({error!r}); make it anew: `dvc repro -f lipschitz@{trial.name}`"
        ) from None


def _to_analysis(row: dict[str, Any]) -> Analysis:
    return Analysis(
        generator_step=int(row["generator_step"]),
        score_name=str(row["score_name"]),
        layers=[LayerNorms(**{key: layer[key] for key in LayerNorms._fields}) for layer in row["layers"]],
        factors=[_to_float(normaliser["largest_jacobian_norm"]) for normaliser in row["normalisers"]],
        sigma_product=_to_float(row["sigma_product"]),
        operator_norm_product=_to_float(row["operator_norm_product"]),
        steepness={kind: _to_steepness(row, kind) for kind in KINDS},
    )


def _to_steepness(row: dict[str, Any], kind: str) -> Steepness:
    norm, bound, share = (row[key][kind] for key in ("gradient_norm", "local_bound", "share_of_bound"))
    return Steepness(
        mean=_to_float(norm["mean"]),
        largest=_to_float(norm["largest"]),
        bound=None if bound is None else _to_float(bound["largest"]),
        share_of_bound=None if share is None else _to_float(share["largest"]),
    )


def _to_float(value: float | None) -> float:
    # A number that had left the finite ones was written as null.
    return float("inf") if value is None else float(value)
