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
    if len(results.grid.gans) == 1:
        return f"This run trained {name_gan(results.grid.gans[0])} alone, so it compares nothing."
    if len(results.grid.seeds) == 1:
        places = join_places(results, rankings)
        return f"{places}, in one training of each {_name_unit(results)}, which cannot tell which GAN is the best."
    if SNGAN not in results.grid.gans:
        return f"{join_places(results, rankings)}; without SNGAN, the question of Feng et al. is not asked."
    told = [
        row.is_ahead(metric.is_higher_better)
        for metric, found in zip(results.metrics, contrasts, strict=True)
        for row in found.rows
    ]
    parts = [
        _describe_metric(found, metric) for found, metric in zip(contrasts, results.metrics, strict=True)
    ]
    return (
        f"{_begin(told, len(parts))}, from {pluralise(len(results.grid.seeds), 'seed')}: {'; '.join(parts)}."
    )


def _begin(told: Sequence[bool | None], score_count: int) -> str:
    if all(told):
        return "SNGAN is the best of these GANs"
    if any(ahead is False for ahead in told):
        by = " by at least one score" if score_count > 1 else ""
        return f"SNGAN is not the best of these GANs{by}"
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


def _name_unit(results: Results) -> str:
    return "GAN" if len(results.grid.settings_used) == 1 else "GAN under each setting"


def join_places(results: Results, rankings: Sequence[Ranking]) -> str:
    """Say which place SNGAN has by each score; in a grid without it, which GAN is first."""
    titles: dict[tuple[str, str], list[str]] = {}
    for ranking, metric in zip(rankings, results.metrics, strict=True):
        titles.setdefault(_describe_place(ranking), []).append(metric.title)
    parts: dict[str, list[str]] = {}
    for (gan, place), names in titles.items():
        parts.setdefault(gan, []).append(f"{place} by {join_words(names)}")
    return " and ".join(f"{gan} is {join_words(places)}" for gan, places in parts.items())


def _describe_place(ranking: Ranking) -> tuple[str, str]:
    """Name a GAN, and say which place it has: `first of 6`."""
    first, count = ranking.rows[0].gan, len(ranking.rows)
    place = next((row.rank for row in ranking.rows if row.gan == SNGAN), 1)
    if place == 1:
        return name_gan(first), f"first of {count}"
    ordinal = ORDINALS[place - 1] if place <= len(ORDINALS) else f"number {place}"
    return name_gan(SNGAN), f"{ordinal} of {count}, after {name_gan(first)},"
