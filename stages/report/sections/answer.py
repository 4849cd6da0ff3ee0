"""Answer the published report's question in one sentence: what the tests over seeds allow one to say."""

from collections.abc import Sequence

from stages.report.formatting import join_words, pluralise
from stages.report.model.comparisons import Contrast, Contrasts, Ranking
from stages.report.published import SNGAN, name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import Metric

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def write_answer(results: Results, contrasts: Sequence[Contrasts], rankings: Sequence[Ranking]) -> str:
    """Write whether SNGAN is the best GAN of the grid, in as far as seeds can tell.

    Args:
        results: all results.
        contrasts: SNGAN against its rivals, one per metric.
        rankings: of all GANs, one per metric.
    """
    if SNGAN not in results.grid.gans or len(results.grid.gans) < 2:
        return (
            "This run does not ask whether SNGAN is the best: its grid does not hold SNGAN and another GAN."
        )
    if len(results.grid.seeds) == 1:
        return _describe_one_seed(results, rankings)
    told = [
        row.is_ahead(metric.is_higher_better)
        for metric, found in zip(results.metrics, contrasts, strict=True)
        for row in found.rows
    ]
    parts = [
        _describe_metric(found, metric) for found, metric in zip(contrasts, results.metrics, strict=True)
    ]
    return f"{_begin(told)}, from {pluralise(len(results.grid.seeds), 'seed')}: {'; '.join(parts)}."


def _begin(told: Sequence[bool | None]) -> str:
    if all(told):
        return "SNGAN is the best of these GANs"
    if any(ahead is False for ahead in told):
        return "SNGAN is not the best of these GANs by at least one score"
    return "Whether SNGAN is the best of these GANs cannot be told"


def _describe_metric(contrasts: Contrasts, metric: Metric) -> str:
    """Name the rivals that SNGAN is ahead of, behind, and not to be told from."""
    groups: dict[str, list[str]] = {}
    for row in contrasts.rows:
        groups.setdefault(_name_group(row, metric), []).append(name_gan(row.rival))
    return f"by {metric.title} it " + join_words(
        [f"{verb} {join_words(gans)}" for verb, gans in groups.items()]
    )


def _name_group(row: Contrast, metric: Metric) -> str:
    ahead = row.is_ahead(metric.is_higher_better)
    if row.failed and row.ratio is None:
        return "has no test (a training failed) against"
    return {True: "is ahead of", False: "is behind", None: "cannot be told from"}[ahead]


def _describe_one_seed(results: Results, rankings: Sequence[Ranking]) -> str:
    """Say that one seed tells nothing, and what came out of it."""
    places = [
        _describe_place(ranking, metric) for ranking, metric in zip(rankings, results.metrics, strict=True)
    ]
    return (
        "One seed cannot tell which GAN is the best, as another may order them otherwise. In this run, at "
        "the end of the "
        f"training, {'; '.join(places)}."
    )


def _describe_place(ranking: Ranking, metric: Metric) -> str:
    first = name_gan(ranking.rows[0].gan)
    place = next(row.rank for row in ranking.rows if row.gan == SNGAN)
    ordinal = ORDINALS[place - 1] if place <= len(ORDINALS) else f"number {place}"
    leader = "" if place == 1 else f"{first} is first and "
    return f"by {metric.title} {leader}SNGAN is {ordinal} of {len(ranking.rows)}"
