"""Rank the GANs by each metric with the ranks' uncertainty, and compare the orders with the published ones."""

import math

from stages.report.model.comparisons import OrderAgreement, Ranking, ScoreOrder
from stages.report.model.published import PublishedSource
from stages.report.published import SOURCES, name_gan, published_score
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import LEVEL
from stages.report.statistics.metrics import Metric
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.ranks import estimate_ranks
from stages.report.statistics.seed_scores import average_scores, collect_last_scores, order_gans


def rank_gans(results: Results, metric: Metric) -> Ranking:
    """Rank the GANs by the primary score: each seed's mean over settings at the last evaluation point."""
    return Ranking(metric.key, estimate_ranks(collect_last_scores(results, metric), metric))


def build_orders(results: Results) -> tuple[ScoreOrder, ...]:
    """Build the order of the GANs by each metric, beside the published ones."""
    return tuple(_build_order(results, metric) for metric in results.metrics)


def _build_order(results: Results, metric: Metric) -> ScoreOrder:
    scores = collect_last_scores(results, metric)
    # A GAN with a failed training is worse than any other.
    values = dict.fromkeys(scores, -metric.sign * math.inf) | average_scores(scores)
    return ScoreOrder(
        metric=metric.key,
        names=tuple(map(name_gan, order_gans(scores, metric))),
        published={source.key: _order_published(results, source, metric) for source in SOURCES},
        agreements=tuple(_compare(values, source, metric) for source in SOURCES),
    )


def _order_published(results: Results, source: PublishedSource, metric: Metric) -> tuple[str, ...]:
    """Name the grid's GANs in a published order, the best first."""
    known = _list_published(results.grid.gans, source, metric)
    order = sorted(known, key=lambda gan: known[gan], reverse=metric.is_higher_better)
    return tuple(map(name_gan, order))


def _compare(values: dict[str, float], source: PublishedSource, metric: Metric) -> OrderAgreement:
    agreement = compare_orders(values, _list_published(list(values), source, metric))
    return OrderAgreement(
        source=source.table,
        tau=agreement.tau,
        gans_in_common=agreement.gans_in_common,
        p=agreement.p,
        least_p=agreement.least_p,
        can_differ=agreement.least_p < LEVEL,
        text=agreement.describe(),
    )


def _list_published(gans: list[str], source: PublishedSource, metric: Metric) -> dict[str, float]:
    scores = {gan: published_score(source.key, gan, metric.key) for gan in gans}
    return {gan: score for gan, score in scores.items() if score is not None}
