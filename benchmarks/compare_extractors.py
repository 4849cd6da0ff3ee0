"""Measure whether the ranks of GANs depend on the extractor: compare runs that score the same trainings by several.

    python -m benchmarks.compare_extractors classifier.json other-seed.json principal-components.json

Each file is the report/results.json of a run; docs/ablations.md says how to make them without training
anything again. GANs are ranked by the Frechet distance at the last evaluation point, averaged over settings for each
seed, as in the report. The order in the first run is compared with the order in every other run.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from benchmarks.run_files import Run, average_last, read_named_runs
from stages.common.cli import run_command
from stages.common.errors import InputError
from stages.report.formatting import NONE, format_percent, join_words
from stages.report.model.comparisons import RankEstimate
from stages.report.published import name_gan
from stages.report.statistics.contrasts import compute_p, correct_by_holm
from stages.report.statistics.intervals import CONFIDENCE, LEVEL, estimate_mean
from stages.report.statistics.metrics import FID
from stages.report.statistics.ranks import estimate_ranks
from stages.report.statistics.seed_scores import SeedScores, order_gans, subtract_scores

COLUMNS = (
    "Kendall's tau",
    f"at {format_percent(CONFIDENCE)}",
    "pairs whose means are in another order",
    "told alike",
    "told in both orders",
    "not told",
)


Pair = tuple[str, str]


class OrderComparison(NamedTuple):
    """A comparison of the orders of GANs under two extractors that score the same trainings.

    Attributes:
        tau: Kendall's tau between the two orders of the means over seeds; None with fewer than two GANs.
        agreed: the pairs of GANs whose order is significant under both extractors, and the same.
        reversed: the pairs whose order is significant under both extractors, and opposite.
        open: the pairs whose order is not significant under at least one extractor.
        other: the pairs whose means are in opposite orders, significant or not.
    """

    tau: float | None
    agreed: tuple[Pair, ...]
    reversed: tuple[Pair, ...]
    open: tuple[Pair, ...]
    other: tuple[Pair, ...]

    @property
    def pair_count(self) -> int:
        """How many pairs of GANs there are."""
        return len(self.agreed) + len(self.reversed) + len(self.open)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest tau that the pairs with a significant order allow, for any order of the open pairs.

        In at most 5 % of experiments some significant order is wrong, so in at most 5 % the true tau lies outside.
        """
        known, unknown = len(self.agreed) - len(self.reversed), len(self.open)
        return (known - unknown) / self.pair_count, (known + unknown) / self.pair_count


def require_same_trainings(runs: dict[str, Run]) -> None:
    """Refuse runs that differ in more than the extractor.

    Raises:
        InputError: two runs have different trainings, the same extractor, or protocols that differ in other parts.
    """
    first, *others = runs
    for other in others:
        one, two = runs[first], runs[other]
        if _list_trainings(one) != _list_trainings(two):
            raise InputError(
                f"{first} and {other} are not of the same trainings, so more than the extractor differs; run both with "
                "the same gans, settings_used, seeds and training"
            )
    for one_path, two_path in combinations(runs, 2):
        if runs[one_path]["protocol"] == runs[two_path]["protocol"]:
            raise InputError(f"{one_path} and {two_path} are scored by the same extractor; name each once")


def _list_trainings(run: Run) -> dict[str, list[str]]:
    """List the MD5 of each trial's losses, by trial; two trainings with the same losses are the same training."""
    return {
        source["trial"]: [md5 for path, md5 in source["files"].items() if path.endswith("losses.csv")]
        for source in run["provenance"]
    }


def collect_scores(run: Run) -> SeedScores:
    """Collect the logarithm of the Fréchet distance at the last evaluation point, by GAN and seed."""
    gans = dict.fromkeys(trial["gan"] for trial in run["trials"])
    return {
        gan: [average_last(run, gan, FID.key, seed, run["settings"]) for seed in run["seeds"]] for gan in gans
    }


