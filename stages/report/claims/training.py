"""Check the claims on the length of the training and on SNGAN's losses."""

import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from stages.report.claims.decision import Comparison, decide, make_claim, make_decided
from stages.report.formatting import pluralise
from stages.report.model.sections import Claim, Outcome
from stages.report.published import SNGAN, published_length
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.seed_scores import require_all

# The number of generator steps after which, the published report says, the losses fluctuate more.
FLUCTUATES_AFTER = 100_000
# The range that we take the published report's "almost twice" to mean.
TWICE = (1.5, 2.5)
FEWEST_LOSSES = 20


def check_length(results: Results) -> Claim:
    """Check by arithmetic whether the published training was shorter than the original's, in generator steps."""
    length = published_length()
    text = (
        f"Scores are low because {length.epochs} epochs are too few iterations: the original ran above "
        f"{length.original_generator_steps:,} (section 4)."
    )
    form = "Arithmetic: the published epochs, in generator steps, are fewer than the original's."
    longest = max(
        (trial.training["generator_steps"] for trial in results.trials if not trial.is_missing), default=0
    )
    numbers = (
        f"{length.epochs} epochs of {length.train_images:,} // {length.batch_size} batches are "
        f"{length.generator_steps:,} generator steps at one discriminator step each, the original's are "
        f"{length.original_generator_steps:,}: the text takes epochs for iterations. "
        f"Here: {pluralise(longest, 'generator step')}"
    )
    is_shorter = length.generator_steps < length.original_generator_steps
    outcome = Outcome.HOLDS if is_shorter else Outcome.FAILS
    return make_claim(text, form, outcome, numbers, "protocol", is_shorter, published=is_shorter)


def check_fluctuation(results: Results) -> Claim:
    """Check that SNGAN's losses fluctuate more after 100,000 generator steps than before."""
    text = f"SNGAN's losses fluctuate more after {FLUCTUATES_AFTER:,} iterations (Figure 1)."
    form = (
        "The deviation of both losses from one logged step to the next, mean over settings, is larger after than "
        "before; surely smaller for one contradicts."
    )
    trials = _list_trials(results)
    margins = _average_over_settings(results, trials, _compare_before_and_after)
    if not any(margin is not None for margin in margins):
        longest = max(
            (trial.losses.generator_steps[-1] for trial in trials if trial.losses.generator_steps), default=0
        )
        reason = f"SNGAN's longest training here has {pluralise(longest, 'generator step')}"
        return make_claim(text, form, Outcome.UNASKED, reason if trials else "there is no SNGAN", "losses")
    decision = decide([Comparison("deviation after over deviation before, less 1,", margins)])
    return make_decided(text, form, decision, "", "losses", None)


def check_ratio(results: Results) -> Claim:
    """Check that SNGAN's generator loss fluctuates about twice as much as its discriminator loss."""
    low, high = TWICE
    text = "SNGAN's generator loss fluctuates almost twice as much as its discriminator loss (Figure 1)."
    form = (
        "The ratio of the two deviations from one logged step to the next, mean over settings, lies between "
        f"{low} and {high}; surely outside contradicts."
    )
    ratios = _average_over_settings(results, _list_trials(results), _compare_losses)
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return make_claim(text, form, Outcome.UNASKED, "there is no SNGAN with enough losses", "losses")
    above = [None if ratio is None else ratio - low for ratio in ratios]
    below = [None if ratio is None else high - ratio for ratio in ratios]
    decision = decide(
        [
            Comparison("ratio above the lower bound by", above, quantity="ratio"),
            Comparison("ratio below the upper bound by", below, quantity="ratio"),
        ]
    )
    numbers = f"ratio of the deviations {statistics.fmean(known):.2f}{_describe_average(results)}"
    return make_decided(text, form, decision, numbers, "losses", None)


def measure_fluctuation(values: Sequence[float]) -> float:
    """Measure the fluctuation of a series: the deviation of the differences of successive values, divided by root 2.

    A slow drift hardly changes it; for independent values it is their standard deviation.

    Source: von Neumann 1941, "Distribution of the ratio of the mean square successive difference to the variance".
    """
    steps = [later - earlier for earlier, later in pairwise(values)]
    return float((statistics.fmean([step * step for step in steps]) / 2.0) ** 0.5)


def _list_trials(results: Results) -> list[TrialResult]:
    return [trial for trial in results.trials if trial.trial.gan == SNGAN and not trial.is_missing]


def _average_over_settings(
    results: Results, trials: list[TrialResult], measure: Callable[[TrialResult], float | None]
) -> list[float | None]:
    """Average a measure over settings for each seed; None for a seed that lacks it under any setting."""
    means: list[float | None] = []
    for seed in results.grid.seeds:
        known = require_all(measure(trial) for trial in trials if trial.trial.seed == seed)
        means.append(None if known is None else statistics.fmean(known))
    return means


def _describe_average(results: Results) -> str:
    """Return the words on what a number is the mean over; "" if the grid has one setting and one seed."""
    counts = {"settings": len(results.grid.settings_used), "seeds": len(results.grid.seeds)}
    several = [name for name, count in counts.items() if count > 1]
    return f", mean over {' and '.join(several)}" if several else ""


def _compare_losses(trial: TrialResult) -> float | None:
    """Return the ratio of the generator loss's fluctuation to the discriminator loss's."""
    generator, discriminator = (
        [value for value in losses if value is not None]
        for losses in (trial.losses.generator, trial.losses.discriminator)
    )
    if min(len(generator), len(discriminator)) < FEWEST_LOSSES:
        return None
    divisor = measure_fluctuation(discriminator)
    return measure_fluctuation(generator) / divisor if divisor > 0.0 else None


def _compare_before_and_after(trial: TrialResult) -> float | None:
    """Return the smaller, over both losses, of the ratio of the fluctuation after to that before, less 1."""
    ratios = []
    for losses in (trial.losses.generator, trial.losses.discriminator):
        series = list(zip(trial.losses.generator_steps, losses, strict=True))
        before = [value for step, value in series if step <= FLUCTUATES_AFTER and value is not None]
        after = [value for step, value in series if step > FLUCTUATES_AFTER and value is not None]
        if min(len(before), len(after)) < FEWEST_LOSSES or measure_fluctuation(before) == 0.0:
            return None
        ratios.append(measure_fluctuation(after) / measure_fluctuation(before) - 1.0)
    return min(ratios)
