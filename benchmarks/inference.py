"""Simulate how often the report's tests err, how often its intervals hold the truth, and how much they detect.

    python -m benchmarks.inference > stages/report/statistics/simulated.yaml

An experiment is a simulated grid of six GANs, three settings and some seeds, whose true scores are known; the report's
own functions analyse it. Logarithms of scores scatter around their means as in the grid of 54 trainings in
docs/results: each GAN has its own standard deviation, and the scores of one GAN and seed under different settings have
a correlation of 0.3. docs/inference.md has the results and says what follows from them.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.report.claims.decision import Comparison, decide
from stages.report.claims.trends import find_step
from stages.report.model.sections import Outcome
from stages.report.statistics.contrasts import compare_rivals
from stages.report.statistics.intervals import Interval, estimate_mean
from stages.report.statistics.metrics import FID
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.ranks import estimate_ranks
from stages.report.statistics.seed_scores import subtract_scores

Array = NDArray[np.float64]
Shape = Callable[[np.random.Generator, tuple[int, ...]], Array]
Rates = dict[str, float]
"""The share of experiments in which something happened, by the name of the event."""

# Standard deviations over seeds of the logarithm of FID at the last evaluation point, averaged over settings (commit
# dddcc71).
DEVIATIONS = {
    "began": 0.29,
    "ebgan": 0.17,
    "wgan_gp": 0.13,
    "batch_norm": 0.13,
    "layer_norm": 0.06,
    "sngan": 0.10,
}
GANS = list(DEVIATIONS)
# The intraclass correlation, over settings, of one seed's differences between GANs.
CORRELATION = 0.3
SETTING_COUNT = 3
POINT_COUNT = 5
SEED_COUNTS = (2, 3, 5, 8)
# The standard deviation of the logarithms of the GANs' true means, in experiments where these differ.
SPREAD = 0.15
# The error of the planned tests is estimated from this many times more experiments than the other rates.
CONTRASTS = 4
# A ratio of scores so large that a rival behind by it differs significantly in nearly every experiment.
FAR = 10.0
LEADS = (1.25, 1.5, 2.0)
# The number of draws of the rank distribution; the report makes more, but there are thousands of experiments.
RANK_DRAWS = 1000
SURE = 0.95
# The noise of the last scores relative to the first. It makes the mean of tau about 0.6, the limit of the claim on
# orders.
ORDER_NOISE = 0.6

SHAPES: dict[str, Shape] = {
    "normal": lambda random, size: random.standard_normal(size),
    # Skewness 1.
    "skewed": lambda random, size: (random.gamma(4.0, 1.0, size) - 4.0) / 2.0,
    # Kurtosis 9 where the normal has 3.
    "heavy-tailed": lambda random, size: random.standard_t(5, size) / math.sqrt(5.0 / 3.0),
}


class World(NamedTuple):
    """The distribution that experiments are drawn from.

    Attributes:
        random: the random number generator.
        shape: draws standardised deviations, given the generator and the shape of the array.
        seeds: the number of seeds of each grid.
    """

    random: np.random.Generator
    shape: Shape
    seeds: int

    def draw_noise(self) -> Array:
        """Draw the deviations of all trainings from their means: float64 [GANs, settings, seeds]."""
        shared = self.shape(self.random, (len(GANS), 1, self.seeds))
        own = self.shape(self.random, (len(GANS), SETTING_COUNT, self.seeds))
        mixed = math.sqrt(CORRELATION) * shared + math.sqrt(1.0 - CORRELATION) * own
        scaled: Array = mixed * np.array(list(DEVIATIONS.values()))[:, None, None]
        return scaled

    def draw_scores(self, means: Array) -> dict[str, list[float | None]]:
        """Draw the report's primary score by GAN: for each seed, the mean over settings of the score's logarithm."""
        values = means[:, None] + self.draw_noise().mean(axis=1)
        return {gan: list(map(float, row)) for gan, row in zip(GANS, values, strict=True)}


def count_contrasts(world: World, lead: float) -> Rates:
    """Compare SNGAN with its rivals in an experiment where it leads all of them by a ratio; 1 means no lead.

    Returns:
        `any`: 1 if any difference is significant, else 0; `each`: the share of rivals whose difference is significant;
        `covered`: the share of intervals that hold the true ratio.
    """
    means = np.zeros(len(GANS))
    means[GANS.index("sngan")] = -math.log(lead)
    rows = compare_rivals(world.draw_scores(means), dict.fromkeys(GANS, 0))
    held = [
        row.low is not None and row.high is not None and row.low <= 1.0 / lead <= row.high for row in rows
    ]
    told = [row.is_significant for row in rows]
    return {"any": float(any(told)), "each": float(np.mean(told)), "covered": float(np.mean(held))}


def count_end(world: World) -> Rates:
    """Return the share of intervals for each GAN's score at the last evaluation point that hold the truth."""
    scores = world.draw_scores(np.zeros(len(GANS)))
    return {
        "covered": _count_covered(
            [estimate_mean([v for v in row if v is not None]) for row in scores.values()], 0.0
        )
    }


