"""Compare GANs at equal budgets: after equal numbers of generator steps, discriminator steps or processor seconds."""

import statistics
from dataclasses import dataclass

from stages.report.results.all_results import Results
from stages.report.results.trials import Point, TrialResult
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import SeedScores, require_all, take_log


@dataclass(frozen=True)
class Budget:
    """A quantity that a training spends, such as generator steps, at equal values of which GANs are compared.

    Attributes:
        key: the attribute of a point that holds the quantity, and its name in files.
        noun: the name of one unit, for readers.
        nouns: the name of several units.
    """

    key: str
    noun: str
    nouns: str

    def value_of(self, point: Point) -> float:
        """Return the amount that the training has spent up to a point: a number of steps, or seconds."""
        value: float = getattr(point, self.key)
        return value


GENERATOR_STEPS = Budget("generator_step", "generator step", "generator steps")
# A discriminator step sees one batch of real images, so equal discriminator steps mean equal numbers of images seen.
DISCRIMINATOR_STEPS = Budget("discriminator_steps", "discriminator step", "discriminator steps")
# The report shows only these budgets, because they are the same in every run.
BUDGETS = (GENERATOR_STEPS, DISCRIMINATOR_STEPS)
PROCESSOR_SECONDS = Budget("processor_seconds", "second of a processor", "seconds of a processor")


def name_budget(key: str) -> str:
    """Return a budget's name for readers by its key."""
    return next(budget.nouns for budget in BUDGETS if budget.key == key)


def find_common_budget(results: Results, setting: str, budget: Budget) -> float | None:
    """Find the largest budget that every trial under a setting reached by its last point; None if no trial has a point.

    Trials that diverged or have no results do not lower this budget; they have no score at it.
    """
    ends = [
        budget.value_of(trial.points[-1])
        for trial in results.trials
        if trial.trial.setting == setting and trial.points and trial.diverged_at is None
    ]
    return min(ends, default=None)


def find_point_within(trial: TrialResult, budget: Budget, limit: float | None) -> Point | None:
    """Find a trial's last point within a limit; None if the trial diverged or has no point within the limit."""
    if trial.diverged_at is not None or limit is None:
        return None
    return max(
        (point for point in trial.points if budget.value_of(point) <= limit),
        key=budget.value_of,
        default=None,
    )


def find_points_within(results: Results, gan: str, seed: int, budget: Budget) -> list[Point] | None:
    """Find a GAN's points at the common budgets of all settings, for one seed; None if any is missing."""
    return require_all(
        find_point_within(trial, budget, find_common_budget(results, trial.trial.setting, budget))
        for trial in results.trials
        if (trial.trial.gan, trial.trial.seed) == (gan, seed)
    )


def collect_scores_within(results: Results, metric: Metric, budget: Budget) -> SeedScores:
    """Collect each GAN's score at the common budgets, seed by seed: the mean logarithm over settings."""
    return {
        gan: [
            None if points is None else statistics.fmean(take_log(metric.value_of(point)) for point in points)
            for points in (find_points_within(results, gan, seed, budget) for seed in results.grid.seeds)
        ]
        for gan in results.grid.gans
    }
