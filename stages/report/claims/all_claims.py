"""Check all claims of the published report against our numbers: every verdict is computed."""

from collections.abc import Sequence

from stages.report.claims.absolute_values import check_absolute_values
from stages.report.claims.best_gan import check_best, check_best_everywhere, check_fastest
from stages.report.claims.lipschitz import check_lipschitz_claims
from stages.report.claims.training import check_fluctuation, check_length, check_ratio
from stages.report.claims.trends import check_early_ranking, check_trend
from stages.report.formatting import format_percent, pluralise
from stages.report.model.sections import Claim
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import CONFIDENCE
from stages.report.statistics.metrics import METRICS


def check_claims(results: Results) -> tuple[Claim, ...]:
    """Check every claim that the grid, the losses, the discriminators or arithmetic can answer."""
    return (
        check_best(results),
        check_best_everywhere(results),
        *check_absolute_values(results),
        *(check_trend(results, metric) for metric in METRICS),
        check_early_ranking(results),
        check_fastest(results),
        check_length(results),
        check_fluctuation(results),
        check_ratio(results),
        *check_lipschitz_claims(results.analyses),
    )


def summarise_claims(claims: Sequence[Claim], seed_count: int) -> str:
    """Write how many claims hold, do not hold and cannot be told."""
    hold, fail = (sum(claim.holds is answer for claim in claims) for answer in (True, False))
    return (
        f"Of {pluralise(len(claims), 'claim')} of the report that our numbers can speak to, {hold} "
        f"{'holds' if hold == 1 else 'hold'}, {fail} {'does' if fail == 1 else 'do'} not hold and "
        f"{len(claims) - hold - fail} cannot be told, at {format_percent(CONFIDENCE)} and with "
        f"{pluralise(seed_count, 'seed')}."
    )
