"""Comparisons of GANs: SNGAN with each rival, the ranks of all GANs, and their orders beside the published ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Significance:
    """The confidence, level and power that all intervals and tests use.

    Attributes:
        confidence: the confidence of the intervals, in (0, 1).
        level: the level of significance: a corrected p value below it tells a difference.
        power: the probability, in (0, 1), with which a test finds a difference of the size that is called detectable.
    """

    confidence: float
    level: float
    power: float


@dataclass(frozen=True)
class OperatingCharacteristics:
    """How often the tests erred and the intervals held the truth in the simulations of docs/inference.md.

    Attributes:
        seeds: the number of seeds of the simulated experiments, the largest that does not exceed the run's.
        error: the share of experiments without any difference in which some difference was told, for the worst shape of
            deviations.
        least_coverage: the share of intervals that held the truth, for the kind and shape with the smallest share.
        most_coverage: the share of intervals that held the truth, for the kind and shape with the largest share.
        rank_coverage: the share of ranges of ranks that held the true rank, for the worst shape.
    """

    seeds: int
    error: float
    least_coverage: float
    most_coverage: float
    rank_coverage: float


@dataclass(frozen=True)
class OrderAgreement:
    """The agreement of our order of GANs with a published one.

    Attributes:
        source: the key of the published table.
        tau: Kendall's tau-b; None where it is not defined.
        gans_in_common: the number of GANs that both orders have.
        p: the two-sided p value of tau; None without tau.
        least_p: the smallest p value that this number of GANs can give.
        can_differ: whether `least_p` is below the level of significance.
        text: tau, n and p for readers, or the reason why there is no tau.
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
        names: the names of the GANs that have a score, the best first.
        published: the names of the grid's GANs in the order of each published table, by the source's key.
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
        low: lower end of the interval of this ratio alone; None with fewer than two seeds.
        high: upper end of that interval.
        p: the p value of Student's paired test over seeds, two-sided; None where there is no interval.
        corrected_p: p after Holm's correction for all rivals.
        is_significant: whether `corrected_p` is below the level.
        detectable_ratio: the ratio above 1 that the test finds with the probability `Significance.power`, if
            trainings scatter as these did.
        failed: the number of failed trainings of both GANs.
    """

    rival: str
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    corrected_p: float | None
    is_significant: bool
    detectable_ratio: float | None
    failed: int

    def is_ahead(self, is_higher_better: bool) -> bool | None:
        """Return True if SNGAN is told to be better, False if it is told to be worse, and None if neither is told."""
        if not self.is_significant or self.ratio is None:
            return None
        return (self.ratio > 1.0) is is_higher_better


@dataclass(frozen=True)
class Contrasts:
    """SNGAN against all rivals by one metric.

    Attributes:
        metric: its key.
        seeds: the number of seeds of the grid.
        least_sign_p: the smallest p that a sign test, which assumes no distribution, can give with this number of
            seeds.
        rows: one contrast per rival, in the grid's order; empty without SNGAN.
    """

    metric: str
    seeds: int
    least_sign_p: float
    rows: tuple[Contrast, ...]


@dataclass(frozen=True)
class RankEstimate:
    """The rank of a GAN by one metric, with its uncertainty.

    Attributes:
        gan: the GAN.
        rank: the rank, 1 for the best GAN.
        low: the best rank within 95 % of the draws; None with one seed.
        high: the worst rank within 95 % of the draws; None with one seed.
        best_probability: the share of draws in which the GAN is the best; None with one seed.
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
