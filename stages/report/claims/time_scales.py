"""Check the claim that two time scales help SNGAN, by a setting with two learning rates and one with a single rate."""

import math
from itertools import permutations

from stages.report.claims.decision import Comparison, decide, make_claim, make_decided
from stages.report.model.sections import Claim, Outcome
from stages.report.published import SNGAN
from stages.report.results.all_results import Results
from stages.report.statistics.seed_scores import collect_last_scores, subtract_scores
from stages.report.statistics.summary import average

# The published report prints 0.004 for the discriminator and 0.001 for the generator.
RATIO = 4.0
RATES = ("generator_learning_rate", "discriminator_learning_rate")
TEXT = "Two time scales make up for how slowly a regularised discriminator learns (section 3)."
FORM = (
    f"SNGAN's primary score is better where its discriminator's learning rate is {RATIO:g} times its generator's than "
    "where both are their geometric mean and all else is equal. A surely worse one contradicts."
)


def check_time_scales(results: Results) -> Claim:
    """Check that SNGAN's last scores are better with two time scales than with one, in every score of the extractor."""
    if SNGAN not in results.grid.gans:
        return make_claim(TEXT, FORM, Outcome.UNASKED, "there is no SNGAN", "settings")
    found = find_settings(results.settings)
    if found is None:
        reason = "no two settings differ in this alone, as T and C of the preset ablations do"
        return make_claim(TEXT, FORM, Outcome.UNASKED, reason, "settings")
    two, one = found
    comparisons, numbers = [], []
    for metric in results.metrics:
        scores = {letter: collect_last_scores(results, metric, [letter])[SNGAN] for letter in found}
        differences = subtract_scores(scores[two], scores[one])
        margins = [None] if differences is None else [metric.sign * value for value in differences]
        name = f"{two} over {one} in {metric.short}"
        comparisons.append(Comparison(name, margins, is_ratio=True, is_lost=None in scores[two]))
        means = {letter: average(values, metric) for letter, values in scores.items()}
        texts = [
            f"{letter} {'failed' if mean is None else metric.format(mean.mean)}"
            for letter, mean in means.items()
        ]
        numbers.append(f"{metric.short}: {', '.join(texts)}")
    return make_decided(TEXT, FORM, decide(comparisons), "; ".join(numbers), "settings", None)


def find_settings(settings: dict[str, dict[str, int | float]]) -> tuple[str, str] | None:
    """Find a setting with two learning rates, and an otherwise equal one with their geometric mean for both."""
    for two, one in permutations(settings, 2):
        generator, discriminator = (settings[two][rate] for rate in RATES)
        mean = math.sqrt(generator * discriminator)
        is_apart = math.isclose(discriminator, RATIO * generator)
        if is_apart and all(math.isclose(settings[one][rate], mean) for rate in RATES):
            others = settings[two].keys() - RATES
            if all(settings[two][name] == settings[one][name] for name in others):
                return two, one
    return None
