"""R3, R4 and the level of R5: what the report says of absolute values, which only its own protocol can answer."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.report.claims.verdict import Check, Claim, judge, tell_margin
from stages.report.published import name_gan
from stages.report.results.read import Results
from stages.report.statistics.scores import FID, INCEPTION_SCORE, Metric, summarise


class Bound(NamedTuple):
    """A GAN's score lies on one side of a number.

    Attributes:
        gan: the GAN.
        metric: the score.
        is_above: on which side.
        value: the number.
        settings: letters; empty where it is enough that one setting does.
    """

    gan: str
    metric: Metric
    is_above: bool
    value: float
    settings: str


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


def check_levels(results: Results) -> list[Claim]:
    """Check the claims about absolute values; under another protocol only the values are shown."""
    return [_check(results, text, bounds) for text, bounds in CLAIMS]


def has_reports_protocol(results: Results) -> bool:
    """Tell whether our scores are the quantity that the report's are: CIFAR-10 seen by the Inception network."""
    return bool(results.data["dataset"] == "cifar10" and results.card["name"] == "inception")


def _check(results: Results, text: str, bounds: list[Bound]) -> Claim:
    shown = _show_values(results, bounds)
    if not has_reports_protocol(results):
        why = (
            f"these numbers belong to CIFAR-10 seen by the Inception network, ours to {results.data_set} seen "
            f"by the {results.card['name']}; for the record, {shown}"
        )
        return Claim(text, None, why, "settings")
    judgement = judge([check for bound in bounds for check in _list_checks(results, bound)])
    numbers = f"{shown}; {tell_margin(judgement, 2)}"
    return Claim(text, judgement.holds, numbers, "settings", judgement.means_say)


def _list_checks(results: Results, bound: Bound) -> list[Check]:
    checks = []
    sign, side = (1.0, "above") if bound.is_above else (-1.0, "below")
    if not bound.settings:
        seeds = [_find_margin(results, bound, sign, seed) for seed in results.grid.seeds]
        margins = [margin for margin in seeds if margin is not None]
        name = f"{name_gan(bound.gan)} {side} {bound.value:g} somewhere"
        return [Check(name, margins)] if margins else []
    for setting in results.grid.settings_used:
        trials = [trial for trial in results.of(bound.gan, setting) if trial.points]
        if setting in bound.settings and trials:
            values = [bound.metric.of(bound.metric.choose(trial.points)) for trial in trials]
            name = f"{name_gan(bound.gan)} {side} {bound.value:g} at {setting}"
            margins = [sign * (value - bound.value) for value in values]
            checks.append(Check(name, margins, quantity=f"{bound.metric.title} of {bound.gan} at {setting}"))
    return checks


def _find_margin(results: Results, bound: Bound, sign: float, seed: int) -> float | None:
    """Take the setting at which a seed comes furthest beyond the bound."""
    trials = [
        trial
        for trial in results.trials
        if trial.trial.gan == bound.gan and trial.trial.seed == seed and trial.points
    ]
    best = [bound.metric.of(bound.metric.choose(trial.points)) for trial in trials]
    return max((sign * (value - bound.value) for value in best), default=None)


def _show_values(results: Results, bounds: list[Bound]) -> str:
    told = []
    for gan, metric in dict.fromkeys((bound.gan, bound.metric) for bound in bounds):
        cells = [summarise(results, gan, setting, metric) for setting in results.grid.settings_used]
        values = [metric.show(None if cell is None else cell.best.mean) for cell in cells]
        if gan in results.grid.gans:
            told.append(f"{name_gan(gan)} {'/'.join(values)}")
    return f"{bounds[0].metric.title} by setting: {', '.join(told) or 'none of these GANs'}"
