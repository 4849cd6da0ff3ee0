"""What the report claimed, held against our numbers: every verdict is computed."""

from stages.report.claims.absolute_values import check_levels
from stages.report.claims.best_gan import check_best, check_best_everywhere, check_fastest
from stages.report.claims.training import check_fluctuation, check_length, check_ratio
from stages.report.claims.trends import check_early_ranking, check_trend
from stages.report.claims.verdict import Claim
from stages.report.results.read import Results
from stages.report.statistics.scores import METRICS


def check_claims(results: Results) -> list[Claim]:
    """Check every claim that the grid, the losses or arithmetic can answer."""
    return [
        check_best(results),
        check_best_everywhere(results),
        *check_levels(results),
        *(check_trend(results, metric) for metric in METRICS),
        check_early_ranking(results),
        check_fastest(results),
        check_length(results),
        check_fluctuation(results),
        check_ratio(results),
    ]
