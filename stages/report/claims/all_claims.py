"""Check all claims of the published report against our numbers; every verdict is computed."""

from collections import Counter
from collections.abc import Sequence

from stages.report.claims.best_gan import check_best, check_best_everywhere, check_fastest
from stages.report.claims.levels import check_levels
from stages.report.claims.lipschitz import check_lipschitz_claims
from stages.report.claims.published_numbers import PUBLISHED_METRICS
from stages.report.claims.time_scales import check_time_scales
from stages.report.claims.training import check_fluctuation, check_length, check_ratio
from stages.report.claims.trends import check_early_ranking, check_trend
from stages.report.formatting import format_percent, join_words, pluralise
from stages.report.model.sections import Claim, Outcome
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import CONFIDENCE

# The verb of each outcome in the summary, for one claim and for several.
VERBS = {
    Outcome.HOLDS: ("holds", "hold"),
    Outcome.FAILS: ("does not hold", "do not hold"),
    Outcome.UNCONTRADICTED: ("is not contradicted", "are not contradicted"),
    Outcome.OPEN: ("cannot be told", "cannot be told"),
    Outcome.INCOMPARABLE: ("is not comparable", "are not comparable"),
    Outcome.UNASKED: ("was not asked", "were not asked"),
}


def check_claims(results: Results) -> tuple[Claim, ...]:
    """Check every claim, and list the decided ones first."""
    claims = (
        check_best(results),
        check_best_everywhere(results),
        *check_levels(results),
        *(check_trend(results, metric) for metric in PUBLISHED_METRICS),
        check_early_ranking(results),
        check_fastest(results),
        check_length(results),
        check_fluctuation(results),
        check_ratio(results),
        check_time_scales(results),
        *check_lipschitz_claims(results.analyses),
    )
    return tuple(sorted(claims, key=lambda claim: list(VERBS).index(claim.outcome)))


def summarise_claims(claims: Sequence[Claim], seed_count: int) -> str:
    """Summarise how many claims have which verdict, such as `2 hold, 4 do not and 10 cannot be told`."""
    counts = Counter(claim.outcome for claim in claims)
    parts = [
        f"{counts[outcome]} {verbs[counts[outcome] != 1]}"
        for outcome, verbs in VERBS.items()
        if counts[outcome]
    ]
    if counts[Outcome.HOLDS] and counts[Outcome.FAILS]:
        # After "hold", the short "do not" suffices.
        parts[1] = parts[1].removesuffix(" hold")
    summary = f"Of {pluralise(len(claims), 'claim')} of Feng et al., {join_words(parts)}"
    if seed_count == 1:
        return (
            f"{summary}. Each GAN was trained once under each setting, which decides no claim about scores."
        )
    return f"{summary}, at {format_percent(CONFIDENCE)} and with {pluralise(seed_count, 'seed')}."
