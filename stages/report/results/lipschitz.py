"""Read the norms and gradients of the discriminators; a trial without an analysis is left out and named."""

import json
from typing import Any, NamedTuple

from stages.common.artifacts import LIPSCHITZ, METRICS_LOG, Trial
from stages.common.grid import Grid
from stages.report.results.records import parse_content

# The name of a score that is the network's output for an image, and not an error computed from this output.
SCORE = "score"
IMAGE_KINDS = {"real": "real", "fake": "generated", "interpolated": "between the two"}


class LayerNorms(NamedTuple):
    """Norms of one linear layer of a discriminator.

    Attributes:
        sigma_estimate: power iteration's estimate of `sigma`.
        sigma: largest singular value of the weight, reshaped to a matrix with one row per output channel.
        operator_norm: norm of the layer as it is applied to its inputs.
        sigma_error: relative error of the estimate.
        has_spectral_norm: whether the layer is spectrally normalised.
    """

    sigma_estimate: float
    sigma: float
    operator_norm: float
    sigma_error: float
    has_spectral_norm: bool


class GradientNorms(NamedTuple):
    """Norms of the gradient of the discriminator's score with respect to images of one kind.

    Attributes:
        mean: the mean over the images.
        largest: the largest over the images.
        bound: the largest upper bound at any of the images; None where no bound is known.
        share_of_bound: the largest ratio of an image's norm to its own bound; None where no bound is known.
    """

    mean: float
    largest: float
    bound: float | None
    share_of_bound: float | None


class Analysis(NamedTuple):
    """The analysis of one snapshot of a discriminator; infinity stands for a number that was not finite.

    Attributes:
        generator_step: the generator step of the snapshot.
        score_name: the discriminator's score of an image, in words.
        layers: the linear layers in the network's order.
        normaliser_norms: the largest factor that each normaliser scales by.
        sigma_product: product over the layers of `sigma`.
        operator_norm_product: product over the layers of `operator_norm`.
        gradients: the gradients by kind of image.
    """

    generator_step: int
    score_name: str
    layers: list[LayerNorms]
    normaliser_norms: list[float]
    sigma_product: float
    operator_norm_product: float
    gradients: dict[str, GradientNorms]

    @property
    def largest_gradient(self) -> float:
        """The largest gradient norm at any image."""
        return max(norms.largest for norms in self.gradients.values())

    @property
    def share_of_bound(self) -> float | None:
        """The largest share of its bound that any gradient norm reached; None where there is no bound."""
        shares = [norms.share_of_bound for norms in self.gradients.values()]
        return None if None in shares else max(share for share in shares if share is not None)


class TrialAnalysis(NamedTuple):
    """A trial's snapshots in the order of training; a trial that diverged before the first has none."""

    trial: Trial
    points: list[Analysis]


class Analyses(NamedTuple):
    """The analyses in the grid's order, and the names of the trials without one."""

    trials: list[TrialAnalysis]
    missing: list[str]

    def select_trials(self, gan: str, setting: str | None = None) -> list[TrialAnalysis]:
        """List the trials of a GAN that have snapshots, under one setting or all."""
        return [
            analysis
            for analysis in self.trials
            if analysis.trial.gan == gan and setting in (None, analysis.trial.setting) and analysis.points
        ]


def read_analyses(grid: Grid) -> Analyses:
    """Read results/lipschitz.

    Raises:
        InputError: a file is damaged.
    """
    trials, missing = [], []
    for trial in grid.trials():
        if (LIPSCHITZ / trial.name / METRICS_LOG).exists():
            trials.append(TrialAnalysis(trial, _read_points(trial)))
        else:
            missing.append(trial.name)
    return Analyses(trials, missing)


def _read_points(trial: Trial) -> list[Analysis]:
    path = LIPSCHITZ / trial.name / METRICS_LOG
    return parse_content(
        path,
        f"lipschitz@{trial.name}",
        lambda: [_parse_analysis(json.loads(line)) for line in path.read_bytes().splitlines()],
    )


def _parse_analysis(row: dict[str, Any]) -> Analysis:
    return Analysis(
        generator_step=int(row["generator_step"]),
        score_name=str(row["score_name"]),
        layers=[LayerNorms(**{key: layer[key] for key in LayerNorms._fields}) for layer in row["layers"]],
        normaliser_norms=[
            _parse_number(normaliser["largest_jacobian_norm"]) for normaliser in row["normalisers"]
        ],
        sigma_product=_parse_number(row["sigma_product"]),
        operator_norm_product=_parse_number(row["operator_norm_product"]),
        gradients={kind: _parse_gradients(row, kind) for kind in IMAGE_KINDS},
    )


def _parse_gradients(row: dict[str, Any], kind: str) -> GradientNorms:
    norm, bound, share = (row[key][kind] for key in ("gradient_norm", "local_bound", "share_of_bound"))
    return GradientNorms(
        mean=_parse_number(norm["mean"]),
        largest=_parse_number(norm["largest"]),
        bound=None if bound is None else _parse_number(bound["largest"]),
        share_of_bound=None if share is None else _parse_number(share["largest"]),
    )


def _parse_number(value: float | None) -> float:
    # JSON has no infinity, so a number that is not finite was written as null.
    return float("inf") if value is None else float(value)
