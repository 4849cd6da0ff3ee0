"""Build the table of GANs at equal budgets."""

import math
import statistics

from stages.report.model.report import Row
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.budgets import (
    BUDGETS,
    Budget,
    SeedScores,
    collect_scores_within,
    find_points_within,
)
from stages.report.statistics.intervals import estimate_mean
from stages.report.statistics.metrics import METRICS, Metric


def build_budget_table(results: Results) -> tuple[Row, ...]:
    """Build the table of every GAN at the most generator steps, and at the most discriminator steps, that all reached.

    Returns:
        Rows of `budget`, the key of a budget; `gan`, `name`; what the GAN had spent there, the smallest and largest
        over its trials, under `least_<key>` and `most_<key>` of each budget; for each metric the geometric mean over
        settings and seeds under its key, under `<key>_low` and `<key>_high` its interval over seeds, and under
        `<key>_rank` its rank. A GAN without a score for some setting and seed has None.
    """
    rows: dict[tuple[str, str], Row] = {
        (budget.key, gan): {"budget": budget.key, "gan": gan, "name": name_gan(gan)}
        | _describe_spent(results, gan, budget)
        for budget in BUDGETS
        for gan in results.grid.gans
    }
    for budget in BUDGETS:
        for metric in METRICS:
            scores = collect_scores_within(results, metric, budget)
            order = _order(scores, metric)
            for gan, values in scores.items():
                rows[budget.key, gan] |= _describe_scores(values, order.get(gan), metric)
    return tuple(rows.values())


def _describe_spent(results: Results, gan: str, budget: Budget) -> Row:
    points = [
        point for seed in results.grid.seeds for point in find_points_within(results, gan, seed, budget) or ()
    ]
    spent = {other.key: [other.value_of(point) for point in points] for other in BUDGETS}
    return {
        f"{name}_{key}": choose(values, default=None)
        for key, values in spent.items()
        for name, choose in (("least", min), ("most", max))
    }


def _order(scores: SeedScores, metric: Metric) -> dict[str, int]:
    """Rank the GANs that have a score for every seed by their means, the best as 1."""
    means = {
        gan: statistics.fmean([value for value in values if value is not None])
        for gan, values in scores.items()
        if None not in values
    }
    order = sorted(means, key=lambda gan: means[gan], reverse=metric.is_higher_better)
    return {gan: rank for rank, gan in enumerate(order, start=1)}


def _describe_scores(values: list[float | None], rank: int | None, metric: Metric) -> Row:
    columns = (metric.key, f"{metric.key}_low", f"{metric.key}_high", f"{metric.key}_rank")
    if rank is None:
        return dict.fromkeys(columns)
    mean = estimate_mean([value for value in values if value is not None])
    ends = (None if end is None else _to_score(end) for end in (mean.low, mean.high))
    return dict(zip(columns, (_to_score(mean.mean), *ends, rank), strict=True))


def _to_score(logarithm: float) -> float:
    # Two seeds can leave an interval that no number is large enough for.
    return math.exp(min(logarithm, 700.0))
