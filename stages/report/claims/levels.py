"""Check the claims on levels of scores, which only scores made like the published ones can answer."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from stages.report.claims.decision import Comparison, decide, make_claim, make_decided
from stages.report.claims.published_numbers import do_first_scores_lie_between
from stages.report.claims.slopes import FIGURE3_SETTING
from stages.report.formatting import NONE
from stages.report.model.sections import Claim, Outcome
from stages.report.published import name_gan, published_bars, published_conditions
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import FID, INCEPTION_SCORE, NO_CLASSES, Metric
from stages.report.statistics.summary import summarise_cell


class Bound(NamedTuple):
    """The claim that a GAN's score lies on one side of a number.

    Attributes:
        gan: the GAN.
        metric: the score.
        is_above: whether the claim is that the score lies above the number; if not, below it.
        value: the number.
        settings: the letters of the settings under which this is claimed; empty for a claim of at least one setting.
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
FORM = (
    "Each training's best score lies on the claimed side of each number. Asked only of scores made as the "
    "published ones "
    "were: data set, network, image size and number of distinct images."
)
NETWORKS = {"classifier": "a classifier trained here", "inception": "the original Inception"}
EARLY = (2.0, 2.5)
EARLY_FORM = (
    f"Setting {FIGURE3_SETTING}: every GAN's score at the first evaluation point lies between the two "
    f"numbers. Asked only of "
    "scores made as the published ones were."
)


def check_levels(results: Results) -> tuple[Claim, ...]:
    """Check the claims on levels; if our scores are of another kind, the claims say how they differ."""
    return (*(_check(results, text, bounds) for text, bounds in CLAIMS), _check_early(results))


def list_differences(results: Results) -> list[str]:
    """List the conditions in which our scores differ from the published ones, with both values."""
    published = published_conditions()
    counts = {point.distinct_images for trial in results.trials for point in trial.points}
    pairs = {
        "data set": (results.data_set, published["data_set"]),
        "network": (NETWORKS.get(results.card["name"], results.card["name"]), published["network"]),
        "pixels a side": (results.data["image_size"], published["image_size"]),
        "distinct images": (max(counts, default=0), published["distinct_images"]),
    }
    return [f"{name} {ours}, not {theirs}" for name, (ours, theirs) in pairs.items() if ours != theirs]


def _check(results: Results, text: str, bounds: list[Bound]) -> Claim:
    published = all(_holds_of_bars(bound) for bound in bounds)
    metric = results.find_metric(bounds[0].metric.key)
    if metric is None:
        return make_claim(text, FORM, Outcome.UNASKED, NO_CLASSES, "settings", published=published)
    values = _format_values(results, bounds, metric)
    differences = list_differences(results)
    if differences:
        reason = f"{'; '.join(differences)}; for the record, {values}"
        return make_claim(text, FORM, Outcome.INCOMPARABLE, reason, "settings", published=published)
    decision = decide([comparison for bound in bounds for comparison in _compare(results, bound)])
    return make_decided(text, FORM, decision, values, "settings", published)


def _check_early(results: Results) -> Claim:
    """Check that all Inception Scores at the first evaluation point lie between two numbers."""
    low, high = EARLY
    text = f"At the first evaluation point, every Inception Score is between {low:g} and {high:g} (Figure 3)."
    published, differences = do_first_scores_lie_between(low, high), list_differences(results)
    if results.find_metric(INCEPTION_SCORE.key) is None:
        return make_claim(text, EARLY_FORM, Outcome.UNASKED, NO_CLASSES, "training", published=published)
    trials = [trial for gan in results.grid.gans for trial in results.select_trials(gan, FIGURE3_SETTING)]
    firsts = [_measure_first(trial) for trial in trials if trial.points]
    values = (
        f"first scores at {FIGURE3_SETTING} from {min(firsts):.2f} to {max(firsts):.2f}" if firsts else ""
    )
    if differences or not firsts:
        reason = "; ".join(
            filter(None, (*differences, values or f"no point under setting {FIGURE3_SETTING}"))
        )
        return make_claim(text, EARLY_FORM, Outcome.INCOMPARABLE, reason, "training", published=published)
    comparisons = []
    for gan in results.grid.gans:
        own = results.select_trials(gan, FIGURE3_SETTING)
        for bound in (
            Bound(gan, INCEPTION_SCORE, True, low, ""),
            Bound(gan, INCEPTION_SCORE, False, high, ""),
        ):
            comparisons.append(_compare_trials(bound, own, FIGURE3_SETTING, _measure_first))
    return make_decided(text, EARLY_FORM, decide(comparisons), values, "training", published)


def _measure_first(trial: TrialResult) -> float:
    return INCEPTION_SCORE.value_of(trial.points[0])


def _holds_of_bars(bound: Bound) -> bool:
    """Return whether the published Figure 2's bars lie on the claimed side."""
    settings, bars = published_bars(bound.metric.key)
    margins = dict(zip(settings, map(bound.measure_margin, bars[bound.gan]), strict=True))
    if not bound.settings:
        return max(margins.values()) > 0.0
    return all(margin > 0.0 for setting, margin in margins.items() if setting in bound.settings)


def _compare(results: Results, bound: Bound) -> list[Comparison]:
    """Compare a GAN's best scores with a bound under each claimed setting, or under the most favourable one."""

    def choose(trial: TrialResult) -> float:
        return bound.metric.value_of(bound.metric.choose(trial.points))

    if not bound.settings:
        trials = [trial for trial in results.trials if trial.trial.gan == bound.gan and trial.points]
        seeds = [[trial for trial in trials if trial.trial.seed == seed] for seed in results.grid.seeds]
        margins = [max((bound.measure_margin(choose(trial)) for trial in own), default=None) for own in seeds]
        return [Comparison(f"{name_gan(bound.gan)} {bound.side} {bound.value:g} somewhere", margins)]
    return [
        _compare_trials(bound, results.select_trials(bound.gan, setting), setting, choose)
        for setting in results.grid.settings_used
        if setting in bound.settings and bound.gan in results.grid.gans
    ]


def _compare_trials(
    bound: Bound, trials: list[TrialResult], setting: str, measure: Callable[[TrialResult], float]
) -> Comparison:
    """Compare a measure of each training of a GAN under a setting with a bound."""
    margins = [bound.measure_margin(measure(trial)) if trial.points else None for trial in trials]
    name = f"{name_gan(bound.gan)} {bound.side} {bound.value:g} at {setting}"
    quantity = f"{bound.metric.key} of {bound.gan} at {setting}"
    return Comparison(name, margins, is_lost=None in margins, quantity=quantity)


def _format_values(results: Results, bounds: list[Bound], metric: Metric) -> str:
    """Format the best values of the GANs that a claim is about, setting by setting."""
    texts = []
    for gan in dict.fromkeys(bound.gan for bound in bounds):
        if gan in results.grid.gans:
            cells = [summarise_cell(results, gan, letter, metric) for letter in results.grid.settings_used]
            values = [NONE if cell.best is None else metric.format(cell.best.mean) for cell in cells]
            texts.append(f"{name_gan(gan)} {'/'.join(values)}")
    return f"{metric.short} by setting: {', '.join(texts) or 'none of these GANs'}"
