"""Write the answer to the published report's question, in one sentence that the tests over seeds support."""

from collections.abc import Sequence

from stages.report.formatting import join_words, pluralise
from stages.report.model.comparisons import Contrast, Contrasts, Ranking
from stages.report.published import SNGAN, name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import count_failures

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def write_answer(results: Results, contrasts: Sequence[Contrasts], rankings: Sequence[Ranking]) -> str:
    """Write whether SNGAN is the best GAN of the grid, as far as the tests over seeds can tell.

    Args:
        results: all results.
        contrasts: SNGAN against its rivals, one per metric.
        rankings: the rankings of all GANs, one per metric.
    """
    if len(results.grid.gans) == 1:
        return f"This run trained {name_gan(results.grid.gans[0])} alone, so it compares nothing."
    if all(count_failures(results, gan) for gan in results.grid.gans):
        return "Each of these GANs has a training that failed, so this run cannot tell which is the best."
    if len(results.grid.seeds) == 1:
        places = join_places(results, rankings)
        return f"{places}, in one training of each {_name_unit(results)}, which cannot tell which GAN is the best."
    if SNGAN not in results.grid.gans:
        return f"{join_places(results, rankings)}; without SNGAN, the question of Feng et al. is not asked."
    pairs = list(zip(contrasts, results.metrics, strict=True))
    verdicts = {metric.title: _is_best(found, metric) for found, metric in pairs}
    titles: dict[str, list[str]] = {}
    for found, metric in pairs:
        titles.setdefault(_describe_rivals(found, metric), []).append(metric.title)
    details = "; ".join(f"by {join_words(names)} it {rivals}" for rivals, names in titles.items())
    return f"{_begin(verdicts)}, from {pluralise(len(results.grid.seeds), 'seed')}: {details}."


def _is_best(contrasts: Contrasts, metric: Metric) -> bool | None:
    """Return True if SNGAN is told to be ahead of all rivals, False if behind one, and None if neither is told."""
    told = [row.is_ahead(metric.is_higher_better) for row in contrasts.rows]
    return False if False in told else None if None in told else True


def _begin(verdicts: dict[str, bool | None]) -> str:
    """Write the beginning of the answer from the verdict on each score, by the score's title."""
    found = set(verdicts.values())
    several = len(verdicts) > 1
    if found == {True}:
        return "SNGAN is the best of these GANs" + " by both scores" * several
    if found == {False}:
        return "SNGAN is not the best of these GANs" + " by either score" * several
    if found == {None}:
        return "Whether SNGAN is the best of these GANs cannot be told" + " by either score" * several
    # The verdicts on the two scores differ.
    titles = {verdict: title for title, verdict in verdicts.items()}
    if None not in titles:
        return f"SNGAN is the best of these GANs by {titles[True]}, but not by {titles[False]}"
    is_best = True in titles
    told = f"SNGAN is {'' if is_best else 'not '}the best of these GANs by {titles[is_best]}"
    return f"{told}; by {titles[None]} this cannot be told"


def _describe_rivals(contrasts: Contrasts, metric: Metric) -> str:
    """Name the rivals that SNGAN is ahead of, that it is behind, and that it cannot be told from."""
    groups: dict[str, list[str]] = {}
    for row in contrasts.rows:
        groups.setdefault(_name_group(row, metric), []).append(name_gan(row.rival))
    return join_words([f"{verb} {join_words(gans)}" for verb, gans in groups.items()])


def _name_group(row: Contrast, metric: Metric) -> str:
    ahead = row.is_ahead(metric.is_higher_better)
    if row.failed and row.ratio is None:
        return "has no test (a training failed) against"
    return {True: "is ahead of", False: "is behind", None: "cannot be told from"}[ahead]


def _name_unit(results: Results) -> str:
    return "GAN" if len(results.grid.settings_used) == 1 else "GAN under each setting"


def join_places(results: Results, rankings: Sequence[Ranking]) -> str:
    """Write SNGAN's rank by each score, or the first GAN in a grid without SNGAN."""
    titles: dict[tuple[str, str], list[str]] = {}
    for ranking, metric in zip(rankings, results.metrics, strict=True):
        titles.setdefault(_describe_place(ranking), []).append(metric.title)
    parts: dict[str, list[str]] = {}
    for (gan, place), names in titles.items():
        parts.setdefault(gan, []).append(f"{place} by {join_words(names)}")
    places = " and ".join(f"{gan} is {join_words(places)}" for gan, places in parts.items())
    return f"{places}{_describe_failures(results)}"


def _describe_failures(results: Results) -> str:
    """Name, in brackets, the GANs that are last because some of their trainings failed; "" if none failed."""
    counts = {gan: count_failures(results, gan) for gan in results.grid.gans}
    failed = [name_gan(gan) for gan, count in counts.items() if count]
    if not failed:
        return ""
    trainings = "a training" if sum(counts.values()) == 1 else "trainings"
    return f" ({join_words(failed)}, of which {trainings} failed, {'is' if len(failed) == 1 else 'are'} last)"


def _describe_place(ranking: Ranking) -> tuple[str, str]:
    """Return the name of SNGAN, or of the first GAN in a grid without it, and its rank such as `first of 6`."""
    first, count = ranking.rows[0].gan, len(ranking.rows)
    place = next((row.rank for row in ranking.rows if row.gan == SNGAN), 1)
    if place == 1:
        return name_gan(first), f"first of {count}"
    ordinal = ORDINALS[place - 1] if place <= len(ORDINALS) else f"number {place}"
    return name_gan(SNGAN), f"{ordinal} of {count} ({name_gan(first)} is first)"
