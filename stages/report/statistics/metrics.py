"""The scores that the report compares GANs by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from stages.report.results.trials import Point

Item = TypeVar("Item")


# The interval of two seeds can reach beyond this.
IN_POWERS_OF_TEN_FROM = 1e5


@dataclass(frozen=True)
class Metric:
    """A score of a set of images.

    Attributes:
        key: its name in files.
        title: its name for people within a sentence, which says what it is a score of.
        short: its name for narrow columns.
        is_higher_better: else a lower value is better.
        is_log: whether figures over points and settings show it on a logarithmic scale: distances of GANs span decades,
            and so do their intervals.
        digits: shown after the decimal point.
        least: the smallest value that there can be.
    """

    key: str
    title: str
    short: str
    is_higher_better: bool
    is_log: bool
    digits: int
    least: float

    @property
    def sign(self) -> float:
        """1 where a higher value is better, else -1."""
        return 1.0 if self.is_higher_better else -1.0

    @property
    def published_title(self) -> str:
        """What the published reports call it: their scores come from the Inception network."""
        return PUBLISHED[self.key].title

    @property
    def published_short(self) -> str:
        """The same for narrow columns."""
        return PUBLISHED[self.key].short

    def value_of(self, point: Point) -> float:
        """Return a point's value."""
        return float(getattr(point, self.key))

    def choose(self, points: Iterable[Point]) -> Point:
        """Return the best of one or more points, the earliest among equals."""
        return self.choose_by(points, self.value_of)

    def choose_by(self, items: Iterable[Item], value: Callable[[Item], float]) -> Item:
        """Return the item with the best value of one or more items, the earliest among equals."""
        return (max if self.is_higher_better else min)(items, key=value)

    def is_better(self, first: float, second: float) -> bool:
        """Return whether the first value is better than the second."""
        return first > second if self.is_higher_better else first < second

    def format(self, value: float | None) -> str:
        """Write a value for people, one that no table has room for in powers of ten; a dash for none."""
        if value is None:
            return "–"
        return f"{value:.{self.digits}f}" if value < IN_POWERS_OF_TEN_FROM else f"{value:.0e}"


INCEPTION_SCORE = Metric(
    "inception_score", "Inception Score", "IS", is_higher_better=True, is_log=False, digits=2, least=1.0
)
FID = Metric("fid", "FID", "FID", is_higher_better=False, is_log=True, digits=1, least=0.0)
PUBLISHED = {metric.key: metric for metric in (INCEPTION_SCORE, FID)}
# What other extractors' features are called; one that is not named here has its own name.
FEATURES = {
    "classifier": "classifier features",
    "clip": "CLIP features",
    "dinov2": "DINOv2 features",
    "principal_components": "pixels' principal components",
}
# Why a claim about the Inception Score is not asked.
NO_CLASSES = "the extractor tells no classes apart and gives no Inception Score"


def name_metrics(extractor: str, tells_classes: bool) -> tuple[Metric, ...]:
    """Return the scores that an extractor gives, named by what they come from.

    Args:
        extractor: its name.
        tells_classes: whether it has classes, from which the score of single images is computed.

    Returns:
        The score of single images, where there is one, then the distance. The names Inception Score and FID belong to
        features of the Inception network; other extractors compute the same of their own.
    """
    if extractor == "inception":
        score, distance = INCEPTION_SCORE, FID
    else:
        features = FEATURES.get(extractor, f"{extractor} features")
        score = replace(INCEPTION_SCORE, title=f"{extractor} score", short=f"{extractor} score")
        distance = replace(FID, title=f"Fréchet distance of {features}", short="Fréchet distance")
    return (score, distance) if tells_classes else (distance,)
