"""The scores that the report compares GANs by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from stages.report.results.trials import Point

Item = TypeVar("Item")


# Larger values are written in powers of ten; the interval of two seeds can reach beyond this.
IN_POWERS_OF_TEN_FROM = 1e5


@dataclass(frozen=True)
class Metric:
    """A score of a set of images.

    Attributes:
        key: the name of the score in files.
        title: the name of the score within a sentence, with the features that it is computed from.
        short: the name of the score for narrow columns.
        is_higher_better: whether a higher value is better; if not, a lower value is better.
        is_log: whether figures over points and settings use a logarithmic scale, because the values and their intervals
            span decades.
        digits: the number of digits after the decimal point.
        least: the smallest possible value.
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
        """1 if a higher value is better, else -1."""
        return 1.0 if self.is_higher_better else -1.0

    @property
    def published_title(self) -> str:
        """The name of the score in published reports, whose scores come from the Inception network."""
        return PUBLISHED[self.key].title

    @property
    def published_short(self) -> str:
        """The name of the score in published reports, for narrow columns."""
        return PUBLISHED[self.key].short

    def value_of(self, point: Point) -> float:
        """Return a point's value."""
        return float(getattr(point, self.key))

    def choose(self, points: Iterable[Point]) -> Point:
        """Return the best of one or more points, the earliest of several equal ones."""
        return self.choose_by(points, self.value_of)

    def choose_by(self, items: Iterable[Item], value: Callable[[Item], float]) -> Item:
        """Return the item with the best value out of one or more, the earliest of several equal ones."""
        return (max if self.is_higher_better else min)(items, key=value)

    def is_better(self, first: float, second: float) -> bool:
        """Return whether the first value is better than the second."""
        return first > second if self.is_higher_better else first < second

    def format(self, value: float | None) -> str:
        """Format a value, a very large one in powers of ten; a dash for None."""
        if value is None:
            return "–"
        return f"{value:.{self.digits}f}" if value < IN_POWERS_OF_TEN_FROM else f"{value:.0e}"


INCEPTION_SCORE = Metric(
    "inception_score", "Inception Score", "IS", is_higher_better=True, is_log=False, digits=2, least=1.0
)
FID = Metric("fid", "FID", "FID", is_higher_better=False, is_log=True, digits=1, least=0.0)
PUBLISHED = {metric.key: metric for metric in (INCEPTION_SCORE, FID)}
# The names of other extractors' features; an extractor that is missing here gives its own name.
FEATURES = {
    "classifier": "classifier features",
    "clip": "CLIP features",
    "dinov2": "DINOv2 features",
    "principal_components": "pixels' principal components",
}
# The reason why a claim about the Inception Score is not asked.
NO_CLASSES = "the extractor tells no classes apart and gives no Inception Score"


def name_metrics(extractor: str, tells_classes: bool) -> tuple[Metric, ...]:
    """Return the scores that an extractor gives, named after its features.

    Args:
        extractor: the name of the extractor.
        tells_classes: whether the extractor has classes, from which the Inception or classifier score is computed.

    Returns:
        The Inception or classifier score, if there is one, then the distance. The names Inception Score and FID are
        kept for the Inception network; the scores of other extractors, by the same formulas, have other names.
    """
    if extractor == "inception":
        score, distance = INCEPTION_SCORE, FID
    else:
        features = FEATURES.get(extractor, f"{extractor} features")
        score = replace(INCEPTION_SCORE, title=f"{extractor} score", short=f"{extractor} score")
        distance = replace(FID, title=f"Fréchet distance of {features}", short="Fréchet distance")
    return (score, distance) if tells_classes else (distance,)