def compare_orders(first: SeedScores, second: SeedScores) -> OrderComparison:
    """Compare the orders that two extractors give the same trainings.

    Student's paired test over seeds decides whether the order of two GANs is significant, with Holm's correction for
    all pairs under both extractors. A GAN with a failed training is last under any extractor, so it is left out.

    Args:
        first: the scores under one extractor, by GAN and seed.
        second: the scores of the same trainings under the other extractor.

    Source: Kendall 1938, "A new measure of rank correlation".
    """
    gans = [gan for gan in first if None not in first[gan] + second[gan]]
    pairs = list(combinations(gans, 2))
    differences = [
        {pair: subtract_scores(scores[pair[0]], scores[pair[1]]) or [] for pair in pairs}
        for scores in (first, second)
    ]
    one, two = ({pair: sign(fmean(found)) for pair, found in side.items()} for side in differences)
    tests = [compute_p(estimate_mean(found)) for side in differences for found in side.values()]
    is_significant = [p is not None and p < LEVEL for p in correct_by_holm(tests)]
    told = [
        pair
        for pair, *both in zip(pairs, is_significant, is_significant[len(pairs) :], strict=False)
        if all(both)
    ]
    return OrderComparison(
        tau=fmean(one[pair] * two[pair] for pair in pairs) if pairs else None,
        agreed=tuple(pair for pair in told if one[pair] == two[pair]),
        reversed=tuple(pair for pair in told if one[pair] != two[pair]),
        open=tuple(pair for pair in pairs if pair not in told),
        other=tuple(pair for pair in pairs if one[pair] * two[pair] < 0),
    )


def sign(value: float) -> float:
    """Return -1.0, 0.0 or 1.0 for a value below, at or above 0."""
    return float((value > 0.0) - (value < 0.0))


def tabulate(runs: dict[str, Run]) -> list[str]:
    """Make two Markdown tables: the ranks of the GANs in each run, and each order compared with the first run's."""
    scores = {name: collect_scores(run) for name, run in runs.items()}
    ranks = {name: {row.gan: row for row in estimate_ranks(found, FID)} for name, found in scores.items()}
    first, *others = runs
    lines = [f"| GAN | {' | '.join(map(_name_run, runs.items()))} |", "|---|" + "---:|" * len(runs)]
    for gan in order_gans(scores[first], FID):
        cells = [_describe_rank(ranks[name][gan], scores[name][gan]) for name in runs]
        lines.append(f"| {name_gan(gan)} | {' | '.join(cells)} |")
    lines += ["", f"| Beside {first} | {' | '.join(COLUMNS)} |", "|---|---:|---:|---|---:|---|---:|"]
    for other in others:
        lines.append(_describe_comparison(other, compare_orders(scores[first], scores[other])))
    return lines


def _name_run(item: tuple[str, Run]) -> str:
    path, run = item
    return f"Rank by {path} ({run['protocol']['extractor']})"


def _describe_rank(rank: RankEstimate, values: list[float | None]) -> str:
    if None in values:
        return "a training failed"
    return str(rank.rank) if rank.low is None else f"{rank.rank} [{rank.low}, {rank.high}]"


def _describe_comparison(other: str, found: OrderComparison) -> str:
    if found.tau is None:
        return f"| {other} |{f' {NONE} |' * len(COLUMNS)}"
    low, high = found.bounds
    cells = [
        f"{found.tau:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        _name_pairs(found.other),
        str(len(found.agreed)),
    ]
    cells += [_name_pairs(found.reversed), str(len(found.open))]
    return f"| {other} | {' | '.join(cells)} |"


def _name_pairs(pairs: Sequence[Pair]) -> str:
    return join_words([f"{name_gan(one)}/{name_gan(two)}" for one, two in pairs]) if pairs else "none"


def main() -> None:
    """Print the comparison of the runs named on the command line."""
    runs = read_named_runs(__doc__)
    require_same_trainings(runs)
    print("\n".join(tabulate(runs)))


if __name__ == "__main__":
    run_command(main)
