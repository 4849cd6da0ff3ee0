"""Check the published report's claims against its own numbers: its bars and curves, of one training each."""

from itertools import chain

from stages.report.claims.slopes import fit_slope
from stages.report.published import (
    FENG_ET_AL,
    SNGAN,
    published_bars,
    published_curves,
    published_range,
    published_score,
)
from stages.report.statistics.metrics import FID, INCEPTION_SCORE, Metric
from stages.report.statistics.rank_correlation import compare_orders

PUBLISHED_METRICS = (INCEPTION_SCORE, FID)


def does_sngan_lead(everywhere: bool) -> bool:
    """Return whether SNGAN leads in both scores: in every pair of bars, or in Table 1."""
    return all(_leads(metric, everywhere) for metric in PUBLISHED_METRICS)


def _leads(metric: Metric, everywhere: bool) -> bool:
    if everywhere:
        _, bars = published_bars(metric.key)
        others = [values for gan, values in bars.items() if gan != SNGAN]
        columns = zip(bars[SNGAN], *others, strict=True)
        return all(metric.is_better(own, rival) for own, *rivals in columns for rival in rivals)
    scores = published_range(metric.key)
    best = scores.highest if metric.is_higher_better else scores.lowest
    return published_score(FENG_ET_AL, SNGAN, metric.key) == best


def does_sngan_rise_fastest() -> bool:
    """Return whether SNGAN's curve of the Inception Score has the steepest line."""
    slopes = _fit_curves(INCEPTION_SCORE)
    return max(slopes, key=lambda gan: slopes[gan]) == SNGAN


def do_curves_improve(metric: Metric) -> bool:
    """Return whether the line through every published curve goes the better way."""
    return all(metric.is_better(slope, 0.0) for slope in _fit_curves(metric).values())


def correlate_first_and_last() -> float | None:
    """Return Kendall's tau of the orders by FID at the first and the last epoch of the published curves."""
    _, _, curves = published_curves(FID.key)
    first, last = (
        {gan: value for gan, values in curves.items() if (value := values[place]) is not None}
        for place in (0, -1)
    )
    return compare_orders(first, last).tau


def do_first_scores_lie_between(low: float, high: float) -> bool:
    """Return whether all published Inception Scores at the first epoch shown lie between two numbers."""
    _, _, curves = published_curves(INCEPTION_SCORE.key)
    return all(
        low <= value <= high for value in chain.from_iterable([v[:1] for v in curves.values()]) if value
    )


def _fit_curves(metric: Metric) -> dict[str, float]:
    _, epochs, curves = published_curves(metric.key)
    slopes = {}
    for gan, values in curves.items():
        seen = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
        slopes[gan] = fit_slope(*map(list, zip(*seen, strict=True)))
    return slopes
