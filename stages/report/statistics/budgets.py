"""Compare GANs at equal budgets: after as many generator steps, discriminator steps or seconds as all of them had."""

import statistics
from dataclasses import dataclass

from stages.report.results.all_results import Results
from stages.report.results.trials import Point, TrialResult
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import SeedScores, require_all, take_log


@dataclass(frozen=True)
class Budget:
    """What a training spends, by which trainings of unlike GANs can be made comparable.

    Attributes:
        key: the attribute of a point, and the name in files.
        noun: one unit of it, for people.
        nouns: several units.
    """

    key: str
    noun: str
    nouns: str

    def value_of(self, point: Point) -> float:
        """Return what the training has spent up to a point: a whole number of steps, or seconds."""
        value: float = getattr(point, self.key)
        return value


GENERATOR_STEPS = Budget("generator_step", "generator step", "generator steps")
# Each shows one batch of real images, so equal discriminator steps are equal images seen.
DISCRIMINATOR_STEPS = Budget("discriminator_steps", "discriminator step", "discriminator steps")
# These are the same in every run, so the report has them.
BUDGETS = (GENERATOR_STEPS, DISCRIMINATOR_STEPS)
PROCESSOR_SECONDS = Budget("processor_seconds", "second of a processor", "seconds of a processor")


def name_budget(key: str) -> str:
    """Return a budget's name for people by its key."""
    return next(budget.nouns for budget in BUDGETS if budget.key == key)


def find_common_budget(results: Results, setting: str, budget: Budget) -> float | None:
    """Find the most that every trial under a setting had spent by its last point; None where no trial has a point.

    Trials that diverged or have no results do not lower it; they have no score there.
    """
    ends = [
        budget.value_of(trial.points[-1])
        for trial in results.trials
        if trial.trial.setting == setting and trial.points and trial.diverged_at is None
    ]
    return min(ends, default=None)


def find_point_within(trial: TrialResult, budget: Budget, limit: float | None) -> Point | None:
    """Find a trial's last point within a limit; None where it diverged or has none so early."""
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