def count_cell(world: World) -> Rates:
    """Return the share of intervals for each GAN's score under one setting that hold the truth."""
    cells = [estimate_mean(list(map(float, row))) for row in world.draw_noise()[:, 0]]
    return {"covered": _count_covered(cells, 0.0)}


def count_best(world: World, truth: Array) -> Rates:
    """Return the share of intervals for each GAN's best score that hold the truth; each seed has its own best."""
    best = draw_best(world)
    held = [
        _count_covered([estimate_mean(list(map(float, row)))], float(mean))
        for row, mean in zip(best, truth, strict=True)
    ]
    return {"covered": float(np.mean(held))}


def draw_best(world: World) -> Array:
    """Draw each seed's lowest score over all points and settings: float64 [GANs, seeds].

    Scores fall from point to point and scatter, and the settings have different means.
    """
    scale = np.array(list(DEVIATIONS.values()))[:, None, None, None]
    points = 0.1 * np.arange(POINT_COUNT)[::-1]
    scatter = 0.5 * scale * world.shape(world.random, (len(GANS), SETTING_COUNT, world.seeds, POINT_COUNT))
    settings = 0.1 * np.arange(SETTING_COUNT)[None, :, None, None]
    values: Array = world.draw_noise()[..., None] + settings + points + scatter
    lowest: Array = values.min(axis=(1, 3))
    return lowest


def count_claims(world: World, behind: float) -> Rates:
    """Decide on the claim that SNGAN leads in two scores; one rival is its equal, the others are a ratio behind."""
    means = np.full(len(GANS), math.log(behind))
    means[[0, GANS.index("sngan")]] = 0.0
    comparisons = []
    for score in range(2):
        drawn = world.draw_scores(means)
        for gan in GANS[:-1]:
            margins = subtract_scores(drawn[gan], drawn["sngan"]) or []
            comparisons.append(Comparison(f"{gan} {score}", margins, is_ratio=True))
    outcome = decide(comparisons).outcome
    return {"holds": float(outcome is Outcome.HOLDS), "fails": float(outcome is Outcome.FAILS)}


def count_ranks(world: World) -> Rates:
    """Rank GANs whose true means differ, by the report's method and by a bootstrap over seeds."""
    means = SPREAD * world.random.standard_normal(len(GANS))
    scores = world.draw_scores(means)
    true = dict(zip(GANS, np.argsort(np.argsort(means)) + 1, strict=True))
    rows = estimate_ranks(scores, FID, RANK_DRAWS)
    held = [
        row.low is not None and row.high is not None and row.low <= true[row.gan] <= row.high for row in rows
    ]
    sure = [row for row in rows if (row.best_probability or 0.0) >= SURE]
    return {
        "covered": float(np.mean(held)),
        "sure": float(bool(sure)),
        "sure and wrong": float(any(true[row.gan] != 1 for row in sure)),
        **_bootstrap_ranks(world, scores, true),
    }


