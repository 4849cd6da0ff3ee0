"""The scores that the report compares GANs by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from stages.report.results.trials import Point

Item = TypeVar("Item")


@dataclass(frozen=True)
class Metric:
    """A score of a set of images.

    Attributes:
        key: its name in files.
        title: its name for people.
        is_higher_better: else a lower value is better.
        digits: shown after the decimal point.
    """

    key: str
    title: str
    is_higher_better: bool
    digits: int

    @property
    def sign(self) -> float:
        """1 where a higher value is better, else -1."""
        return 1.0 if self.is_higher_better else -1.0

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
        """Write a value for people; a dash for none."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def format_change(self, change: float) -> str:
        """Write a difference of two values for people, with its sign."""
        return f"{change:+.{self.digits}f}"


INCEPTION_SCORE = Metric("inception_score", "Inception Score", is_higher_better=True, digits=2)
FID = Metric("fid", "FID", is_higher_better=False, digits=1)
METRICS = (INCEPTION_SCORE, FID)
