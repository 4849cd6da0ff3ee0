"""How GANs compare: SNGAN with each rival, the ranks of all, and their orders beside the published ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Significance:
    """What all intervals and tests use.

    Attributes:
        confidence: the confidence of the intervals, in (0, 1).
        level: below which a corrected p value tells a difference.
        power: how surely a difference that is called tellable would have been told, in (0, 1).
    """

    confidence: float
    level: float
    power: float


@dataclass(frozen=True)
class OperatingCharacteristics:
    """How often the tests erred and the intervals held the truth in simulated experiments, by docs/inference.md.

    Attributes:
        seeds: the number of seeds of the experiments: the largest number simulated that the run has.
        error: share of experiments without any difference in which some difference was told, under the worst shape of
            deviations.
        least_coverage: share of intervals that held the truth, of the kind and shape where it is least.
        most_coverage: share of intervals that held the truth, of the kind and shape where it is most.
        rank_coverage: share of ranges of ranks that held the true rank, under the worst shape.
    """

    seeds: int
    error: float
    least_coverage: float
    most_coverage: float
    rank_coverage: float


@dataclass(frozen=True)
class OrderAgreement:
    """How an order of ours agrees with a published one.

    Attributes:
        source: the published table.
        tau: Kendall's tau-b; None where there is none.
        gans_in_common: how many GANs both orders have.
        p: two-sided; None where there is no tau.
        least_p: the smallest p that so many GANs could give.
        can_differ: whether `least_p` is below the level.
        text: tau, n and p for people, or why there is no tau.
    """

    source: str
    tau: float | None
    gans_in_common: int
    p: float | None
    least_p: float
    can_differ: bool
    text: str


@dataclass(frozen=True)
class ScoreOrder:
    """The order of the GANs by one metric.

    Attributes:
        metric: its key.
        names: the names of the GANs that have a value, the best first.
        published: names of the grid's GANs in the order of each published table, by its source's key.
        agreements: the agreements with each published table.
    """

    metric: str
    names: tuple[str, ...]
    published: dict[str, tuple[str, ...]]
    agreements: tuple[OrderAgreement, ...]


@dataclass(frozen=True)
class Contrast:
    """SNGAN against a rival by one metric: each seed's mean over settings at the last evaluation point.

    Attributes:
        rival: the other GAN.
        ratio: SNGAN's score over the rival's, the geometric mean over seeds; None where a training of either failed.
        low: lower end of the ratio's own interval; None below two seeds.
        high: upper end of that interval.
        p: the p value of Student's paired test over seeds, two-sided; None where there is no interval.
        corrected_p: p after Holm's correction for all rivals.
        is_told: whether `corrected_p` is below the level.
        tellable_ratio: the ratio above 1 that would have been told with the probability `Significance.power`, if
            trainings scatter as these did.
        failed: how many trainings of the two failed.
    """

    rival: str
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    corrected_p: float | None
    is_told: bool
    tellable_ratio: float | None
    failed: int

    def is_ahead(self, is_higher_better: bool) -> bool | None:
        """Return whether SNGAN is told to be the better one, or the worse one; None where neither is told."""
        if not self.is_told or self.ratio is None:
            return None
        return (self.ratio > 1.0) is is_higher_better


@dataclass(frozen=True)
class Contrasts:
    """SNGAN against all rivals by one metric.

    Attributes:
        metric: its key.
        seeds: the number of seeds of the grid.
        least_sign_p: the smallest p that a test of signs, which supposes no distribution, can give with so many seeds.
        rows: one per rival, in the grid's order; none without SNGAN.
    """

    metric: str
    seeds: int
    least_sign_p: float
    rows: tuple[Contrast, ...]


@dataclass(frozen=True)
class RankEstimate:
    """The rank of a GAN by one metric, and how sure it is.

    Attributes:
        gan: the GAN.
        rank: 1 for the best.
        low: the best rank within 95 % of the draws; None with one seed.
        high: the worst rank within them.
        best_probability: the share of draws in which it is the best.
        probabilities: the share of draws with each rank, from the first to the last; empty with one seed.
    """

    gan: str
    rank: int
    low: int | None
    high: int | None
    best_probability: float | None
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """The ranks of all GANs by one metric, from the best to the worst.

    Attributes:
        metric: its key.
        rows: one per GAN.
    """

    metric: str
    rows: tuple[RankEstimate, ...]
