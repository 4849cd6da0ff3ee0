"""Build the table of GANs at equal budgets."""

from collections.abc import Sequence

from stages.report.model.report import Row
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.sections.score_tables import describe_interval
from stages.report.statistics.budgets import BUDGETS, Budget, collect_scores_within, find_points_within
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import order_gans
from stages.report.statistics.summary import average


def build_budget_table(results: Results, budgets: Sequence[Budget] = BUDGETS) -> tuple[Row, ...]:
    """Build the table of every GAN at the largest value of each budget that all GANs reached.

    Args:
        results: the results of all stages.
        budgets: the budgets at which GANs are compared.

    Returns:
        Rows of `budget`, the key of a budget; `gan`, `name`; what the GAN had spent there, the smallest and largest
        over its trials, under `least_<key>` and `most_<key>` of that and of each of BUDGETS; for each metric the
        geometric mean over settings and seeds under its key, under `<key>_low` and `<key>_high` its interval over
        seeds, and under `<key>_rank` its rank. A GAN without a score for some setting and seed has no mean, and is
        ranked last.
    """
    rows: dict[tuple[str, str], Row] = {
        (budget.key, gan): {"budget": budget.key, "gan": gan, "name": name_gan(gan)}
        | _describe_spent(results, gan, budget)
        for budget in budgets
        for gan in results.grid.gans
    }
    for budget in budgets:
        for metric in results.metrics:
            scores = collect_scores_within(results, metric, budget)
            order = order_gans(scores, metric)
            for gan, values in scores.items():
                rows[budget.key, gan] |= _describe_scores(values, order.index(gan) + 1, metric)
    return tuple(rows.values())


def _describe_spent(results: Results, gan: str, budget: Budget) -> Row:
    points = [
        point for seed in results.grid.seeds for point in find_points_within(results, gan, seed, budget) or ()
    ]
    spent = {other.key: [other.value_of(point) for point in points] for other in (*BUDGETS, budget)}
    return {
        f"{name}_{key}": choose(values, default=None)
        for key, values in spent.items()
        for name, choose in (("least", min), ("most", max))
    }


def _describe_scores(values: list[float | None], rank: int, metric: Metric) -> Row:
    return describe_interval(average(values, metric), metric.key) | {f"{metric.key}_rank": rank}
