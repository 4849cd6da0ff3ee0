"""Order the GANs by each metric, and compare the orders with the published ones."""

from stages.report.model.comparisons import OrderAgreement, ScoreOrder
from stages.report.model.published import PublishedSource
from stages.report.published import SOURCES, name_gan, published_score
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import LEVEL
from stages.report.statistics.metrics import METRICS, Metric
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.summary import rank_gans


def build_orders(results: Results) -> tuple[ScoreOrder, ...]:
    """Build the order of the GANs by each metric; values may differ in protocol, orders still compare."""
    return tuple(_build_order(results, metric) for metric in METRICS)


def _build_order(results: Results, metric: Metric) -> ScoreOrder:
    values = rank_gans(results, metric)
    return ScoreOrder(
        metric=metric.key,
        names=tuple(map(name_gan, values)),
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
