"""Choose what a table shows: the best over evaluation points and settings, and the last."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from stages.report.results.read import Point, Results, TrialResult
from stages.report.statistics.intervals import Interval, estimate_mean

Item = TypeVar("Item")


class Metric(NamedTuple):
    """One of the two scores.

    Attributes:
        key: its name in files.
        title: its name for people.
        is_higher_better: else lower is.
        digits: behind the decimal point.
    """

    key: str
    title: str
    is_higher_better: bool
    digits: int

    def of(self, point: Point) -> float:
        """Return a point's value."""
        return float(getattr(point, self.key))

    def choose(self, points: list[Point]) -> Point:
        """Return the best of one or more points, the earliest among equals."""
        return self.choose_by(points, self.of)

    def choose_by(self, items: list[Item], value: Callable[[Item], float]) -> Item:
        """Return what has the best value of one or more items, the earliest among equals."""
        return (max if self.is_higher_better else min)(items, key=value)

    def is_better(self, first: float, second: float) -> bool:
        """Tell whether the first value is better than the second."""
        return first > second if self.is_higher_better else first < second

    def show(self, value: float | None) -> str:
        """Write a value for people; a dash for none."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def show_change(self, change: float) -> str:
        """Write a difference of two values for people, with its sign."""
        return f"{change:+.{self.digits}f}"


INCEPTION_SCORE = Metric("inception_score", "Inception Score", is_higher_better=True, digits=2)
FID = Metric("fid", "FID", is_higher_better=False, digits=1)
METRICS = (INCEPTION_SCORE, FID)


class Cell(NamedTuple):
    """A metric of one GAN under one setting, over its seeds.

    Attributes:
        setting: the setting's letter.
        best: each trial's best value, over seeds.
        seeds_planned: how many trials there are.
        seeds_diverged: how many of them diverged, before their first point or later.
        point: the best point of the best trial.
        trial: that trial.
        last: the value at the end, over seeds; None when any trial diverged.
    """

    setting: str
    best: Interval
    seeds_planned: int
    seeds_diverged: int
    point: Point
    trial: TrialResult
    last: Interval | None


def summarise(results: Results, gan: str, setting: str, metric: Metric) -> Cell | None:
    """Summarise a GAN under a setting; None when all its trials diverged before their first point."""
    planned = results.of(gan, setting)
    trials = [result for result in planned if result.points]
    if not trials:
        return None
    chosen = [(metric.choose(result.points), result) for result in trials]
    point = metric.choose([point for point, _ in chosen])
    diverged = sum(result.diverged_at is not None for result in planned)
    return Cell(
        setting=setting,
        best=estimate_mean([metric.of(point) for point, _ in chosen]),
        seeds_planned=len(planned),
        seeds_diverged=diverged,
        point=point,
        trial=next(result for found, result in chosen if found is point),
        last=estimate_mean([metric.of(result.points[-1]) for result in trials]) if not diverged else None,
    )


def find_best(results: Results, gan: str, metric: Metric) -> Cell | None:
    """Find a GAN's best setting, as the report's Table 1 does: for each metric on its own."""
    cells = [summarise(results, gan, setting, metric) for setting in results.grid.settings_used]
    found = [cell for cell in cells if cell is not None]
    if not found:
        return None
    return metric.choose_by(found, lambda cell: cell.best.mean)


def rank_gans(results: Results, metric: Metric, setting: str | None = None) -> dict[str, float]:
    """Order the GANs that have a value from best to worst.

    Args:
        results: the results.
        metric: what to order by.
        setting: the setting; None takes each GAN's best.

    Returns:
        The values by GAN, the best first.
    """
    cells = {
        gan: find_best(results, gan, metric) if setting is None else summarise(results, gan, setting, metric)
        for gan in results.grid.gans
    }
    values = {gan: cell.best.mean for gan, cell in cells.items() if cell is not None}
    return dict(sorted(values.items(), key=lambda item: item[1], reverse=metric.is_higher_better))