def _bootstrap_ranks(world: World, scores: dict[str, list[float | None]], true: dict[str, int]) -> Rates:
    """Rank the GANs by a bootstrap that draws seeds with replacement, which the report does not use."""
    values = np.array([scores[gan] for gan in GANS], dtype=np.float64)
    chosen = world.random.integers(0, world.seeds, (RANK_DRAWS, world.seeds))
    ranks = np.argsort(np.argsort(values[:, chosen].mean(axis=2), axis=0), axis=0) + 1
    low, high = np.quantile(ranks, [0.025, 0.975], axis=1, method="inverted_cdf")
    truth = np.array([true[gan] for gan in GANS])
    best = (ranks == 1).mean(axis=1)
    return {
        "bootstrap covered": float(np.mean((low <= truth) & (truth <= high))),
        "bootstrap sure": float((best >= SURE).any()),
        "bootstrap sure and wrong": float(((best >= SURE) & (truth != 1)).any()),
    }


def count_orders(world: World, truth: float) -> Rates:
    """Decide whether the first and the last order of six GANs agree; the claim's limit is the true mean of tau."""
    taus = [_draw_tau(world.random) for _ in range(world.seeds)]
    outcome = decide([Comparison("tau", [tau - truth for tau in taus], step=find_step(len(GANS)))]).outcome
    return {"decided": float(outcome is not Outcome.OPEN)}


def _draw_tau(random: np.random.Generator) -> float:
    first = random.standard_normal(len(GANS))
    last = first + ORDER_NOISE * random.standard_normal(len(GANS))
    tau = compare_orders(dict(zip(GANS, first, strict=True)), dict(zip(GANS, last, strict=True))).tau
    return 0.0 if tau is None else tau


def _count_covered(means: list[Interval], truth: float) -> float:
    held = [
        mean.low is not None and mean.high is not None and mean.low <= truth <= mean.high for mean in means
    ]
    return float(np.mean(held))


def average(experiment: Callable[[], Rates], count: int) -> Rates:
    """Repeat an experiment and return the mean of each rate."""
    found = [experiment() for _ in range(count)]
    return {key: float(np.mean([rates[key] for rates in found])) for key in found[0]}


def simulate(shape: str, seeds: int, count: int) -> Rates:
    """Simulate all tests and intervals of the report, for one shape of deviations and one number of seeds."""
    world = World(np.random.default_rng([seeds, list(SHAPES).index(shape)]), SHAPES[shape], seeds)
    best = draw_best(world._replace(seeds=100_000)).mean(axis=1)
    tau = float(np.mean([_draw_tau(world.random) for _ in range(2000)]))
    none = average(partial(count_contrasts, world, 1.0), CONTRASTS * count)
    ranks = average(partial(count_ranks, world), count)
    return {
        "some difference told, none there": none["any"],
        "one difference told, none there": none["each"],
        "interval of a ratio": none["covered"],
        "interval at the end": average(partial(count_end, world), count)["covered"],
        "interval under one setting": average(partial(count_cell, world), count)["covered"],
        "interval at its best": average(partial(count_best, world, best), count)["covered"],
        "claim holds wrongly": average(partial(count_claims, world, FAR), count)["holds"],
        "claim refuted wrongly": average(partial(count_claims, world, 1.0), count)["fails"],
        "order decided wrongly": average(partial(count_orders, world, tau), count)["decided"],
        "ranks": ranks["covered"],
        "ranks by bootstrap": ranks["bootstrap covered"],
        "surely best": ranks["sure"],
        "surely best and not": ranks["sure and wrong"],
        "surely best by bootstrap": ranks["bootstrap sure"],
        "surely best by bootstrap and not": ranks["bootstrap sure and wrong"],
    } | {
        f"told ×{lead}": average(partial(count_contrasts, world, lead), count // 2)["each"] for lead in LEADS
    }


def main() -> None:
    """Print the rates as YAML: by shape of the deviations and number of seeds."""
    parser = CommandParser(__doc__)
    parser.add_argument("--experiments", type=int, default=4000)
    count = parser.parse_args().experiments
    if count < 2:
        parser.error(f"--experiments is {count}; at least 2 are needed")
    print(
        "# Rates by shape of deviations and number of seeds; docs/inference.md says of how many experiments."
    )
    for shape in SHAPES:
        by_seeds = {seeds: simulate(shape, seeds, count) for seeds in SEED_COUNTS}
        rounded = {
            seeds: {key: round(rate, 4) for key, rate in rates.items()} for seeds, rates in by_seeds.items()
        }
        print(yaml.safe_dump({shape: rounded}, sort_keys=False, allow_unicode=True), end="", flush=True)


if __name__ == "__main__":
    run_command(main)
