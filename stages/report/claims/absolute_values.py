"""Check the claims on absolute values, which only scores under the published protocol can answer."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.report.claims.decision import Comparison, decide, describe_margin, make_claim
from stages.report.model.sections import Claim
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import FID, INCEPTION_SCORE, Metric
from stages.report.statistics.summary import summarise_cell


class Bound(NamedTuple):
    """A GAN's score lies on one side of a number.

    Attributes:
        gan: the GAN.
        metric: the score.
        is_above: on which side.
        value: the number.
        settings: letters; empty where it is enough that the score does so under one setting.
    """

    gan: str
    metric: Metric
    is_above: bool
    value: float
    settings: str

    @property
    def side(self) -> str:
        """The side in words."""
        return "above" if self.is_above else "below"

    def measure_margin(self, value: float) -> float:
        """Return how far a value lies on the claimed side; negative on the other."""
        return value - self.value if self.is_above else self.value - value


def _everywhere(gans: Sequence[str], metric: Metric, is_above: bool, value: float) -> list[Bound]:
    return [Bound(gan, metric, is_above, value, "ABC") for gan in gans]


OTHERS = ("began", "ebgan", "batch_norm", "layer_norm")
CLAIMS: list[tuple[str, list[Bound]]] = [
    (
        "SNGAN's Inception Score is between 3.5 and 4, those of BEGAN, EBGAN and BN are below 3, EBGAN's below 2.5 "
        "(Figure 2).",
        [
            *_everywhere(["sngan"], INCEPTION_SCORE, True, 3.5),
            *_everywhere(["sngan"], INCEPTION_SCORE, False, 4.0),
            *_everywhere(["began", "batch_norm"], INCEPTION_SCORE, False, 3.0),
            *_everywhere(["ebgan"], INCEPTION_SCORE, False, 2.5),
        ],
    ),
    (
        "SNGAN alone has an FID below 200 under every setting, WGAN-GP one above 200 only at B, LN one close to 300 "
        "at A (Figure 2).",
        [
            *_everywhere(["sngan"], FID, False, 200.0),
            Bound("wgan_gp", FID, False, 200.0, "AC"),
            Bound("wgan_gp", FID, True, 200.0, "B"),
            Bound("layer_norm", FID, True, 275.0, "A"),
            *(Bound(gan, FID, True, 200.0, "") for gan in OTHERS),
        ],
    ),
]


def check_absolute_values(results: Results) -> list[Claim]:
    """Check the claims about absolute values; under another protocol only the values are shown."""
    return [_check(results, text, bounds) for text, bounds in CLAIMS]


def _check(results: Results, text: str, bounds: list[Bound]) -> Claim:
    values = _format_values(results, bounds)
    if not results.has_published_protocol:
        reason = (
            f"these numbers belong to CIFAR-10 seen by the Inception network, ours to {results.data_set} seen "
            f"by the {results.card['name']}; for the record, {values}"
        )
        return make_claim(text, None, reason, "settings")
    decision = decide([comparison for bound in bounds for comparison in _compare(results, bound)])
    numbers = f"{values}; {describe_margin(decision, 2)}"
    return make_claim(text, decision.holds, numbers, "settings", decision.means_agree)


def _compare(results: Results, bound: Bound) -> list[Comparison]:
    """Compare a GAN's scores with a bound under each setting, or under the one at which they exceed it most."""
    name = f"{name_gan(bound.gan)} {bound.side} {bound.value:g}"
    if not bound.settings:
        seeds = [_find_largest_margin(results, bound, seed) for seed in results.grid.seeds]
        margins = [margin for margin in seeds if margin is not None]
        return [Comparison(f"{name} somewhere", margins)] if margins else []
    comparisons = []
    for setting in results.grid.settings_used:
        trials = [trial for trial in results.select_trials(bound.gan, setting) if trial.points]
        if setting in bound.settings and trials:
            values = [bound.metric.value_of(bound.metric.choose(trial.points)) for trial in trials]
            margins = list(map(bound.measure_margin, values))
            quantity = f"{bound.metric.title} of {bound.gan} at {setting}"
            comparisons.append(Comparison(f"{name} at {setting}", margins, quantity=quantity))
    return comparisons


def _find_largest_margin(results: Results, bound: Bound, seed: int) -> float | None:
    """Find the margin of the setting at which a seed comes furthest beyond the bound."""
    trials = [
        trial
        for trial in results.trials
        if trial.trial.gan == bound.gan and trial.trial.seed == seed and trial.points
    ]
    best = [bound.metric.value_of(bound.metric.choose(trial.points)) for trial in trials]
    return max(map(bound.measure_margin, best), default=None)


def _format_values(results: Results, bounds: list[Bound]) -> str:
    """Write the best values of the GANs that a claim is about, setting by setting."""
    texts = []
    for gan, metric in dict.fromkeys((bound.gan, bound.metric) for bound in bounds):
        cells = [summarise_cell(results, gan, setting, metric) for setting in results.grid.settings_used]
        values = [metric.format(None if cell is None else cell.best.mean) for cell in cells]
        if gan in results.grid.gans:
            texts.append(f"{name_gan(gan)} {'/'.join(values)}")
    return f"{bounds[0].metric.title} by setting: {', '.join(texts) or 'none of these GANs'}"
