"""R7 and R8: what the report says of the length of its training, and of SNGAN's losses."""

import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from stages.report.claims.verdict import Check, Claim, judge, tell_margin
from stages.report.published import SNGAN, published_length
from stages.report.results.read import Results, TrialResult

FLUCTUATES_AFTER = 100_000
# "Almost twice": between these.
TWICE = (1.5, 2.5)
FEWEST_LOSSES = 20


def check_length(results: Results) -> Claim:
    """Check by arithmetic whether the report's training was shorter than the original's, in generator steps."""
    text = "Scores are low because 300 epochs are too few iterations: the original ran above 100,000 (section 4)."
    length = published_length()
    own = length.epochs * (length.train_images // length.batch_size)
    longest = max(
        (trial.training["generator_steps"] for trial in results.trials if not trial.is_missing), default=0
    )
    numbers = (
        f"{length.epochs} epochs of {length.train_images:,} // {length.batch_size} batches are {own:,} generator steps "
        f"at one discriminator step each, the original's are {length.original_generator_steps:,}: the text takes "
        f"epochs for iterations. Here: {longest:,} generator steps"
    )
    is_shorter = own < length.original_generator_steps
    return Claim(text, is_shorter, numbers, "protocol", is_shorter)


def check_fluctuation(results: Results) -> Claim:
    """Check that SNGAN's losses fluctuate more after 100,000 generator steps than before."""
    text = "SNGAN's losses fluctuate more after 100,000 iterations (Figure 1)."
    trials = _list_trials(results)
    longest = max(
        (trial.losses.generator_steps[-1] for trial in trials if trial.losses.generator_steps), default=0
    )
    margins = _gather(results, trials, _compare_fluctuation)
    if not margins:
        why = (
            f"SNGAN's longest training here has {longest:,} generator steps"
            if trials
            else "there is no SNGAN"
        )
        return Claim(text, None, why, "losses")
    judgement = judge([Check("deviation after over deviation before, less 1,", margins)])
    return Claim(text, judgement.holds, tell_margin(judgement, 2), "losses", judgement.means_say)


def check_ratio(results: Results) -> Claim:
    """Check that SNGAN's generator loss fluctuates about twice as much as its discriminator loss."""
    text = "SNGAN's generator loss fluctuates almost twice as much as its discriminator loss (Figure 1)."
    ratios = _gather(results, _list_trials(results), _compare_losses)
    if not ratios:
        return Claim(text, None, "there is no SNGAN with enough losses", "losses")
    low, high = TWICE
    judgement = judge(
        [
            Check("ratio above the lower bound by", [ratio - low for ratio in ratios], quantity="ratio"),
            Check("ratio below the upper bound by", [high - ratio for ratio in ratios], quantity="ratio"),
        ]
    )
    numbers = (
        f"ratio of the deviations {statistics.fmean(ratios):.2f}, mean over settings and seeds; almost twice means "
        f"{low} to {high}; {tell_margin(judgement, 2)}"
    )
    return Claim(text, judgement.holds, numbers, "losses", judgement.means_say)


def find_fluctuation(values: Sequence[float]) -> float:
    """Measure how much a series fluctuates: the deviation of its steps from one value to the next, over root 2.

    A slow drift adds next to nothing to it; for independent values it is their deviation.

    Source: von Neumann 1941, "Distribution of the ratio of the mean square successive difference to the variance".
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    return float((statistics.fmean([step * step for step in steps]) / 2.0) ** 0.5)


def _list_trials(results: Results) -> list[TrialResult]:
    return [trial for trial in results.trials if trial.trial.gan == SNGAN and not trial.is_missing]


def _gather(
    results: Results, trials: list[TrialResult], measure: Callable[[TrialResult], float | None]
) -> list[float]:
    """Average a measure over the settings of each seed."""
    means = []
    for seed in results.grid.seeds:
        found = [measure(trial) for trial in trials if trial.trial.seed == seed]
        known = [value for value in found if value is not None]
        if known:
            means.append(statistics.fmean(known))
    return means


def _compare_losses(trial: TrialResult) -> float | None:
    generator, discriminator = (
        [value for value in losses if value is not None]
        for losses in (trial.losses.generator, trial.losses.discriminator)
    )
    if min(len(generator), len(discriminator)) < FEWEST_LOSSES:
        return None
    divisor = find_fluctuation(discriminator)
    return find_fluctuation(generator) / divisor if divisor > 0.0 else None


def _compare_fluctuation(trial: TrialResult) -> float | None:
    """Return the smaller ratio, less 1, of both losses' fluctuations after and before."""
    ratios = []
    for losses in (trial.losses.generator, trial.losses.discriminator):
        series = list(zip(trial.losses.generator_steps, losses, strict=True))
        before = [value for step, value in series if step <= FLUCTUATES_AFTER and value is not None]
        after = [value for step, value in series if step > FLUCTUATES_AFTER and value is not None]
        if min(len(before), len(after)) < FEWEST_LOSSES or find_fluctuation(before) == 0.0:
            return None
        ratios.append(find_fluctuation(after) / find_fluctuation(before) - 1.0)
    return min(ratios)
