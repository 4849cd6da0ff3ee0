"""How GANs compare: their orders by each metric, and the tests of all pairs."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Significance:
    """What all intervals and tests use.

    Attributes:
        confidence: of the intervals, in (0, 1).
        level: below which a p value tells a difference.
        exact_block_count: up to so many blocks the sign-flip test goes through all patterns of signs.
    """

    confidence: float
    level: float
    exact_block_count: int


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
        names: of the GANs that have a value, the best first.
        published: names of the grid's GANs in the order of each published table, by its source's key.
        agreements: with each published table.
    """

    metric: str
    names: tuple[str, ...]
    published: dict[str, tuple[str, ...]]
    agreements: tuple[OrderAgreement, ...]


@dataclass(frozen=True)
class PairTest:
    """How two GANs differ by one metric.

    Attributes:
        first: a GAN.
        second: another GAN.
        blocks: in how many blocks both have a value.
        first_better: in how many of these the first is better.
        ties: in how many of these neither is.
        difference: mean of first minus second over these blocks; None without any.
        difference_low: lower end of its Student's interval; None below two blocks.
        difference_high: upper end of that interval.
        p: of the paired sign-flip test, two-sided.
        corrected_p: p after the correction for all pairs.
        differs: whether `corrected_p` is below the level.
    """

    first: str
    second: str
    blocks: int
    first_better: int
    ties: int
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float
    corrected_p: float
    differs: bool

    def swap(self) -> "PairTest":
        """Return the same test with the second GAN as the first."""
        mean, low, high = self.difference, self.difference_low, self.difference_high
        return replace(
            self,
            first=self.second,
            second=self.first,
            first_better=self.blocks - self.first_better - self.ties,
            difference=None if mean is None else -mean,
            difference_low=None if high is None else -high,
            difference_high=None if low is None else -low,
        )


@dataclass(frozen=True)
class PairwiseTests:
    """The tests of all pairs of GANs by one metric.

    Attributes:
        metric: its key.
        pairs: in the grid's order.
        overall_p: of Friedman's test that no GAN differs from any other; None below three GANs or two blocks.
        blocks: the most that any pair shares.
        least_p: the smallest corrected p that so many blocks could give.
        least_raw_p: the smallest p before the correction.
        can_differ: whether `least_p` is below the level, so that any difference could be told.
    """

    metric: str
    pairs: tuple[PairTest, ...]
    overall_p: float | None
    blocks: int
    least_p: float
    least_raw_p: float
    can_differ: bool

    def find_pair(self, first: str, second: str) -> PairTest:
        """Return the test of two GANs, with `first` as the first whichever the grid has first."""
        pair = next(pair for pair in self.pairs if {pair.first, pair.second} == {first, second})
        return pair if pair.first == first else pair.swap()
