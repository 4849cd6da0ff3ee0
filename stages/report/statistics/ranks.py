"""Estimate the probability of each GAN's ranks by drawing the means from their posterior distributions."""

import math

import numpy as np
from numpy.typing import NDArray

from stages.report.model.comparisons import RankEstimate
from stages.report.statistics.intervals import CONFIDENCE, estimate_mean
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import SeedScores, order_gans

DRAW_COUNT = 10_000


def estimate_ranks(
    scores: SeedScores, metric: Metric, draw_count: int = DRAW_COUNT
) -> tuple[RankEstimate, ...]:
    """Rank GANs by their means over seeds, with the probability of each rank.

    In every draw, each GAN's mean is drawn from Student's distribution around it, whose width follows from the scores
    over seeds, and the GANs are ranked. With few seeds this covers the true ranks, whereas a bootstrap over two or
    three seeds is far too sure (docs/inference.md has both). GANs with a failed training are last in all draws.

    Args:
        scores: the scores by GAN and seed.
        metric: the score, which says which direction is better.
        draw_count: the number of draws.

    Returns:
        The GANs from best to worst; with one seed they have only ranks, without probabilities.

    Source: Box and Tiao 1973, "Bayesian inference in statistical analysis", section 2.5: the posterior of a normal
        mean of unknown variance.
    """
    order = order_gans(scores, metric)
    finished = [gan for gan in order if None not in scores[gan]]
    if not finished or len(scores[finished[0]]) < 2:
        return tuple(RankEstimate(gan, rank, None, None, None, ()) for rank, gan in enumerate(order, start=1))
    shares = _draw_ranks(scores, finished, metric, draw_count)
    return tuple(
        _describe(gan, rank, shares[gan] if gan in shares else _certain_rank(rank, len(order)), len(order))
        for rank, gan in enumerate(order, start=1)
    )


def _draw_ranks(
    scores: SeedScores, gans: list[str], metric: Metric, draw_count: int
) -> dict[str, NDArray[np.float64]]:
    """Return, for each GAN, the shares of draws in which it has the first rank, the second rank and so on."""
    random = np.random.default_rng(0)
    means = np.empty((len(gans), draw_count))
    for row, gan in enumerate(gans):
        mean = estimate_mean([value for value in scores[gan] if value is not None])
        error = (mean.deviation or 0.0) / math.sqrt(mean.size)
        means[row] = mean.mean + error * random.standard_t(mean.size - 1, draw_count)
    ranks = np.argsort(np.argsort(-metric.sign * means, axis=0, kind="stable"), axis=0, kind="stable")
    return {gan: np.bincount(ranks[row], minlength=len(gans)) / draw_count for row, gan in enumerate(gans)}


def _certain_rank(rank: int, count: int) -> NDArray[np.float64]:
    shares = np.zeros(count)
    shares[rank - 1] = 1.0
    return shares


def _describe(gan: str, rank: int, shares: NDArray[np.float64], count: int) -> RankEstimate:
    """Make a GAN's estimate; `low` to `high` leaves out at most (1 - CONFIDENCE) / 2 of the draws at each end."""
    shares = np.pad(shares, (0, count - len(shares)))
    below = np.cumsum(shares)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = (int(np.searchsorted(below, edge, side="right")) for edge in (tail, 1.0 - tail))
    return RankEstimate(gan, rank, low + 1, min(high + 1, count), float(shares[0]), tuple(map(float, shares)))
